//! Reads `CREATE EXTERNAL TABLE` files, in the dialect Athena took over from Hive, into typed table definitions.
//!
//! Decides what a statement means and refuses what it cannot keep: a clause is either in the
//! [`TableDefinition`] or an error with its place in the text, never dropped. Knows nothing of files,
//! interpolation, Glue or the manifest around it.
//!
//! The words, strings and comments are found by `sqlparser`'s tokenizer; the grammar is our own, because the
//! crate's Hive grammar loses the places of what it reads and stops at its first mistake.

mod clauses;
mod columns;
mod cursor;
mod definition;
mod formats;
mod statement;
mod strings;
mod tokens;
mod types;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

pub use formats::{FORMAT_NAMES, Format, formats};
pub use types::canonical_type;

use cursor::Cursor;

/// A table as its `CREATE` statement describes it, names in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDefinition {
    /// The database the name is qualified with.
    pub database: Option<String>,
    /// The table's name.
    pub name: String,
    /// Where the name stands, its database included.
    pub name_range: Range<usize>,
    /// Whether the statement says `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// The columns, without those the data is partitioned by.
    pub columns: Vec<Column>,
    /// The columns that are folders, not data. Empty for Iceberg.
    pub partition_keys: Vec<Column>,
    /// How an Iceberg table derives its partitions from its columns.
    pub partition_transforms: Vec<PartitionTransform>,
    /// The table's comment.
    pub comment: Option<String>,
    /// Where the data is, as written.
    pub location: Option<String>,
    /// Where the location's string stands, its quotes included.
    pub location_range: Option<Range<usize>>,
    /// How files are read. An Iceberg table has none: its own metadata says so.
    pub storage: Option<Storage>,
    /// The columns that rows are bucketed by.
    pub bucket_columns: Vec<String>,
    /// How many buckets there are.
    pub number_of_buckets: Option<i32>,
    /// The columns that rows are sorted by within a bucket.
    pub sort_columns: Vec<SortColumn>,
    /// `TBLPROPERTIES`, `table_type` included.
    pub parameters: BTreeMap<String, String>,
    /// Whether `table_type` says that this is an Iceberg table.
    pub iceberg: bool,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name, in lower case.
    pub name: String,
    /// The type in its canonical form: see [`canonical_type`].
    pub type_name: String,
    /// The column's comment.
    pub comment: Option<String>,
}

/// How the files of a table are read and written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// The class that reads and writes rows.
    pub serde_library: String,
    /// What that class is told.
    pub serde_parameters: BTreeMap<String, String>,
    /// The class that splits files into records.
    pub input_format: String,
    /// The class that writes records into files.
    pub output_format: String,
}

/// A column that buckets are sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortColumn {
    /// The column's name.
    pub name: String,
    /// Whether small values come first.
    pub ascending: bool,
}

/// One partition field of an Iceberg table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PartitionTransform {
    /// The column it is derived from.
    pub column: String,
    /// How it is derived.
    pub transform: Transform,
}

/// What Iceberg does to a column's value to find its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transform {
    /// The value itself.
    Identity,
    /// The year of a date or time.
    Year,
    /// The month of a date or time.
    Month,
    /// The day of a date or time.
    Day,
    /// The hour of a time.
    Hour,
    /// A hash into this many buckets.
    Bucket(u32),
    /// The value cut to this width.
    Truncate(u32),
}

/// A mistake in a table definition, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DdlError {
    /// The bytes of the given text that it is about; always on character boundaries inside the text.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// The most bytes of a file of definitions: each becomes a token of a hundred.
const MOST_BYTES: usize = 1024 * 1024;

/// Reads every `CREATE` statement of a file; `;` between them is optional.
///
/// All mistakes of a file come back together, as far as one does not hide another. The text is what is left after
/// interpolation: a placeholder still in it is a mistake.
pub fn parse(text: &str) -> Result<Vec<TableDefinition>, Vec<DdlError>> {
    if text.len() > MOST_BYTES {
        let message = format!("definitions of more than {MOST_BYTES} bytes are not read");
        let hint =
            Some("Athena takes 262144 bytes at a time: put each table into a file of its own".to_owned());
        return Err(vec![DdlError { range: 0..0, message, hint }]);
    }
    let (tokens, errors) = tokens::read(text);
    let whole = tokens.is_some();
    let mut cursor = Cursor::new(text, tokens.unwrap_or_default(), errors);
    let mut tables: Vec<TableDefinition> = Vec::new();
    if whole {
        statement::file(&mut cursor, &mut tables);
    }
    let errors = cursor.into_errors();
    if errors.is_empty() { Ok(tables) } else { Err(errors) }
}
