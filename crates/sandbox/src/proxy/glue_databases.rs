//! Databases: names are lowered, an update replaces, no rename, and the members the emulator drops are read
//! back.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::call::{Answer, Call};
use super::cloud::Cloud;
use super::recognise::{Scope, Service};
use super::refusal::Refusal;
use super::rules::Rule;

const DATABASE: &str = "glue.database";
/// What the emulator drops.
const REMEMBERED: [&str; 3] = ["CreateTableDefaultPermissions", "TargetDatabase", "FederatedDatabase"];

/// Create, update and read databases.
pub(super) struct GlueDatabases;

#[async_trait]
impl Rule for GlueDatabases {
    fn covers(&self, service: Service, operation: &str) -> bool {
        const OPERATIONS: [&str; 5] =
            ["CreateDatabase", "UpdateDatabase", "DeleteDatabase", "GetDatabase", "GetDatabases"];
        service == Service::Glue && OPERATIONS.contains(&operation)
    }

    async fn request(&self, call: &mut Call, _cloud: &Cloud) -> Result<Option<Answer>, Refusal> {
        lower(&mut call.json, "Name");
        if let Some(input) = call.json.get_mut("DatabaseInput") {
            lower(input, "Name");
        }
        if call.operation == "UpdateDatabase" {
            if call.json["DatabaseInput"]["Name"] != call.json["Name"] {
                return Err(Refusal::new("InvalidInputException", "Database cannot be renamed"));
            }
            let input = &mut call.json["DatabaseInput"];
            input["Description"] = or(&input["Description"], json!(""));
            input["Parameters"] = or(&input["Parameters"], json!({}));
            // The emulator forgets the location only when it is told so.
            input["LocationUri"] = or(&input["LocationUri"], Value::Null);
        }
        Ok(None)
    }

    async fn answer(&self, call: &Call, answer: &mut Answer, cloud: &Cloud) -> Result<(), Refusal> {
        let scope = &call.scope;
        let Some(value) = answer.value() else { return Ok(()) };
        match call.operation.as_str() {
            "CreateDatabase" | "UpdateDatabase" => {
                let input = &call.json["DatabaseInput"];
                let name = input["Name"].as_str().unwrap_or_default();
                let kept: serde_json::Map<String, Value> = REMEMBERED
                    .iter()
                    .filter(|member| !input[**member].is_null())
                    .map(|member| ((*member).to_owned(), input[*member].clone()))
                    .collect();
                cloud.memory.put(DATABASE, scope, name, Value::Object(kept));
            }
            "DeleteDatabase" => {
                let name = call.text("Name");
                cloud.memory.remove(DATABASE, scope, &name);
                super::glue_tables::forget_database(&name, scope, cloud);
            }
            "GetDatabase" => dress(&mut value["Database"], scope, cloud),
            "GetDatabases" => {
                if let Some(all) = value["DatabaseList"].as_array_mut() {
                    for database in all {
                        dress(database, scope, cloud);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn dress(database: &mut Value, scope: &Scope, cloud: &Cloud) {
    let name = database["Name"].as_str().unwrap_or_default().to_owned();
    let Some(database) = database.as_object_mut() else { return };
    database.retain(|member, value| !(value.is_null() || member == "Description" && value == ""));
    database.insert(
        "CreateTableDefaultPermissions".to_owned(),
        json!([{ "Principal": { "DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS" }, "Permissions": ["ALL"] }]),
    );
    if let Some(Value::Object(kept)) = cloud.memory.get(DATABASE, scope, &name) {
        database.extend(kept);
    }
}

fn or(value: &Value, otherwise: Value) -> Value {
    if value.is_null() { otherwise } else { value.clone() }
}

/// Lowers a string member where it is there.
pub(super) fn lower(object: &mut Value, name: &str) {
    if let Some(Value::String(text)) = object.get_mut(name) {
        *text = text.to_lowercase();
    }
}
