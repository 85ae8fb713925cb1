//! What the manifest says of a table, as canonical fields. A `ddl` file and written-out columns both become a
//! [`TableDefinition`] first, so that the two give the same table.

use std::collections::{BTreeMap, BTreeSet};

use lakeform_manifest::ddl::{
    self, Column, DdlError, SortColumn, Storage, TableDefinition, canonical_type, formats,
};
use lakeform_model::{Entry, Fields, FileId, Node, NodeValue, Scope, Span, Value};

use super::iceberg;
use crate::{glue_catalog, s3_url};

/// What `format` takes: the names of the DDL reader, and Iceberg.
pub(super) const FORMATS: &[&str] =
    &["json", "parquet", "orc", "avro", "csv", "tsv", "textfile", "ion", "rcfile", "sequencefile", "iceberg"];
/// What a `CREATE EXTERNAL TABLE` statement says, so that it cannot be said beside it.
const IN_DDL: &[&str] = &[
    "columns",
    "partition_keys",
    "format",
    "serde",
    "serde_parameters",
    "partitioning",
    "bucket_columns",
    "number_of_buckets",
    "sort_columns",
    "table_type",
    "view_original_text",
    "view_expanded_text",
];
/// Parameters that make a table an Iceberg one, which only its writers may set.
const OF_ICEBERG: &[&str] = &["metadata_location", "previous_metadata_location"];
/// The most partition indexes of a table. Source: the partition index section of the Glue guide.
const MOST_INDEXES: usize = 3;

/// The name of the database an entry stands in.
pub(super) fn database(entry: &Entry<'_>) -> String {
    let named = entry.within.get(1).and_then(|database| database.text("name"));
    named.or_else(|| entry.address.keys().first().cloned()).unwrap_or_default().to_lowercase()
}

/// A column's comment: one line of at most 255 characters. Source: the `CommentString` shape of the Glue API.
pub(super) fn comment(text: &str) -> Result<(), String> {
    if text.chars().count() > 255 {
        return Err("must be at most 255 characters long".to_owned());
    }
    match text.chars().find(|c| c.is_control() && *c != '\t') {
        Some(c) => Err(format!("must not hold `{}`", c.escape_default())),
        None => Ok(()),
    }
}

pub(super) fn column_name(text: &str) -> Result<(), String> {
    if text.trim().is_empty() || text.len() > 255 {
        return Err("must be 1 to 255 bytes long".to_owned());
    }
    comment(text)
}

/// The name of a Java class of at most 128 characters. Source: the `FormatString` shape of the Glue API.
pub(super) fn class(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > 128 {
        return Err("must be 1 to 128 characters long".to_owned());
    }
    match text.chars().find(|c| !(c.is_alphanumeric() || "._$".contains(*c))) {
        Some(c) => Err(format!("must not hold `{}`: it is a class name", c.escape_default())),
        None => Ok(()),
    }
}

/// The canonical fields; `None` when the diagnostics say why there are none.
pub(super) fn fields(entry: &Entry<'_>, scope: &mut Scope<'_>) -> Option<Fields> {
    let node = entry.node;
    let name = entry.name();
    let at = node.some("name").unwrap_or(entry.key);
    if let Err(problem) = glue_catalog::name(&name) {
        scope.error(at, format!("the table's name {problem}"));
        return None;
    }
    glue_catalog::warn_of_name("table", &name, at, scope);
    let before = errors(scope);
    let view = node.text("table_type").as_deref() == Some("VIRTUAL_VIEW");
    let mut definition = match node.some("ddl") {
        Some(path) => from_file(entry, path, &name.to_lowercase(), scope)?,
        None => from_keys(node, view, scope),
    };
    if let Some(description) = node.text("description") {
        definition.comment = Some(description);
    }
    if let Some(parameters) = node.some("parameters") {
        check_parameters(parameters, scope);
        definition.parameters.extend(parameters.text_map());
    }
    if definition.location.is_none() && !view {
        scope.error(entry.key, format!("the table `{name}` has no location")).hint(
            "give `location: s3://bucket/folder/`, or `LOCATION` in the statement: Athena reads no table without",
        );
    }
    let indexes = indexes(node, &definition, scope);
    if errors(scope) > before {
        return None;
    }
    let mut fields = canonical(&database(entry), definition, view);
    fields.set_some("partition_indexes", indexes);
    if let Some(parameters) = node.some("storage_parameters") {
        fields.set("storage_parameters", Value::text_map(parameters.text_map()));
    }
    for (field, key) in
        [("compressed", "compressed"), ("stored_as_sub_directories", "stored_as_sub_directories")]
    {
        fields.set_some(field, node.get(key).and_then(Node::as_bool));
    }
    for key in ["view_original_text", "view_expanded_text", "owner"] {
        fields.set_some(key, node.text(key));
    }
    fields.set_some("retention", node.get("retention").and_then(Node::as_int));
    Some(fields)
}

/// The fields of a definition, in their one normal form.
fn canonical(database: &str, definition: TableDefinition, view: bool) -> Fields {
    let TableDefinition {
        database: _,
        name: _,
        name_range: _,
        if_not_exists: _,
        columns,
        partition_keys,
        partition_transforms,
        comment,
        location,
        location_range: _,
        storage,
        bucket_columns,
        number_of_buckets,
        sort_columns,
        mut parameters,
        iceberg,
    } = definition;
    let mut fields = Fields::new();
    fields.set("database", Value::pointer("database", database, database));
    fields.set("table_type", if view { "VIRTUAL_VIEW" } else { "EXTERNAL_TABLE" });
    fields.set_some("description", comment);
    let columns = (!columns.is_empty()).then(|| columns_value(&columns));
    let location = location.map(|url| s3_url::value(&url));
    if iceberg {
        // AWS writes `table_type` itself, and refuses it on create as a reserved parameter.
        parameters.retain(|key, _| !key.eq_ignore_ascii_case("table_type"));
        fields.set("open_table_format", "iceberg");
        let mut own = BTreeMap::new();
        own.extend(columns.map(|columns| ("columns".to_owned(), columns)));
        own.extend(location.map(|location| ("location".to_owned(), location)));
        if !partition_transforms.is_empty() {
            let texts = partition_transforms.iter().map(iceberg::text_of);
            own.insert("partitioning".to_owned(), Value::texts(texts));
        }
        fields.set("iceberg", own);
    } else {
        fields.set_some("columns", columns);
        fields.set_some("location", location);
        partition_fields(&mut fields, &partition_keys);
    }
    if let Some(storage) = storage {
        let text = |text: String| (!text.is_empty()).then_some(text);
        fields.set_some("serde_library", text(storage.serde_library));
        fields.set_some("input_format", text(storage.input_format));
        fields.set_some("output_format", text(storage.output_format));
        if !storage.serde_parameters.is_empty() {
            fields.set("serde_parameters", Value::text_map(storage.serde_parameters));
        }
    }
    if !parameters.is_empty() {
        fields.set("parameters", Value::text_map(parameters));
    }
    if !bucket_columns.is_empty() {
        fields.set("bucket_columns", Value::texts(bucket_columns));
    }
    fields.set_some("number_of_buckets", number_of_buckets);
    if !sort_columns.is_empty() {
        let text = |sort: SortColumn| sort_text(&sort.name, sort.ascending);
        fields.set("sort_columns", Value::texts(sort_columns.into_iter().map(text)));
    }
    fields
}

/// One sort column as text.
pub(super) fn sort_text(column: &str, ascending: bool) -> String {
    format!("{column} {}", if ascending { "asc" } else { "desc" })
}

/// Columns as a canonical value.
pub(super) fn columns_value(columns: &[Column]) -> Value {
    let column = |column: &Column| {
        let mut map = BTreeMap::from([
            ("name".to_owned(), Value::from(&column.name)),
            ("type".to_owned(), Value::from(&column.type_name)),
        ]);
        let comment = column.comment.as_ref().filter(|comment| !comment.is_empty());
        map.extend(comment.map(|comment| ("comment".to_owned(), comment.into())));
        Value::Map(map)
    };
    Value::List(columns.iter().map(column).collect())
}

/// Partition keys in two fields: their comments can change in place, they themselves cannot.
pub(super) fn partition_fields(fields: &mut Fields, keys: &[Column]) {
    if keys.is_empty() {
        return;
    }
    let bare: Vec<Column> = keys.iter().map(|key| Column { comment: None, ..key.clone() }).collect();
    fields.set("partition_keys", columns_value(&bare));
    let comments = keys.iter().filter_map(|key| Some((key.name.clone(), key.comment.clone()?)));
    let comments: BTreeMap<String, String> = comments.filter(|(_, comment)| !comment.is_empty()).collect();
    if !comments.is_empty() {
        fields.set("partition_key_comments", Value::text_map(comments));
    }
}

fn errors(scope: &Scope<'_>) -> usize {
    let of_level =
        |diagnostic: &&lakeform_model::Diagnostic| diagnostic.level == lakeform_model::Level::Error;
    scope.diagnostics.0.iter().filter(of_level).count()
}

/// The statement of a `ddl` file that creates this table.
fn from_file(entry: &Entry<'_>, path: &Node, name: &str, scope: &mut Scope<'_>) -> Option<TableDefinition> {
    let node = entry.node;
    for key in IN_DDL.iter().filter(|key| node.some(key).is_some()) {
        let at = node.get(key).unwrap_or(path);
        scope.error(at, format!("`{key}` stands in the `ddl` file already")).hint("keep one of the two");
    }
    let (file, text) = scope.read_text(path)?;
    let tables = match ddl::parse(&text) {
        Ok(tables) => tables,
        Err(problems) => {
            for problem in &problems {
                report(file, problem, scope);
            }
            return None;
        }
    };
    let names: Vec<String> = tables.iter().map(|table| table.name.clone()).collect();
    let Some(mut table) = tables.into_iter().find(|table| table.name == name) else {
        let there = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let shown = path.scalar_text().unwrap_or_default();
        let problem = scope.error(path, format!("`{shown}` creates {there}, not `{name}`"));
        problem.hint("name the table here as the statement does, with `name` if its key is another");
        return None;
    };
    let here = database(entry);
    if let Some(other) = table.database.as_ref().filter(|other| **other != here) {
        let span = in_file(file, &table.name_range);
        let message =
            format!("the statement creates the table in `{other}`, the manifest has it in `{here}`");
        scope.error_at(span, message).hint("leave the database out of the statement");
    }
    if let (Some(location), Some(range)) = (&table.location, &table.location_range)
        && let Err(problem) = s3_url::check(location)
    {
        scope.error_at(in_file(file, range), format!("the location {problem}"));
    }
    match (node.some("location"), &table.location) {
        (Some(at), Some(_)) => {
            scope.error(at, "`location` stands in the `ddl` file already").hint("keep one of the two");
        }
        (Some(at), None) => table.location = at.scalar_text(),
        (None, _) => {}
    }
    Some(table)
}

fn in_file(file: FileId, range: &std::ops::Range<usize>) -> Span {
    Span { file, start: range.start, end: range.end }
}

fn report(file: FileId, problem: &DdlError, scope: &mut Scope<'_>) {
    let diagnostic = scope.error_at(in_file(file, &problem.range), problem.message.clone());
    diagnostic.hint.clone_from(&problem.hint);
}

/// The definition that the keys of the entry write out.
fn from_keys(node: &Node, view: bool, scope: &mut Scope<'_>) -> TableDefinition {
    let iceberg = node.text("format").as_deref() == Some("iceberg");
    let mut seen = BTreeSet::new();
    let columns = columns(node.some("columns"), view, &mut seen, scope);
    let partition_keys = columns_of_keys(node, iceberg, &mut seen, scope);
    let names: BTreeSet<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let bucket_columns: Vec<String> =
        known_columns(node.some("bucket_columns"), &names, scope).into_iter().map(|(name, _)| name).collect();
    let sort_columns = known_columns(node.some("sort_columns"), &names, scope);
    let number_of_buckets = node.get("number_of_buckets").and_then(Node::as_int);
    if let Some(at) = node.some("bucket_columns").filter(|_| number_of_buckets.is_none()) {
        scope.error(at, "`bucket_columns` needs `number_of_buckets`");
    }
    if iceberg {
        for key in ["serde_parameters", "bucket_columns", "sort_columns", "partition_indexes"] {
            if let Some(at) = node.some(key) {
                scope.error(at, format!("an Iceberg table has no `{key}`: its metadata says it"));
            }
        }
        if columns.is_empty() {
            scope.error(node, "an Iceberg table needs `columns`");
        }
    } else if let Some(at) = node.some("partitioning") {
        scope
            .error(at, "only an Iceberg table is partitioned by a transform")
            .hint("list the columns under `partition_keys`");
    }
    let partition_transforms = iceberg::transforms(node.some("partitioning"), &columns, scope);
    TableDefinition {
        database: None,
        name: String::new(),
        name_range: 0..0,
        if_not_exists: false,
        columns,
        partition_keys,
        partition_transforms,
        comment: None,
        location: node.text("location"),
        location_range: None,
        storage: if iceberg { None } else { storage(node, view, scope) },
        bucket_columns,
        number_of_buckets: number_of_buckets.and_then(|buckets| i32::try_from(buckets).ok()),
        sort_columns: sort_columns
            .into_iter()
            .map(|(name, ascending)| SortColumn { name, ascending })
            .collect(),
        parameters: BTreeMap::new(),
        iceberg,
    }
}

fn columns_of_keys(
    node: &Node,
    iceberg: bool,
    seen: &mut BTreeSet<String>,
    scope: &mut Scope<'_>,
) -> Vec<Column> {
    let Some(keys) = node.some("partition_keys") else { return Vec::new() };
    if iceberg && !(keys.items().is_empty() && keys.entries().is_empty()) {
        scope
            .error(keys, "an Iceberg table is partitioned by its own columns")
            .hint("write `partitioning: [column, day(ts), bucket(16, id)]`");
        return Vec::new();
    }
    let columns = columns(Some(keys), false, seen, scope);
    if let Some(complex) = columns.iter().find(|column| column.type_name.contains('<')) {
        scope.error(keys, format!("a partition key has a simple type: `{}`", complex.name));
    }
    columns
}

/// Columns in either form; `seen` holds the names that are taken. A view's types are Presto's, so they are kept.
fn columns(
    node: Option<&Node>,
    view: bool,
    seen: &mut BTreeSet<String>,
    scope: &mut Scope<'_>,
) -> Vec<Column> {
    let Some(node) = node else { return Vec::new() };
    let mut columns = Vec::new();
    let mut add = |name: &Node, kind: Option<&Node>, comment: Option<String>, scope: &mut Scope<'_>| {
        let (Some(text), Some(kind)) = (name.scalar_text(), kind) else { return };
        let lowered = text.to_lowercase();
        if !seen.insert(lowered.clone()) {
            scope.error(name, format!("the column is there twice: `{lowered}`"));
        }
        let written = kind.scalar_text().unwrap_or_default();
        let type_name = match canonical_type(&written) {
            Ok(type_name) => type_name,
            Err(_) if view => written.to_lowercase(),
            Err(problem) => {
                let diagnostic = scope.error(kind, format!("the type of `{lowered}`: {}", problem.message));
                diagnostic.hint = problem.hint;
                return;
            }
        };
        columns.push(Column { name: lowered, type_name, comment });
    };
    if let NodeValue::List(items) = &node.value {
        for item in items {
            let Some(name) = item.some("name") else { continue };
            add(name, item.some("type"), item.text("comment"), scope);
        }
    }
    for (name, kind) in node.entries() {
        if kind.value == NodeValue::Null {
            let shown = name.scalar_text().unwrap_or_default();
            scope.error(name, format!("the column has no type: `{shown}`"));
        }
        add(name, Some(kind).filter(|kind| kind.value != NodeValue::Null), None, scope);
    }
    columns
}

/// Names of columns that must be there, with their order.
fn known_columns(node: Option<&Node>, names: &BTreeSet<&str>, scope: &mut Scope<'_>) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for item in node.map(Node::items).unwrap_or_default() {
        let at = item.some("column").unwrap_or(item);
        let Some(name) = at.scalar_text().map(|name| name.to_lowercase()) else { continue };
        if !names.contains(name.as_str()) {
            scope
                .error(at, format!("the table has no column `{name}`"))
                .suggest(&name, names.iter().copied());
        }
        found.push((name, item.text("order").as_deref() != Some("desc")));
    }
    found
}

/// The SerDe and the formats, named as a whole or each by itself.
fn storage(node: &Node, view: bool, scope: &mut Scope<'_>) -> Option<Storage> {
    let mut storage = match (node.some("format"), node.some("serde")) {
        (Some(_), Some(serde)) => {
            scope
                .error(serde, "`format` and `serde` both say how files are read")
                .hint("keep one of the two");
            return None;
        }
        (Some(format), None) => Storage::from(formats(&format.scalar_text().unwrap_or_default())?),
        (None, Some(serde)) => {
            let mut storage = Storage::from(formats("textfile")?);
            storage.serde_library = serde.text("library").unwrap_or_default();
            storage.input_format = serde.text("input_format").unwrap_or(storage.input_format);
            storage.output_format = serde.text("output_format").unwrap_or(storage.output_format);
            storage.serde_parameters = serde.some("parameters").map(Node::text_map).unwrap_or_default();
            storage
        }
        (None, None) if view => return None,
        (None, None) => {
            scope
                .error(node, "the table needs `format`, `serde` or `ddl`")
                .hint(format!("the formats are {}", FORMATS.join(", ")));
            return None;
        }
    };
    storage.serde_parameters.extend(node.some("serde_parameters").map(Node::text_map).unwrap_or_default());
    Some(storage)
}

fn check_parameters(parameters: &Node, scope: &mut Scope<'_>) {
    for (key, value) in parameters.entries() {
        let name = key.as_text().unwrap_or_default();
        if OF_ICEBERG.contains(&name) {
            scope.error(key, format!("`{name}` is written by Iceberg"));
        }
        let iceberg = value.scalar_text().is_some_and(|text| text.eq_ignore_ascii_case("iceberg"));
        if name.eq_ignore_ascii_case("table_type") && iceberg {
            scope
                .error(key, "an Iceberg table is made by its format, not by a parameter")
                .hint("write `format: iceberg`");
        }
    }
}

fn indexes(node: &Node, definition: &TableDefinition, scope: &mut Scope<'_>) -> Option<Value> {
    let at = node.some("partition_indexes")?;
    if at.entries().is_empty() {
        return None;
    }
    if at.entries().len() > MOST_INDEXES {
        scope.error(at, "a table has at most 3 partition indexes");
    }
    let known: Vec<&str> = definition.partition_keys.iter().map(|key| key.name.as_str()).collect();
    let mut map = BTreeMap::new();
    for (name, keys) in at.entries() {
        if keys.items().is_empty() {
            scope.error(name, "a partition index has at least one key");
        }
        for key in keys.items() {
            let text = key.scalar_text().unwrap_or_default().to_lowercase();
            if !known.contains(&text.as_str()) {
                let problem = scope.error(key, format!("the table has no partition key `{text}`"));
                problem.suggest(&text, known.iter().copied());
            }
        }
        let texts = keys.texts().into_iter().map(|key| key.to_lowercase());
        map.insert(name.scalar_text().unwrap_or_default(), Value::texts(texts));
    }
    Some(Value::Map(map))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formats_are_those_of_the_ddl_reader_and_iceberg() {
        let mut known: Vec<&str> = ddl::FORMAT_NAMES.to_vec();
        known.push("iceberg");
        assert_eq!(FORMATS, known);
    }
}
