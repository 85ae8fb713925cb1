//! What is particular to Iceberg tables: their metadata in S3 says everything, the catalog points at it.

use std::collections::BTreeMap;

use aws_sdk_glue::types::{
    CreateIcebergTableInput, IcebergInput, IcebergPartitionField, IcebergPartitionSpec, IcebergSchema,
    IcebergStructField, MetadataOperation, OpenTableFormatInput, StorageDescriptor, Table,
};
use aws_smithy_types::{Document, Number};
use lakeform_manifest::ddl::{self, Column, PartitionTransform, Transform};
use lakeform_model::{CloudError, Fields, Node, Scope, Value};

use super::decode::columns_value;
use super::live;
use crate::glue_catalog::unbuilt;

/// The Iceberg format version of new tables: the one Athena writes.
const VERSION: &str = "2";
/// Partition fields are numbered from here. Source: the partition evolution section of the Iceberg spec.
const FIRST_PARTITION_FIELD: i32 = 1000;

/// Whether the catalog says that a table is an Iceberg one; writers differ in the word's case.
pub(super) fn is_iceberg(table: &Table) -> bool {
    let parameters = table.parameters.iter().flatten();
    parameters.filter(|(key, _)| *key == "table_type").any(|(_, value)| value.eq_ignore_ascii_case("iceberg"))
}

/// The metadata file of an Iceberg table that somebody has written to since it was created.
pub(super) fn written_metadata(table: &Table) -> Option<String> {
    let parameters = table.parameters.as_ref()?;
    let metadata = parameters.get("metadata_location").filter(|_| is_iceberg(table))?;
    // The first file of a table is `00000-….metadata.json`; every commit writes the next number.
    let first = metadata.rsplit('/').next().is_some_and(|file| file.starts_with("00000-"));
    let written = !first || parameters.contains_key("previous_metadata_location");
    written.then(|| metadata.clone())
}

/// The live side of `iceberg`. The catalog's columns are derived from the metadata, so what only the derivation
/// changed is spelled as the manifest spells it, and columns of former schemas are left out.
pub(super) fn live(
    descriptor: Option<&StorageDescriptor>,
    wanted: Option<&Fields>,
) -> BTreeMap<String, Value> {
    let mut own = BTreeMap::new();
    let Some(descriptor) = descriptor else { return own };
    let columns = descriptor.columns.iter().flatten().filter(|column| {
        let current = column.parameters.as_ref().and_then(|all| all.get("iceberg.field.current"));
        current.is_none_or(|current| current != "false")
    });
    let columns: Vec<Column> = columns.map(live::column).collect();
    let meant = wanted.and_then(|wanted| wanted.get("iceberg.columns"));
    let found = columns_value(&columns);
    own.insert(
        "columns".to_owned(),
        match meant {
            Some(meant) if same_columns(meant, &found) => meant.clone(),
            _ => found,
        },
    );
    let meant = wanted.and_then(|wanted| wanted.text("iceberg.location"));
    own.extend(live::location(descriptor, meant).map(|location| ("location".to_owned(), location)));
    own
}

/// Whether live columns are what Iceberg makes of the wanted ones. A comment that the catalog does not tell is no
/// difference.
fn same_columns(wanted: &Value, found: &Value) -> bool {
    let (wanted, found) = (wanted.as_list().unwrap_or_default(), found.as_list().unwrap_or_default());
    let part = |column: &Value, key: &str| {
        column.as_map().and_then(|map| map.get(key)?.as_text().map(str::to_owned))
    };
    wanted.len() == found.len()
        && wanted.iter().zip(found).all(|(wanted, found)| {
            let kind = |column: &Value| part(column, "type").map(|text| kept_type(&text));
            let comment = part(found, "comment");
            part(wanted, "name") == part(found, "name")
                && kind(wanted) == kind(found)
                && (comment.is_none() || comment == part(wanted, "comment"))
        })
}

/// The type Iceberg keeps a Hive type in: it has no small integers and no texts of a fixed length.
fn kept_type(text: &str) -> String {
    let mut kept = String::new();
    for piece in text.split_inclusive(['<', '>', ',', ':']) {
        let word = piece.trim_end_matches(['<', '>', ',', ':']);
        let word_kept = match word {
            "tinyint" | "smallint" => "int",
            _ if word.starts_with("varchar(") || word.starts_with("char(") => "string",
            other => other,
        };
        kept.push_str(word_kept);
        kept.push_str(&piece[word.len()..]);
    }
    kept
}

/// A transform as people write it.
pub(super) fn text_of(transform: &PartitionTransform) -> String {
    let column = &transform.column;
    match transform.transform {
        Transform::Identity => column.clone(),
        Transform::Year => format!("year({column})"),
        Transform::Month => format!("month({column})"),
        Transform::Day => format!("day({column})"),
        Transform::Hour => format!("hour({column})"),
        Transform::Bucket(count) => format!("bucket({count}, {column})"),
        Transform::Truncate(width) => format!("truncate({width}, {column})"),
    }
}

/// Reads `partitioning`. Each item goes through the reader of statements, so that the same is allowed in both.
pub(super) fn transforms(
    node: Option<&Node>,
    columns: &[Column],
    scope: &mut Scope<'_>,
) -> Vec<PartitionTransform> {
    let mut found: Vec<PartitionTransform> = Vec::new();
    let fields: Vec<String> =
        columns.iter().map(|column| format!("`{}` {}", column.name, column.type_name)).collect();
    for item in node.map(Node::items).unwrap_or_default() {
        let text = item.scalar_text().unwrap_or_default();
        let fine = |c: char| c.is_alphanumeric() || "_(), ".contains(c);
        let statement = format!(
            "CREATE TABLE t ({}) PARTITIONED BY ({text}) TBLPROPERTIES ('table_type' = 'ICEBERG')",
            fields.join(", ")
        );
        match ddl::parse(&statement) {
            _ if !text.chars().all(fine) => {
                scope
                    .error(item, "this is no partition transform")
                    .hint("such as `day(ts)`, `bucket(16, id)`, or a column");
            }
            Ok(tables) => {
                for transform in tables.into_iter().flat_map(|table| table.partition_transforms) {
                    if found.contains(&transform) {
                        scope.error(item, "the table is partitioned by this twice");
                    }
                    found.push(transform);
                }
            }
            Err(problems) => {
                if let Some(problem) = problems.into_iter().next() {
                    scope.error(item, problem.message).hint = problem.hint;
                }
            }
        }
    }
    found
}

/// What makes `CreateTable` write Iceberg metadata. Without partitions the columns of the `TableInput` are the
/// schema; partitions need schema and spec in Iceberg's own words. Source: the `OpenTableFormatInput` API reference.
pub(super) fn for_create(fields: &Fields) -> Result<Option<OpenTableFormatInput>, CloudError> {
    if fields.get("open_table_format").is_none() {
        return Ok(None);
    }
    let mut input = IcebergInput::builder().metadata_operation(MetadataOperation::Create).version(VERSION);
    let partitioning = fields.texts("iceberg.partitioning");
    if !partitioning.is_empty() {
        input = input.create_iceberg_table_input(own_input(fields, &partitioning)?);
    }
    let input = input.build().map_err(|error| unbuilt(&error))?;
    Ok(Some(OpenTableFormatInput::builder().iceberg_input(input).build()))
}

fn own_input(fields: &Fields, partitioning: &[String]) -> Result<CreateIcebergTableInput, CloudError> {
    let columns = fields.get("iceberg.columns").and_then(Value::as_list).unwrap_or_default();
    let text = |column: &Value, key: &str| {
        column.as_map().and_then(|map| map.get(key)?.as_text().map(str::to_owned))
    };
    // Ids of the top fields come first, those inside them after: as Iceberg's own writers number a new schema.
    let mut next = i32::try_from(columns.len()).unwrap_or(i32::MAX).saturating_add(1);
    let mut schema = IcebergSchema::builder().schema_id(0);
    let mut ids: BTreeMap<String, i32> = BTreeMap::new();
    for (id, column) in (1..).zip(columns) {
        let name = text(column, "name").unwrap_or_default();
        let kind = schema_type(&text(column, "type").unwrap_or_default(), &mut next);
        let field = IcebergStructField::builder().id(id).name(&name).r#type(kind).required(false);
        let field = field.set_doc(text(column, "comment")).build().map_err(|error| unbuilt(&error))?;
        schema = schema.fields(field);
        ids.insert(name, id);
    }
    let mut spec = IcebergPartitionSpec::builder().spec_id(0);
    for (number, item) in (FIRST_PARTITION_FIELD..).zip(partitioning) {
        let (transform, column, name) = in_spec(item);
        let source = ids.get(&column).copied().unwrap_or_default();
        let field = IcebergPartitionField::builder()
            .source_id(source)
            .field_id(number)
            .transform(transform)
            .name(name);
        spec = spec.fields(field.build().map_err(|error| unbuilt(&error))?);
    }
    CreateIcebergTableInput::builder()
        .location(fields.text("iceberg.location").unwrap_or_default().trim_end_matches('/'))
        .schema(schema.build().map_err(|error| unbuilt(&error))?)
        .partition_spec(spec.build().map_err(|error| unbuilt(&error))?)
        .build()
        .map_err(|error| unbuilt(&error))
}

/// A transform in the words of a partition spec: `bucket[16]`, its column, and the field's name as Iceberg's
/// writers give it. Source: the partition specs section of the Iceberg spec.
fn in_spec(item: &str) -> (String, String, String) {
    let Some((function, inside)) = item.strip_suffix(')').and_then(|item| item.split_once('(')) else {
        return ("identity".to_owned(), item.to_owned(), item.to_owned());
    };
    match inside.split_once(", ") {
        Some((width, column)) => {
            let short = if function == "truncate" { "trunc" } else { function };
            (format!("{function}[{width}]"), column.to_owned(), format!("{column}_{short}"))
        }
        None => (function.to_owned(), inside.to_owned(), format!("{inside}_{function}")),
    }
}

/// A canonical Hive type as Iceberg's schema JSON; ids of inner fields are taken from `next`.
fn schema_type(text: &str, next: &mut i32) -> Document {
    let mut id = || {
        let id = *next;
        *next = next.saturating_add(1);
        Document::Number(Number::PosInt(u64::from(id.unsigned_abs())))
    };
    let inside = text.strip_suffix('>').and_then(|text| text.split_once('<'));
    let entry = |key: &str, value: Document| (key.to_owned(), value);
    let word = |word: &str| Document::String(word.to_owned());
    match inside {
        Some(("array", inner)) => {
            let element = id();
            Document::Object(
                [
                    entry("type", word("list")),
                    entry("element-id", element),
                    entry("element-required", Document::Bool(false)),
                    entry("element", schema_type(inner, next)),
                ]
                .into(),
            )
        }
        Some(("map", inner)) => {
            let (key_id, value_id) = (id(), id());
            let mut parts = top_level(inner).into_iter();
            let (key, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            Document::Object(
                [
                    entry("type", word("map")),
                    entry("key-id", key_id),
                    entry("key", schema_type(key, next)),
                    entry("value-id", value_id),
                    entry("value-required", Document::Bool(false)),
                    entry("value", schema_type(value, next)),
                ]
                .into(),
            )
        }
        Some((_, inner)) => {
            let fields = top_level(inner).into_iter().map(|field| (id(), field)).collect::<Vec<_>>();
            let fields = fields.into_iter().map(|(id, field)| {
                let (name, kind) = field.split_once(':').unwrap_or((field, "string"));
                Document::Object(
                    [
                        entry("id", id),
                        entry("name", word(name)),
                        entry("required", Document::Bool(false)),
                        entry("type", schema_type(kind, next)),
                    ]
                    .into(),
                )
            });
            let fields = fields.collect();
            Document::Object([entry("type", word("struct")), entry("fields", Document::Array(fields))].into())
        }
        None => word(&simple_type(&kept_type(text))),
    }
}

fn simple_type(kept: &str) -> String {
    match kept {
        "bigint" => "long".to_owned(),
        other => other.to_owned(),
    }
}

/// The parts of a list of types between commas that are not inside another type.
fn top_level(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_usize, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '<' | '(' => depth += 1,
            '>' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_loses_what_iceberg_has_no_word_for() {
        assert_eq!(kept_type("struct<a:tinyint,b:array<varchar(5)>>"), "struct<a:int,b:array<string>>");
        assert_eq!(kept_type("decimal(10,2)"), "decimal(10,2)");
    }

    #[test]
    fn a_nested_type_becomes_a_schema_with_ids_of_its_own() {
        let mut next = 3;
        let document = schema_type("map<string,struct<a:bigint,b:array<int>>>", &mut next);
        let map = document.as_object().unwrap();
        assert_eq!(map["type"], Document::String("map".to_owned()));
        let value = map["value"].as_object().unwrap();
        assert_eq!(value["fields"].as_array().unwrap().len(), 2);
        assert_eq!(next, 8);
    }

    #[test]
    fn a_transform_has_its_name_in_the_spec() {
        let spec = |item: &str| in_spec(item);
        assert_eq!(spec("bucket(16, id)"), ("bucket[16]".into(), "id".into(), "id_bucket".into()));
        assert_eq!(spec("day(ts)"), ("day".into(), "ts".into(), "ts_day".into()));
        assert_eq!(spec("region"), ("identity".into(), "region".into(), "region".into()));
    }
}
