//! A manifest's YAML as a tree with spans, after interpolation.

use std::collections::BTreeSet;

use crate::Address;

/// The number of a source file in [`crate::Sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A place in a source file: bytes from `start` to before `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// One value of the manifest, with where it stands and which resources its interpolations named.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub value: NodeValue,
    /// A number or boolean as it is written: where a text is wanted, `5.0` stays `5.0`.
    pub written: Option<String>,
    /// Whether a `${…}` in it stands for nothing: that was reported, and nothing else about it is worth saying.
    pub unresolved: bool,
    /// The resources named by `${…}` in this very scalar.
    pub references: BTreeSet<Address>,
}

/// The value of a [`Node`].
#[derive(Clone, Debug, Default, PartialEq)]
pub enum NodeValue {
    /// Nothing, `~` or `null`.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// A text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in file order; keys are texts with spans of their own.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The entry of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(name, _)| name.as_text() == Some(key)).map(|(_, node)| node)
    }

    /// The entry of a mapping, unless it is null.
    pub fn some(&self, key: &str) -> Option<&Node> {
        self.get(key).filter(|node| node.value != NodeValue::Null)
    }

    /// The entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[(Node, Node)] {
        if let NodeValue::Map(entries) = &self.value { entries } else { &[] }
    }

    /// The items of a sequence; none for anything else.
    pub fn items(&self) -> &[Node] {
        if let NodeValue::List(items) = &self.value { items } else { &[] }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let NodeValue::Text(text) = &self.value { Some(text) } else { None }
    }

    /// A scalar as text: what a user meant by `8` or `true` where a text is wanted.
    pub fn scalar_text(&self) -> Option<String> {
        match &self.value {
            NodeValue::Text(text) => Some(text.clone()),
            NodeValue::Bool(_) | NodeValue::Int(_) | NodeValue::Float(_) if self.written.is_some() => {
                self.written.clone()
            }
            NodeValue::Bool(value) => Some(value.to_string()),
            NodeValue::Int(value) => Some(value.to_string()),
            NodeValue::Float(value) => Some(value.to_string()),
            NodeValue::Null | NodeValue::List(_) | NodeValue::Map(_) => None,
        }
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let NodeValue::Bool(value) = self.value { Some(value) } else { None }
    }

    /// The whole number, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        if let NodeValue::Int(value) = self.value { Some(value) } else { None }
    }

    /// The number, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self.value {
            #[expect(clippy::cast_precision_loss, reason = "a manifest's numbers are small")]
            NodeValue::Int(value) => Some(value as f64),
            NodeValue::Float(value) => Some(value),
            NodeValue::Null
            | NodeValue::Bool(_)
            | NodeValue::Text(_)
            | NodeValue::List(_)
            | NodeValue::Map(_) => None,
        }
    }

    /// The text of an entry.
    pub fn text(&self, key: &str) -> Option<String> {
        self.get(key)?.scalar_text()
    }

    /// The texts of a list, or of a lone scalar taken as a list of one.
    pub fn texts(&self) -> Vec<String> {
        match &self.value {
            NodeValue::List(items) => items.iter().filter_map(Node::scalar_text).collect(),
            _ => self.scalar_text().into_iter().collect(),
        }
    }

    /// The entries of a mapping of scalars.
    pub fn text_map(&self) -> std::collections::BTreeMap<String, String> {
        let entries = self.entries().iter();
        entries.filter_map(|(key, node)| Some((key.as_text()?.to_owned(), node.scalar_text()?))).collect()
    }

    /// What kind of value it is, for messages.
    pub fn type_name(&self) -> &'static str {
        match self.value {
            NodeValue::Null => "nothing",
            NodeValue::Bool(_) => "a boolean",
            NodeValue::Int(_) => "a whole number",
            NodeValue::Float(_) => "a number",
            NodeValue::Text(_) => "a text",
            NodeValue::List(_) => "a list",
            NodeValue::Map(_) => "a mapping",
        }
    }

    /// Every resource named by an interpolation inside.
    pub fn all_references(&self) -> BTreeSet<Address> {
        let mut all = self.references.clone();
        match &self.value {
            NodeValue::List(items) => items.iter().for_each(|item| all.extend(item.all_references())),
            NodeValue::Map(entries) => entries.iter().for_each(|(key, node)| {
                all.extend(key.all_references());
                all.extend(node.all_references());
            }),
            NodeValue::Null
            | NodeValue::Bool(_)
            | NodeValue::Int(_)
            | NodeValue::Float(_)
            | NodeValue::Text(_) => {}
        }
        all
    }

    /// The value as JSON, for free-form parts such as policy documents.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            NodeValue::Null => serde_json::Value::Null,
            NodeValue::Bool(value) => (*value).into(),
            NodeValue::Int(value) => (*value).into(),
            NodeValue::Float(value) => (*value).into(),
            NodeValue::Text(text) => text.clone().into(),
            NodeValue::List(items) => items.iter().map(Node::to_json).collect(),
            NodeValue::Map(entries) => {
                entries.iter().filter_map(|(key, node)| Some((key.scalar_text()?, node.to_json()))).collect()
            }
        }
    }
}
