//! Tables: an update replaces, dropped members come back, versions are kept, partition indexes are real, batches
//! are bounded, and a list of a missing database is an error.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::call::{Answer, Call};
use super::cloud::Cloud;
use super::glue_databases::lower;
use super::glue_table_shape::{dress, held_version, mark_iceberg, normalise_input, remembered};
use super::recognise::{Scope, Service};
use super::refusal::Refusal;
use super::rules::Rule;

const TABLE: &str = "glue.table";
const VERSIONS: &str = "glue.versions";
const INDEXES: &str = "glue.indexes";

/// Create, update, read and list tables, their versions and their partition indexes.
pub(super) struct GlueTables;

#[async_trait]
impl Rule for GlueTables {
    fn covers(&self, service: Service, operation: &str) -> bool {
        service == Service::Glue && (operation.contains("Table") || operation.contains("Partition"))
    }

    async fn request(&self, call: &mut Call, cloud: &Cloud) -> Result<Option<Answer>, Refusal> {
        for name in ["DatabaseName", "TableName", "Name"] {
            lower(&mut call.json, name);
        }
        if let Some(names) = call.json.get_mut("TablesToDelete").and_then(Value::as_array_mut) {
            for name in names {
                *name = name.as_str().map_or(Value::Null, |text| text.to_lowercase().into());
            }
        }
        bounded(call)?;
        match call.operation.as_str() {
            "CreateTable" => {
                normalise_input(&mut call.json["TableInput"]);
                if !call.json["OpenTableFormatInput"]["IcebergInput"].is_null() {
                    mark_iceberg(&mut call.json["TableInput"]);
                }
            }
            "UpdateTable" => prepare_update(call, cloud).await?,
            "GetTables" => {
                let parameters = json!({ "Name": call.text("DatabaseName") });
                cloud.json(&call.scope, Service::Glue, "GetDatabase", parameters).await?;
            }
            "GetTableVersions" => return versions(call, cloud).await.map(Some),
            "CreatePartitionIndex" | "DeletePartitionIndex" | "GetPartitionIndexes" => {
                return partition_indexes(call, cloud).await.map(Some);
            }
            _ => {}
        }
        Ok(None)
    }

    async fn answer(&self, call: &Call, answer: &mut Answer, cloud: &Cloud) -> Result<(), Refusal> {
        let (scope, database) = (&call.scope, call.text("DatabaseName"));
        if call.operation == "UpdateTable" && !answer.ok() {
            return concurrent(answer);
        }
        let Some(value) = answer.value() else { return Ok(()) };
        match call.operation.as_str() {
            "CreateTable" => {
                let key = key(&database, call.json["TableInput"]["Name"].as_str().unwrap_or_default());
                forget(&key, scope, cloud);
                keep(&key, &call.json["TableInput"], scope, cloud);
                if let Some(indexes) = call.json["PartitionIndexes"].as_array() {
                    cloud.memory.put(INDEXES, scope, &key, indexes.iter().map(active).collect());
                }
            }
            "UpdateTable" => {
                let key = key(&database, call.json["TableInput"]["Name"].as_str().unwrap_or_default());
                if let Some(before) = call.notes.get("before") {
                    archive(&key, before.clone(), scope, cloud);
                }
                keep(&key, &call.json["TableInput"], scope, cloud);
            }
            "DeleteTable" => forget(&key(&database, &call.text("Name")), scope, cloud),
            "BatchDeleteTable" => {
                for name in
                    call.json["TablesToDelete"].as_array().into_iter().flatten().filter_map(Value::as_str)
                {
                    forget(&key(&database, name), scope, cloud);
                }
            }
            "GetTable" => dress_one(&mut value["Table"], scope, cloud),
            "GetTables" => {
                if let Some(tables) = value["TableList"].as_array_mut() {
                    for table in tables {
                        dress_one(table, scope, cloud);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn key(database: &str, table: &str) -> String {
    format!("{database}/{table}")
}

fn keep(key: &str, input: &Value, scope: &Scope, cloud: &Cloud) {
    let kept = remembered(input);
    if kept == json!({}) {
        cloud.memory.remove(TABLE, scope, key);
    } else {
        cloud.memory.put(TABLE, scope, key, kept);
    }
}

fn forget(key: &str, scope: &Scope, cloud: &Cloud) {
    for kind in [TABLE, VERSIONS, INDEXES] {
        cloud.memory.remove(kind, scope, key);
    }
}

/// A database takes its tables with it.
pub(super) fn forget_database(database: &str, scope: &Scope, cloud: &Cloud) {
    for kind in [TABLE, VERSIONS, INDEXES] {
        cloud.memory.remove_all(kind, scope, &format!("{database}/"));
    }
}

fn dress_one(table: &mut Value, scope: &Scope, cloud: &Cloud) {
    let text = |name: &str| table[name].as_str().unwrap_or_default().to_owned();
    let kept = cloud.memory.get(TABLE, scope, &key(&text("DatabaseName"), &text("Name")));
    dress(table, kept, scope);
}

/// AWS's limits on one batch.
fn bounded(call: &Call) -> Result<(), Refusal> {
    let (member, most) = match call.operation.as_str() {
        "BatchDeleteTable" => ("TablesToDelete", 100),
        "BatchCreatePartition" => ("PartitionInputList", 100),
        "BatchDeletePartition" => ("PartitionsToDelete", 25),
        "BatchGetPartition" => ("PartitionsToGet", 1000),
        _ => return Ok(()),
    };
    let count = call.json[member].as_array().map_or(0, Vec::len);
    if count > most {
        let text = format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must have length \
             less than or equal to {most}"
        );
        return Err(Refusal::new("ValidationException", text));
    }
    Ok(())
}

async fn prepare_update(call: &mut Call, cloud: &Cloud) -> Result<(), Refusal> {
    normalise_input(&mut call.json["TableInput"]);
    if let Some(version) = call.json["VersionId"].as_str() {
        call.json["VersionId"] = Value::from(held_version(version));
    }
    if call.json["SkipArchive"] != true {
        let parameters =
            json!({ "DatabaseName": call.json["DatabaseName"], "Name": call.json["TableInput"]["Name"] });
        let mut before = cloud.json(&call.scope, Service::Glue, "GetTable", parameters).await?;
        dress_one(&mut before["Table"], &call.scope, cloud);
        call.notes.insert("before", before["Table"].clone());
    }
    Ok(())
}

/// The words AWS has for a stale version.
fn concurrent(answer: &mut Answer) -> Result<(), Refusal> {
    let code = "ConcurrentModificationException";
    if super::refusal::error_code(answer).as_deref() == Some(code) {
        return Err(Refusal::new(code, "Update table failed due to concurrent modifications."));
    }
    Ok(())
}

fn archive(key: &str, before: Value, scope: &Scope, cloud: &Cloud) {
    let mut kept = cloud.memory.get(VERSIONS, scope, key).unwrap_or_else(|| json!([]));
    if let Some(list) = kept.as_array_mut() {
        list.insert(0, before);
    }
    cloud.memory.put(VERSIONS, scope, key, kept);
}

async fn table(call: &Call, cloud: &Cloud) -> Result<Value, Refusal> {
    let parameters = json!({ "DatabaseName": call.json["DatabaseName"], "Name": call.json["TableName"] });
    let mut answer = cloud.json(&call.scope, Service::Glue, "GetTable", parameters).await?;
    dress_one(&mut answer["Table"], &call.scope, cloud);
    Ok(answer["Table"].take())
}

async fn versions(call: &Call, cloud: &Cloud) -> Result<Answer, Refusal> {
    let now = table(call, cloud).await?;
    let key = key(&call.text("DatabaseName"), &call.text("TableName"));
    let before = cloud.memory.get(VERSIONS, &call.scope, &key);
    let all: Vec<Value> = std::iter::once(&now)
        .chain(before.as_ref().and_then(Value::as_array).into_iter().flatten())
        .map(|table| json!({ "Table": table, "VersionId": table["VersionId"] }))
        .collect();
    Ok(Answer::json(json!({ "TableVersions": all })))
}

fn active(index: &Value) -> Value {
    let keys: Vec<Value> = index["Keys"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|name| json!({ "Name": name, "Type": "string" }))
        .collect();
    json!({ "IndexName": index["IndexName"], "Keys": keys, "IndexStatus": "ACTIVE" })
}

async fn partition_indexes(call: &Call, cloud: &Cloud) -> Result<Answer, Refusal> {
    table(call, cloud).await?;
    let key = key(&call.text("DatabaseName"), &call.text("TableName"));
    let kept = cloud.memory.get(INDEXES, &call.scope, &key);
    let mut indexes = kept.and_then(|kept| kept.as_array().cloned()).unwrap_or_default();
    let named = |name: &Value| indexes.iter().position(|index| index["IndexName"] == *name);
    let answer = match call.operation.as_str() {
        "CreatePartitionIndex" => {
            let index = &call.json["PartitionIndex"];
            if named(&index["IndexName"]).is_some() {
                return Err(Refusal::new(
                    "AlreadyExistsException",
                    "Index with the given indexName already exists.",
                ));
            }
            if indexes.len() >= 3 {
                return Err(Refusal::new(
                    "ResourceNumberLimitExceededException",
                    "A table has at most 3 indexes.",
                ));
            }
            indexes.push(active(index));
            json!({})
        }
        "DeletePartitionIndex" => {
            let at = named(&call.json["IndexName"]);
            let at = at.ok_or_else(|| Refusal::new("EntityNotFoundException", "Index not found."))?;
            indexes.remove(at);
            json!({})
        }
        _ => return Ok(Answer::json(json!({ "PartitionIndexDescriptorList": indexes }))),
    };
    cloud.memory.put(INDEXES, &call.scope, &key, Value::Array(indexes));
    Ok(Answer::json(answer))
}
