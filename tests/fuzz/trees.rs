//! Random trees that look like manifests: real sections and keys, of every shape, with values of every kind.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Values that a manifest's texts may be, right and wrong.
const TEXTS: &[&str] = &[
    "",
    " ",
    "lake",
    "Lake",
    "stedi.customer_landing",
    "a.b.c.d",
    "..",
    "../x",
    "/etc/hostname",
    "data",
    "sql/customer_landing.sql",
    "scripts/customer_landing_to_trusted.py",
    "s3://lake/x/",
    "s3://${bucket.lake}/x",
    "s3://",
    "${bucket.lake}",
    "${bucket.lake.arn}",
    "${var.x}",
    "${env.HOME}",
    "${account}${region}",
    "$${x}",
    "${",
    "json",
    "iceberg",
    "string",
    "struct<a:int,b:array<string>>",
    "array<",
    "glue.amazonaws.com",
    "s3-access",
    "glue-service",
    "default",
    "main",
    "all",
    "5.0",
    "G.1X",
    ">= 1",
    "empty",
    "select 1",
    "arn:aws:iam::aws:policy/ReadOnlyAccess",
    "us-east-1",
    "111122223333",
    "\u{1b}[31mred",
    "\u{202e}abc",
    "\0",
    "é",
    "<<",
    "{\"Statement\": []}",
];

/// Every word that is a key somewhere in the example manifests or in the schema.
fn words() -> Vec<String> {
    fn keys(value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    into.insert(key.clone());
                    keys(value, into);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| keys(item, into)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut words = BTreeSet::new();
    keys(&lakeform_manifest::json_schema(lakeform_aws::kinds::KINDS), &mut words);
    words.extend(["Statement", "Effect", "Action", "Resource", "Version", "lake", "x"].map(str::to_owned));
    words.into_iter().filter(|word| !word.starts_with('$') && word.len() < 40).collect()
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => proptest::sample::select(TEXTS).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => (0..20_i64).prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<String>().prop_map(Value::from),
    ]
}

fn tree(words: Vec<String>) -> impl Strategy<Value = Value> {
    let key = prop_oneof![8 => proptest::sample::select(words), 1 => any::<String>()];
    leaf().prop_recursive(5, 60, 6, move |inner| {
        let entries = vec((key.clone(), inner.clone()), 0..6);
        prop_oneof![
            4 => entries.prop_map(|entries| Value::Object(entries.into_iter().collect())),
            1 => vec(inner, 0..4).prop_map(Value::Array),
        ]
    })
}

/// A section with entries, where a kind looks for them.
fn section(words: Vec<String>) -> impl Strategy<Value = (Vec<&'static str>, Value)> {
    let places: Vec<Vec<&'static str>> =
        lakeform_aws::kinds::KINDS.0.iter().map(|kind| kind.facts().place.to_vec()).collect();
    let name = proptest::sample::select(&["lake", "a", "A-b", "x.y", "${var.x}", "", "é", "1"][..]);
    (proptest::sample::select(places), vec((name, tree(words)), 0..4)).prop_map(|(place, entries)| {
        let entries: Map<String, Value> =
            entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        (place, Value::Object(entries))
    })
}

/// A manifest: a sound head, and sections that may be anything.
pub(crate) fn manifest() -> impl Strategy<Value = Value> {
    let words = words();
    let more = vec((proptest::sample::select(words.clone()), tree(words.clone())), 0..2);
    (vec(section(words), 0..5), more).prop_map(|(sections, more)| {
        let mut root = json!({
            "lakeform": 1, "stack": "fuzz", "region": "us-east-1",
            "variables": { "x": { "default": "lake" } },
            "buckets": { "lake": {} },
        });
        for (place, entries) in sections {
            put(&mut root, &place, entries);
        }
        for (key, value) in more {
            root[key] = value;
        }
        root
    })
}

/// Puts a value at a path; a `*` in it is an entry of some name.
fn put(root: &mut Value, place: &[&str], value: Value) {
    match place {
        [] => *root = value,
        [key, rest @ ..] => {
            if !root.is_object() {
                *root = json!({});
            }
            put(&mut root[if *key == "*" { "some" } else { key }], rest, value);
        }
    }
}
