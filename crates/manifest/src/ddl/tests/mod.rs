//! What people's table definitions mean, and what is said of the ones that mean nothing.

mod definitions;
mod errors;
mod hostile;
mod storage;
mod type_names;

use super::{TableDefinition, parse};

/// The one table of a text that must be right.
fn table(text: &str) -> TableDefinition {
    let mut tables = parse(text).unwrap_or_else(|errors| panic!("{errors:#?}"));
    assert_eq!(tables.len(), 1, "one table");
    tables.remove(0)
}

/// Each mistake of a text: the text it marks, the message, the hint.
fn mistakes(text: &str) -> Vec<(&str, String, String)> {
    let errors = parse(text).expect_err("a mistake");
    let shown =
        errors.into_iter().map(|error| (&text[error.range], error.message, error.hint.unwrap_or_default()));
    shown.collect()
}

/// Asserts that a text has one mistake.
#[track_caller]
fn one_mistake(text: &str, marked: &str, message: &str, hint: &str) {
    assert_eq!(mistakes(text), [(marked, message.to_owned(), hint.to_owned())]);
}

fn columns(table: &TableDefinition) -> Vec<String> {
    table.columns.iter().map(|column| format!("{} {}", column.name, column.type_name)).collect()
}

fn keys(table: &TableDefinition) -> Vec<String> {
    table.partition_keys.iter().map(|column| format!("{} {}", column.name, column.type_name)).collect()
}
