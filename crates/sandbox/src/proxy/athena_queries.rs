//! Saved queries and query starts: an update the emulator lacks, one id per token, lists of one workgroup, and
//! results where the workgroup says.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::athena_workgroups::{buried, invalid, settings};
use super::call::{Answer, Call};
use super::cloud::Cloud;
use super::recognise::{Scope, Service};
use super::refusal::Refusal;
use super::rules::Rule;

/// What an update changed, over what the emulator holds.
const OVERLAY: &str = "athena.query";
const TOKEN: &str = "athena.token";

/// Saved queries and query starts.
pub(super) struct Queries;

#[async_trait]
impl Rule for Queries {
    fn covers(&self, service: Service, operation: &str) -> bool {
        service == Service::Athena
            && (operation.contains("NamedQuer")
                || matches!(operation, "StartQueryExecution" | "ListQueryExecutions"))
    }

    async fn request(&self, call: &mut Call, cloud: &Cloud) -> Result<Option<Answer>, Refusal> {
        match call.operation.as_str() {
            "CreateNamedQuery" | "StartQueryExecution" => {
                if let Some(answer) = repeated(call, cloud)? {
                    return Ok(Some(answer));
                }
                let (configuration, enabled) = settings(&workgroup(call), &call.scope, cloud).await?;
                if call.operation == "StartQueryExecution" {
                    if !enabled {
                        return Err(invalid(format!("WorkGroup {} is disabled.", workgroup(call))));
                    }
                    place_results(call, &configuration);
                }
            }
            "ListNamedQueries" | "ListQueryExecutions" => {
                let name = workgroup(call);
                settings(&name, &call.scope, cloud).await?;
                call.json["WorkGroup"] = Value::from(name);
            }
            "BatchGetNamedQuery"
                if call.json["NamedQueryIds"].as_array().is_some_and(|ids| ids.len() > 50) =>
            {
                return Err(invalid("NamedQueryIds must have at most 50 members."));
            }
            "UpdateNamedQuery" => return update(call, cloud).await.map(Some),
            "DeleteNamedQuery" => {
                cloud.memory.remove(OVERLAY, &call.scope, &call.text("NamedQueryId"));
            }
            "GetNamedQuery" => {
                saved(&call.text("NamedQueryId"), &call.scope, cloud).await?;
            }
            _ => {}
        }
        Ok(None)
    }

    async fn answer(&self, call: &Call, answer: &mut Answer, cloud: &Cloud) -> Result<(), Refusal> {
        let scope = &call.scope;
        let Some(value) = answer.value() else { return Ok(()) };
        match call.operation.as_str() {
            "CreateNamedQuery" | "StartQueryExecution" => {
                let token = call.text("ClientRequestToken");
                if !token.is_empty() {
                    let seen = json!({ "asked": call.notes.get("asked"), "answer": value });
                    cloud.memory.put(TOKEN, scope, &format!("{}/{token}", call.operation), seen);
                }
            }
            "GetNamedQuery" => overlay(&mut value["NamedQuery"], scope, cloud),
            "BatchGetNamedQuery" => {
                for query in value["NamedQueries"].as_array_mut().into_iter().flatten() {
                    overlay(query, scope, cloud);
                }
            }
            "ListQueryExecutions" => {
                let gone = buried(&call.text("WorkGroup"), scope, cloud);
                if let Some(ids) = value["QueryExecutionIds"].as_array_mut() {
                    ids.retain(|id| !gone.contains(id));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn workgroup(call: &Call) -> String {
    let name = call.text("WorkGroup");
    if name.is_empty() { "primary".to_owned() } else { name }
}

/// The same token gives the same answer, and with other parameters an error.
fn repeated(call: &mut Call, cloud: &Cloud) -> Result<Option<Answer>, Refusal> {
    let token = call.text("ClientRequestToken");
    let asked = call.json.clone();
    call.notes.insert("asked", asked.clone());
    if token.is_empty() {
        return Ok(None);
    }
    match cloud.memory.get(TOKEN, &call.scope, &format!("{}/{token}", call.operation)) {
        Some(seen) if seen["asked"] == asked => Ok(Some(Answer::json(seen["answer"].clone()))),
        Some(_) => Err(invalid("Idempotent parameters do not match")),
        None => Ok(None),
    }
}

/// Where a workgroup enforces its settings, the caller's own location is passed over.
fn place_results(call: &mut Call, configuration: &Value) {
    let theirs = configuration["ResultConfiguration"]["OutputLocation"].as_str();
    let own = call.json["ResultConfiguration"]["OutputLocation"].as_str();
    let enforced = configuration["EnforceWorkGroupConfiguration"] == true;
    let location = if enforced { theirs.or(own) } else { own.or(theirs) };
    if let Some(location) = location {
        let slash = if location.ends_with('/') { "" } else { "/" };
        let placed = format!("{location}{slash}");
        call.json["ResultConfiguration"]["OutputLocation"] = Value::from(placed);
    }
}

async fn saved(id: &str, scope: &Scope, cloud: &Cloud) -> Result<Value, Refusal> {
    match cloud.json(scope, Service::Athena, "GetNamedQuery", json!({ "NamedQueryId": id })).await {
        Ok(answer) => Ok(answer["NamedQuery"].clone()),
        Err(refusal) if refusal.code == "InvalidRequestException" => {
            Err(invalid(format!("NamedQuery {id} does not exist")))
        }
        Err(refusal) => Err(refusal),
    }
}

async fn update(call: &Call, cloud: &Cloud) -> Result<Answer, Refusal> {
    let id = call.text("NamedQueryId");
    saved(&id, &call.scope, cloud).await?;
    if call.text("Name").is_empty() || call.text("QueryString").is_empty() {
        return Err(invalid("Name and QueryString are required."));
    }
    let mut changed = cloud.memory.get(OVERLAY, &call.scope, &id).unwrap_or_else(|| json!({}));
    for member in ["Name", "QueryString", "Description"] {
        if !call.json[member].is_null() {
            changed[member] = call.json[member].clone();
        }
    }
    cloud.memory.put(OVERLAY, &call.scope, &id, changed);
    Ok(Answer::json(json!({})))
}

fn overlay(query: &mut Value, scope: &Scope, cloud: &Cloud) {
    let id = query["NamedQueryId"].as_str().unwrap_or_default().to_owned();
    let Some(query) = query.as_object_mut() else { return };
    if let Some(Value::Object(changed)) = cloud.memory.get(OVERLAY, scope, &id) {
        query.extend(changed);
    }
    query.retain(|name, value| !(name == "Description" && value == ""));
}
