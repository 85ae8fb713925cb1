//! Roles as IAM keeps them: names are one whatever their case, a trust policy must be a policy, and a
//! description can be emptied.

use async_trait::async_trait;
use serde_json::Value;

use super::call::{Answer, Call};
use super::cloud::Cloud;
use super::iam::worldwide;
use super::recognise::Service;
use super::refusal::Refusal;
use super::rules::Rule;
use super::xml::Element;

/// Roles whose description was emptied; the emulator keeps the old one.
const EMPTIED: &str = "iam.emptied";

/// Create, update and read roles.
pub(super) struct Roles;

#[async_trait]
impl Rule for Roles {
    fn covers(&self, service: Service, operation: &str) -> bool {
        const OPERATIONS: [&str; 6] =
            ["CreateRole", "UpdateRole", "UpdateAssumeRolePolicy", "DeleteRole", "GetRole", "ListRoles"];
        service == Service::Iam && OPERATIONS.contains(&operation)
    }

    async fn request(&self, call: &mut Call, cloud: &Cloud) -> Result<Option<Answer>, Refusal> {
        match call.operation.as_str() {
            "CreateRole" => {
                check_trust(call.field("AssumeRolePolicyDocument"))?;
                let name = call.field("RoleName").unwrap_or_default();
                let roles =
                    cloud.form(&call.scope, Service::Iam, "ListRoles", &[("MaxItems", "1000")]).await?;
                let roles = roles.child("ListRolesResult").map_or(&[][..], |result| result.items("Roles"));
                if roles.iter().any(|role| role.value("RoleName").eq_ignore_ascii_case(name)) {
                    return Err(Refusal::new(
                        "EntityAlreadyExists",
                        format!("Role with name {name} already exists."),
                    ));
                }
            }
            "UpdateAssumeRolePolicy" => check_trust(call.field("PolicyDocument"))?,
            _ => {}
        }
        Ok(None)
    }

    async fn answer(&self, call: &Call, answer: &mut Answer, cloud: &Cloud) -> Result<(), Refusal> {
        if !answer.ok() {
            return Ok(());
        }
        let scope = worldwide(&call.scope);
        let role = call.field("RoleName").unwrap_or_default();
        match (call.operation.as_str(), call.field("Description")) {
            ("UpdateRole", Some("")) => cloud.memory.put(EMPTIED, &scope, role, Value::Bool(true)),
            ("UpdateRole", Some(_)) | ("CreateRole" | "DeleteRole", _) => {
                cloud.memory.remove(EMPTIED, &scope, role);
            }
            ("GetRole" | "ListRoles", _) => {
                let Some(mut root) = Element::parse(&answer.text()) else { return Ok(()) };
                let emptied = |name: &str| cloud.memory.get(EMPTIED, &scope, name).is_some();
                for result in &mut root.children {
                    let listed = result.name == "ListRolesResult";
                    let roles = if listed { result.child_mut("Roles") } else { Some(&mut *result) };
                    for role in roles.into_iter().flat_map(|list| &mut list.children) {
                        if role.child("RoleName").is_some() && emptied(role.value("RoleName")) {
                            role.set("Description", "");
                        }
                    }
                }
                answer.set_text(root.document());
            }
            _ => {}
        }
        Ok(())
    }
}

fn check_trust(document: Option<&str>) -> Result<(), Refusal> {
    let parsed: Option<Value> = document.and_then(|text| serde_json::from_str(text).ok());
    match parsed {
        Some(policy) if !policy["Statement"].is_null() => Ok(()),
        _ => Err(Refusal::new("MalformedPolicyDocument", "This policy contains invalid Json")),
    }
}
