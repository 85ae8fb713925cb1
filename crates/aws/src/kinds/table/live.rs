//! What AWS says of a table, as the same canonical fields: what AWS and others fill in is left out.

use aws_sdk_glue::types::{Column as GlueColumn, StorageDescriptor, Table};
use lakeform_manifest::ddl::{Column, canonical_type};
use lakeform_model::{Fields, Mark, Value};

use super::decode::{columns_value, partition_fields, sort_text};
use super::iceberg;
use crate::{glue_catalog, s3_url};

/// `database/table`, in lower case as AWS keeps both; emulators may not.
pub(super) fn identity(database: &str, table: &Table) -> String {
    format!("{database}/{}", table.name.to_lowercase())
}

/// The fields, and the mark.
pub(super) fn fields(database: &str, table: &Table, wanted: Option<&Fields>) -> (Fields, Option<Mark>) {
    let mut fields = Fields::new();
    let (mark, parameters) = Mark::split(glue_catalog::parameters(table));
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    fields.set("database", Value::pointer("database", database, database));
    fields.set_some("description", text(&table.description));
    fields.set_some("owner", text(&table.owner));
    fields.set_some("table_type", text(&table.table_type));
    fields.set_some("view_original_text", text(&table.view_original_text));
    fields.set_some("view_expanded_text", text(&table.view_expanded_text));
    fields.set_some("retention", (table.retention != 0).then_some(table.retention));
    if !parameters.is_empty() {
        fields.set("parameters", Value::text_map(parameters));
    }
    let descriptor = table.storage_descriptor.as_ref();
    if iceberg::is_iceberg(table) {
        fields.set("open_table_format", "iceberg");
        fields.set("iceberg", iceberg::live(descriptor, wanted));
    } else {
        if let Some(descriptor) = descriptor {
            data(&mut fields, descriptor, wanted);
        }
        let keys: Vec<Column> = table.partition_keys.iter().flatten().map(column).collect();
        partition_fields(&mut fields, &keys);
    }
    (fields, mark)
}

/// What the storage descriptor says of the data. Buckets of 0 and -1 are how AWS and crawlers say "none".
fn data(fields: &mut Fields, descriptor: &StorageDescriptor, wanted: Option<&Fields>) {
    let columns: Vec<Column> = descriptor.columns.iter().flatten().map(column).collect();
    if !columns.is_empty() {
        fields.set("columns", columns_value(&columns));
    }
    fields.set_some("location", location(descriptor, wanted.and_then(|wanted| wanted.text("location"))));
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    fields.set_some("input_format", text(&descriptor.input_format));
    fields.set_some("output_format", text(&descriptor.output_format));
    let map = |map: &Option<std::collections::HashMap<String, String>>| {
        map.as_ref().filter(|map| !map.is_empty()).map(Value::text_map)
    };
    if let Some(serde) = &descriptor.serde_info {
        fields.set_some("serde_library", text(&serde.serialization_library));
        fields.set_some("serde_parameters", map(&serde.parameters));
    }
    fields.set_some("storage_parameters", map(&descriptor.parameters));
    let buckets: Vec<String> =
        descriptor.bucket_columns.iter().flatten().map(|name| name.to_lowercase()).collect();
    fields.set_some("bucket_columns", (!buckets.is_empty()).then(|| Value::texts(buckets)));
    fields.set_some(
        "number_of_buckets",
        (descriptor.number_of_buckets > 0).then_some(descriptor.number_of_buckets),
    );
    let sorts = descriptor.sort_columns.iter().flatten();
    let sorts: Vec<String> =
        sorts.map(|order| sort_text(&order.column.to_lowercase(), order.sort_order == 1)).collect();
    fields.set_some("sort_columns", (!sorts.is_empty()).then(|| Value::texts(sorts)));
    fields.set_some("compressed", descriptor.compressed.then_some(true));
    fields.set_some("stored_as_sub_directories", descriptor.stored_as_sub_directories.then_some(true));
}

/// Where the data is, as the manifest spells it where only a final `/` differs.
pub(super) fn location(descriptor: &StorageDescriptor, wanted: Option<&str>) -> Option<Value> {
    let url = descriptor.location.as_deref().filter(|url| !url.is_empty())?;
    Some(s3_url::live_value(url, wanted))
}

/// A column with its type in the form the manifest's types have. A type that cannot be read is at least in lower
/// case and without spaces.
pub(super) fn column(column: &GlueColumn) -> Column {
    let written = column.r#type.as_deref().unwrap_or_default();
    let type_name = canonical_type(written).unwrap_or_else(|_| {
        written.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
    });
    Column { name: column.name.to_lowercase(), type_name, comment: column.comment.clone() }
}
