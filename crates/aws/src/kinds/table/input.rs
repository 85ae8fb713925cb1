//! Turns fields and changes into a `TableInput`. One function puts one field, for a new table and for a live one.

use std::collections::HashMap;

use aws_sdk_glue::types::{Column as GlueColumn, Order, SerDeInfo, StorageDescriptor, Table, TableInput};
use lakeform_model::{Change, Class, CloudError, Target, Value};

use crate::glue_catalog::{self, unbuilt};

/// The input of a new table.
pub(super) fn for_create(name: &str, target: &Target) -> Result<TableInput, CloudError> {
    let mut input = TableInput::builder().name(name).build().map_err(|error| unbuilt(&error))?;
    // Athena needs an empty list where a table has no partitions. Source: the TableInput API reference.
    input.partition_keys = Some(Vec::new());
    input.storage_descriptor = Some(StorageDescriptor::builder().build());
    for (field, value) in &target.fields.0 {
        match (field.as_str(), value) {
            ("partition_key_comments", _) => {}
            ("parameters" | "serde_parameters" | "storage_parameters" | "iceberg", Value::Map(map)) => {
                for (key, value) in map {
                    put(&mut input, &[field.as_str(), key.as_str()], Some(value))?;
                }
            }
            (field, value) => put(&mut input, &[field], Some(value))?,
        }
    }
    put(&mut input, &["partition_key_comments"], target.fields.get("partition_key_comments"))?;
    let library = target.fields.text("serde_library").unwrap_or_default();
    if let Some(word) = classification(library) {
        input
            .parameters
            .get_or_insert_default()
            .entry("classification".to_owned())
            .or_insert(word.to_owned());
    }
    glue_catalog::put_mark(input.parameters.get_or_insert_default(), target.mark.as_ref());
    Ok(input)
}

/// The input that makes exactly these changes to a live table.
pub(super) fn for_update(
    table: Table,
    target: &Target,
    changes: &[Change],
) -> Result<TableInput, CloudError> {
    if table.view_definition.is_some() {
        // Its input has another shape, so sending it back would lose dialects. Source: the ViewDefinitionInput
        // API reference.
        let message = format!("`{}` is a multi-dialect view: change it with SQL", target.identity);
        return Err(CloudError::new(Class::Invalid, "glue:UpdateTable", message));
    }
    let before = serde_library(table.storage_descriptor.as_ref()).to_owned();
    let mut input = TableInput::builder().name(&table.name).build().map_err(|error| unbuilt(&error))?;
    input.description = table.description;
    input.owner = table.owner;
    input.last_access_time = table.last_access_time;
    input.last_analyzed_time = table.last_analyzed_time;
    input.retention = table.retention;
    input.storage_descriptor = table.storage_descriptor;
    input.partition_keys = Some(table.partition_keys.unwrap_or_default());
    input.view_original_text = table.view_original_text;
    input.view_expanded_text = table.view_expanded_text;
    input.table_type = table.table_type;
    input.parameters = table.parameters;
    input.target_table = table.target_table;
    for change in changes.iter().filter(|change| change.path.field() != "partition_indexes") {
        let path: Vec<&str> = change.path.0.iter().map(String::as_str).collect();
        put(&mut input, &path, change.to.as_ref())?;
    }
    let after = serde_library(input.storage_descriptor.as_ref()).to_owned();
    follow_format(&mut input, target, &before, &after);
    glue_catalog::put_mark(input.parameters.get_or_insert_default(), target.mark.as_ref());
    Ok(input)
}

/// Puts one field, one entry of a map field, or its absence.
fn put(input: &mut TableInput, path: &[&str], value: Option<&Value>) -> Result<(), CloudError> {
    let text = || value.and_then(Value::as_text).map(str::to_owned);
    let texts = || value.map(Value::to_texts).unwrap_or_default();
    let int =
        || value.and_then(Value::as_int).and_then(|number| i32::try_from(number).ok()).unwrap_or_default();
    let flag = || value.and_then(Value::as_bool).unwrap_or_default();
    match path {
        ["description"] => input.description = text(),
        ["owner"] => input.owner = text(),
        ["table_type"] => input.table_type = text(),
        ["view_original_text"] => input.view_original_text = text(),
        ["view_expanded_text"] => input.view_expanded_text = text(),
        ["retention"] => input.retention = int(),
        ["partition_keys"] => input.partition_keys = Some(columns(value, None)?),
        ["partition_key_comments"] => {
            let comments = value.map(Value::to_text_map).unwrap_or_default();
            for key in input.partition_keys.iter_mut().flatten() {
                key.comment = comments.get(&key.name.to_lowercase()).cloned();
            }
        }
        ["partition_key_comments", name] => {
            for key in
                input.partition_keys.iter_mut().flatten().filter(|key| key.name.to_lowercase() == *name)
            {
                key.comment = text();
            }
        }
        ["parameters", key] => glue_catalog::put(&mut input.parameters, key, text()),
        ["columns"] | ["iceberg", "columns"] => {
            let descriptor = descriptor(input);
            descriptor.columns = Some(columns(value, descriptor.columns.as_deref())?);
        }
        ["location"] | ["iceberg", "location"] => descriptor(input).location = text(),
        ["input_format"] => descriptor(input).input_format = text(),
        ["output_format"] => descriptor(input).output_format = text(),
        ["serde_library"] => serde(input).serialization_library = text(),
        ["serde_parameters", key] => glue_catalog::put(&mut serde(input).parameters, key, text()),
        ["storage_parameters", key] => glue_catalog::put(&mut descriptor(input).parameters, key, text()),
        ["bucket_columns"] => descriptor(input).bucket_columns = Some(texts()),
        ["number_of_buckets"] => descriptor(input).number_of_buckets = int(),
        ["sort_columns"] => {
            let orders: Result<Vec<Order>, CloudError> = texts().iter().map(|text| order(text)).collect();
            descriptor(input).sort_columns = Some(orders?);
        }
        ["compressed"] => descriptor(input).compressed = flag(),
        ["stored_as_sub_directories"] => descriptor(input).stored_as_sub_directories = flag(),
        // The rest is said elsewhere: the name of the database, indexes, the open table format.
        _ => {}
    }
    Ok(())
}

fn descriptor(input: &mut TableInput) -> &mut StorageDescriptor {
    input.storage_descriptor.get_or_insert_with(|| StorageDescriptor::builder().build())
}

fn serde(input: &mut TableInput) -> &mut SerDeInfo {
    descriptor(input).serde_info.get_or_insert_with(|| SerDeInfo::builder().build())
}

fn serde_library(descriptor: Option<&StorageDescriptor>) -> &str {
    let serde = descriptor.and_then(|descriptor| descriptor.serde_info.as_ref());
    serde.and_then(|serde| serde.serialization_library.as_deref()).unwrap_or_default()
}

/// Columns as AWS takes them. A column that stays keeps the parameters that others gave it.
fn columns(value: Option<&Value>, before: Option<&[GlueColumn]>) -> Result<Vec<GlueColumn>, CloudError> {
    let former: HashMap<String, &GlueColumn> =
        before.unwrap_or_default().iter().map(|column| (column.name.to_lowercase(), column)).collect();
    let columns = value.and_then(Value::as_list).unwrap_or_default().iter();
    columns
        .map(|column| {
            let text = |key: &str| column.as_map().and_then(|map| map.get(key)?.as_text().map(str::to_owned));
            let name = text("name").unwrap_or_default();
            let parameters = former.get(&name).and_then(|column| column.parameters.clone());
            GlueColumn::builder()
                .name(name)
                .set_type(text("type"))
                .set_comment(text("comment"))
                .set_parameters(parameters)
                .build()
                .map_err(|error| unbuilt(&error))
        })
        .collect()
}

fn order(text: &str) -> Result<Order, CloudError> {
    let (column, direction) = text.rsplit_once(' ').unwrap_or((text, "asc"));
    // 1 is ascending, 0 descending. Source: the Order API reference.
    let order = Order::builder().column(column).sort_order(i32::from(direction == "asc"));
    order.build().map_err(|error| unbuilt(&error))
}

/// The `classification` that Glue jobs want of a SerDe; without one they refuse to read a table of the catalog.
/// Source: the section on creating tables for ETL jobs of the Athena guide.
fn classification(serde_library: &str) -> Option<&'static str> {
    match serde_library.rsplit('.').next().unwrap_or_default() {
        "JsonSerDe" => Some("json"),
        "ParquetHiveSerDe" => Some("parquet"),
        "OrcSerde" => Some("orc"),
        "AvroSerDe" => Some("avro"),
        "OpenCSVSerde" => Some("csv"),
        _ => None,
    }
}

/// Moves a `classification` along that only said what the former SerDe was; one that the manifest or somebody
/// else chose stays.
fn follow_format(input: &mut TableInput, target: &Target, before: &str, after: &str) {
    let declared = target.fields.get("parameters").and_then(Value::as_map);
    if before == after || declared.is_some_and(|map| map.contains_key("classification")) {
        return;
    }
    let parameters = input.parameters.get_or_insert_default();
    let found = parameters.get("classification").map(String::as_str);
    if found.is_none() || found == classification(before) {
        match classification(after) {
            Some(word) => drop(parameters.insert("classification".to_owned(), word.to_owned())),
            None => drop(parameters.remove("classification")),
        }
    }
}
