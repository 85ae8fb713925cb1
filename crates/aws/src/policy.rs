//! Policy documents: read as AWS returns them, and compared by what they mean.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// Where a policy is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(dead_code, reason = "each kind uses its own")]
pub(crate) enum PolicyUse {
    /// A role's trust.
    Trust,
    /// A role's permissions.
    Identity,
    /// An endpoint's policy.
    Endpoint,
}

/// Reads a document: plain JSON, or percent-encoded JSON.
pub(crate) fn parse_document(text: &str) -> Option<Value> {
    let plain = || serde_json::from_str(text).ok();
    plain().or_else(|| serde_json::from_str(&percent_decode_str(text).decode_utf8().ok()?).ok())
}

/// Whether two documents mean the same.
pub(crate) fn equivalent(left: &Value, right: &Value, use_: PolicyUse) -> bool {
    canonical(left, use_) == canonical(right, use_)
}

fn canonical(document: &Value, use_: PolicyUse) -> Value {
    let mut statements: Vec<Value> =
        list(&document["Statement"]).iter().map(|one| statement(one, use_)).collect();
    statements.sort_by_key(ToString::to_string);
    let version = document["Version"].as_str().unwrap_or("2008-10-17");
    json!({ "Version": version, "Id": document["Id"], "Statement": statements })
}

fn statement(statement: &Value, use_: PolicyUse) -> Value {
    let mut sorted = Map::new();
    for (name, value) in statement.as_object().into_iter().flatten() {
        let value = match name.as_str() {
            "Action" | "NotAction" => set(value, str::to_lowercase),
            "Resource" | "NotResource" => set(value, str::to_owned),
            "Principal" | "NotPrincipal" if value == "*" && use_ != PolicyUse::Identity => {
                json!({ "AWS": ["*"] })
            }
            "Principal" | "NotPrincipal" => each(value, |name| name.to_owned()),
            "Condition" => {
                let operators = value.as_object().into_iter().flatten();
                operators.map(|(name, keys)| (name.clone(), each(keys, str::to_lowercase))).collect()
            }
            _ => value.clone(),
        };
        sorted.insert(name.clone(), value);
    }
    sorted.entry("Sid").or_insert_with(|| "".into());
    sorted.entry("Condition").or_insert_with(|| json!({}));
    sorted.sort_keys();
    Value::Object(sorted)
}

fn each(map: &Value, name: impl Fn(&str) -> String) -> Value {
    let Some(map) = map.as_object() else { return map.clone() };
    let mut sorted: Map<String, Value> =
        map.iter().map(|(key, value)| (name(key), set(value, str::to_owned))).collect();
    sorted.sort_keys();
    Value::Object(sorted)
}

fn set(value: &Value, spell: impl Fn(&str) -> String) -> Value {
    let text = |value: &Value| spell(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let mut texts: Vec<String> = list(value).iter().map(text).collect();
    texts.sort();
    texts.dedup();
    texts.into()
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}
