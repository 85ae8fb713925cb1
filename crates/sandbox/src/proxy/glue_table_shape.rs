//! The shape of a table on its way in and out: names lowered, an update that replaces, the members the emulator
//! drops, and what AWS fills in. Pure; which operation asks is another file's business.

use serde_json::{Map, Value, json};

use super::glue_databases::lower;
use super::recognise::Scope;

/// Members of `TableInput` that the emulator drops.
const REMEMBERED: [&str; 5] =
    ["Retention", "TargetTable", "LastAccessTime", "LastAnalyzedTime", "ViewDefinition"];

/// The input as AWS stores it.
pub(super) fn normalise_input(input: &mut Value) {
    lower(input, "Name");
    let lower_all = |columns: &mut Value| {
        if let Some(columns) = columns.as_array_mut() {
            for column in columns {
                lower(column, "Name");
            }
        }
    };
    if let Some(descriptor) = input.get_mut("StorageDescriptor")
        && let Some(columns) = descriptor.get_mut("Columns")
    {
        lower_all(columns);
    }
    if let Some(keys) = input.get_mut("PartitionKeys") {
        lower_all(keys);
    }
    // The emulator merges an update and invents a type; a member that is there, if empty, stops both.
    let Some(input) = input.as_object_mut() else { return };
    for (name, empty) in [
        ("Description", json!("")),
        ("Owner", json!("")),
        ("StorageDescriptor", json!({})),
        ("PartitionKeys", json!([])),
        ("TableType", Value::Null),
        ("Parameters", json!({})),
        ("ViewOriginalText", Value::Null),
        ("ViewExpandedText", Value::Null),
    ] {
        let slot = input.entry(name).or_insert(Value::Null);
        if slot.is_null() {
            *slot = empty;
        }
    }
}

/// What to remember of an input.
pub(super) fn remembered(input: &Value) -> Value {
    let kept: Map<String, Value> = REMEMBERED
        .iter()
        .filter(|member| !input[**member].is_null())
        .map(|member| ((*member).to_owned(), input[*member].clone()))
        .collect();
    Value::Object(kept)
}

/// A table as AWS reads it back.
pub(super) fn dress(table: &mut Value, kept: Option<Value>, scope: &Scope) {
    let Some(table) = table.as_object_mut() else { return };
    table.remove("LastAccessTime");
    table.retain(|name, value| {
        let hollow = value == "" && (name == "Description" || name == "Owner");
        !(value.is_null() || hollow || name == "StorageDescriptor" && *value == json!({}))
    });
    for (name, value) in [
        ("Retention", json!(0)),
        ("IsRegisteredWithLakeFormation", json!(false)),
        ("IsMultiDialectView", json!(false)),
        ("CatalogId", json!(scope.account)),
        ("CreatedBy", json!(format!("arn:aws:iam::{}:root", scope.account))),
    ] {
        table.entry(name).or_insert(value);
    }
    if let Some(descriptor) = table.get_mut("StorageDescriptor").and_then(Value::as_object_mut) {
        for (name, value) in [
            ("Compressed", json!(false)),
            ("NumberOfBuckets", json!(0)),
            ("SortColumns", json!([])),
            ("StoredAsSubDirectories", json!(false)),
        ] {
            descriptor.entry(name).or_insert(value);
        }
    }
    if let Some(Value::Object(kept)) = kept {
        table.extend(kept);
    }
    if let Some(version) = table.get("VersionId").and_then(shifted_version) {
        table.insert("VersionId".to_owned(), version);
    }
}

/// AWS counts a table's versions from 0, the emulator from 1.
fn shifted_version(held: &Value) -> Option<Value> {
    let number: u64 = held.as_str()?.parse().ok()?;
    Some(Value::from(number.saturating_sub(1).to_string()))
}

/// A caller's version as the emulator counts.
pub(super) fn held_version(sent: &str) -> String {
    sent.parse::<u64>().map_or_else(|_| sent.to_owned(), |number| (number + 1).to_string())
}

/// The parameters that make a table of the catalogue an Iceberg one, when it was asked for in that way.
pub(super) fn mark_iceberg(input: &mut Value) {
    let location =
        input["StorageDescriptor"]["Location"].as_str().unwrap_or_default().trim_end_matches('/').to_owned();
    let name = input["Name"].as_str().unwrap_or_default().to_owned();
    let parameters = &mut input["Parameters"];
    parameters["table_type"] = json!("ICEBERG");
    parameters["metadata_location"] = json!(format!("{location}/metadata/00000-{name}.metadata.json"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lowered_and_absent_members_are_emptied() {
        let mut input =
            json!({ "Name": "T", "StorageDescriptor": { "Columns": [{ "Name": "ColA", "Type": "int" }] } });
        normalise_input(&mut input);
        assert_eq!(input["Name"], "t");
        assert_eq!(input["StorageDescriptor"]["Columns"][0]["Name"], "cola");
        assert_eq!(input["Parameters"], json!({}));
    }

    #[test]
    fn versions_count_from_zero() {
        let mut table = json!({ "Name": "t", "VersionId": "1", "Description": "", "StorageDescriptor": {} });
        dress(
            &mut table,
            Some(json!({ "Retention": 7 })),
            &Scope { account: "1".into(), region: "r".into() },
        );
        assert_eq!((&table["VersionId"], &table["Retention"]), (&json!("0"), &json!(7)));
        assert!(table.get("Description").is_none());
        assert_eq!(held_version("0"), "1");
    }
}
