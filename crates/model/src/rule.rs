//! What a difference in a field means: each kind gives a table of these, the generic diff obeys it.

use serde::{Deserialize, Serialize};

use crate::{FieldPath, Value};

/// What one field of a kind is like.
#[derive(Clone, Copy, Debug)]
pub struct FieldRule {
    /// The dotted path of the field, such as `description` or `tags`. The rule holds for all below it.
    pub path: &'static str,
    /// What a difference leads to.
    pub on_change: OnChange,
    /// What it means that the manifest does not give it.
    pub unset: Unset,
    /// How a map or a list is compared.
    pub merge: Merge,
    /// How it is shown.
    pub show: Show,
    /// A word for the reference and the plan: why it replaces, who else writes it.
    pub note: &'static str,
    /// Who else may have written it: the field and key where each of them signs, and what it is, as in
    /// `("parameters", "UpdatedByJob", "job")`.
    pub writers: &'static [(&'static str, &'static str, &'static str)],
}

/// What a difference leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnChange {
    /// The field is updated.
    InPlace,
    /// AWS cannot change it: the resource is deleted and created anew.
    Replace,
    /// The change is refused with the rule's note as the reason.
    Refuse,
    /// It is never a difference.
    Ignore,
}

/// What it means that the manifest does not give a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unset {
    /// It is meant to have AWS's default.
    Default(Literal),
    /// Whatever AWS has is right.
    Unmanaged,
    /// It is meant to be absent.
    Absent,
}

/// A value that can stand in a static table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Literal {
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(&'static str),
    /// An empty list.
    EmptyList,
    /// An empty map.
    EmptyMap,
    /// Anything else, as JSON.
    Json(&'static str),
}

impl Literal {
    /// The value it stands for. JSON that does not parse becomes its text: a test of the catalog finds it.
    pub fn value(self) -> Value {
        match self {
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Text(text) => text.into(),
            Self::EmptyList => Value::List(Vec::new()),
            Self::EmptyMap => Value::Map(std::collections::BTreeMap::new()),
            Self::Json(text) => {
                serde_json::from_str(text).map_or_else(|_| text.into(), |json| Value::from_json(&json))
            }
        }
    }
}

/// How a map or a list is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// As a whole: what the manifest does not give is not meant to be there.
    Whole,
    /// A map, key by key: keys that others wrote stay, keys that lakeform wrote and the manifest dropped go.
    Keys,
    /// A list as a set, member by member: likewise.
    Members,
}

/// How a field is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Show {
    /// Its value.
    #[default]
    Plain,
    /// A text of many lines, as a line diff.
    Lines,
    /// A JSON document, as a line diff of its pretty form.
    Document,
    /// Never: a hash stands in its place.
    Sensitive,
}

impl FieldRule {
    /// A field that is updated in place, compared whole, and unmanaged when the manifest does not give it.
    pub const fn new(path: &'static str) -> Self {
        Self {
            path,
            on_change: OnChange::InPlace,
            unset: Unset::Unmanaged,
            merge: Merge::Whole,
            show: Show::Plain,
            note: "",
            writers: &[],
        }
    }

    /// With another consequence of a difference.
    #[must_use]
    pub const fn on_change(self, on_change: OnChange) -> Self {
        Self { on_change, ..self }
    }

    /// With AWS's default where the manifest does not give it.
    #[must_use]
    pub const fn default(self, literal: Literal) -> Self {
        Self { unset: Unset::Default(literal), ..self }
    }

    /// Absent where the manifest does not give it.
    #[must_use]
    pub const fn absent(self) -> Self {
        Self { unset: Unset::Absent, ..self }
    }

    /// Compared key by key, or member by member.
    #[must_use]
    pub const fn merge(self, merge: Merge) -> Self {
        Self { merge, ..self }
    }

    /// Shown in another way.
    #[must_use]
    pub const fn show(self, show: Show) -> Self {
        Self { show, ..self }
    }

    /// With a word for people.
    #[must_use]
    pub const fn note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    /// With those who also write it, and where they sign.
    #[must_use]
    pub const fn writers(self, writers: &'static [(&'static str, &'static str, &'static str)]) -> Self {
        Self { writers, ..self }
    }

    /// The rule for a path: the one with the longest matching prefix; without one, an unmanaged plain field.
    pub fn of(rules: &[FieldRule], path: &FieldPath) -> FieldRule {
        let fitting = rules.iter().filter(|rule| path.is_within(rule.path));
        fitting.max_by_key(|rule| rule.path.len()).copied().unwrap_or(FieldRule::new(""))
    }
}
