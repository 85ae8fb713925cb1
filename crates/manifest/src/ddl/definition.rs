//! Holds the clauses of one statement against each other and makes the definition of them.
//!
//! Decides what Athena would refuse as a whole: a table that is neither external nor Iceberg, a column twice, a
//! row format on an Iceberg table. Reads no text of its own.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::clauses::{Bucketing, Property, RowFormat, StoredAs};
use super::columns::{Field, Partition};
use super::cursor::{Cursor, Placed, closest, placeholder_in};
use super::statement::Draft;
use super::{Column, PartitionTransform, Storage, TableDefinition, Transform, formats};

/// Makes the definition; `broken` says that clauses are missing because they could not be read.
///
/// Gives a definition even where it reports a mistake, so that the statements of a file can be compared.
pub(super) fn settle(cursor: &mut Cursor, draft: Draft, broken: bool) -> TableDefinition {
    let before = cursor.error_count();
    let iceberg = table_type(cursor, draft.properties.as_ref());
    let broken = broken || cursor.error_count() > before;
    check_kind(cursor, &draft, iceberg, broken);
    let Draft {
        head: _,
        external: _,
        if_not_exists,
        database,
        name,
        name_range,
        columns,
        comment,
        partitions,
        bucketing,
        row_format,
        serde_properties,
        stored_as,
        location,
        properties,
    } = draft;
    let columns_known = columns.is_some() && !broken;
    let columns = columns.unwrap_or_default();
    distinct(cursor, &columns, &HashMap::new());
    let names: HashMap<&str, &str> =
        columns.iter().map(|field| (field.column.name.as_str(), field.column.type_name.as_str())).collect();
    let (partition_keys, partition_transforms) = match partitions {
        Some(clause) if iceberg => (Vec::new(), derived(cursor, clause.value, &names, columns_known)),
        Some(clause) => (keys(cursor, clause.value, &names), Vec::new()),
        None => (Vec::new(), Vec::new()),
    };
    if let Some(Placed { value: bucketing, .. }) = bucketing.as_ref().filter(|_| columns_known) {
        let sorted = bucketing.sort.iter().map(|sort| (&sort.value.name, &sort.range));
        let all = bucketing.columns.iter().map(|column| (&column.value, &column.range)).chain(sorted);
        for (column, range) in all.filter(|(column, _)| !names.contains_key(column.as_str())) {
            no_column(cursor, range.clone(), column, &names);
        }
    }
    let properties = properties.map(|clause| clause.value).unwrap_or_default();
    check_template(cursor, &properties, &partition_keys);
    if let Some(location) = &location {
        check_location(cursor, location);
    }
    let storage = (!iceberg).then(|| storage(cursor, row_format, stored_as, serde_properties));
    let (bucket_columns, sort_columns, number_of_buckets) = match bucketing {
        Some(Placed { value: Bucketing { columns, sort, buckets }, .. }) => (columns, sort, Some(buckets)),
        None => (Vec::new(), Vec::new(), None),
    };
    TableDefinition {
        database,
        name,
        name_range,
        if_not_exists,
        columns: columns.into_iter().map(|field| field.column).collect(),
        partition_keys,
        partition_transforms,
        comment: comment.map(|comment| comment.value),
        location_range: location.as_ref().map(|location| location.range.clone()),
        location: location.map(|location| location.value),
        storage,
        bucket_columns: bucket_columns.into_iter().map(|column| column.value).collect(),
        number_of_buckets,
        sort_columns: sort_columns.into_iter().map(|sort| sort.value).collect(),
        parameters: properties
            .into_iter()
            .map(|property| (property.key.value, property.value.value))
            .collect(),
        iceberg,
    }
}

/// Reports what Athena refuses of the statement as a whole: neither external nor Iceberg, or half of both.
fn check_kind(cursor: &mut Cursor, draft: &Draft, iceberg: bool, broken: bool) {
    for part in draft.database.iter().chain([&draft.name]) {
        if part.len() > 255 {
            cursor.report(draft.name_range.clone(), "a name is longer than 255 bytes");
        }
    }
    if draft.columns.is_none() && !broken {
        let hint = "list them in brackets behind the table's name";
        cursor.report_hint(
            draft.name_range.clone(),
            format!("the table has no columns: `{}`", draft.name),
            hint,
        );
    }
    if !iceberg {
        if draft.external.is_none() && !broken {
            let message = "Athena creates external tables and Iceberg tables only";
            let hint = "write `CREATE EXTERNAL TABLE`, or add `TBLPROPERTIES ('table_type' = 'ICEBERG')`";
            cursor.report_hint(draft.head.clone(), message, hint);
        }
        return;
    }
    if let Some(external) = &draft.external {
        let message = "an Iceberg table is not `EXTERNAL`: Athena refuses it";
        cursor.report_hint(external.clone(), message, "write `CREATE TABLE`");
    }
    let not_on_iceberg = [
        (draft.row_format.as_ref().map(|clause| &clause.range), "ROW FORMAT", "delete the clause"),
        (
            draft.serde_properties.as_ref().map(|clause| &clause.range),
            "WITH SERDEPROPERTIES",
            "delete the clause",
        ),
        (
            draft.stored_as.as_ref().map(|clause| &clause.range),
            "STORED AS",
            "write `TBLPROPERTIES ('format' = 'parquet')`",
        ),
        (
            draft.bucketing.as_ref().map(|clause| &clause.range),
            "CLUSTERED BY",
            "write `PARTITIONED BY (bucket(n, column))`",
        ),
    ];
    for (range, clause, hint) in not_on_iceberg {
        let Some(range) = range else { continue };
        let message = format!("an Iceberg table has no `{clause}`: its metadata says it");
        cursor.report_hint(range.clone(), message, hint);
    }
}

fn is_type(property: &Property, wanted: &str) -> bool {
    property.key.value.eq_ignore_ascii_case("table_type") && property.value.value.eq_ignore_ascii_case(wanted)
}

/// Whether the properties say Iceberg; reports a type that cannot be described by columns.
fn table_type(cursor: &mut Cursor, clause: Option<&Placed<Vec<Property>>>) -> bool {
    let properties = clause.map(|clause| clause.value.as_slice()).unwrap_or_default();
    if let Some(delta) = properties.iter().find(|property| is_type(property, "delta")) {
        let message = "a Delta table's columns are in its log, where only Athena reads them";
        cursor.report_hint(delta.value.range.clone(), message, "create this table with a query in Athena");
    }
    let iceberg = properties.iter().find(|property| is_type(property, "iceberg"));
    if let Some(property) = iceberg.filter(|property| property.key.value != "table_type") {
        cursor.report_hint(
            property.key.range.clone(),
            "the property is spelled in another case",
            "did you mean `'table_type'`?",
        );
    }
    iceberg.is_some()
}

/// Reports columns that are there twice, or that are in `others` already.
fn distinct(cursor: &mut Cursor, fields: &[Field], others: &HashMap<&str, &str>) {
    let mut seen = HashSet::new();
    for field in fields {
        let name = field.column.name.as_str();
        if others.contains_key(name) {
            let message = format!("a partition column is also a column: `{name}`");
            let hint = "delete it from the columns: its value comes from the folder's name";
            cursor.report_hint(field.name_range.clone(), message, hint);
        } else if !seen.insert(name) {
            cursor.report(field.name_range.clone(), format!("the column is there twice: `{name}`"));
        }
    }
}

fn keys(cursor: &mut Cursor, partitions: Vec<Partition>, columns: &HashMap<&str, &str>) -> Vec<Column> {
    let mut fields = Vec::new();
    for partition in partitions {
        match partition {
            Partition::Field(field) => {
                let name = &field.column.name;
                if field.column.type_name.contains('<') {
                    let message = format!("a partition column has a simple type: `{name}`");
                    cursor.report(field.name_range.clone(), message);
                }
                fields.push(field);
            }
            Partition::Derived { column, transform: Transform::Identity, .. } => {
                let hint = format!("write `{} string`, or whatever type it has", column.value);
                cursor.report_hint(
                    column.range,
                    format!("the partition column has no type: `{}`", column.value),
                    hint,
                );
            }
            Partition::Derived { range, .. } => {
                let hint = "write `name type`, or add `TBLPROPERTIES ('table_type' = 'ICEBERG')`";
                cursor.report_hint(range, "only an Iceberg table is partitioned by a transform", hint);
            }
        }
    }
    distinct(cursor, &fields, columns);
    fields.into_iter().map(|field| field.column).collect()
}

fn derived(
    cursor: &mut Cursor,
    partitions: Vec<Partition>,
    columns: &HashMap<&str, &str>,
    columns_known: bool,
) -> Vec<PartitionTransform> {
    let mut found: Vec<PartitionTransform> = Vec::new();
    let mut seen = HashSet::new();
    for partition in partitions {
        let (column, transform, range) = match partition {
            Partition::Derived { column, transform, range } => (column, transform, range),
            Partition::Field(field) => {
                let message = "an Iceberg table is partitioned by its own columns, named without a type";
                let hint = format!("list `{0}` among the columns and write `{0}` here", field.column.name);
                cursor.report_hint(field.name_range, message, hint);
                continue;
            }
        };
        match columns.get(column.value.as_str()) {
            Some(type_name) => suits(cursor, transform, &column, type_name),
            None if columns_known => no_column(cursor, column.range, &column.value, columns),
            None => {}
        }
        let next = PartitionTransform { column: column.value, transform };
        if seen.insert(next.clone()) {
            found.push(next);
        } else {
            cursor.report(range, "the table is partitioned by this twice");
        }
    }
    found
}

/// Reports a transform that Iceberg does not define for a column's type.
fn suits(cursor: &mut Cursor, transform: Transform, column: &Placed<String>, type_name: &str) {
    let base = type_name.split(['(', '<']).next().unwrap_or_default();
    let wanted = match transform {
        Transform::Identity if !type_name.contains('<') => return,
        Transform::Identity => "a simple type",
        Transform::Year | Transform::Month | Transform::Day if base == "date" || base == "timestamp" => {
            return;
        }
        Transform::Year | Transform::Month | Transform::Day => "a `date` or `timestamp`",
        Transform::Hour if base == "timestamp" => return,
        Transform::Hour => "a `timestamp`",
        Transform::Bucket(_) if !["boolean", "float", "double", "array", "map", "struct"].contains(&base) => {
            return;
        }
        Transform::Bucket(_) => "a whole number, decimal, date, timestamp, string or binary",
        Transform::Truncate(_) if ["int", "bigint", "decimal", "string", "binary"].contains(&base) => return,
        Transform::Truncate(_) => "an `int`, `bigint`, `decimal`, `string` or `binary`",
    };
    let message =
        format!("this transform wants {wanted}: `{}` is `{}`", column.value, super::cursor::shown(type_name));
    cursor.report(column.range.clone(), message);
}

fn no_column(cursor: &mut Cursor, range: Range<usize>, name: &str, columns: &HashMap<&str, &str>) {
    if cursor.is_full() {
        return;
    }
    let mut known: Vec<&str> = columns.keys().copied().collect();
    known.sort_unstable();
    let message = format!("the table has no such column: `{}`", super::cursor::shown(name));
    match closest(name, &known) {
        Some(near) => cursor.report_hint(range, message, format!("did you mean `{near}`?")),
        None => cursor.report(range, message),
    };
}

/// Reports a location that is no S3 location; the manifest holds the rest against S3's rules.
fn check_location(cursor: &mut Cursor, location: &Placed<String>) {
    let value = location.value.as_str();
    if let Some(hole) = placeholder_in(value) {
        let inside = location.range.start + 1;
        let exact = inside + hole.start..inside + hole.end;
        // Escapes before the placeholder shift it: then the whole string is marked.
        let same = cursor.text_at(exact.clone()) == Some(&value[hole]);
        cursor.report_placeholder(if same { exact } else { location.range.clone() });
        return;
    }
    let shown = super::cursor::shown(value);
    let rest = value.strip_prefix("s3://");
    let other = ["s3a://", "s3n://", "S3://"].iter().find_map(|scheme| value.strip_prefix(scheme));
    match (rest, other) {
        (Some(rest), _) if !rest.is_empty() && !rest.starts_with('/') => {}
        (None, Some(rest)) => {
            let hint = format!("write `s3://{}`", super::cursor::shown(rest));
            cursor.report_hint(location.range.clone(), format!("Athena reads `s3://` only: `{shown}`"), hint);
        }
        (Some(_) | None, _) => {
            let hint = "write `s3://bucket/folder/`";
            cursor.report_hint(location.range.clone(), format!("this is no S3 location: `{shown}`"), hint);
        }
    }
}

/// Reports a projected location whose placeholders are not the table's partition columns.
///
/// This is the one place where `${…}` stays after interpolation: it is Athena's.
fn check_template(cursor: &mut Cursor, properties: &[Property], keys: &[Column]) {
    let Some(template) = properties.iter().find(|property| property.key.value == "storage.location.template")
    else {
        return;
    };
    if let Some(hole) = placeholder_in(&template.value.value.replace("${", "  ")) {
        let message =
            format!("nothing was put in place of `{}`", super::cursor::shown(&template.value.value[hole]));
        cursor.report_hint(template.value.range.clone(), message, "write the value");
    }
    let mut rest = template.value.value.as_str();
    while let Some(start) = rest.find("${").filter(|_| !cursor.is_full()) {
        let inner = &rest[start + 2..];
        let end = inner.find('}').unwrap_or(inner.len());
        let name = &inner[..end];
        if start > 0 && rest.as_bytes()[start - 1] == b'$' {
            let message = "a `$` is left over before a placeholder";
            let hint = "in a manifest's table file write `$${column}`: it becomes `${column}`";
            cursor.report_hint(template.value.range.clone(), message, hint);
        } else if !keys.iter().any(|key| key.name.eq_ignore_ascii_case(name)) {
            let known: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
            let message = format!("the template names no partition column: `{}`", super::cursor::shown(name));
            let hint = match closest(name, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name a column of `PARTITIONED BY`".to_owned(),
            };
            cursor.report_hint(template.value.range.clone(), message, hint);
        }
        rest = &inner[end..];
    }
}

/// Joins what the row format and the storage format say.
///
/// As in Hive, a SerDe that is named wins over the format's own, a SerDe alone means text files, and delimiters
/// go to whichever SerDe it is in the end.
fn storage(
    cursor: &mut Cursor,
    row_format: Option<Placed<RowFormat>>,
    stored_as: Option<Placed<StoredAs>>,
    serde_properties: Option<Placed<Vec<Property>>>,
) -> Storage {
    let mut storage = Storage::from(formats::TEXTFILE);
    match stored_as.map(|clause| clause.value) {
        Some(StoredAs::Format(format)) => storage = format.into(),
        Some(StoredAs::Classes { input, output }) => {
            storage.input_format = input;
            storage.output_format = output;
        }
        None => {}
    }
    match row_format.map(|clause| clause.value) {
        Some(RowFormat::Serde(class)) => {
            storage.serde_library = class;
        }
        Some(RowFormat::Delimited(parameters)) => {
            storage
                .serde_parameters
                .extend(parameters.into_iter().map(|(key, value)| (key.to_owned(), value)));
        }
        None => {}
    }
    if let Some(clause) = serde_properties {
        for Property { key, value } in clause.value {
            let before = storage.serde_parameters.get(&key.value);
            if before.is_some_and(|before| *before != value.value) {
                let shown = cursor.shown(key.range.clone());
                cursor.report(key.range, format!("the row format says something else about {shown}"));
                continue;
            }
            storage.serde_parameters.insert(key.value, value.value);
        }
    }
    storage
}
