//! The manifest reference as Markdown, from the tables that validate and compare: it cannot lag behind them.

use std::fmt::Write as _;

use lakeform_model::{FieldRule, Holds, Key, Kind, Kinds, Literal, Merge, OnChange, Shape, Unset};

use crate::load::TOP_KEYS;
use crate::sections::{ENTRY_KEYS, inside};
use crate::validate::describe;

const HEAD: &str = "\
# Manifest reference

`lakeform reference` prints this page; it is made from the tables that validate a manifest and compare it with AWS.

A manifest is one YAML document. `${…}` stands for a value anywhere in it, in keys, texts and SQL files alike:
`${var.NAME}`, `${env.NAME}`, `${account}`, `${region}`, `${stack}`, and `${kind.key}` for the name of another entry
(`${bucket.lake}`), which also puts that entry first. `$${` stands for the characters themselves. A lone
`${var.count}` is a number or a boolean where its value reads as one. Paths are relative to the manifest.

## At the top

";

/// The whole reference.
pub fn reference(kinds: Kinds) -> String {
    let mut text = HEAD.to_owned();
    keys(&mut text, TOP_KEYS);
    text.push_str("\n## On every entry\n\n");
    keys(&mut text, ENTRY_KEYS);
    for kind in kinds.0.iter().copied() {
        of_kind(&mut text, kind, kinds);
    }
    text
}

fn of_kind(text: &mut String, kind: &dyn Kind, kinds: Kinds) {
    let place: Vec<String> = kind
        .facts()
        .place
        .iter()
        .map(|part| if *part == "*" { "NAME".to_owned() } else { (*part).to_owned() })
        .collect();
    let _ = write!(text, "\n## {}\n\n{}\n\n", kind.name(), kind.facts().about);
    let _ = writeln!(text, "Entries stand under `{}`; addresses read `{}.…`.", place.join("."), kind.name());
    if kind.facts().holds == Holds::Data {
        text.push_str("It holds data: to delete or replace it while there is some needs a permission.\n");
    }
    for key in kind.facts().beside {
        let _ =
            writeln!(text, "Beside them stands `{}`: {} {}", key.name, shape_in_words(&key.shape), key.doc);
    }
    for (name, other) in inside(kind, kinds) {
        let _ = writeln!(text, "In an entry, `{name}` holds its {}s.", other.name());
    }
    text.push('\n');
    match kind.facts().shape {
        Shape::Object(own) => keys(text, own),
        other => {
            let _ = writeln!(text, "An entry is {}.", describe(&other));
        }
    }
    text.push_str("\n| field compared | a change | not given | remark |\n| --- | --- | --- | --- |\n");
    for rule in kind.facts().rules.iter().filter(|rule| rule.on_change != OnChange::Ignore) {
        row(text, &[&format!("`{}`", rule.path), change(rule), &unset(rule), rule.note]);
    }
    let ignored: Vec<String> = kind
        .facts()
        .rules
        .iter()
        .filter(|rule| rule.on_change == OnChange::Ignore)
        .map(|rule| format!("`{}`", rule.path))
        .collect();
    if !ignored.is_empty() {
        let _ = write!(text, "\nNever a difference: {}.\n", ignored.join(", "));
    }
}

fn keys(text: &mut String, keys: &[Key]) {
    text.push_str("| key | value | meaning |\n| --- | --- | --- |\n");
    for key in keys {
        key_rows(text, key, "");
    }
}

fn key_rows(text: &mut String, key: &Key, prefix: &str) {
    let name = format!("{prefix}{}", key.name);
    let required = if key.required { " **Required.**" } else { "" };
    row(text, &[&format!("`{name}`"), &shape_in_words(&key.shape), &format!("{}{required}", key.doc)]);
    below(text, &key.shape, &name);
}

/// The keys of the mappings inside a shape.
fn below(text: &mut String, shape: &Shape, name: &str) {
    match shape {
        Shape::Object(keys) => {
            for key in *keys {
                key_rows(text, key, &format!("{name}."));
            }
        }
        Shape::List(inner) => below(text, inner, &format!("{name}[]")),
        Shape::Map(_, inner) => below(text, inner, &format!("{name}.NAME")),
        Shape::Any(shapes) => {
            for shape in *shapes {
                below(text, shape, name);
            }
        }
        Shape::Text(_)
        | Shape::Word(_)
        | Shape::Bool
        | Shape::Int { .. }
        | Shape::Number { .. }
        | Shape::Free => {}
    }
}

fn shape_in_words(shape: &Shape) -> String {
    match shape {
        Shape::Int { min, max: i64::MAX } => format!("a whole number from {min}"),
        Shape::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or "),
        other => describe(other).replace("\\|", "or"),
    }
}

fn row(text: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn change(rule: &FieldRule) -> &'static str {
    match rule.on_change {
        OnChange::InPlace => match rule.merge {
            Merge::Whole => "in place",
            Merge::Keys => "in place, key by key",
            Merge::Members => "in place, member by member",
        },
        OnChange::Replace => "**replaces**",
        OnChange::Refuse => "refused",
        OnChange::Ignore => "never a difference",
    }
}

fn unset(rule: &FieldRule) -> String {
    if rule.merge != Merge::Whole {
        return "others' stay".to_owned();
    }
    match rule.unset {
        Unset::Unmanaged => "left as it is".to_owned(),
        Unset::Absent => "none".to_owned(),
        Unset::Default(Literal::Text("")) => "empty".to_owned(),
        Unset::Default(literal) => format!("`{}`", literal.value()),
    }
}
