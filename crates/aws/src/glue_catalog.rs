//! What databases and tables of the Glue Data Catalog share: names, parameters with the mark in them, and the
//! listing of a database's tables.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_glue::types::Table;
use aws_smithy_types::error::operation::BuildError;
use lakeform_model::{
    Class, CloudError, FieldPath, Fields, MARK_PREFIX, Managed, Mark, Node, Scope, Shape, TextRule, Value,
};

use crate::Cloud;
use crate::error::{Named, absent};

/// The shape of parameters, where the mark lies, too.
pub(crate) const PARAMETERS: Shape = Shape::Map(
    TextRule::checked("a parameter's key", parameter_key),
    &Shape::Text(TextRule::checked("a parameter's value", parameter_value)),
);

/// A parameter's key: 1 to 255 characters. Source: the `KeyString` shape of the Glue API.
fn parameter_key(text: &str) -> Result<(), String> {
    if text.starts_with(MARK_PREFIX) {
        return Err("must not start with `lakeform:`: the mark is kept there".to_owned());
    }
    if text.is_empty() || text.chars().count() > 255 {
        return Err("must be 1 to 255 characters long".to_owned());
    }
    one_line(text)
}

/// A parameter's value: at most 512,000 bytes. Source: the `ParametersMapValue` shape of the Glue API.
fn parameter_value(text: &str) -> Result<(), String> {
    if text.len() > 512_000 {
        return Err("must be at most 512,000 bytes long".to_owned());
    }
    Ok(())
}

/// A name as Glue takes it: 1 to 255 characters on one line. A `/` is refused, too: Glue takes it, but no ARN,
/// policy or S3 folder made from such a name means what it says. Source: the `NameString` shape of the Glue API.
pub(crate) fn name(text: &str) -> Result<(), String> {
    if text.trim().is_empty() || text.chars().count() > 255 {
        return Err("must be 1 to 255 characters long".to_owned());
    }
    if text.contains('/') {
        return Err("must not hold `/`".to_owned());
    }
    one_line(text)
}

/// A description. Source: the `DescriptionString` shape of the Glue API.
pub(crate) fn description(text: &str) -> Result<(), String> {
    if text.chars().count() > 2_048 {
        return Err("must be at most 2,048 characters long".to_owned());
    }
    Ok(())
}

fn one_line(text: &str) -> Result<(), String> {
    match text.chars().find(|c| c.is_control() && *c != '\t') {
        Some(c) => Err(format!("must not hold `{}`", c.escape_default())),
        None => Ok(()),
    }
}

/// Warns of a name that Glue takes and Athena does not. Source: the Athena guide, "Name databases, tables, and
/// columns".
pub(crate) fn warn_of_name(what: &str, name: &str, at: &Node, scope: &mut Scope<'_>) {
    let fine = |c: char| c.is_alphanumeric() || c == '_';
    if let Some(c) = name.chars().find(|c| !fine(*c)) {
        let message = format!("Athena may not find a {what} whose name holds `{}`", c.escape_default());
        scope.diagnostics.warning(Some(at.span), message).hint("use letters, digits and `_`");
    }
}

/// The parameters of a table, its mark included.
pub(crate) fn parameters(table: &Table) -> BTreeMap<String, String> {
    table.parameters.iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Every table of a database; `None` where AWS says that there is no such database.
pub(crate) async fn tables(cloud: &Cloud, database: &str) -> Result<Option<Vec<Table>>, CloudError> {
    let mut tables = Vec::new();
    let mut token: Option<String> = None;
    loop {
        // 100 is the most; an endpoint may give fewer, or all at once. Source: the GetTables API reference.
        let request = cloud.glue.get_tables().database_name(database).max_results(100);
        let page = request.set_next_token(token.clone()).send().await.named("glue:GetTables");
        let Some(page) = absent(page)? else { return Ok(None) };
        tables.extend(page.table_list.unwrap_or_default());
        match page.next_token.filter(|next| !next.is_empty() && Some(next) != token.as_ref()) {
            Some(next) => token = Some(next),
            None => return Ok(Some(tables)),
        }
    }
}

/// How many of the keys of these map fields a mark manages.
pub(crate) fn explained(managed: &Managed, fields: &Fields, maps: &[&str]) -> usize {
    let keys = maps.iter().flat_map(|field| {
        let map = fields.get(field).and_then(Value::as_map).into_iter().flatten();
        map.map(|(key, _)| FieldPath(vec![(*field).to_owned(), key.clone()]))
    });
    keys.filter(|path| managed.holds(path, None)).count()
}

/// Sets or removes one entry of a map.
pub(crate) fn put(map: &mut Option<HashMap<String, String>>, key: &str, value: Option<String>) {
    match value {
        Some(value) => drop(map.get_or_insert_default().insert(key.to_owned(), value)),
        None => drop(map.as_mut().and_then(|map| map.remove(key))),
    }
}

/// Brings the mark in parameters to what it is to be.
pub(crate) fn put_mark(parameters: &mut HashMap<String, String>, mark: Option<&Mark>) {
    parameters.retain(|key, _| !key.starts_with(MARK_PREFIX));
    parameters.extend(mark.map(Mark::to_tags).unwrap_or_default());
}

/// A request that the SDK could not build.
pub(crate) fn unbuilt(error: &BuildError) -> CloudError {
    CloudError::new(Class::Invalid, "lakeform:Build", error.to_string())
}
