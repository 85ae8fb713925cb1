//! Which parts of a policy something was asked for: an action on a resource pattern is needed when a call is allowed
//! only through it. The proxy judges each call by itself, so this tells without another run what it would refuse.

use std::collections::BTreeMap;

use lakeform_sandbox::Policy;
use serde_json::{Value, json};

use super::life::Phase;

/// One action on one resource pattern of a statement, as far as it is the same statement in every phase.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    pub(super) action: String,
    pub(super) resource: String,
    condition: String,
}

/// All parts of the phases' policies, and whether any phase needed them.
pub(super) fn parts(phases: &[Phase]) -> BTreeMap<Part, bool> {
    let mut parts: BTreeMap<Part, bool> = BTreeMap::new();
    for Phase { policy, asks } in phases {
        for (index, statement) in statements(policy).enumerate() {
            for action in texts(&statement["Action"]) {
                for resource in texts(&statement["Resource"]) {
                    let condition = statement["Condition"].to_string();
                    let part = Part { action: action.clone(), resource: resource.clone(), condition };
                    let needed = parts.entry(part).or_default();
                    if *needed {
                        continue;
                    }
                    let rest = Policy::parse(&without(policy, index, &action, &resource).to_string());
                    let rest = rest.expect("a policy");
                    let mut same = asks.iter().filter(|ask| ask.action == action);
                    // A call about an id of AWS's making does not tell whose it is: it needs all of them.
                    *needed = same.any(|ask| ask.resource.is_none() || !rest.allows(ask));
                }
            }
        }
    }
    parts
}

/// The policy's statements about an action, less one action on one resource.
fn without(policy: &Value, at: usize, action: &str, resource: &str) -> Value {
    let mut kept: Vec<Value> = Vec::new();
    for (index, statement) in statements(policy).enumerate() {
        if !texts(&statement["Action"]).iter().any(|one| one == action) {
            continue;
        }
        let mut statement = statement.clone();
        if index == at {
            let resources = texts(&statement["Resource"]).into_iter().filter(|one| one != resource);
            statement["Resource"] = resources.collect();
        }
        kept.push(statement);
    }
    json!({ "Statement": kept })
}

pub(super) fn statements(policy: &Value) -> impl Iterator<Item = &Value> {
    policy["Statement"].as_array().expect("statements").iter()
}

pub(super) fn texts(value: &Value) -> Vec<String> {
    let texts = value.as_array().expect("a list").iter();
    texts.map(|text| text.as_str().expect("a text").to_owned()).collect()
}
