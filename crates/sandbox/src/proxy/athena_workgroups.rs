//! Workgroups: defaults are filled in, an update is a delta with removals, one that is not empty stays unless
//! told, and errors say what AWS's say. Keeps the whole configuration; the emulator has only what queries need.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::call::{Answer, Call};
use super::cloud::Cloud;
use super::recognise::{Scope, Service};
use super::refusal::Refusal;
use super::rules::Rule;

const WORKGROUP: &str = "athena.workgroup";
/// Executions of workgroups that were deleted: a new one of the name is empty.
const BURIED: &str = "athena.buried";
/// The least cutoff AWS takes, in bytes.
const LEAST_CUTOFF: u64 = 10_000_000;

/// Create, update, read, delete and tag workgroups.
pub(super) struct Workgroups;

pub(super) fn invalid(text: impl Into<String>) -> Refusal {
    Refusal::new("InvalidRequestException", text)
}

#[async_trait]
impl Rule for Workgroups {
    fn covers(&self, service: Service, operation: &str) -> bool {
        const OPERATIONS: [&str; 8] = [
            "CreateWorkGroup",
            "UpdateWorkGroup",
            "DeleteWorkGroup",
            "GetWorkGroup",
            "ListWorkGroups",
            "ListTagsForResource",
            "TagResource",
            "UntagResource",
        ];
        service == Service::Athena && OPERATIONS.contains(&operation)
    }

    async fn request(&self, call: &mut Call, cloud: &Cloud) -> Result<Option<Answer>, Refusal> {
        match call.operation.as_str() {
            "CreateWorkGroup" => prepare_create(call, cloud).await?,
            "UpdateWorkGroup" => prepare_update(call, cloud).await?,
            "DeleteWorkGroup" => prepare_delete(call, cloud).await?,
            "GetWorkGroup" => {
                get(&call.text("WorkGroup"), &call.scope, cloud).await?;
            }
            "ListTagsForResource" | "TagResource" | "UntagResource" => {
                let arn = call.text("ResourceARN");
                if let Some((_, name)) = arn.split_once(":workgroup/") {
                    let text = format!("Resource {arn} not found");
                    get(name, &call.scope, cloud)
                        .await
                        .map_err(|_| Refusal::new("ResourceNotFoundException", text))?;
                }
            }
            _ => {}
        }
        Ok(None)
    }

    async fn answer(&self, call: &Call, answer: &mut Answer, cloud: &Cloud) -> Result<(), Refusal> {
        let scope = &call.scope;
        let Some(value) = answer.value() else { return Ok(()) };
        match call.operation.as_str() {
            "CreateWorkGroup" => {
                let configuration = call.notes.get("configuration").cloned().unwrap_or_default();
                cloud.memory.put(WORKGROUP, scope, &call.text("Name"), configuration);
            }
            "UpdateWorkGroup" => {
                if let Some(configuration) = call.notes.get("configuration") {
                    cloud.memory.put(WORKGROUP, scope, &call.text("WorkGroup"), configuration.clone());
                }
            }
            "DeleteWorkGroup" => {
                cloud.memory.remove(WORKGROUP, scope, &call.text("WorkGroup"));
            }
            "GetWorkGroup" => dress(&mut value["WorkGroup"], scope, cloud),
            "ListWorkGroups" => {
                for group in value["WorkGroups"].as_array_mut().into_iter().flatten() {
                    let configuration = configuration(group, scope, cloud);
                    group["EngineVersion"] = configuration["EngineVersion"].clone();
                    hide_empty_description(group);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The workgroup as the emulator has it.
async fn get(name: &str, scope: &Scope, cloud: &Cloud) -> Result<Value, Refusal> {
    match cloud.json(scope, Service::Athena, "GetWorkGroup", json!({ "WorkGroup": name })).await {
        Ok(answer) => Ok(answer["WorkGroup"].clone()),
        Err(refusal) if refusal.code == "InvalidRequestException" => {
            Err(invalid(format!("WorkGroup {name} is not found.")))
        }
        Err(refusal) => Err(refusal),
    }
}

/// The whole configuration of a workgroup: what was sent, and the defaults.
pub(super) fn configuration(held: &Value, scope: &Scope, cloud: &Cloud) -> Value {
    let name = held["Name"].as_str().unwrap_or_default();
    let kept = cloud.memory.get(WORKGROUP, scope, name);
    with_defaults(kept.unwrap_or_else(|| held["Configuration"].clone()))
}

/// The workgroup's whole configuration and state, for whoever runs queries in it.
pub(super) async fn settings(name: &str, scope: &Scope, cloud: &Cloud) -> Result<(Value, bool), Refusal> {
    let held = get(name, scope, cloud).await?;
    Ok((configuration(&held, scope, cloud), held["State"] != "DISABLED"))
}

fn with_defaults(configuration: Value) -> Value {
    let mut map = match configuration {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    for (name, value) in [
        ("EnforceWorkGroupConfiguration", true),
        ("PublishCloudWatchMetricsEnabled", true),
        ("RequesterPaysEnabled", false),
    ] {
        map.entry(name).or_insert(Value::Bool(value));
    }
    let selected = map.get("EngineVersion").and_then(|version| version["SelectedEngineVersion"].as_str());
    let selected = selected.unwrap_or("AUTO").to_owned();
    let effective = if selected == "AUTO" { "Athena engine version 3" } else { &selected };
    let version = json!({ "SelectedEngineVersion": selected, "EffectiveEngineVersion": effective });
    map.insert("EngineVersion".to_owned(), version);
    if map.get("ResultConfiguration").is_some_and(|result| *result == json!({})) {
        map.remove("ResultConfiguration");
    }
    Value::Object(map)
}

fn dress(group: &mut Value, scope: &Scope, cloud: &Cloud) {
    let configuration = configuration(group, scope, cloud);
    if let Some(map) = group.as_object_mut() {
        map.remove("WorkGroupConfiguration");
        map.insert("Configuration".to_owned(), configuration);
    }
    hide_empty_description(group);
}

fn hide_empty_description(group: &mut Value) {
    if group["Description"] == ""
        && let Some(map) = group.as_object_mut()
    {
        map.remove("Description");
    }
}

fn check(configuration: &Value) -> Result<(), Refusal> {
    if configuration["BytesScannedCutoffPerQuery"].as_u64().is_some_and(|bytes| bytes < LEAST_CUTOFF) {
        return Err(invalid(format!("BytesScannedCutoffPerQuery must be at least {LEAST_CUTOFF}.")));
    }
    let location = &configuration["ResultConfiguration"]["OutputLocation"];
    if configuration["ManagedQueryResultsConfiguration"]["Enabled"] == true && !location.is_null() {
        return Err(invalid("OutputLocation cannot be set when managed query results are enabled."));
    }
    if location.as_str().is_some_and(|location| !location.starts_with("s3://")) {
        return Err(invalid("outputLocation is not a valid S3 path."));
    }
    Ok(())
}

async fn prepare_create(call: &mut Call, cloud: &Cloud) -> Result<(), Refusal> {
    let name = call.text("Name");
    if call.json["Tags"].as_array().is_some_and(Vec::is_empty) {
        return Err(invalid("Tags must not be empty."));
    }
    check(&call.json["Configuration"])?;
    if get(&name, &call.scope, cloud).await.is_ok() {
        return Err(invalid(format!("WorkGroup {name} is already created")));
    }
    call.notes.insert("configuration", call.json["Configuration"].clone());
    Ok(())
}

async fn prepare_update(call: &mut Call, cloud: &Cloud) -> Result<(), Refusal> {
    let held = get(&call.text("WorkGroup"), &call.scope, cloud).await?;
    let mut after = configuration(&held, &call.scope, cloud);
    patch(&mut after, &call.json["ConfigurationUpdates"]);
    check(&after)?;
    call.notes.insert("configuration", after);
    Ok(())
}

/// Applies an update: what is absent stays, what has a removal of its own goes.
fn patch(configuration: &mut Value, updates: &Value) {
    let Some(updates) = updates.as_object() else { return };
    for (name, update) in updates {
        match name.as_str() {
            "ResultConfigurationUpdates" => {
                patch_result(&mut configuration["ResultConfiguration"], update);
            }
            "ManagedQueryResultsConfigurationUpdates" => {
                merge(&mut configuration["ManagedQueryResultsConfiguration"], update);
            }
            "RemoveBytesScannedCutoffPerQuery" if *update == true => {
                remove(configuration, "BytesScannedCutoffPerQuery");
            }
            "RemoveCustomerContentEncryptionConfiguration" if *update == true => {
                remove(configuration, "CustomerContentEncryptionConfiguration");
            }
            removal if removal.starts_with("Remove") => {}
            _ => configuration[name.as_str()] = update.clone(),
        }
    }
}

fn patch_result(result: &mut Value, update: &Value) {
    for (name, value) in update.as_object().into_iter().flatten() {
        match name.strip_prefix("Remove") {
            Some(removed) if *value == true => remove(result, removed),
            Some(_) => {}
            None => result[name.as_str()] = value.clone(),
        }
    }
    if result.is_null() {
        *result = json!({});
    }
}

fn merge(target: &mut Value, update: &Value) {
    for (name, value) in update.as_object().into_iter().flatten() {
        match name.strip_prefix("Remove") {
            Some(removed) if *value == true => remove(target, removed),
            Some(_) => {}
            None => target[name.as_str()] = value.clone(),
        }
    }
}

fn remove(target: &mut Value, name: &str) {
    if let Some(map) = target.as_object_mut() {
        map.remove(name);
    }
}

/// Everything in a workgroup that keeps it from being deleted.
async fn prepare_delete(call: &mut Call, cloud: &Cloud) -> Result<(), Refusal> {
    let name = call.text("WorkGroup");
    if name == "primary" {
        return Err(invalid("The primary workgroup cannot be deleted."));
    }
    get(&name, &call.scope, cloud).await?;
    let inside = json!({ "WorkGroup": name });
    let queries = cloud.json(&call.scope, Service::Athena, "ListNamedQueries", inside.clone()).await?;
    let runs = cloud.json(&call.scope, Service::Athena, "ListQueryExecutions", inside).await?;
    let buried = buried(&name, &call.scope, cloud);
    let list = |value: &Value, member: &str| value[member].as_array().cloned().unwrap_or_default();
    let queries = list(&queries, "NamedQueryIds");
    let runs = list(&runs, "QueryExecutionIds");
    let fresh = runs.iter().any(|run| !buried.contains(run));
    let recursive = call.json["RecursiveDeleteOption"] == true;
    if !recursive && (fresh || !queries.is_empty()) {
        return Err(invalid(format!("WorkGroup {name} is not empty")));
    }
    for id in queries {
        cloud.json(&call.scope, Service::Athena, "DeleteNamedQuery", json!({ "NamedQueryId": id })).await?;
    }
    cloud.memory.put(BURIED, &call.scope, &name, Value::Array(runs));
    Ok(())
}

/// The executions that went with an earlier workgroup of the name.
pub(super) fn buried(name: &str, scope: &Scope, cloud: &Cloud) -> Vec<Value> {
    cloud.memory.get(BURIED, scope, name).and_then(|ids| ids.as_array().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_is_a_delta_with_removals() {
        let mut configuration = with_defaults(json!({
            "BytesScannedCutoffPerQuery": 20_000_000,
            "ResultConfiguration": { "OutputLocation": "s3://b/", "EncryptionConfiguration": { "EncryptionOption": "SSE_S3" } },
        }));
        patch(
            &mut configuration,
            &json!({
                "RemoveBytesScannedCutoffPerQuery": true,
                "ResultConfigurationUpdates": { "RemoveEncryptionConfiguration": true },
                "RequesterPaysEnabled": true,
            }),
        );
        assert!(configuration.get("BytesScannedCutoffPerQuery").is_none());
        assert_eq!(configuration["ResultConfiguration"], json!({ "OutputLocation": "s3://b/" }));
        assert_eq!(configuration["RequesterPaysEnabled"], true);
        assert_eq!(configuration["EnforceWorkGroupConfiguration"], true);
    }
}
