//! Holds a node against a shape and reports every mismatch. Knows no kind: the shapes are data.

use lakeform_model::{Diagnostics, Key, Node, NodeValue, Shape};

/// Checks `node`, called `what` in messages, against a shape; every problem is reported.
pub fn validate(node: &Node, shape: &Shape, what: &str, diagnostics: &mut Diagnostics) {
    if node.value == NodeValue::Null || node.unresolved {
        return;
    }
    match shape {
        Shape::Free => {}
        Shape::Text(rule) => match node.scalar_text() {
            Some(text) => {
                if let Some(Err(problem)) = rule.check.map(|check| check(&text)) {
                    diagnostics.error(Some(node.span), format!("{what} {problem}")).label(rule.what);
                }
            }
            None => mismatch(node, what, rule.what, diagnostics),
        },
        Shape::Word(words) => match node.scalar_text() {
            Some(text) if words.contains(&text.as_str()) => {}
            Some(text) => {
                let message = format!("{what} cannot be `{}`", text.escape_debug());
                let hint = format!("one of: {}", words.join(", "));
                diagnostics.error(Some(node.span), message).hint(hint).suggest(&text, words.iter().copied());
            }
            None => mismatch(node, what, &format!("one of: {}", words.join(", ")), diagnostics),
        },
        Shape::Bool => {
            if node.as_bool().is_none() {
                mismatch(node, what, "true or false", diagnostics);
            }
        }
        Shape::Int { min, max } => match node.as_int() {
            Some(number) if (*min..=*max).contains(&number) => {}
            Some(_) => {
                diagnostics.error(Some(node.span), format!("{what} must be from {min} to {max}"));
            }
            None => mismatch(node, what, "a whole number", diagnostics),
        },
        Shape::Number { min, max } => match node.as_number() {
            Some(number) if (*min..=*max).contains(&number) => {}
            Some(_) => {
                diagnostics.error(Some(node.span), format!("{what} must be from {min} to {max}"));
            }
            None => mismatch(node, what, "a number", diagnostics),
        },
        Shape::List(inner) => match &node.value {
            NodeValue::List(items) => {
                for item in items {
                    validate(item, inner, &format!("an item of {what}"), diagnostics);
                }
            }
            _ => mismatch(node, what, "a list", diagnostics),
        },
        Shape::Map(rule, inner) => {
            if !matches!(node.value, NodeValue::Map(_)) {
                return mismatch(node, what, "a mapping", diagnostics);
            }
            for (key, value) in node.entries() {
                let name = key.as_text().unwrap_or_default();
                if let Some(Err(problem)) = rule.check.map(|check| check(name)) {
                    let message = format!("the key `{}` of {what} {problem}", name.escape_debug());
                    diagnostics.error(Some(key.span), message).label(rule.what);
                }
                validate(value, inner, &format!("`{}`", name.escape_debug()), diagnostics);
            }
        }
        Shape::Object(keys) => {
            if matches!(node.value, NodeValue::Map(_)) {
                object(node, keys, what, diagnostics);
            } else {
                mismatch(node, what, "a mapping", diagnostics);
            }
        }
        Shape::Any(shapes) => match shapes.iter().find(|shape| fits(node, shape)) {
            Some(shape) => validate(node, shape, what, diagnostics),
            None => {
                let names: Vec<String> = shapes.iter().map(describe).collect();
                mismatch(node, what, &names.join(", or "), diagnostics);
            }
        },
    }
}

/// Checks a mapping's keys: unknown ones, missing ones, and the value of each.
pub fn object(node: &Node, keys: &[Key], what: &str, diagnostics: &mut Diagnostics) {
    for (key, value) in node.entries() {
        let name = key.as_text().unwrap_or_default();
        match keys.iter().find(|known| known.name == name) {
            Some(known) => validate(value, &known.shape, &format!("`{name}`"), diagnostics),
            None => {
                let names: Vec<&str> = keys.iter().map(|known| known.name).collect();
                let message = format!("{what} has no key `{}`", name.escape_debug());
                // `{ type: decimal(10,2) }` is two entries to YAML: the comma ends the first.
                let torn = value.value == NodeValue::Null && name.ends_with(')');
                let hint = if torn {
                    "inside `{ … }` a text with a comma needs quotes: `type: 'decimal(10,2)'`".to_owned()
                } else {
                    format!("known: {}", names.join(", "))
                };
                diagnostics.error(Some(key.span), message).hint(hint).suggest(name, names);
            }
        }
    }
    for key in keys.iter().filter(|key| key.required && node.some(key.name).is_none()) {
        diagnostics.error(Some(node.span), format!("{what} needs `{}`", key.name)).hint(key.doc);
    }
}

fn mismatch(node: &Node, what: &str, wanted: &str, diagnostics: &mut Diagnostics) {
    diagnostics.error(Some(node.span), format!("{what} must be {wanted}, not {}", node.type_name()));
}

/// Whether the node's type is the one a shape wants, whatever is inside.
fn fits(node: &Node, shape: &Shape) -> bool {
    match shape {
        Shape::Free => true,
        Shape::Text(_) => node.scalar_text().is_some(),
        Shape::Word(words) => node.as_text().is_some_and(|text| words.contains(&text)),
        Shape::Bool => node.as_bool().is_some(),
        Shape::Int { .. } => node.as_int().is_some(),
        Shape::Number { .. } => node.as_number().is_some(),
        Shape::List(_) => matches!(node.value, NodeValue::List(_)),
        Shape::Map(..) | Shape::Object(_) => matches!(node.value, NodeValue::Map(_)),
        Shape::Any(shapes) => shapes.iter().any(|shape| fits(node, shape)),
    }
}

/// A shape in words, for messages and the reference.
pub fn describe(shape: &Shape) -> String {
    match shape {
        Shape::Free => "anything".to_owned(),
        Shape::Text(rule) => rule.what.to_owned(),
        Shape::Word(words) => words.join(" \\| "),
        Shape::Bool => "true or false".to_owned(),
        Shape::Int { min, max } => format!("a whole number from {min} to {max}"),
        Shape::Number { min, max } => format!("a number from {min} to {max}"),
        Shape::List(Shape::Text(rule)) if rule.what == "a text" => "a list of texts".to_owned(),
        Shape::List(Shape::Object(_)) => "a list of mappings".to_owned(),
        Shape::List(inner) => format!("a list, each {}", describe(inner)),
        Shape::Map(rule, inner) => format!("a mapping of {} to {}", rule.what, describe(inner)),
        Shape::Object(_) => "a mapping".to_owned(),
        Shape::Any(shapes) => shapes.iter().map(describe).collect::<Vec<_>>().join(", or "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lakeform_model::{FileId, TextRule};

    const WORKERS: &[Key] = &[
        Key::required("type", Shape::Word(&["G.1X", "G.2X"]), "The worker type."),
        Key::new("count", Shape::Int { min: 1, max: 299 }, "How many."),
    ];
    const SHORT: TextRule = TextRule::checked("a short text", |text| {
        if text.len() < 5 { Ok(()) } else { Err("must be shorter than 5".to_owned()) }
    });
    const SHAPE: Shape = Shape::Object(&[
        Key::new("workers", Shape::Object(WORKERS), "The workers."),
        Key::new("names", Shape::List(&Shape::Text(SHORT)), "Names."),
        Key::new("trust", Shape::Any(&[Shape::TEXT, Shape::TEXTS, Shape::Object(WORKERS)]), "Whom to trust."),
        Key::new("tags", Shape::TAGS, "Tags."),
    ]);

    fn problems(text: &str) -> Vec<String> {
        let mut diagnostics = Diagnostics::default();
        let node = crate::yaml::read(FileId(0), text, &mut diagnostics).unwrap();
        validate(&node, &SHAPE, "the job", &mut diagnostics);
        diagnostics
            .0
            .iter()
            .map(|diagnostic| {
                let span = diagnostic.span.unwrap();
                let hint = diagnostic.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
                format!(
                    "{}: {}{hint}",
                    text[span.start..span.end].lines().next().unwrap_or_default(),
                    diagnostic.message
                )
            })
            .collect()
    }

    #[test]
    fn what_fits_has_no_problem() {
        let good = "workers: {type: G.1X, count: 2}\nnames: [a, 1]\ntrust: [x]\ntags: {team: data}\n";
        assert_eq!(problems(good), Vec::<String>::new());
        assert_eq!(problems("workers:\ntrust: x\n"), Vec::<String>::new());
    }

    #[test]
    fn every_problem_is_reported_at_its_own_place() {
        let bad = "workers: {type: G.1x, count: 0}\nnames: [toolong, {}]\ntrust: 1.5\nworker: 1\ntags: {'aws:x': y}\n";
        assert_eq!(
            problems(bad),
            [
                "G.1x: `type` cannot be `G.1x` (did you mean `G.1X`?)",
                "0: `count` must be from 1 to 299",
                "toolong: an item of `names` must be shorter than 5",
                "{}: an item of `names` must be a short text, not a mapping",
                "worker: the job has no key `worker` (did you mean `workers`?)",
                "'aws:x': the key `aws:x` of `tags` must not start with `aws:` or `lakeform:`: these are reserved",
            ]
        );
    }

    #[test]
    fn a_comma_in_a_flow_mapping_is_explained() {
        assert_eq!(
            problems("workers: {type: G.1X(10,2)}\n")[1],
            "2): `workers` has no key `2)` (inside `{ … }` a text with a comma needs quotes: `type: 'decimal(10,2)'`)"
        );
    }

    #[test]
    fn a_missing_key_is_named_with_its_meaning() {
        assert_eq!(
            problems("workers: {count: 2}\n"),
            ["{count: 2}: `workers` needs `type` (The worker type.)"]
        );
    }
}
