//! Roles as Glue meets them: a role is not assumable right after it, or its trust, was written. Keeps when that
//! was; says whether Glue may assume a role now.

use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::call::{Answer, Call};
use super::cloud::Cloud;
use super::recognise::{Scope, Service};
use super::refusal::Refusal;
use super::rules::Rule;

const FRESH: &str = "iam.fresh";

/// Roles are one set in all regions.
pub(super) fn worldwide(scope: &Scope) -> Scope {
    Scope { account: scope.account.clone(), region: String::new() }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Remembers when roles were born or given another trust policy.
pub(super) struct RoleBirths;

#[async_trait]
impl Rule for RoleBirths {
    fn covers(&self, service: Service, operation: &str) -> bool {
        service == Service::Iam && matches!(operation, "CreateRole" | "UpdateAssumeRolePolicy" | "DeleteRole")
    }

    async fn answer(&self, call: &Call, answer: &mut Answer, cloud: &Cloud) -> Result<(), Refusal> {
        if !answer.ok() {
            return Ok(());
        }
        let scope = worldwide(&call.scope);
        let role = call.field("RoleName").unwrap_or_default().to_lowercase();
        if call.operation == "DeleteRole" {
            cloud.memory.remove(FRESH, &scope, &role);
        } else {
            let fresh = json!({ "since": now_ms(), "refusals": cloud.config.role_refusals });
            cloud.memory.put(FRESH, &scope, &role, fresh);
        }
        Ok(())
    }
}

/// Refuses a role that Glue may not assume: missing, not trusting Glue, or too new.
pub(super) async fn check_assumable(role: &str, scope: &Scope, cloud: &Cloud) -> Result<(), Refusal> {
    let refused = || {
        let text =
            "Service is unable to assume provided role. Please verify role's TrustPolicy (Service: AWSGlue)";
        Err(Refusal::new("InvalidInputException", text))
    };
    let name = role.rsplit('/').next().unwrap_or(role);
    let found = match cloud.form(scope, Service::Iam, "GetRole", &[("RoleName", name)]).await {
        Ok(found) => found,
        Err(refusal) if refusal.code == "NoSuchEntity" => return refused(),
        Err(refusal) => return Err(refusal),
    };
    let trust = found
        .child("GetRoleResult")
        .and_then(|result| result.child("Role"))
        .map_or("", |role| role.value("AssumeRolePolicyDocument"));
    if !percent_decode_str(trust).decode_utf8_lossy().contains("glue.amazonaws.com") {
        return refused();
    }
    let scope = worldwide(scope);
    let Some(mut fresh) = cloud.memory.get(FRESH, &scope, &name.to_lowercase()) else { return Ok(()) };
    let refusals = fresh["refusals"].as_u64().unwrap_or(0);
    if refusals > 0 {
        fresh["refusals"] = Value::from(refusals - 1);
        cloud.memory.put(FRESH, &scope, &name.to_lowercase(), fresh);
        return refused();
    }
    let age = now_ms().saturating_sub(fresh["since"].as_u64().unwrap_or(0));
    if u128::from(age) < cloud.config.role_propagation.as_millis() {
        return refused();
    }
    Ok(())
}
