//! YAML text to a tree of nodes with byte spans. Decides what a scalar is and what is too much; knows nothing
//! of what the manifest means.

use std::collections::{BTreeMap, BTreeSet};

use lakeform_model::{Diagnostics, FileId, Node, NodeValue, Span};
use saphyr_parser::{Event, Parser, ScalarStyle};

/// The most bytes of a manifest.
pub const MOST_BYTES: usize = 10 * 1024 * 1024;
/// The most nodes, aliases expanded: a few lines of nested aliases would otherwise fill the memory.
const MOST_NODES: usize = 500_000;
/// So many bytes of a text count as one more node: many aliases of one long text would fill it, too.
const BYTES_OF_A_NODE: usize = 256;
const DEEPEST: usize = 64;

/// Reads one YAML document; `None` when it told the diagnostics why not.
pub fn read(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> Option<Node> {
    if text.len() > MOST_BYTES {
        let span = Span { file, start: 0, end: 0 };
        diagnostics.error(Some(span), format!("the file is larger than {MOST_BYTES} bytes"));
        return None;
    }
    let mut reader = Reader {
        file,
        text,
        offsets: text.char_indices().map(|(at, _)| at).collect(),
        diagnostics,
        open: Vec::new(),
        anchors: BTreeMap::new(),
        nodes: 0,
        kept: 0,
        root: None,
        failed: false,
    };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => {
                let span = reader.span(span.start.index(), span.end.index());
                reader.take(event, span);
            }
            Err(error) => {
                let at = error.marker().index();
                let span = reader.span(at, at + 1);
                let line_start = text[..span.start].rfind('\n').map_or(0, |end| end + 1);
                let line = text[line_start..].lines().next().unwrap_or_default();
                // The braces of an interpolation look like a mapping's to YAML.
                let hint = (line.contains("${") && line.contains(['{', '[']))
                    .then_some("inside `{ … }` or `[ … ]` a text with `${…}` needs quotes");
                reader.fail(span, format!("not valid YAML: {}", error.info()), hint);
            }
        }
        if reader.failed {
            return None;
        }
    }
    if reader.root.is_none() {
        let span = Span { file, start: 0, end: 0 };
        reader.fail(
            span,
            "the manifest is empty".to_owned(),
            Some("`lakeform init` writes one to start from"),
        );
    }
    reader.root
}

/// A collection whose end has not come yet.
struct Open {
    span: Span,
    anchor: usize,
    items: Vec<Node>,
    is_map: bool,
}

struct Reader<'a> {
    file: FileId,
    text: &'a str,
    /// The byte of each character: the parser counts characters.
    offsets: Vec<usize>,
    diagnostics: &'a mut Diagnostics,
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
    /// The nodes that are kept for aliases.
    kept: usize,
    root: Option<Node>,
    failed: bool,
}

impl Reader<'_> {
    fn span(&self, start: usize, end: usize) -> Span {
        let byte = |character: usize| self.offsets.get(character).copied().unwrap_or(self.text.len());
        Span { file: self.file, start: byte(start), end: byte(end).max(byte(start)) }
    }

    fn fail(&mut self, span: Span, message: String, hint: Option<&str>) {
        let diagnostic = self.diagnostics.error(Some(span), message);
        diagnostic.hint = hint.map(str::to_owned);
        self.failed = true;
    }

    fn take(&mut self, event: Event<'_>, span: Span) {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let value = if plain { scalar(&text) } else { NodeValue::Text(text.to_string()) };
                let is_text = matches!(value, NodeValue::Text(_) | NodeValue::Null);
                let written = (!is_text).then(|| text.to_string());
                let node = Node { span, value, written, ..Node::default() };
                let size = count(&node);
                self.add(node, anchor, size);
            }
            Event::SequenceStart(anchor, _) => self.begin(span, anchor, false),
            Event::MappingStart(anchor, _) => self.begin(span, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some((node, size)) => self.add(node, 0, size),
                None => self.fail(span, "this alias stands inside what it names".to_owned(), None),
            },
            Event::DocumentStart(_) if self.root.is_some() => {
                self.fail(
                    span,
                    "a manifest is one YAML document".to_owned(),
                    Some("put the second one into a file of its own"),
                );
            }
            Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::StreamStart
            | Event::StreamEnd
            | Event::Nothing => {}
        }
    }

    fn begin(&mut self, span: Span, anchor: usize, is_map: bool) {
        if self.open.len() >= DEEPEST {
            self.fail(span, format!("nested deeper than {DEEPEST} levels"), None);
            return;
        }
        self.open.push(Open { span, anchor, items: Vec::new(), is_map });
    }

    fn end(&mut self, end: Span) {
        let Some(Open { span, anchor, items, is_map }) = self.open.pop() else { return };
        let last =
            items.iter().map(|node| node.span.end).filter(|at| *at <= end.end).max().unwrap_or(end.end);
        // A block collection ends for the parser where the next thing begins; for people with its last item.
        let closed = self.text.get(..end.end).is_some_and(|text| text.ends_with(['}', ']']));
        let span = Span { end: if closed { end.end } else { last.max(span.start) }, ..span };
        let size = 1 + items.iter().map(count).sum::<usize>();
        let value = if is_map { self.map(items) } else { NodeValue::List(items) };
        self.nodes = self.nodes.saturating_sub(size - 1);
        self.add(Node { span, value, ..Node::default() }, anchor, size);
    }

    fn map(&mut self, items: Vec<Node>) -> NodeValue {
        let mut entries: Vec<(Node, Node)> = Vec::new();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut items = items.into_iter();
        while let (Some(mut key), Some(value)) = (items.next(), items.next()) {
            let Some(name) = key.scalar_text() else {
                self.diagnostics
                    .error(Some(key.span), format!("a key must be a text, not {}", key.type_name()));
                continue;
            };
            if name == "<<" {
                let message = "merge keys (`<<`) are not supported";
                self.diagnostics.error(Some(key.span), message).hint("write the keys out");
            } else if !seen.insert(name.clone()) {
                let message = format!("`{}` is given twice", name.escape_debug());
                self.diagnostics.error(Some(key.span), message).hint("remove one of them");
            } else {
                key.value = NodeValue::Text(name);
                entries.push((key, value));
            }
        }
        NodeValue::Map(entries)
    }

    fn add(&mut self, node: Node, anchor: usize, size: usize) {
        self.nodes += size;
        if self.nodes > MOST_NODES {
            let hint = "aliases count with all they stand for, long texts by their length";
            self.fail(node.span, format!("more than {MOST_NODES} values"), Some(hint));
            return;
        }
        if anchor > 0 {
            self.kept += size;
            if self.kept > MOST_NODES {
                self.fail(node.span, format!("more than {MOST_NODES} values behind anchors"), None);
                return;
            }
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut() {
            Some(open) => open.items.push(node),
            None => self.root = Some(node),
        }
    }
}

/// How many nodes a tree counts as.
fn count(node: &Node) -> usize {
    1 + node.written.as_deref().or(node.as_text()).map_or(0, |text| text.len() / BYTES_OF_A_NODE)
        + node.items().iter().map(count).sum::<usize>()
        + node.entries().iter().map(|(key, value)| count(key) + count(value)).sum::<usize>()
}

/// A plain scalar by YAML 1.2's core schema.
pub(crate) fn scalar(text: &str) -> NodeValue {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return NodeValue::Null,
        "true" | "True" | "TRUE" => return NodeValue::Bool(true),
        "false" | "False" | "FALSE" => return NodeValue::Bool(false),
        _ => {}
    }
    if let Ok(number) = text.parse::<i64>() {
        return NodeValue::Int(number);
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text.ends_with(|c: char| c.is_ascii_digit() || c == '.')
        && text.chars().any(|c| c.is_ascii_digit());
    match text.parse::<f64>() {
        Ok(number) if numeric && number.is_finite() => NodeValue::Float(number),
        _ => NodeValue::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lakeform_model::Sources;

    fn parse(text: &str) -> (Option<Node>, Vec<String>) {
        let mut sources = Sources::default();
        let file = sources.add("m.yaml", text);
        let mut diagnostics = Diagnostics::default();
        let node = read(file, text, &mut diagnostics);
        let messages = diagnostics.0.iter().map(|diagnostic| {
            let at = diagnostic.span.map(|span| sources.position(span)).unwrap_or_default();
            format!("{at}: {}", diagnostic.message)
        });
        (node, messages.collect())
    }

    #[test]
    fn scalars_are_what_they_look_like_unless_quoted() {
        let (node, messages) = parse("a: 1\nb: '1'\nc: yes\nd: true\ne:\nf: 1.5\ng: 1e\nh: 0123\n");
        let node = node.unwrap();
        assert_eq!(messages, Vec::<String>::new());
        assert_eq!(node.get("a").unwrap().value, NodeValue::Int(1));
        assert_eq!(node.get("b").unwrap().as_text(), Some("1"));
        assert_eq!(node.get("c").unwrap().as_text(), Some("yes"));
        assert_eq!(node.get("d").unwrap().as_bool(), Some(true));
        assert_eq!(node.get("e").unwrap().value, NodeValue::Null);
        assert_eq!(node.get("f").unwrap().as_number(), Some(1.5));
        assert_eq!(node.text("h").as_deref(), Some("0123"));
        assert_eq!(node.get("g").unwrap().as_text(), Some("1e"));
    }

    #[test]
    fn spans_are_bytes_also_after_other_alphabets() {
        let text = "é: {ü: x}\nlist: [a, \"b\"]\n";
        let node = parse(text).0.unwrap();
        let slice = |node: &Node| &text[node.span.start..node.span.end];
        assert_eq!(slice(node.get("é").unwrap().get("ü").unwrap()), "x");
        assert_eq!(slice(node.get("list").unwrap()), "[a, \"b\"]");
        assert_eq!(slice(&node.get("list").unwrap().items()[1]), "\"b\"");
    }

    #[test]
    fn what_is_not_a_manifest_is_said_with_its_place() {
        assert_eq!(parse("a: 1\na: 2\n").1, ["m.yaml:2:1: `a` is given twice"]);
        assert_eq!(parse("").1, ["m.yaml:1:1: the manifest is empty"]);
        assert_eq!(parse("a: 1\n---\nb: 2\n").1, ["m.yaml:2:1: a manifest is one YAML document"]);
        assert_eq!(parse("a:\n  <<: {b: 1}\n").1, ["m.yaml:2:3: merge keys (`<<`) are not supported"]);
        assert!(parse("a: [1\n").1[0].contains("not valid YAML"));
    }

    #[test]
    fn an_alias_bomb_and_a_deep_nest_are_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let before = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(
                &["a", &level.to_string(), ": &a", &level.to_string(), " [", &before, "]\n"].concat(),
            );
        }
        assert!(parse(&bomb).1[0].contains("more than 500000 values"));
        let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 2000].join(", "));
        assert!(parse(&long).1[0].contains("more than 500000 values"));
        let kept = (0..60).map(|level| format!("&k{level} [")).collect::<Vec<_>>().concat();
        let kept = format!("a: {kept}{}{}\n", "x, ".repeat(10_000), "]".repeat(60));
        assert!(parse(&kept).1[0].contains("more than 500000 values behind anchors"));
        assert!(parse(&"[".repeat(100)).1[0].contains("nested deeper than 64"));
    }
}
