//! Reads column types and writes each in the one form the catalogue compares.
//!
//! Decides which types Athena takes in a table definition and how they are spelled: lower case, no spaces,
//! precision spelled out. Knows nothing of the columns that have them.

use std::collections::HashSet;

use super::DdlError;
use super::cursor::{Cursor, Parsed, Placed, Reported, closest};
use super::tokens::{self, Kind, Token};

/// The deepest nesting of types, far beyond what people write and far from the end of the stack.
const DEEPEST: usize = 64;
/// The most characters Glue keeps of a column's type.
const LONGEST: usize = 131_072;

const SIMPLE: &[&str] = &[
    "boolean",
    "tinyint",
    "smallint",
    "int",
    "bigint",
    "float",
    "double",
    "string",
    "binary",
    "date",
    "timestamp",
];
const ALL: &[&str] = &[
    "boolean",
    "tinyint",
    "smallint",
    "int",
    "bigint",
    "float",
    "double",
    "string",
    "binary",
    "date",
    "timestamp",
    "integer",
    "decimal",
    "char",
    "varchar",
    "array",
    "map",
    "struct",
];

/// Other systems' words for a type, and ours.
const FOREIGN: &[(&str, &str)] = &[
    ("long", "bigint"),
    ("int64", "bigint"),
    ("int32", "int"),
    ("short", "smallint"),
    ("byte", "tinyint"),
    ("bool", "boolean"),
    ("text", "string"),
    ("str", "string"),
    ("json", "string"),
    ("uuid", "string"),
    ("time", "string"),
    ("real", "float"),
    ("numeric", "decimal"),
    ("dec", "decimal"),
    ("number", "decimal"),
    ("varbinary", "binary"),
    ("blob", "binary"),
    ("bytes", "binary"),
    ("datetime", "timestamp"),
    ("timestamptz", "timestamp"),
    ("row", "struct"),
    ("list", "array"),
];

/// Checks a Hive type as Athena takes it and gives its canonical form: `decimal` is `decimal(10,0)`, `integer` is
/// `int`, and everything is in lower case without spaces.
///
/// # Examples
/// ```
/// use lakeform_manifest::ddl::canonical_type;
/// assert_eq!(canonical_type("ARRAY< struct<Id: INTEGER> >").unwrap(), "array<struct<id:int>>");
/// ```
pub fn canonical_type(text: &str) -> Result<String, DdlError> {
    let (tokens, errors) = tokens::read(text);
    let mut cursor = Cursor::new(text, tokens.unwrap_or_default(), errors);
    let mut found = None;
    if cursor.error_count() == 0
        && let Ok(value) = read(&mut cursor)
    {
        if !cursor.at_end() {
            let _ = cursor.unexpected("the end of the type");
        }
        found = Some(value);
    }
    match (cursor.into_errors().into_iter().next(), found) {
        (None, Some(Placed { value, .. })) => Ok(value),
        (Some(error), _) => Err(error),
        (None, None) => Err(DdlError { range: 0..0, message: "expected a type".to_owned(), hint: None }),
    }
}

/// Reads one type.
pub(super) fn read(cursor: &mut Cursor) -> Parsed<Placed<String>> {
    let start = cursor.range().start;
    let mut text = String::new();
    any(cursor, &mut text, 0)?;
    let end = cursor.previous_end();
    if text.len() > LONGEST {
        let message = format!("the type is longer than the {LONGEST} characters Glue keeps: {}", text.len());
        return Err(cursor.report(start..end, message));
    }
    Ok(Placed { value: text, range: start..end })
}

/// Appends one type; tells whether it is a simple one.
fn any(cursor: &mut Cursor, out: &mut String, depth: usize) -> Parsed<bool> {
    let range = cursor.range();
    let Some(word) = cursor.word(0) else {
        return Err(cursor.unexpected("a type"));
    };
    if depth >= DEEPEST {
        return Err(cursor.report(range, format!("types are nested too deeply: more than {DEEPEST}")));
    }
    let name = word.to_ascii_lowercase();
    match name.as_str() {
        "array" | "map" | "struct" => {
            cursor.skip();
            if cursor.is_symbol(0, '(') {
                let message = format!("`{name}(…)` is the syntax of queries");
                let hint = format!("in a table definition write `{name}<…>`");
                return Err(cursor.report_hint(range.start..cursor.range().end, message, hint));
            }
            cursor.want_symbol('<', &format!("`<` after `{name}`"))?;
            out.push_str(&name);
            out.push('<');
            match name.as_str() {
                "array" => {
                    any(cursor, out, depth + 1)?;
                }
                "map" => map(cursor, out, depth)?,
                _ => structure(cursor, out, depth)?,
            }
            cursor.want_symbol('>', &format!("`>` to close `{name}<`"))?;
            out.push('>');
            return Ok(false);
        }
        "decimal" => decimal(cursor, out)?,
        "char" => length(cursor, out, "char", 255)?,
        "varchar" => length(cursor, out, "varchar", 65_535)?,
        "integer" => simple(cursor, out, "int")?,
        "double" => {
            simple(cursor, out, "double")?;
            cursor.take_words(&["PRECISION"]);
        }
        plain if SIMPLE.contains(&plain) => simple(cursor, out, plain)?,
        other => return Err(unknown(cursor, other)),
    }
    Ok(true)
}

fn simple(cursor: &mut Cursor, out: &mut String, name: &str) -> Parsed<()> {
    let start = cursor.skip().start;
    if cursor.is_symbol(0, '(') || cursor.is_symbol(0, '<') {
        let range = start..cursor.range().end;
        return Err(cursor.report(range, format!("`{name}` takes nothing in brackets")));
    }
    if name == "timestamp" && (cursor.is_words(&["WITH"]) || cursor.is_words(&["WITHOUT"])) {
        let range = start..cursor.range().end;
        return Err(cursor.report_hint(range, "a table's timestamp has no time zone", "write `timestamp`"));
    }
    out.push_str(name);
    Ok(())
}

fn decimal(cursor: &mut Cursor, out: &mut String) -> Parsed<()> {
    let start = cursor.skip().start;
    let (mut precision, mut scale) = (10, 0);
    if cursor.take_symbol('(') {
        precision = number(cursor, "the number of digits")?;
        if cursor.take_symbol(',') {
            scale = number(cursor, "the number of digits behind the point")?;
        }
        cursor.want_symbol(')', "`)` to close `decimal(`")?;
    }
    let range = start..cursor.previous_end();
    if !(1..=38).contains(&precision) {
        return Err(cursor.report(range, format!("a decimal has 1 to 38 digits: {precision}")));
    }
    if scale > precision {
        let message = format!("a decimal of {precision} digits cannot have more behind the point: {scale}");
        return Err(cursor.report_hint(range, message, "write `decimal(digits, digits behind the point)`"));
    }
    out.extend(["decimal(", &precision.to_string(), ",", &scale.to_string(), ")"]);
    Ok(())
}

fn length(cursor: &mut Cursor, out: &mut String, name: &str, longest: u32) -> Parsed<()> {
    let range = cursor.skip();
    if !cursor.is_symbol(0, '(') {
        let message = format!("`{name}` has no length");
        return Err(cursor.report_hint(range, message, format!("write `{name}(n)`, or `string`")));
    }
    cursor.skip();
    let found = number(cursor, "a length")?;
    cursor.want_symbol(')', &format!("`)` to close `{name}(`"))?;
    if found == 0 || found > longest {
        let range = range.start..cursor.previous_end();
        return Err(cursor.report(range, format!("the length of a `{name}` is 1 to {longest}: {found}")));
    }
    out.extend([name, "(", &found.to_string(), ")"]);
    Ok(())
}

fn number(cursor: &mut Cursor, wanted: &str) -> Parsed<u32> {
    match cursor.word(0).map(str::parse) {
        Some(Ok(number)) => {
            cursor.skip();
            Ok(number)
        }
        Some(Err(_)) | None => Err(cursor.unexpected(wanted)),
    }
}

fn map(cursor: &mut Cursor, out: &mut String, depth: usize) -> Parsed<()> {
    let start = cursor.range().start;
    if !any(cursor, out, depth + 1)? {
        let range = start..cursor.previous_end();
        return Err(cursor.report(range, "the key of a map must be a simple type"));
    }
    cursor.want_symbol(',', "`,` and the type of the map's values")?;
    out.push(',');
    any(cursor, out, depth + 1)?;
    Ok(())
}

fn structure(cursor: &mut Cursor, out: &mut String, depth: usize) -> Parsed<()> {
    let mut seen = HashSet::new();
    loop {
        let Placed { value: name, range } = field_name(cursor)?;
        if !seen.insert(name.clone()) {
            return Err(cursor.report(range, format!("the field is in this struct twice: `{name}`")));
        }
        out.push_str(&name);
        out.push(':');
        any(cursor, out, depth + 1)?;
        if cursor.is_words(&["COMMENT"]) {
            let range = cursor.range();
            let message = "the comment of a struct's field: the catalogue has no place for it";
            return Err(cursor.report_hint(
                range,
                message,
                "move it to the column's comment, or behind `--`",
            ));
        }
        if !cursor.take_symbol(',') {
            return Ok(());
        }
        out.push(',');
    }
}

/// Reads a field's name and the colon behind it. Bare names hold nearly anything in the wild: `content-type`,
/// `$oid`, `@timestamp`, `3d`, `a.b`.
fn field_name(cursor: &mut Cursor) -> Parsed<Placed<String>> {
    let mut range = cursor.range();
    let mut name = String::new();
    let mut first = true;
    while first || cursor.touches_previous() {
        let Token { kind, range: piece } = cursor.token(0).clone();
        match kind {
            Kind::Word => name.push_str(cursor.slice(piece.clone())),
            Kind::Quoted(inner) => {
                if let Some(bad) = inner.chars().find(|ch| "<>,:()`".contains(*ch) || ch.is_whitespace()) {
                    let message =
                        format!("a struct's field whose name holds `{bad}`: the catalogue cannot keep it");
                    let hint = "rename the field with a `mapping.…` property of the JSON SerDe";
                    return Err(cursor.report_hint(piece, message, hint));
                }
                name.push_str(&inner);
            }
            Kind::Symbol('$') if cursor.is_symbol(1, '{') => break,
            Kind::Symbol(ch) if "$@-.#/+*&%!?=|~^".contains(ch) => name.push(ch),
            Kind::Text(_) | Kind::Symbol(_) | Kind::End => break,
        }
        range.end = piece.end;
        first = false;
        cursor.skip();
    }
    if name.is_empty() {
        return Err(cursor.unexpected("the name of a struct's field"));
    }
    cursor.want_symbol(':', &format!("`:` and a type after the field `{}`", super::cursor::shown(&name)))?;
    Ok(Placed { value: name.to_lowercase(), range })
}

fn unknown(cursor: &mut Cursor, name: &str) -> Reported {
    let range = cursor.range();
    let shown = cursor.shown(range.clone());
    if name == "uniontype" {
        let hint = "use a `struct` with a field for each case, or `string`";
        return cursor.report_hint(range, "Athena cannot read a `uniontype`", hint);
    }
    let message = format!("unknown type: `{shown}`");
    let known = FOREIGN.iter().find(|(foreign, _)| *foreign == name).map(|(_, ours)| *ours);
    match known.or_else(|| closest(name, ALL)) {
        Some(near) => cursor.report_hint(range, message, format!("did you mean `{near}`?")),
        None => cursor.report_hint(range, message, format!("the types are {}", ALL.join(", "))),
    }
}
