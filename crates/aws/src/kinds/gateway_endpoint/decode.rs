//! From a manifest's entry to the canonical fields of an endpoint: its VPC, its route tables, its policy.

use std::collections::{BTreeMap, BTreeSet};

use lakeform_model::{Entry, Node, NodeValue, Scope, Value};
use serde_json::json;

use super::LONGEST_POLICY;
use crate::policy::{PolicyUse, equivalent};

pub(super) fn vpc_of(entry: &Entry<'_>) -> Option<Node> {
    entry.within.first().and_then(|network| network.some("vpc")).cloned()
}

pub(super) fn selector(vpc: Option<&Node>) -> String {
    let Some(vpc) = vpc else { return "default".to_owned() };
    vpc.scalar_text().unwrap_or_else(|| {
        let tags = vpc.get("tags").map(Node::text_map).unwrap_or_default();
        tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
    })
}

/// A selector as a value: its word, its ids, or its tags as texts.
pub(super) fn plain(node: &Node) -> Value {
    match &node.value {
        NodeValue::List(_) => Value::texts(BTreeSet::from_iter(node.texts())),
        NodeValue::Map(_) => {
            let tags = node.get("tags").map(Node::text_map).unwrap_or_default();
            BTreeMap::from([("tags".to_owned(), Value::text_map(tags))]).into()
        }
        _ => node.scalar_text().unwrap_or_default().into(),
    }
}

pub(super) fn vpc_check(text: &str) -> Result<(), String> {
    if text == "default" { Ok(()) } else { id_check(text, "vpc-", "`default` or an id like `vpc-0a1b2c3d`") }
}

pub(super) fn table_check(text: &str) -> Result<(), String> {
    id_check(text, "rtb-", "an id like `rtb-0a1b2c3d`")
}

pub(super) fn id_check(text: &str, prefix: &str, what: &str) -> Result<(), String> {
    let rest = text.strip_prefix(prefix).unwrap_or_default();
    let fine = !rest.is_empty() && rest.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if fine || text.contains("${") { Ok(()) } else { Err(format!("must be {what}")) }
}

pub(super) fn decode_policy(node: &Node, scope: &mut Scope<'_>) -> Option<Value> {
    let document = match (node.some("document"), node.some("file")) {
        (Some(document), None) => document.to_json(),
        (None, Some(file)) => {
            let (_, text) = scope.read_text(file)?;
            match serde_json::from_str(&text) {
                Ok(document) => document,
                Err(error) => {
                    scope.error(file, format!("the policy is not JSON: {error}"));
                    return None;
                }
            }
        }
        _ => {
            scope.error(node, "`policy` needs either `document` or `file`");
            return None;
        }
    };
    if let Err(problem) = policy_check(&document) {
        scope.error(node, format!("the policy {problem}"));
        return None;
    }
    Some(Value::from_json(&document))
}

pub(super) fn policy_check(document: &serde_json::Value) -> Result<(), String> {
    let statements = match &document["Statement"] {
        serde_json::Value::Array(items) if !items.is_empty() => items.clone(),
        one @ serde_json::Value::Object(_) => vec![one.clone()],
        _ => return Err("needs a `Statement`".to_owned()),
    };
    for (index, statement) in statements.iter().enumerate() {
        let has = |names: [&str; 2]| names.iter().any(|name| !statement[name].is_null());
        let effect = statement["Effect"].as_str();
        if !matches!(effect, Some("Allow" | "Deny")) {
            return Err(format!("needs `Effect: Allow` or `Deny` in statement {}", index + 1));
        }
        // A policy that hangs on a resource says who may; Source: the endpoint policies of the VPC guide.
        for names in [["Principal", "NotPrincipal"], ["Action", "NotAction"], ["Resource", "NotResource"]] {
            if !has(names) {
                return Err(format!("needs `{}` in statement {}", names[0], index + 1));
            }
        }
    }
    let length = document.to_string().chars().count();
    if length > LONGEST_POLICY {
        return Err(format!("has {length} characters; AWS takes {LONGEST_POLICY}"));
    }
    Ok(())
}

/// The policies of an endpoint that was given none, in both forms that AWS documents.
pub(super) fn is_full_access(document: &serde_json::Value) -> bool {
    let full =
        json!({ "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" }] });
    equivalent(document, &full, PolicyUse::Endpoint)
}
