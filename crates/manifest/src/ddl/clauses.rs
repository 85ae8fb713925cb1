//! Reads the clauses that say how data is stored: row format, storage format, buckets and property lists.
//!
//! Decides how each is written. Which may stand together is decided in `definition`.

use std::collections::HashSet;
use std::ops::Range;

use super::SortColumn;
use super::columns::list;
use super::cursor::{Cursor, Parsed, Placed, closest};
use super::formats::{self, Format};
use super::tokens::Kind;

/// A key and its value, each where it stands.
#[derive(Debug, Clone)]
pub(super) struct Property {
    pub(super) key: Placed<String>,
    pub(super) value: Placed<String>,
}

/// `ROW FORMAT`.
#[derive(Debug)]
pub(super) enum RowFormat {
    /// `SERDE 'class'`
    Serde(String),
    /// `DELIMITED …`, as the SerDe parameters it stands for.
    Delimited(Vec<(&'static str, String)>),
}

/// `STORED AS`.
#[derive(Debug)]
pub(super) enum StoredAs {
    Format(Format),
    Classes { input: String, output: String },
}

/// `CLUSTERED BY (…) [SORTED BY (…)] INTO n BUCKETS`.
#[derive(Debug)]
pub(super) struct Bucketing {
    pub(super) columns: Vec<Placed<String>>,
    pub(super) sort: Vec<Placed<SortColumn>>,
    pub(super) buckets: i32,
}

/// Reports a text that is longer than AWS keeps.
pub(super) fn fits(cursor: &mut Cursor, text: &Placed<String>, longest: usize, what: &str) {
    let length = text.value.chars().count();
    if length > longest {
        let message = format!("{what} has at most {longest} characters: {length}");
        cursor.report(text.range.clone(), message);
    }
}

/// Reads `('key' = 'value', …)`.
pub(super) fn properties(cursor: &mut Cursor, clause: &str) -> Parsed<Vec<Property>> {
    cursor.want_symbol('(', &format!("`(` after `{clause}`"))?;
    let mut seen = HashSet::new();
    Ok(list(cursor, "a property", |cursor| {
        let key = match (&cursor.token(0).kind, &cursor.token(1).kind) {
            (Kind::Word | Kind::Quoted(_), _) => {
                let (range, shown) = (cursor.range(), cursor.shown(cursor.range()));
                let message = format!("a property's key is a string: found `{shown}`");
                return Err(cursor.report_hint(range, message, "put it in single quotes"));
            }
            _ => cursor.want_text("a property's key")?,
        };
        if cursor.is_symbol(0, ',') || cursor.is_symbol(0, ')') {
            let shown = cursor.shown(key.range.clone());
            return Err(cursor.report_hint(
                key.range,
                format!("the property has no value: {shown}"),
                "write `= 'value'`",
            ));
        }
        cursor.want_symbol('=', "`=` after the property's key")?;
        let value = value(cursor, &key)?;
        fits(cursor, &key, 255, "a property's key");
        fits(cursor, &value, 512_000, "a property's value");
        if !seen.insert(key.value.clone()) {
            let shown = cursor.shown(key.range.clone());
            return Err(cursor.report(key.range, format!("the property is there twice: {shown}")));
        }
        Ok(Property { key, value })
    }))
}

fn value(cursor: &mut Cursor, key: &Placed<String>) -> Parsed<Placed<String>> {
    let mut end = cursor.range().end;
    let mut ahead = 0;
    while matches!(cursor.token(ahead).kind, Kind::Word | Kind::Symbol('-' | '+' | '.')) {
        end = cursor.token(ahead).range.end;
        ahead += 1;
    }
    if ahead == 0 {
        return cursor.want_text("a property's value");
    }
    let range = cursor.range().start..end;
    let shown = cursor.shown(range.clone());
    let message = format!("the value of {} is not a string: `{shown}`", cursor.shown(key.range.clone()));
    Err(cursor.report_hint(range, message, format!("write `'{shown}'`")))
}

/// Reads `ROW FORMAT SERDE 'class'` or `ROW FORMAT DELIMITED …`.
pub(super) fn row_format(cursor: &mut Cursor) -> Parsed<RowFormat> {
    cursor.want_words(&["ROW", "FORMAT"])?;
    if cursor.take_words(&["SERDE"]).is_some() {
        let class = cursor.want_text("the class of a SerDe")?;
        known_class(cursor, &class, "SerDe");
        return Ok(RowFormat::Serde(class.value));
    }
    if cursor.take_words(&["DELIMITED"]).is_none() {
        return Err(cursor.unexpected("`SERDE` or `DELIMITED`"));
    }
    let mut found: Vec<(&'static str, String)> = Vec::new();
    while let Some((range, key)) = delimiter(cursor)? {
        let text = cursor.want_text("a delimiter")?;
        if text.value.is_empty() && key != "serialization.null.format" {
            cursor.report(text.range, "a delimiter is not empty");
            continue;
        }
        if found.iter().any(|(known, _)| *known == key) {
            let shown = cursor.shown(range.clone()).to_uppercase();
            cursor.report(range, format!("the row format says it twice: `{shown}`"));
            continue;
        }
        if key == "field.delim" {
            found.push(("serialization.format", text.value.clone()));
        }
        found.push((key, text.value));
    }
    Ok(RowFormat::Delimited(found))
}

/// Reads the words before a delimiter; the parameter's name is Hive's, its misspelling included.
fn delimiter(cursor: &mut Cursor) -> Parsed<Option<(Range<usize>, &'static str)>> {
    const PHRASES: [(&[&str], &str); 6] = [
        (&["FIELDS", "TERMINATED", "BY"], "field.delim"),
        (&["ESCAPED", "BY"], "escape.delim"),
        (&["COLLECTION", "ITEMS", "TERMINATED", "BY"], "colelction.delim"),
        (&["MAP", "KEYS", "TERMINATED", "BY"], "mapkey.delim"),
        (&["LINES", "TERMINATED", "BY"], "line.delim"),
        (&["NULL", "DEFINED", "AS"], "serialization.null.format"),
    ];
    for (words, key) in PHRASES {
        if cursor.is_words(&words[..1]) {
            return cursor.want_words(words).map(|range| Some((range, key)));
        }
    }
    Ok(None)
}

/// Reads `STORED AS format` or `STORED AS INPUTFORMAT 'class' OUTPUTFORMAT 'class'`.
pub(super) fn stored_as(cursor: &mut Cursor) -> Parsed<StoredAs> {
    let start = cursor.range().start;
    if let Some(range) = cursor.take_words(&["STORED", "BY"]) {
        let message = "Athena does not know `STORED BY`: storage handlers are Hive's";
        return Err(cursor.report_hint(
            range,
            message,
            "for Iceberg write `TBLPROPERTIES ('table_type' = 'ICEBERG')`",
        ));
    }
    cursor.want_words(&["STORED", "AS"])?;
    if cursor.take_words(&["INPUTFORMAT"]).is_some() {
        let input = cursor.want_text("the class of the input format")?;
        known_class(cursor, &input, "input format");
        cursor.want_words(&["OUTPUTFORMAT"])?;
        let output = cursor.want_text("the class of the output format")?;
        known_class(cursor, &output, "output format");
        return Ok(StoredAs::Classes { input: input.value, output: output.value });
    }
    let Some(word) = cursor.word(0) else {
        return Err(cursor.unexpected("a storage format such as `PARQUET`"));
    };
    let range = cursor.skip();
    if formats::STORED_AS.contains(&word.to_uppercase().as_str())
        && let Some(format) = formats::formats(word)
    {
        return Ok(StoredAs::Format(format));
    }
    let message = format!("Athena does not know the storage format: `{}`", super::cursor::shown(word));
    let hint = match word.to_uppercase().as_str() {
        "JSON" | "JSONFILE" => "write `ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'`".to_owned(),
        "CSV" => "write `ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'`".to_owned(),
        "TEXT" => "did you mean `TEXTFILE`?".to_owned(),
        "ICEBERG" => "write `TBLPROPERTIES ('table_type' = 'ICEBERG')`".to_owned(),
        "DIRECTORIES" => {
            let message = "Athena does not know `STORED AS DIRECTORIES`";
            return Err(cursor.report_hint(start..range.end, message, "delete the clause"));
        }
        _ => match closest(word, formats::STORED_AS) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the formats are {}", formats::STORED_AS.join(", ")),
        },
    };
    Err(cursor.report_hint(range, message, hint))
}

/// Reports a class that is no class name, or a known one in another case.
fn known_class(cursor: &mut Cursor, class: &Placed<String>, what: &str) {
    let value = class.value.as_str();
    let shown = super::cursor::shown(value);
    let plain = value.chars().all(|ch| ch.is_alphanumeric() || "._$".contains(ch));
    if value.is_empty() || !plain {
        cursor.report(class.range.clone(), format!("the class of the {what} is no class name: `{shown}`"));
        return;
    }
    let stored = formats::FORMAT_NAMES.iter().filter_map(|name| formats::formats(name));
    let known = stored
        .flat_map(|format| [format.input_format, format.output_format])
        .chain(formats::SERDES.iter().copied());
    let known: Vec<&str> = known.filter(|known| known.eq_ignore_ascii_case(value)).collect();
    if let Some(near) = known.first().filter(|_| !known.contains(&value)) {
        let message = format!("the class of the {what} is spelled in another case: `{shown}`");
        cursor.report_hint(class.range.clone(), message, format!("did you mean `{near}`?"));
    } else if value.len() > 256 {
        cursor.report(class.range.clone(), format!("the class of the {what} is too long: `{shown}`"));
    }
}

/// Reads `CLUSTERED BY (…) [SORTED BY (…)] INTO n BUCKETS`.
pub(super) fn bucketing(cursor: &mut Cursor) -> Parsed<Bucketing> {
    cursor.want_words(&["CLUSTERED", "BY"])?;
    cursor.want_symbol('(', "`(` and the columns")?;
    let columns = list(cursor, "a column", |cursor| cursor.want_name("a column's name"));
    let mut sort = Vec::new();
    if cursor.take_words(&["SORTED", "BY"]).is_some() {
        cursor.want_symbol('(', "`(` and the columns")?;
        sort = list(cursor, "a column", |cursor| {
            let Placed { value: name, range } = cursor.want_name("a column's name")?;
            let descending = cursor.take_words(&["DESC"]).is_some();
            if !descending {
                cursor.take_words(&["ASC"]);
            }
            Ok(Placed { value: SortColumn { name, ascending: !descending }, range })
        });
    }
    cursor.want_words(&["INTO"])?;
    let buckets = cursor.word(0).and_then(|word| word.parse::<i32>().ok()).filter(|buckets| *buckets > 0);
    let Some(buckets) = buckets else {
        return Err(cursor.unexpected("the number of buckets"));
    };
    cursor.skip();
    cursor.want_words(&["BUCKETS"])?;
    Ok(Bucketing { columns, sort, buckets })
}
