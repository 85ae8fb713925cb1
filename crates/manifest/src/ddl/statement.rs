//! Reads the statements of a file: which are tables, what they are called, their columns and their clauses.
//!
//! Decides what belongs into a table file at all and where to take up again after a mistake. What the clauses
//! mean together is decided in `definition`.

use std::collections::HashSet;
use std::ops::Range;

use super::clauses::{self, Bucketing, Property, RowFormat, StoredAs};
use super::columns::{Field, Partition, field, list, partition};
use super::cursor::{Cursor, Parsed, Placed, Reported, closest};
use super::{TableDefinition, definition};

/// A statement as read, each clause with its place, before the clauses are held against each other.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// From `CREATE` to `TABLE`.
    pub(super) head: Range<usize>,
    pub(super) external: Option<Range<usize>>,
    pub(super) if_not_exists: bool,
    pub(super) database: Option<String>,
    pub(super) name: String,
    pub(super) name_range: Range<usize>,
    pub(super) columns: Option<Vec<Field>>,
    pub(super) comment: Option<Placed<String>>,
    pub(super) partitions: Option<Placed<Vec<Partition>>>,
    pub(super) bucketing: Option<Placed<Bucketing>>,
    pub(super) row_format: Option<Placed<RowFormat>>,
    pub(super) serde_properties: Option<Placed<Vec<Property>>>,
    pub(super) stored_as: Option<Placed<StoredAs>>,
    pub(super) location: Option<Placed<String>>,
    pub(super) properties: Option<Placed<Vec<Property>>>,
}

/// Reads a whole file.
pub(super) fn file(cursor: &mut Cursor, tables: &mut Vec<TableDefinition>) {
    let mut statements = 0_usize;
    let mut seen = HashSet::new();
    loop {
        while cursor.take_symbol(';') {}
        if cursor.at_end() {
            break;
        }
        statements += 1;
        let before = cursor.error_count();
        let Ok(draft) = statement(cursor) else {
            cursor.next_statement();
            continue;
        };
        let broken = cursor.error_count() > before;
        let table = definition::settle(cursor, draft, broken);
        let twice = !seen.insert((table.database.clone(), table.name.clone()));
        if twice {
            cursor.report(
                table.name_range.clone(),
                format!("the file creates the table twice: `{}`", table.name),
            );
        }
        tables.push(table);
    }
    if statements == 0 {
        let hint = "write a `CREATE EXTERNAL TABLE` statement";
        cursor.report_hint(0..0, "the file creates no table", hint);
    }
}

/// Reads one statement up to its `;` or to the next `CREATE`.
fn statement(cursor: &mut Cursor) -> Parsed<Draft> {
    let start = cursor.range().start;
    let external = head(cursor)?;
    let mut draft = Draft { head: start..cursor.previous_end(), external, ..Draft::default() };
    draft.if_not_exists = exists(cursor)?;
    name(cursor, &mut draft)?;
    if cursor.take_symbol('(') {
        draft.columns = Some(list(cursor, "a column", field));
    }
    while !cursor.at_statement_end() {
        if clause(cursor, &mut draft).is_err() {
            // A clause that does not even begin like one must not stop the reader.
            cursor.next_clause();
        }
    }
    Ok(draft)
}

/// Reads `CREATE [EXTERNAL] TABLE` and gives the place of `EXTERNAL`.
fn head(cursor: &mut Cursor) -> Parsed<Option<Range<usize>>> {
    let start = cursor.range();
    if cursor.take_words(&["CREATE", "TABLE"]).is_some() {
        return Ok(None);
    }
    if cursor.is_words(&["CREATE", "EXTERNAL"]) {
        cursor.skip();
        let external = cursor.skip();
        cursor.want_words(&["TABLE"])?;
        return Ok(Some(external));
    }
    let Some(first) = cursor.word(0) else { return Err(cursor.unexpected("`CREATE EXTERNAL TABLE`")) };
    let mut end = start.end;
    let mut said = first.to_uppercase();
    if said == "CREATE" || said == "DROP" || said == "ALTER" || said == "MSCK" || said == "INSERT" {
        let mut ahead = 1;
        while let Some(word) = cursor.word(ahead).filter(|_| ahead < 4) {
            said = format!("{said} {}", word.to_uppercase());
            end = cursor.token(ahead).range.end;
            if ["TABLE", "VIEW", "DATABASE", "SCHEMA", "FUNCTION", "INTO"]
                .contains(&word.to_uppercase().as_str())
            {
                break;
            }
            ahead += 1;
        }
    }
    let hint = match said.split(' ').next().unwrap_or_default() {
        "USE" => "name the database before the table: `database.table`",
        "MSCK" | "ALTER" | "DROP" | "INSERT" | "SELECT" | "WITH" => "delete the statement from this file",
        "CREATE" if said.contains("DATABASE") || said.contains("SCHEMA") => {
            "describe the database under `databases` in the manifest"
        }
        "CREATE" if said.contains("REPLACE") => {
            "write `CREATE EXTERNAL TABLE`: lakeform updates what is there"
        }
        _ => {
            if let Some(near) =
                closest(first, &["CREATE"]).filter(|_| said != "CREATE" && !said.starts_with("CREATE "))
            {
                let message = format!("unknown statement: `{}`", super::cursor::shown(&said));
                return Err(cursor.report_hint(start, message, format!("did you mean `{near}`?")));
            }
            "keep only `CREATE EXTERNAL TABLE` statements in this file"
        }
    };
    let message =
        format!("a table file holds `CREATE EXTERNAL TABLE` only: found `{}`", super::cursor::shown(&said));
    Err(cursor.report_hint(start.start..end, message, hint))
}

fn exists(cursor: &mut Cursor) -> Parsed<bool> {
    if !cursor.is_words(&["IF"]) {
        return Ok(false);
    }
    cursor.want_words(&["IF", "NOT", "EXISTS"]).map(|_| true)
}

/// Reads `table`, `database.table` or `awsdatacatalog.database.table`; the dots may be inside one pair of backticks,
/// as Athena itself prints them.
fn name(cursor: &mut Cursor, draft: &mut Draft) -> Parsed<()> {
    let first = cursor.want_name("the table's name")?;
    let mut range = first.range.clone();
    let mut parts = vec![first.value];
    while cursor.take_symbol('.') {
        let next = cursor.want_name("the table's name behind the `.`")?;
        range.end = next.range.end;
        parts.push(next.value);
    }
    let mut parts: Vec<String> = parts.iter().flat_map(|part| part.split('.')).map(str::to_owned).collect();
    if parts.iter().any(|part| part.trim().is_empty()) {
        return Err(cursor.report(range, "a part of the table's name is empty"));
    }
    if parts.len() == 3 && parts[0] == "awsdatacatalog" {
        parts.remove(0);
    }
    if parts.len() > 2 {
        let shown = cursor.shown(range.clone());
        let message = format!("a table's name is `database.table`: {shown}");
        return Err(cursor.report(range, message));
    }
    draft.name = parts.pop().unwrap_or_default();
    draft.database = parts.pop();
    draft.name_range = range;
    Ok(())
}

/// Reads one clause behind the columns.
fn clause(cursor: &mut Cursor, draft: &mut Draft) -> Parsed<()> {
    let range = cursor.range();
    let Some(word) = cursor.word(0) else {
        if draft.columns.is_some() && cursor.is_symbol(0, ')') {
            cursor.skip();
            let hint = "one `)` too many here, or a `(` is missing further up";
            return Err(cursor.report_hint(range, "expected a clause: found `)`", hint));
        }
        let reported = cursor.unexpected("a clause such as `LOCATION`");
        cursor.skip();
        return Err(reported);
    };
    match word.to_ascii_uppercase().as_str() {
        "COMMENT" => {
            cursor.skip();
            let text = cursor.want_text("the table's comment")?;
            clauses::fits(cursor, &text, 2_048, "a table's comment");
            once(cursor, &mut draft.comment, "COMMENT", range, text.value)
        }
        "PARTITIONED" => {
            cursor.want_words(&["PARTITIONED", "BY"])?;
            cursor.want_symbol('(', "`(` and the partition columns")?;
            let items = list(cursor, "a partition column", partition);
            once(cursor, &mut draft.partitions, "PARTITIONED BY", range, items)
        }
        "CLUSTERED" => {
            let bucketing = clauses::bucketing(cursor)?;
            once(cursor, &mut draft.bucketing, "CLUSTERED BY", range, bucketing)
        }
        "ROW" => {
            let row_format = clauses::row_format(cursor)?;
            once(cursor, &mut draft.row_format, "ROW FORMAT", range, row_format)
        }
        "STORED" => {
            let stored_as = clauses::stored_as(cursor)?;
            once(cursor, &mut draft.stored_as, "STORED AS", range, stored_as)
        }
        "WITH" if cursor.take_words(&["WITH", "SERDEPROPERTIES"]).is_some() => {
            let properties = clauses::properties(cursor, "SERDEPROPERTIES")?;
            once(cursor, &mut draft.serde_properties, "WITH SERDEPROPERTIES", range, properties)
        }
        "LOCATION" => {
            cursor.skip();
            let location = cursor.want_text("an S3 location")?;
            once(cursor, &mut draft.location, "LOCATION", location.range, location.value)
        }
        "TBLPROPERTIES" => {
            cursor.skip();
            let properties = clauses::properties(cursor, "TBLPROPERTIES")?;
            once(cursor, &mut draft.properties, "TBLPROPERTIES", range, properties)
        }
        _ => {
            let query = ["AS", "SELECT", "WITH"].iter().any(|first| word.eq_ignore_ascii_case(first));
            let reported = foreign(cursor, word);
            cursor.skip();
            if query {
                // What follows is a query, not clauses.
                cursor.rest_of_statement();
            }
            Err(reported)
        }
    }
}

/// Keeps a clause, or reports that it is there twice.
fn once<T>(
    cursor: &mut Cursor,
    slot: &mut Option<Placed<T>>,
    name: &str,
    range: Range<usize>,
    value: T,
) -> Parsed<()> {
    if slot.is_some() {
        return Err(cursor.report(range, format!("the statement has two clauses of one kind: `{name}`")));
    }
    *slot = Some(Placed { value, range });
    Ok(())
}

/// Reports a clause that a table file cannot have.
fn foreign(cursor: &mut Cursor, word: &str) -> Reported {
    const KNOWN: &[&str] = &[
        "COMMENT",
        "PARTITIONED BY",
        "CLUSTERED BY",
        "ROW FORMAT",
        "STORED AS",
        "WITH SERDEPROPERTIES",
        "LOCATION",
        "TBLPROPERTIES",
    ];
    let start = cursor.range();
    let (message, hint) = match word.to_ascii_uppercase().as_str() {
        "AS" | "SELECT" => (
            "`CREATE TABLE … AS SELECT` runs a query and writes data: a table file only describes a table",
            "list the columns, and let a job write the data",
        ),
        "WITH" if cursor.is_symbol(1, '(') => (
            "`WITH (…)` belongs to `CREATE TABLE … AS SELECT`, which runs a query: a table file only describes a table",
            "write `TBLPROPERTIES (…)`, or `WITH SERDEPROPERTIES (…)`",
        ),
        "LIKE" => ("`CREATE TABLE … LIKE` takes its columns from another table", "list the columns"),
        "USING" => ("`USING` is Spark's: Athena does not know it", "write `STORED AS`"),
        "FIELDS" | "LINES" | "ESCAPED" | "COLLECTION" | "MAP" | "NULL" => (
            "a delimiter stands behind `ROW FORMAT DELIMITED`",
            "write it there, or as a property of the SerDe",
        ),
        "SKEWED" => ("Athena does not know `SKEWED BY`", "delete the clause"),
        "SORTED" => (
            "`SORTED BY` stands inside `CLUSTERED BY`",
            "write `CLUSTERED BY (…) SORTED BY (…) INTO n BUCKETS`",
        ),
        "OPTIONS" => (
            "`OPTIONS` is Spark's: Athena does not know it",
            "write `WITH SERDEPROPERTIES` or `TBLPROPERTIES`",
        ),
        _ => {
            let firsts: Vec<&str> = KNOWN.iter().filter_map(|clause| clause.split(' ').next()).collect();
            let extra = ["SERDEPROPERTIES"];
            let message = format!("unknown clause: `{}`", super::cursor::shown(word));
            let candidates: Vec<&str> = firsts.iter().chain(&extra).copied().collect();
            let near = closest(word, &candidates)
                .and_then(|near| KNOWN.iter().find(|clause| clause.split(' ').any(|part| part == near)));
            return match near {
                Some(near) => cursor.report_hint(start, message, format!("did you mean `{near}`?")),
                None => cursor.report_hint(start, message, format!("the clauses are {}", KNOWN.join(", "))),
            };
        }
    };
    cursor.report_hint(start, message, hint)
}
