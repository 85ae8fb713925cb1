//! Canonical values: the one form in which desired and live are compared, shown and saved.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A pointer from a field to another resource, such as a job's role or a table's location in a bucket.
///
/// Order of creation and deletion comes from these, on the desired and on the live side alike, so that a
/// kind cannot forget to declare a dependency it uses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointer {
    /// The kind pointed at.
    #[serde(rename = "$kind")]
    pub kind: String,
    /// The identity pointed at, as that kind spells it.
    #[serde(rename = "$identity")]
    pub identity: String,
    /// What stands in the field: the name, the ARN or the URL.
    #[serde(rename = "$text")]
    pub text: String,
}

/// A canonical value.
#[derive(Clone, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
    /// An ordered list.
    List(Vec<Value>),
    /// A pointer to another resource.
    Pointer(Pointer),
    /// A map, ordered by key.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// A pointer that shows `text`.
    pub fn pointer(kind: &str, identity: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Pointer(Pointer { kind: kind.to_owned(), identity: identity.into(), text: text.into() })
    }

    /// A list of texts.
    pub fn texts(items: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::List(items.into_iter().map(|item| Self::Text(item.into())).collect())
    }

    /// A map of texts.
    pub fn text_map(items: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        Self::Map(items.into_iter().map(|(key, value)| (key.into(), Self::Text(value.into()))).collect())
    }

    /// The value that a way through maps leads to, itself for no way.
    pub fn at(&self, path: impl IntoIterator<Item = impl AsRef<str>>) -> Option<&Value> {
        path.into_iter().try_fold(self, |value, key| value.as_map()?.get(key.as_ref()))
    }

    /// The text of a text or a pointer.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Pointer(pointer) => Some(&pointer.text),
            Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The whole number, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(value) = self { Some(*value) } else { None }
    }

    /// The number as a float, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "AWS numbers here are small")]
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Bool(_) | Self::Text(_) | Self::List(_) | Self::Pointer(_) | Self::Map(_) => None,
        }
    }

    /// The list, if it is one.
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    /// The map, if it is one.
    pub fn as_map(&self) -> Option<&BTreeMap<String, Value>> {
        if let Self::Map(map) = self { Some(map) } else { None }
    }

    /// The texts of a list of texts; other members are left out.
    pub fn to_texts(&self) -> Vec<String> {
        self.as_list()
            .unwrap_or_default()
            .iter()
            .filter_map(|item| item.as_text().map(str::to_owned))
            .collect()
    }

    /// The entries of a map of texts; other entries are left out.
    pub fn to_text_map(&self) -> BTreeMap<String, String> {
        let entries = self.as_map().into_iter().flatten();
        entries.filter_map(|(key, value)| Some((key.clone(), value.as_text()?.to_owned()))).collect()
    }

    /// Every pointer inside.
    pub fn pointers(&self) -> Vec<&Pointer> {
        match self {
            Self::Pointer(pointer) => vec![pointer],
            Self::List(items) => items.iter().flat_map(Self::pointers).collect(),
            Self::Map(map) => map.values().flat_map(Self::pointers).collect(),
            Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Text(_) => Vec::new(),
        }
    }

    /// The value as plain JSON: a pointer becomes its text.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Float(value) => (*value).into(),
            Self::Text(text) => text.clone().into(),
            Self::Pointer(pointer) => pointer.text.clone().into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(map) => map.iter().map(|(key, value)| (key.clone(), value.to_json())).collect(),
        }
    }

    /// The value of plain JSON; a `null` member of a map is left out, elsewhere it is an empty text.
    pub fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Text(String::new()),
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => {
                number.as_i64().map_or_else(|| Self::Float(number.as_f64().unwrap_or_default()), Self::Int)
            }
            serde_json::Value::String(text) => Self::Text(text.clone()),
            serde_json::Value::Array(items) => Self::List(items.iter().map(Self::from_json).collect()),
            serde_json::Value::Object(map) => Self::Map(
                map.iter()
                    .filter(|(_, value)| !value.is_null())
                    .map(|(key, value)| (key.clone(), Self::from_json(value)))
                    .collect(),
            ),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Pointer(pointer) => f.write_str(&pointer.text),
            Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::List(_) | Self::Map(_) => {
                write!(f, "{}", self.to_json())
            }
        }
    }
}

macro_rules! value_from {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}
value_from!(bool => Bool, i32 => Int, i64 => Int, f64 => Float, &str => Text, String => Text, &String => Text,
    Vec<Value> => List, BTreeMap<String, Value> => Map);

/// The way to a field: its segments, a map's key being one segment even when it holds dots.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldPath(pub Vec<String>);

impl FieldPath {
    /// The path one segment longer.
    #[must_use]
    pub fn child(&self, segment: &str) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment.to_owned());
        Self(segments)
    }

    /// The first segment: the field of the kind.
    pub fn field(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// The last segment.
    pub fn last(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// Whether the path is `dotted` or lies below it.
    pub fn is_within(&self, dotted: &str) -> bool {
        let mut own = self.0.iter();
        dotted.split('.').all(|segment| own.next().is_some_and(|part| part == segment))
    }
}

impl From<&str> for FieldPath {
    fn from(dotted: &str) -> Self {
        Self(dotted.split('.').map(str::to_owned).collect())
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// The canonical fields of one resource.
#[derive(Clone, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fields(pub BTreeMap<String, Value>);

impl Fields {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a field; gives `self` back so that a kind's `desired` reads as a list.
    pub fn set(&mut self, field: &str, value: impl Into<Value>) -> &mut Self {
        self.0.insert(field.to_owned(), value.into());
        self
    }

    /// Sets a field that may be unset.
    pub fn set_some(&mut self, field: &str, value: Option<impl Into<Value>>) -> &mut Self {
        if let Some(value) = value {
            self.0.insert(field.to_owned(), value.into());
        }
        self
    }

    /// The value at a dotted path of fields (not for map keys that hold dots).
    pub fn get(&self, dotted: &str) -> Option<&Value> {
        let mut segments = dotted.split('.');
        self.0.get(segments.next()?)?.at(segments)
    }

    /// The value at a path: unlike a dotted one, it may lead through keys that hold a dot.
    pub fn at(&self, path: &FieldPath) -> Option<&Value> {
        let (field, rest) = path.0.split_first()?;
        self.0.get(field)?.at(rest)
    }

    /// The text at a dotted path.
    pub fn text(&self, dotted: &str) -> Option<&str> {
        self.get(dotted)?.as_text()
    }

    /// The boolean at a dotted path.
    pub fn bool(&self, dotted: &str) -> Option<bool> {
        self.get(dotted)?.as_bool()
    }

    /// The whole number at a dotted path.
    pub fn int(&self, dotted: &str) -> Option<i64> {
        self.get(dotted)?.as_int()
    }

    /// The texts of the list at a dotted path; empty when unset.
    pub fn texts(&self, dotted: &str) -> Vec<String> {
        self.get(dotted).map(Value::to_texts).unwrap_or_default()
    }

    /// The map of texts at a dotted path; empty when unset.
    pub fn text_map(&self, dotted: &str) -> BTreeMap<String, String> {
        self.get(dotted).map(Value::to_text_map).unwrap_or_default()
    }

    /// Every pointer in every field.
    pub fn pointers(&self) -> Vec<&Pointer> {
        self.0.values().flat_map(Value::pointers).collect()
    }
}
