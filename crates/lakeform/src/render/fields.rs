//! The changed fields of one step, aligned and readable: scalars side by side, columns by name and type,
//! scripts and documents as line diffs. Knows no kind: a field's `Show` decides.

use lakeform_model::{Change, Effect, Show, Value};

use super::diff;
use super::document::document;
use super::text::{DIM, GONE, escape, paint, thousands};

/// How wide a field's name may push its value to the right.
const WIDEST: usize = 34;
/// How long a list may be to stand on one line.
const ONE_LINE: usize = 72;
/// Texts of so many hexadecimal digits are digests: their first digits tell them apart.
const DIGEST: usize = 32;
const DIGEST_SHOWN: usize = 12;
/// Whole numbers from here on are easier to read in groups.
const GROUPED: u64 = 1_000_000;

/// One field: its name, then either one line or a block below it.
struct Shown {
    name: String,
    line: String,
    block: Vec<String>,
}

/// The lines for the fields of a step that makes something new: what the manifest gives.
pub(crate) fn given(changes: &[Change], limit: usize) -> Vec<String> {
    let mut shown = Vec::new();
    for change in changes {
        let name = change.path.to_string();
        let Some(value) = &change.to else { continue };
        match change.show {
            Show::Sensitive => shown.push(one(name, paint(DIM, "(hidden)"))),
            Show::Lines => shown.push(one(name, summarised(value))),
            Show::Document => shown.push(block(name, capped(texts(&document(value)), limit))),
            Show::Plain => flatten(name, value, limit, &mut shown),
        }
    }
    aligned(shown)
}

/// The lines for the fields that differ; of a map with many keys that differ only some.
pub(crate) fn changed(changes: &[Change], limit: usize) -> Vec<String> {
    let mut shown = Vec::new();
    for of_one in changes.chunk_by(|left, right| left.path.0.first() == right.path.0.first()) {
        let some = shown_of(of_one.len(), limit);
        shown.extend(of_one[..some].iter().map(|change| difference(change, limit)));
        if let (Some(field), more @ 1..) = (of_one[0].path.0.first(), of_one.len() - some) {
            shown.push(and_more(field, more));
        }
    }
    aligned(shown)
}

fn and_more(field: &str, more: usize) -> Shown {
    one(format!("{field}.…"), paint(DIM, &format!("and {more} more")))
}

fn difference(change: &Change, limit: usize) -> Shown {
    let name = change.path.to_string();
    let Change { path: _, from, to, effect, show, note: _, written_by } = change;
    let widest = [from, to].into_iter().flatten().map(widest_name).max().unwrap_or(0);
    let mut remark = match effect {
        Effect::Replace => paint(GONE, "  # forces replacement"),
        // Why is told below, with what to do about it.
        Effect::Refuse => paint(GONE, "  # refused"),
        Effect::InPlace => String::new(),
    };
    if let Some(writer) = written_by {
        remark += &paint(DIM, &format!("  # last written by the {}", escape(writer)));
    }
    let text = |value: &Option<Value>| match (value, show) {
        (None, _) => String::new(),
        (Some(value), Show::Document) => document(value),
        (Some(Value::Text(text)), Show::Lines) => text.clone(),
        (Some(value), _) => listed(value, widest).join("\n"),
    };
    let is_wide = |value: &Option<Value>| match (value, show) {
        (Some(_), Show::Document) => true,
        (Some(value @ (Value::List(_) | Value::Map(_))), _) => inline(value).chars().count() > ONE_LINE / 2,
        (Some(Value::Text(text)), Show::Lines) => text.contains('\n'),
        (Some(_) | None, _) => false,
    };
    if *show == Show::Sensitive {
        return one(name, format!("{} {remark}", paint(DIM, "(hidden) -> (hidden)")));
    }
    if is_wide(from) || is_wide(to) {
        let mut lines = capped(diff::lines(&ended(text(from)), &ended(text(to))), limit);
        if !remark.is_empty() {
            lines.insert(0, remark.trim_start().to_owned());
        }
        return block(name, lines);
    }
    let side = |value: &Option<Value>| value.as_ref().map_or_else(|| paint(DIM, "not set"), inline);
    one(name, format!("{} -> {}{remark}", side(from), side(to)))
}

fn one(name: String, line: String) -> Shown {
    Shown { name, line, block: Vec::new() }
}

fn block(name: String, block: Vec<String>) -> Shown {
    Shown { name, line: String::new(), block }
}

/// A map of a new resource field by field, everything else on a line or in a block.
fn flatten(name: String, value: &Value, limit: usize, shown: &mut Vec<Shown>) {
    match value {
        Value::Map(map) if map.is_empty() => {}
        Value::Map(map) if map.len() > 1 && map.values().all(|value| *value == Value::Bool(true)) => {
            shown.push(one(name, format!("all {} true", map.len())));
        }
        Value::Map(map) => {
            let some = shown_of(map.len(), limit);
            for (key, value) in map.iter().take(some) {
                flatten(format!("{name}.{key}"), value, limit, shown);
            }
            if map.len() > some {
                shown.push(and_more(&name, map.len() - some));
            }
        }
        Value::List(items) if items.is_empty() => {}
        Value::List(items) if is_columns(items) || inline(value).chars().count() > ONE_LINE => {
            let lines = listed(value, widest_name(value)).iter().map(|line| escape(line)).collect();
            shown.push(block(name, capped(lines, limit)));
        }
        Value::Text(text) if text.contains('\n') => shown.push(one(name, summarised(value))),
        Value::Text(_)
        | Value::List(_)
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Pointer(_) => shown.push(one(name, inline(value))),
    }
}

/// Whether every item is a name with a type, as the columns of a table are.
fn is_columns(items: &[Value]) -> bool {
    let is_column =
        |item: &Value| item.as_map().is_some_and(|map| map.contains_key("name") && map.contains_key("type"));
    !items.is_empty() && items.iter().all(is_column)
}

/// One part of a column: its name, its type or its comment.
fn part(column: &Value, key: &str) -> String {
    column.as_map().and_then(|map| map.get(key)).map(Value::to_string).unwrap_or_default()
}

/// How wide the names of columns are.
fn widest_name(value: &Value) -> usize {
    let items = value.as_list().unwrap_or_default();
    items.iter().map(|item| part(item, "name").chars().count()).max().unwrap_or(0)
}

/// A list one item a line; columns as name, in that width, and type; anything else as pretty JSON.
fn listed(value: &Value, widest: usize) -> Vec<String> {
    match value {
        Value::List(items) if is_columns(items) => {
            let line = |item: &Value| {
                let comment = match part(item, "comment") {
                    comment if comment.is_empty() => String::new(),
                    comment => format!("  -- {comment}"),
                };
                format!("{:<widest$}  {}{comment}", part(item, "name"), part(item, "type"))
            };
            items.iter().map(line).collect()
        }
        Value::List(items) => items.iter().map(Value::to_string).collect(),
        Value::Map(_) => document(value).lines().map(str::to_owned).collect(),
        Value::Text(_) | Value::Pointer(_) | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
            value.to_string().lines().map(str::to_owned).collect()
        }
    }
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Text(text) if text.is_empty() || text.trim() != text => format!("\"{}\"", escape(text)),
        Value::Text(text) if is_digest(text) => format!("{}…", &text[..DIGEST_SHOWN]),
        Value::Int(number) if number.unsigned_abs() >= GROUPED => {
            let sign = if *number < 0 { "-" } else { "" };
            format!("{sign}{}", thousands(number.unsigned_abs()))
        }
        Value::List(items) if is_columns(items) => {
            let columns: Vec<String> =
                listed(value, 0).iter().map(|column| escape(&column.replacen("  ", " ", 1))).collect();
            format!("[{}]", columns.join(", "))
        }
        Value::List(items) if items.iter().all(|item| item.as_text().is_some()) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Text(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Pointer(_) => escape(&value.to_string()),
    }
}

fn is_digest(text: &str) -> bool {
    text.len() >= DIGEST && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn summarised(value: &Value) -> String {
    match value.as_text() {
        Some(text) if text.contains('\n') => {
            paint(DIM, &format!("({})", super::text::count(text.lines().count(), "line")))
        }
        Some(_) | None => inline(value),
    }
}

fn texts(text: &str) -> Vec<String> {
    text.lines().map(escape).collect()
}

fn ended(mut text: String) -> String {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// At most `limit` lines, and how many more there are.
/// How many of so many are shown: a line that says "1 more" would take the place of that one.
fn shown_of(count: usize, limit: usize) -> usize {
    if count > limit.saturating_add(1) { limit } else { count }
}

fn capped(mut lines: Vec<String>, limit: usize) -> Vec<String> {
    let more = lines.len() - shown_of(lines.len(), limit);
    if more > 0 {
        lines.truncate(limit);
        lines.push(paint(DIM, &format!("… and {more} more")));
    }
    lines
}

fn aligned(shown: Vec<Shown>) -> Vec<String> {
    let widths = shown.iter().filter(|shown| shown.block.is_empty()).map(|shown| shown.name.chars().count());
    let width = widths.max().unwrap_or(0).min(WIDEST);
    let mut lines = Vec::new();
    for Shown { name, line, block } in shown {
        let name = escape(&name);
        if block.is_empty() {
            lines.push(format!("{name:<width$}  {line}").trim_end().to_owned());
        } else {
            lines.push(name);
            lines.extend(block.into_iter().map(|line| format!("  {line}")));
        }
    }
    lines
}
