//! The changed fields of one step, aligned and readable: scalars side by side, columns by name and type,
//! scripts and documents as line diffs. Knows no kind: a field's `Show` decides.

use lakeform_model::{Change, Effect, Show, Value};

use super::diff;
use super::text::{DIM, GONE, escape, paint};

/// How wide a field's name may push its value to the right.
const WIDEST: usize = 34;
/// How long a list may be to stand on one line.
const ONE_LINE: usize = 72;

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

/// The lines for the fields that differ.
pub(crate) fn changed(changes: &[Change], limit: usize) -> Vec<String> {
    aligned(changes.iter().map(|change| difference(change, limit)).collect())
}

fn difference(change: &Change, limit: usize) -> Shown {
    let name = change.path.to_string();
    let Change { path: _, from, to, effect, show, note } = change;
    let remark = match effect {
        Effect::Replace => paint(GONE, "  # forces replacement"),
        Effect::Refuse => paint(GONE, &format!("  # refused: {}", escape(note))),
        Effect::InPlace => String::new(),
    };
    let text = |value: &Option<Value>| match (value, show) {
        (None, _) => String::new(),
        (Some(value), Show::Document) => document(value),
        (Some(Value::Text(text)), Show::Lines) => text.clone(),
        (Some(value), _) => listed(value).join("\n"),
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
        Value::Map(map) => {
            for (key, value) in map {
                flatten(format!("{name}.{key}"), value, limit, shown);
            }
        }
        Value::List(items) if items.is_empty() => {}
        Value::List(items) if is_columns(items) || inline(value).chars().count() > ONE_LINE => {
            let lines = listed(value).iter().map(|line| escape(line)).collect();
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

/// A list one item a line; columns as name and type; anything else as pretty JSON.
fn listed(value: &Value) -> Vec<String> {
    match value {
        Value::List(items) if is_columns(items) => {
            let part = |item: &Value, key: &str| {
                item.as_map().and_then(|map| map.get(key)).map(Value::to_string).unwrap_or_default()
            };
            let widest = items.iter().map(|item| part(item, "name").chars().count()).max().unwrap_or(0);
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

fn summarised(value: &Value) -> String {
    match value.as_text() {
        Some(text) if text.contains('\n') => {
            paint(DIM, &format!("({})", super::text::count(text.lines().count(), "line")))
        }
        Some(_) | None => inline(value),
    }
}

/// A document in its pretty form; JSON that stands in a text is read as JSON, at any depth of a map.
fn document(value: &Value) -> String {
    fn json(value: &Value) -> serde_json::Value {
        match value {
            Value::Text(text) => serde_json::from_str::<serde_json::Value>(text)
                .ok()
                .filter(|parsed| parsed.is_object() || parsed.is_array())
                .unwrap_or_else(|| text.clone().into()),
            Value::Map(map) => map.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
            Value::List(_) | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Pointer(_) => {
                value.to_json()
            }
        }
    }
    match json(value) {
        serde_json::Value::String(text) => text,
        json => serde_json::to_string_pretty(&json).unwrap_or_default(),
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
fn capped(mut lines: Vec<String>, limit: usize) -> Vec<String> {
    if lines.len() > limit.saturating_add(1) {
        let more = lines.len() - limit;
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
