//! The JSON Schema of the manifest, from the same tables that validate it: for editors.

use lakeform_model::{Key, Kind, Kinds, Shape, TextRule};
use serde_json::{Map, Value, json};

use crate::load::TOP_KEYS;
use crate::sections::{self, Section};

/// The schema of a whole manifest, draft 2020-12.
pub fn json_schema(kinds: Kinds) -> Value {
    let mut properties = properties(TOP_KEYS);
    for (name, section) in sections::top(kinds) {
        let schema = match section {
            Section::Entries(kind) => entries(kind, kinds),
            Section::Group(members, beside) => {
                let mut inner = self::properties(&beside);
                for (name, kind) in members {
                    inner.insert(name.to_owned(), entries(kind, kinds));
                }
                json!({ "type": ["object", "null"], "properties": inner, "additionalProperties": false })
            }
        };
        properties.insert(name.to_owned(), schema);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "lakeform manifest",
        "type": "object",
        "properties": properties,
        "required": required(TOP_KEYS),
        "additionalProperties": false,
    })
}

/// The mapping of a kind's entries.
fn entries(kind: &dyn Kind, kinds: Kinds) -> Value {
    let Some(keys) = sections::entry_keys(kind, kinds) else {
        return json!({ "type": ["object", "null"], "description": kind.facts().about });
    };
    let mut properties = properties(&keys);
    for (name, inner) in sections::inside(kind, kinds) {
        properties.insert(name.to_owned(), entries(inner, kinds));
    }
    json!({
        "type": ["object", "null"],
        "description": kind.facts().about,
        "propertyNames": { "pattern": "^[A-Za-z0-9_-]{1,100}$" },
        "additionalProperties": {
            "type": ["object", "null"],
            "properties": properties,
            "required": required(&keys),
            "additionalProperties": false,
        },
    })
}

fn properties(keys: &[Key]) -> Map<String, Value> {
    let property = |key: &Key| {
        let mut schema = of(&key.shape);
        schema["description"] = key.doc.into();
        (key.name.to_owned(), schema)
    };
    keys.iter().map(property).collect()
}

fn required(keys: &[Key]) -> Vec<&'static str> {
    keys.iter().filter(|key| key.required).map(|key| key.name).collect()
}

fn of(shape: &Shape) -> Value {
    // `${…}` may stand wherever a scalar is wanted; a null counts as not given.
    let filled = json!({ "type": "string", "pattern": "^\\$\\{[^}]*\\}$" });
    match shape {
        Shape::Free => json!({}),
        Shape::Text(_) => json!({ "type": ["string", "number", "boolean", "null"] }),
        Shape::Word(words) => json!({ "anyOf": [{ "enum": words }, filled, { "type": "null" }] }),
        Shape::Bool => json!({ "anyOf": [{ "type": ["boolean", "null"] }, filled] }),
        Shape::Int { min, max } => {
            json!({ "anyOf": [{ "type": "integer", "minimum": min, "maximum": max }, filled, { "type": "null" }] })
        }
        Shape::Number { min, max } => {
            json!({ "anyOf": [{ "type": "number", "minimum": min, "maximum": max }, filled, { "type": "null" }] })
        }
        Shape::List(inner) => json!({ "type": ["array", "null"], "items": of(inner) }),
        Shape::Map(TextRule { what, .. }, inner) => {
            json!({ "type": ["object", "null"], "propertyNames": { "description": what }, "additionalProperties": of(inner) })
        }
        Shape::Object(keys) => json!({
            "type": ["object", "null"],
            "properties": properties(keys),
            "required": required(keys),
            "additionalProperties": false,
        }),
        Shape::Any(shapes) => json!({ "anyOf": shapes.iter().map(of).collect::<Vec<_>>() }),
    }
}
