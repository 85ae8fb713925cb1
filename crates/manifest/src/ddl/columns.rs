//! Reads lists in brackets: the columns, and what a table is partitioned by.
//!
//! Decides how a column and a partition item are written, and that one broken item does not hide the others.
//! Whether the columns fit each other is decided in `definition`.

use std::ops::Range;

use super::cursor::{Cursor, Parsed, Placed, Reported, closest};
use super::tokens::Kind;
use super::{Column, Transform, clauses, types};

/// A column and where its name stands.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) column: Column,
    pub(super) name_range: Range<usize>,
}

/// An item of `PARTITIONED BY`.
#[derive(Debug)]
pub(super) enum Partition {
    /// A column of its own, as Hive has it.
    Field(Field),
    /// A function of a column, or a column by name alone, as Iceberg has it.
    Derived { column: Placed<String>, transform: Transform, range: Range<usize> },
}

/// Reads the items of a list whose `(` is behind the cursor, and its `)`.
///
/// An item with a mistake is left out, the mistake reported, and the rest read.
pub(super) fn list<T>(
    cursor: &mut Cursor,
    what: &str,
    mut item: impl FnMut(&mut Cursor) -> Parsed<T>,
) -> Vec<T> {
    let mut found = Vec::new();
    loop {
        let place = cursor.place();
        let read = if cursor.is_symbol(0, ')') || cursor.is_symbol(0, ',') {
            Err(cursor.unexpected(what))
        } else {
            item(cursor)
        };
        match read {
            Ok(value) => {
                found.push(value);
                if !cursor.is_symbol(0, ',') && !cursor.is_symbol(0, ')') {
                    let message = format!("`,` or `)` after {what}");
                    cursor.unexpected(&message);
                    cursor.next_item(place);
                }
            }
            Err(_) => cursor.next_item(place),
        }
        if cursor.take_symbol(',') {
            continue;
        }
        cursor.take_symbol(')');
        return found;
    }
}

/// Reads `name type [COMMENT 'text']`.
pub(super) fn field(cursor: &mut Cursor) -> Parsed<Field> {
    // `unique string` is a column; `unique (id)`, `primary key (id)` and `constraint c check (…)` are not.
    let kinds = ["PRIMARY", "FOREIGN", "UNIQUE", "CHECK"];
    let kind = |ahead| cursor.word(ahead).is_some_and(|word| kinds.contains(&word.to_uppercase().as_str()));
    let bare = kind(0)
        && (cursor.is_symbol(1, '(') || cursor.word(1).is_some_and(|word| word.eq_ignore_ascii_case("KEY")));
    if bare || cursor.is_words(&["CONSTRAINT"]) && kind(2) {
        let range = cursor.range();
        return Err(no_constraint(cursor, range));
    }
    let name = cursor.want_name("a column's name")?;
    typed(cursor, name)
}

/// Reads what follows a column's name.
fn typed(cursor: &mut Cursor, name: Placed<String>) -> Parsed<Field> {
    if cursor.is_symbol(0, ',') || cursor.is_symbol(0, ')') {
        let message = format!("the column has no type: `{}`", name.value);
        return Err(cursor.report_hint(
            name.range,
            message,
            "write a type behind the name, such as `string`",
        ));
    }
    if cursor.is_symbol(0, ':') {
        return Err(cursor.unexpected(&format!("the type of the column `{}`", name.value)));
    }
    let type_name = types::read(cursor)?.value;
    let mut comment = None;
    while !cursor.is_symbol(0, ',') && !cursor.is_symbol(0, ')') {
        let range = cursor.range();
        if cursor.take_words(&["COMMENT"]).is_some() {
            if comment.is_some() {
                return Err(cursor.report(range, format!("the column has two comments: `{}`", name.value)));
            }
            let text = cursor.want_text("the column's comment")?;
            clauses::fits(cursor, &text, 255, "a column's comment");
            if text.value.chars().any(|ch| ch.is_control() && ch != '\t') {
                let hint = "write it on one line";
                cursor.report_hint(
                    text.range.clone(),
                    "a column's comment holds a line break or control character",
                    hint,
                );
            }
            comment = Some(text.value);
            continue;
        }
        let constraints =
            ["NOT", "NULL", "PRIMARY", "DEFAULT", "UNIQUE", "CONSTRAINT", "REFERENCES", "CHECK"];
        if cursor.word(0).is_some_and(|word| constraints.contains(&word.to_uppercase().as_str())) {
            return Err(no_constraint(cursor, range));
        }
        let message = format!("`,` or `)` after the column `{}`", name.value);
        return Err(cursor.unexpected(&message));
    }
    if name.value.len() > 255 {
        return Err(cursor.report(name.range, "a column's name is longer than 255 bytes"));
    }
    Ok(Field { column: Column { name: name.value, type_name, comment }, name_range: name.range })
}

fn no_constraint(cursor: &mut Cursor, range: Range<usize>) -> Reported {
    let message = format!(
        "Athena's tables have no constraints: found `{}`",
        cursor.shown(range.clone()).to_uppercase()
    );
    cursor.report_hint(range, message, "delete it; a check in the manifest can assert it instead")
}

/// Reads an item of `PARTITIONED BY`: `name type`, `name` or `transform(…)`.
pub(super) fn partition(cursor: &mut Cursor) -> Parsed<Partition> {
    if cursor.token(0).kind == Kind::Word && cursor.is_symbol(1, '(') {
        return transform(cursor);
    }
    let name = cursor.want_name("a partition column's name")?;
    if cursor.is_symbol(0, ',') || cursor.is_symbol(0, ')') {
        let range = name.range.clone();
        return Ok(Partition::Derived { column: name, transform: Transform::Identity, range });
    }
    typed(cursor, name).map(Partition::Field)
}

fn transform(cursor: &mut Cursor) -> Parsed<Partition> {
    let start = cursor.range();
    let word = cursor.word(0).unwrap_or_default();
    let name = word.to_ascii_lowercase();
    cursor.skip();
    cursor.skip();
    let mut width = || -> Parsed<u32> {
        let found = cursor.word(0).and_then(|word| word.parse::<u32>().ok());
        let Some(width) = found.filter(|width| (1..=i32::MAX.unsigned_abs()).contains(width)) else {
            return Err(cursor.unexpected("a number from 1 before the column's name"));
        };
        cursor.skip();
        cursor.want_symbol(',', "`,` and the column's name")?;
        Ok(width)
    };
    let transform = match name.as_str() {
        "year" => Transform::Year,
        "month" => Transform::Month,
        "day" => Transform::Day,
        "hour" => Transform::Hour,
        "bucket" => Transform::Bucket(width()?),
        "truncate" => Transform::Truncate(width()?),
        other => {
            let known = ["year", "month", "day", "hour", "bucket", "truncate"];
            let hint = match closest(other, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the transforms are {}", known.join(", ")),
            };
            let message = format!("unknown partition transform: `{}`", super::cursor::shown(word));
            return Err(cursor.report_hint(start, message, hint));
        }
    };
    let column = cursor.want_name("the column's name")?;
    cursor.want_symbol(')', &format!("`)` to close `{name}(`"))?;
    let range = start.start..cursor.previous_end();
    Ok(Partition::Derived { column, transform, range })
}
