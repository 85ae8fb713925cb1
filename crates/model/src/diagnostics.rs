//! What is wrong with a manifest, and where; all problems are collected, none stops the reading.

use crate::{FileId, Span};

/// How bad a [`Diagnostic`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The manifest can be used.
    Warning,
    /// The manifest cannot be used.
    Error,
}

/// One problem of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub level: Level,
    /// What is wrong, in one lower-case line.
    pub message: String,
    /// Where, if it has a place.
    pub span: Option<Span>,
    /// A few words under the marked text.
    pub label: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Adds what to do about it.
    pub fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a few words under the marked text.
    pub fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(label.into());
        self
    }

    /// Adds "did you mean" when one of `known` is close to `given`.
    pub fn suggest<'a>(&mut self, given: &str, known: impl IntoIterator<Item = &'a str>) -> &mut Self {
        if let Some(close) = closest(given, known) {
            self.hint = Some(format!("did you mean `{close}`?"));
        }
        self
    }
}

/// Longer than this nobody mistypes a name; comparing costs the product of the lengths.
const LONGEST_GUESS: usize = 128;
/// The most names that one is compared with: in a manifest of many entries and many mistakes the work would be
/// their product.
pub const MOST_KNOWN: usize = 200;
/// The most names that a hint lists.
const MOST_LISTED: usize = 20;

/// A hint that lists what there is, its beginning where it is much; `None` when there is nothing.
pub fn known(names: &[String]) -> Option<String> {
    match names {
        [] => None,
        some if some.len() <= MOST_LISTED => Some(format!("known: {}", some.join(", "))),
        many => Some(format!("known: {} and more", many[..MOST_LISTED].join(", "))),
    }
}

/// The one of `known` that a user who typed `given` most likely meant.
fn closest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if given.len() > LONGEST_GUESS {
        return None;
    }
    let lowered = given.to_lowercase().replace('-', "_");
    known
        .into_iter()
        .take(MOST_KNOWN)
        .filter(|name| name.len() <= 2 * LONGEST_GUESS)
        .map(|name| (strsim::damerau_levenshtein(&lowered, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + name.chars().count() / 4)
        .min()
        .map(|(_, name)| name)
}

/// The most problems that are kept: a hostile file has one in every few bytes.
const MOST: usize = 1000;

/// The problems of a manifest, in the order they were met; at most some thousand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Adds an error; the answer takes a hint or a label.
    pub fn error(&mut self, span: Option<Span>, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Level::Error, span, message.into())
    }

    /// Adds a warning; the answer takes a hint or a label.
    pub fn warning(&mut self, span: Option<Span>, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Level::Warning, span, message.into())
    }

    /// Whether more would displace what is here: then nobody needs to look for more.
    pub fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    /// Takes over what was found apart.
    pub fn absorb(&mut self, others: Self) {
        for other in others.0 {
            self.keep(other);
        }
    }

    fn push(&mut self, level: Level, span: Option<Span>, message: String) -> &mut Diagnostic {
        self.keep(Diagnostic { level, message, span, label: None, hint: None })
    }

    fn keep(&mut self, diagnostic: Diagnostic) -> &mut Diagnostic {
        if self.is_full() {
            // A warning goes before an error does, so that a manifest with an error never counts as sound.
            let displaced = self.0.iter().rposition(|diagnostic| diagnostic.level == Level::Warning);
            self.0.remove(displaced.unwrap_or(MOST - 1));
        }
        self.0.push(diagnostic);
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.level == Level::Error)
    }
}

/// A file that a manifest consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name as a user would give it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The files that a manifest consists of, by [`FileId`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(pub Vec<Source>);

impl Sources {
    /// Adds a file.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        self.0.push(Source { name: name.into(), text: text.into() });
        FileId(u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX))
    }

    /// A file of this set.
    pub fn get(&self, file: FileId) -> Option<&Source> {
        self.0.get(file.0 as usize)
    }

    /// `file:line:column` of a span's start, both counted from 1, the column in characters.
    pub fn position(&self, span: Span) -> String {
        let Some(source) = self.get(span.file) else { return String::new() };
        let before = source.text.get(..span.start).unwrap_or(&source.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{}:{line}:{column}", source.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_name_is_suggested_and_a_far_one_is_not() {
        let mut diagnostics = Diagnostics::default();
        diagnostics.error(None, "unknown key `locaton`").suggest("locaton", ["format", "location"]);
        diagnostics.error(None, "unknown key `zzz`").suggest("zzz", ["format", "location"]);
        assert_eq!(diagnostics.0[0].hint.as_deref(), Some("did you mean `location`?"));
        assert_eq!(diagnostics.0[1].hint, None);
    }

    #[test]
    fn a_hint_lists_some_names_and_not_all() {
        let names: Vec<String> = (0..21).map(|number| format!("n{number}")).collect();
        assert_eq!(known(&[]), None);
        assert_eq!(known(&names[..2]).unwrap(), "known: n0, n1");
        assert!(known(&names[..20]).unwrap().ends_with("n18, n19"));
        assert!(known(&names).unwrap().ends_with("n18, n19 and more"));
    }

    #[test]
    fn a_flood_of_warnings_hides_no_error() {
        let mut diagnostics = Diagnostics::default();
        diagnostics.error(None, "wrong");
        for _ in 0..2 * MOST {
            diagnostics.warning(None, "odd");
        }
        assert!(diagnostics.is_full() && diagnostics.has_errors());
        assert_eq!(diagnostics.0.len(), MOST);
        // Also where they were found apart.
        let mut apart = Diagnostics::default();
        apart.error(None, "wrong elsewhere");
        diagnostics.absorb(apart);
        assert_eq!(
            (diagnostics.0.len(), diagnostics.0[MOST - 1].message.as_str()),
            (MOST, "wrong elsewhere")
        );
    }

    #[test]
    fn a_position_counts_characters_from_one() {
        let mut sources = Sources::default();
        let file = sources.add("lakeform.yaml", "a: 1\né: x\n");
        let span = Span { file, start: "a: 1\né: ".len(), end: "a: 1\né: x".len() };
        assert_eq!(sources.position(span), "lakeform.yaml:2:4");
    }
}
