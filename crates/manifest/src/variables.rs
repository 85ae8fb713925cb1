//! Variables: what `${var.x}` stands for, from the command line or from the manifest's defaults.

use std::collections::BTreeMap;

use lakeform_model::{Diagnostics, Key, Node, NodeValue, Shape};

/// The keys of a variable.
pub(crate) const KEYS: &[Key] = &[
    Key::new("default", Shape::TEXT, "Its value when `--var` does not give one; without a default it must."),
    Key::new("description", Shape::TEXT, "What it is for."),
];

/// The values of the manifest's variables; `given` are those of the command line. `None` stands for one that
/// has no value, which was reported.
pub(crate) fn values(
    section: Option<&Node>,
    given: &[(String, String)],
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, Option<String>> {
    let mut values = BTreeMap::new();
    for (key, node) in section.map(Node::entries).unwrap_or_default() {
        let Some(name) = key.as_text() else { continue };
        let default = match &node.value {
            NodeValue::Map(_) => {
                crate::validate::object(node, KEYS, &format!("the variable `{name}`"), diagnostics);
                node.text("default")
            }
            NodeValue::List(_) => {
                let message = format!("the variable `{name}` must be a text, or `{{ default: … }}`");
                diagnostics.error(Some(node.span), message);
                Some(String::new())
            }
            NodeValue::Null
            | NodeValue::Bool(_)
            | NodeValue::Int(_)
            | NodeValue::Float(_)
            | NodeValue::Text(_) => node.scalar_text(),
        };
        let value = given.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        let value = value.or(default);
        if value.is_none() {
            diagnostics
                .error(Some(key.span), format!("the variable `{name}` has no value"))
                .hint(format!("give `--var {name}=…`, or a `default`"));
        }
        values.insert(name.to_owned(), value);
    }
    for (name, _) in given {
        if !values.contains_key(name) {
            let message = format!("`--var {name}=…`: the manifest has no variable `{name}`");
            let known: Vec<&str> = values.keys().map(String::as_str).collect();
            let hint = match known.as_slice() {
                [] => "it has none: add `variables:`".to_owned(),
                known => format!("known: {}", known.join(", ")),
            };
            diagnostics.error(None, message).hint(hint).suggest(name, known);
        }
    }
    values
}
