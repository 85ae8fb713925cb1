//! `${…}` in texts: finds them, asks for what they stand for, and says exactly which one nobody knows.
//! Who knows what (variables, the environment, other resources) is the caller's.

use std::collections::BTreeSet;
use std::ops::Range;

use lakeform_model::{Address, Diagnostics, Node, NodeValue, Span};

/// The most bytes that one text may become: a long value, put in often, would fill the memory.
const LONGEST: usize = 10 * 1024 * 1024;
/// The most bytes that all texts of a tree may become.
const MOST: usize = 4 * LONGEST;

/// What one `${name}` stands for.
pub enum Meaning {
    /// This text; with the resource it names, if it names one.
    Text(String, Option<Address>),
    /// Not known yet: a later pass puts it in.
    Later,
    /// Nobody knows it.
    Unknown {
        /// What is wrong, as a whole message.
        message: String,
        /// What there is.
        known: Vec<String>,
        /// What to do about it, when nothing known is close.
        hint: Option<String>,
    },
}

/// Puts in what is known in one text. `last` is the pass after which `$${` becomes `${`.
/// `place` gives the span of a byte range of the text.
pub fn expand(
    text: &str,
    last: bool,
    place: impl Fn(Range<usize>) -> Span,
    meaning: &mut dyn FnMut(&str) -> Meaning,
    diagnostics: &mut Diagnostics,
) -> (String, BTreeSet<Address>) {
    let (mut out, mut references) = (String::with_capacity(text.len()), BTreeSet::new());
    let mut at = 0;
    while let Some(found) = text[at..].find("${") {
        let start = at + found;
        if text[..start].ends_with('$') {
            out.push_str(&text[at..start - usize::from(last)]);
            out.push_str("${");
            at = start + 2;
            continue;
        }
        if diagnostics.is_full() {
            break;
        }
        out.push_str(&text[at..start]);
        let Some(length) = text[start..].find('}') else {
            let message = "`${` is never closed";
            diagnostics
                .error(Some(place(start..text.len())), message)
                .hint("write `$${` for the characters themselves");
            out.push_str(&text[start..]);
            return (out, references);
        };
        let end = start + length + 1;
        let name = text[start + 2..end - 1].trim();
        match meaning(name) {
            Meaning::Text(value, _) if out.len() + value.len() > LONGEST => {
                let message = format!("with its values put in, this text is longer than {LONGEST} bytes");
                diagnostics.error(Some(place(start..end)), message);
                return (text.to_owned(), references);
            }
            Meaning::Text(value, reference) => {
                out.push_str(&value);
                references.extend(reference);
            }
            Meaning::Later => out.push_str(&text[start..end]),
            Meaning::Unknown { message, known, hint } => {
                let diagnostic = diagnostics.error(Some(place(start..end)), message);
                diagnostic.hint = hint;
                diagnostic.suggest(name, known.iter().map(String::as_str));
                out.push_str(&text[start..end]);
            }
        }
        at = end;
    }
    out.push_str(&text[at..]);
    (out, references)
}

/// Puts in what is known in every text of a tree, keys included. `source` is the file's text: in a scalar that
/// stands there as it is, a problem is marked at the very `${…}`.
pub fn expand_tree(
    node: &mut Node,
    source: &str,
    last: bool,
    meaning: &mut dyn FnMut(&str) -> Meaning,
    diagnostics: &mut Diagnostics,
) {
    let mut room = MOST;
    expand_within(node, source, last, meaning, diagnostics, &mut room);
}

fn expand_within(
    node: &mut Node,
    source: &str,
    last: bool,
    meaning: &mut dyn FnMut(&str) -> Meaning,
    diagnostics: &mut Diagnostics,
    room: &mut usize,
) {
    if *room == 0 {
        return;
    }
    match &mut node.value {
        NodeValue::Text(text) if text.contains("${") => {
            let span = node.span;
            let verbatim = source.get(span.start..span.end).and_then(|written| written.find(text.as_str()));
            let place = |range: Range<usize>| match verbatim {
                Some(offset) => {
                    let start = span.start + offset;
                    Span { start: start + range.start, end: start + range.end, ..span }
                }
                None => span,
            };
            let alone = text.starts_with("${") && text.find('}') == Some(text.len() - 1);
            let before = diagnostics.0.len();
            let (expanded, references) = expand(text, last, place, meaning, diagnostics);
            *room = room.saturating_sub(expanded.len());
            if *room == 0 {
                let message = format!("with their values put in, all texts are longer than {MOST} bytes");
                diagnostics.error(Some(span), message);
            }
            node.unresolved |= diagnostics.0.len() > before;
            node.references.extend(references);
            // A lone `${var.count}` is what the variable is, a number or a boolean too.
            let value = if alone { crate::yaml::scalar(&expanded) } else { NodeValue::Null };
            node.value = match value {
                NodeValue::Bool(_) | NodeValue::Int(_) | NodeValue::Float(_) => {
                    node.written = Some(expanded);
                    value
                }
                NodeValue::Null | NodeValue::Text(_) | NodeValue::List(_) | NodeValue::Map(_) => {
                    NodeValue::Text(expanded)
                }
            };
        }
        NodeValue::List(items) => {
            for item in items {
                expand_within(item, source, last, meaning, diagnostics, room);
            }
        }
        NodeValue::Map(entries) => {
            for (key, value) in entries {
                expand_within(key, source, last, meaning, diagnostics, room);
                expand_within(value, source, last, meaning, diagnostics, room);
            }
        }
        NodeValue::Null
        | NodeValue::Bool(_)
        | NodeValue::Int(_)
        | NodeValue::Float(_)
        | NodeValue::Text(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lakeform_model::FileId;

    fn meaning(name: &str) -> Meaning {
        match name {
            "var.x" => Meaning::Text("1".to_owned(), None),
            "bucket.lake" => Meaning::Text("my-lake".to_owned(), Some(Address::new("bucket", ["lake"]))),
            "later" => Meaning::Later,
            _ => Meaning::Unknown {
                message: format!("there is no `{name}`"),
                known: vec!["var.x".to_owned()],
                hint: None,
            },
        }
    }

    fn expanded(text: &str, last: bool) -> (String, Vec<String>) {
        let mut diagnostics = Diagnostics::default();
        let place = |range: Range<usize>| Span { file: FileId(0), start: range.start, end: range.end };
        let (out, _) = expand(text, last, place, &mut meaning, &mut diagnostics);
        let marked = diagnostics.0.iter().map(|diagnostic| {
            let span = diagnostic.span.unwrap();
            format!("{}: {}", &text[span.start..span.end], diagnostic.message)
        });
        (out, marked.collect())
    }

    #[test]
    fn what_is_known_is_put_in_and_the_rest_waits() {
        assert_eq!(expanded("s3://${bucket.lake}/${ var.x }/${later}", false).0, "s3://my-lake/1/${later}");
    }

    #[test]
    fn an_escape_survives_every_pass_but_the_last() {
        assert_eq!(expanded("$${var.x} ${var.x}", false).0, "$${var.x} 1");
        assert_eq!(expanded("$${var.x} ${var.x}", true).0, "${var.x} 1");
    }

    #[test]
    fn the_very_text_that_is_wrong_is_marked() {
        assert_eq!(expanded("a ${var.y} b", true).1, ["${var.y}: there is no `var.y`"]);
        assert_eq!(expanded("é ${var.x", true).1, ["${var.x: `${` is never closed"]);
    }

    #[test]
    fn values_put_in_over_and_over_are_refused_before_they_fill_the_memory() {
        let long = "x".repeat(1024 * 1024);
        let mut meaning = |_: &str| Meaning::Text(long.clone(), None);
        let mut diagnostics = Diagnostics::default();
        let text = format!("one: {}\nmany: [{}]\n", "${v}".repeat(11), vec!["'${v} '"; 60].join(", "));
        let mut node = crate::yaml::read(FileId(0), &text, &mut diagnostics).unwrap();
        expand_tree(&mut node, &text, true, &mut meaning, &mut diagnostics);
        let messages: Vec<&str> = diagnostics.0.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "with its values put in, this text is longer than 10485760 bytes",
                "with their values put in, all texts are longer than 41943040 bytes"
            ]
        );
    }

    #[test]
    fn a_lone_placeholder_is_the_number_it_stands_for() {
        let mut diagnostics = Diagnostics::default();
        let text = "count: ${var.x}\nname: a${var.x}\n";
        let mut node = crate::yaml::read(FileId(0), text, &mut diagnostics).unwrap();
        expand_tree(&mut node, text, true, &mut meaning, &mut diagnostics);
        assert_eq!(node.get("count").unwrap().as_int(), Some(1));
        assert_eq!(node.get("name").unwrap().as_text(), Some("a1"));
    }

    #[test]
    fn a_tree_is_marked_in_the_file_and_remembers_what_it_names() {
        let text = "to: s3://${bucket.lake}/x\nbad: 'a ${nope}'\n";
        let mut diagnostics = Diagnostics::default();
        let mut node = crate::yaml::read(FileId(0), text, &mut diagnostics).unwrap();
        expand_tree(&mut node, text, true, &mut meaning, &mut diagnostics);
        assert_eq!(node.text("to").as_deref(), Some("s3://my-lake/x"));
        assert_eq!(node.all_references(), BTreeSet::from([Address::new("bucket", ["lake"])]));
        let span = diagnostics.0[0].span.unwrap();
        assert_eq!(&text[span.start..span.end], "${nope}");
    }
}
