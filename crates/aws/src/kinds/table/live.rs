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

#[cfg(test)]
mod tests {
    use aws_sdk_glue::types::{Column as GlueColumn, SerDeInfo, StorageDescriptor, Table};
    use lakeform_model::{Managed, diff};

    use super::*;
    use crate::kinds::table::RULES;
    use crate::s3_url;

    fn glue_column(name: &str, kind: &str) -> GlueColumn {
        GlueColumn::builder().name(name).r#type(kind).build().unwrap()
    }

    /// A table as AWS reads it back: everything it fills in is there.
    fn read_back(column: GlueColumn, location: &str) -> Table {
        let descriptor = StorageDescriptor::builder()
            .columns(column)
            .location(location)
            .compressed(false)
            .number_of_buckets(0)
            .set_sort_columns(Some(Vec::new()))
            .stored_as_sub_directories(false)
            .build();
        Table::builder()
            .name("Events")
            .table_type("EXTERNAL_TABLE")
            .retention(0)
            .storage_descriptor(descriptor)
            .build()
            .unwrap()
    }

    fn wanted(columns: &[Column]) -> Fields {
        let mut fields = Fields::new();
        fields.set("database", Value::pointer("database", "d", "d"));
        fields.set("table_type", "EXTERNAL_TABLE");
        fields.set("columns", columns_value(columns));
        fields
    }

    fn plain(name: &str, kind: &str) -> Column {
        Column { name: name.to_owned(), type_name: kind.to_owned(), comment: None }
    }

    fn differences(wanted: &Fields, table: &Table) -> Vec<String> {
        let (live, _) = fields("d", table, Some(wanted));
        let changes = diff(wanted, &live, RULES, &Managed::default());
        changes.iter().map(|change| change.path.to_string()).collect()
    }

    #[test]
    fn what_aws_fills_in_is_no_difference() {
        let mut wanted = wanted(&[plain("id", "array<struct<a:int>>")]);
        wanted.set("location", s3_url::value("s3://lake/events/"));
        let column = glue_column("ID", "array< struct<A: INT> >");
        let mut table = read_back(column, "s3://lake/events");
        assert_eq!(differences(&wanted, &table), Vec::<String>::new());
        if let Some(descriptor) = &mut table.storage_descriptor {
            descriptor.number_of_buckets = -1;
            descriptor.bucket_columns = Some(Vec::new());
        }
        assert_eq!(differences(&wanted, &table), Vec::<String>::new());
    }

    #[test]
    fn what_others_write_is_no_difference_and_what_the_manifest_gives_is_text() {
        let mut wanted = wanted(&[plain("id", "string")]);
        wanted.set("location", s3_url::value("s3://lake/events/"));
        wanted.set("parameters", Value::text_map([("projection.enabled", "true"), ("recordCount", "1")]));
        let mut table = read_back(glue_column("id", "string"), "s3://lake/events/");
        let theirs = [
            ("projection.enabled", "true"),
            ("recordCount", "99"),
            ("classification", "json"),
            ("EXTERNAL", "TRUE"),
        ];
        table.parameters = Some(theirs.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        if let Some(descriptor) = &mut table.storage_descriptor {
            let serde =
                SerDeInfo::builder().serialization_library("org.x.Serde").parameters("path", "s3://x");
            descriptor.serde_info = Some(serde.build());
        }
        assert_eq!(differences(&wanted, &table), Vec::<String>::new());
    }

    #[test]
    fn an_iceberg_table_reads_as_what_its_metadata_makes_of_the_columns() {
        let mut fields = Fields::new();
        fields.set("database", Value::pointer("database", "d", "d"));
        fields.set("table_type", "EXTERNAL_TABLE").set("open_table_format", "iceberg");
        let mut column = plain("id", "smallint");
        column.comment = Some("the number".to_owned());
        let own = [
            ("columns".to_owned(), columns_value(&[column])),
            ("location".to_owned(), s3_url::value("s3://lake/t/")),
            ("partitioning".to_owned(), Value::texts(["id"])),
        ];
        fields.set("iceberg", std::collections::BTreeMap::from(own));
        let mut table = read_back(glue_column("id", "int"), "s3://lake/t");
        let former =
            GlueColumn::builder().name("old").r#type("string").parameters("iceberg.field.current", "false");
        if let Some(columns) = table.storage_descriptor.as_mut().and_then(|all| all.columns.as_mut()) {
            columns.push(former.build().unwrap());
        }
        let metadata = [("table_type", "iceberg"), ("metadata_location", "s3://lake/t/metadata/00003-x")];
        table.parameters = Some(metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        assert_eq!(differences(&fields, &table), Vec::<String>::new());
        assert_eq!(iceberg::written_metadata(&table).as_deref(), Some("s3://lake/t/metadata/00003-x"));
    }
}
