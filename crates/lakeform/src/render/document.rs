//! Documents such as policies, laid out as people write them: what is short stands on one line, everything else
//! an entry a line, so that a diff by lines shows the entry that differs.

use lakeform_model::Value;
use serde_json::Value as Json;

/// How long a list or an object may be to stand on one line.
const SHORT: usize = 64;

/// A document; JSON that stands in a text is read as JSON, at any depth of a map.
pub(super) fn document(value: &Value) -> String {
    match json(value) {
        Json::String(text) => text,
        json => laid_out(&json, 0),
    }
}

fn json(value: &Value) -> Json {
    match value {
        Value::Text(text) => serde_json::from_str::<Json>(text)
            .ok()
            .filter(|parsed| parsed.is_object() || parsed.is_array())
            .unwrap_or_else(|| text.clone().into()),
        Value::Map(map) => map.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
        Value::List(_) | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Pointer(_) => {
            value.to_json()
        }
    }
}

/// The entries of a list or an object, each with its key in front, made by `text`.
fn entries(json: &Json, text: impl Fn(&Json) -> String) -> Vec<String> {
    match json {
        Json::Array(items) => items.iter().map(text).collect(),
        Json::Object(map) => {
            map.iter().map(|(key, value)| format!("{}: {}", Json::from(key.as_str()), text(value))).collect()
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Vec::new(),
    }
}

fn laid_out(json: &Json, depth: usize) -> String {
    let line = on_one_line(json);
    // The document itself is never one line: it would hide what differs.
    if (depth > 0 && line.chars().count() <= SHORT) || entries(json, on_one_line).is_empty() {
        return line;
    }
    let indent = "  ".repeat(depth);
    let (open, close) = if json.is_array() { ('[', ']') } else { ('{', '}') };
    let lines = entries(json, |entry| laid_out(entry, depth + 1));
    format!("{open}\n{indent}  {}\n{indent}{close}", lines.join(&format!(",\n{indent}  ")))
}

fn on_one_line(json: &Json) -> String {
    let entries = entries(json, on_one_line);
    match json {
        Json::Array(_) => format!("[{}]", entries.join(", ")),
        Json::Object(_) if !entries.is_empty() => format!("{{ {} }}", entries.join(", ")),
        Json::Object(_) | Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => json.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_laid_out_as_people_write_it() {
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::a-bucket-of-some-length/*"},{"Effect":"Deny","Action":[],"Resource":"*"}]}"#;
        insta::assert_snapshot!(document(&policy.into()), @r#"
        {
          "Version": "2012-10-17",
          "Statement": [
            {
              "Effect": "Allow",
              "Action": ["s3:GetObject", "s3:PutObject"],
              "Resource": "arn:aws:s3:::a-bucket-of-some-length/*"
            },
            { "Effect": "Deny", "Action": [], "Resource": "*" }
          ]
        }
        "#);
    }

    #[test]
    fn what_is_no_json_object_is_a_text() {
        assert_eq!(document(&"just \"text\"".into()), "just \"text\"");
        assert_eq!(document(&"12".into()), "12");
        assert_eq!(document(&"{}".into()), "{}");
    }
}
