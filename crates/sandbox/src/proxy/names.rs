//! Names that AWS refuses and the emulator takes.
//! Source: the `NameString`, `roleNameType` and `WorkGroupName` shapes of the services' models.

use async_trait::async_trait;

use super::call::{Answer, Call};
use super::cloud::Cloud;
use super::recognise::Service;
use super::refusal::Refusal;
use super::rules::Rule;

/// What is created by name.
pub(super) struct CreatedNames;

#[async_trait]
impl Rule for CreatedNames {
    fn covers(&self, service: Service, operation: &str) -> bool {
        matches!(
            (service, operation),
            (Service::Glue, "CreateDatabase" | "CreateTable" | "CreateJob")
                | (Service::Iam, "CreateRole")
                | (Service::Athena, "CreateWorkGroup")
        )
    }

    async fn request(&self, call: &mut Call, _cloud: &Cloud) -> Result<Option<Answer>, Refusal> {
        match call.operation.as_str() {
            "CreateDatabase" => check(Service::Glue, call.json["DatabaseInput"]["Name"].as_str()),
            "CreateTable" => check(Service::Glue, call.json["TableInput"]["Name"].as_str()),
            "CreateRole" => check(Service::Iam, call.field("RoleName")),
            _ => check(call.service, call.json["Name"].as_str()),
        }?;
        Ok(None)
    }
}

fn check(service: Service, name: Option<&str>) -> Result<(), Refusal> {
    let name = name.unwrap_or_default();
    let ascii =
        |more: &str| name.chars().all(|letter| letter.is_ascii_alphanumeric() || more.contains(letter));
    let (longest, allowed, code) = match service {
        Service::Iam => (64, ascii("_+=,.@-"), "ValidationError"),
        Service::Athena => (128, ascii("_.-"), "InvalidRequestException"),
        _ => (255, !name.chars().any(|letter| letter.is_control() && letter != '\t'), "ValidationException"),
    };
    if allowed && (1..=longest).contains(&name.chars().count()) {
        return Ok(());
    }
    let text = format!(
        "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must have \
         length between 1 and {longest} and satisfy its pattern"
    );
    Err(Refusal::new(code, text))
}
