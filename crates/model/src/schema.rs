//! The shape of a manifest entry as data: one table validates it, documents it and becomes its JSON Schema.

/// One key of a mapping in the manifest.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// What may stand there.
    pub shape: Shape,
    /// Whether it must be given.
    pub required: bool,
    /// What it means, for the reference; one or two sentences, units named.
    pub doc: &'static str,
}

impl Key {
    /// A key that may be left out.
    pub const fn new(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self { name, shape, required: false, doc }
    }

    /// A key that must be given.
    pub const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self { name, shape, required: true, doc }
    }
}

/// What may stand in a place of the manifest. A null counts as "not given".
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A text; a number or boolean is taken as its text.
    Text(TextRule),
    /// One of a few words, exactly as spelled.
    Word(&'static [&'static str]),
    /// True or false.
    Bool,
    /// A whole number from .. to, both included.
    Int {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A number from .. to, both included.
    Number {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// A list.
    List(&'static Shape),
    /// A mapping with keys of the user's choosing.
    Map(TextRule, &'static Shape),
    /// A mapping with known keys.
    Object(&'static [Key]),
    /// Any of these; the first whose type fits decides the messages.
    Any(&'static [Shape]),
    /// Anything, such as a policy document.
    Free,
}

/// A check of a text; `Err` holds what is wrong as the end of a sentence: "must be 3 to 63 characters long".
pub type TextCheck = fn(&str) -> Result<(), String>;

/// What a text must be like.
#[derive(Clone, Copy, Debug)]
pub struct TextRule {
    /// What it is, for messages and the reference: "an S3 bucket name".
    pub what: &'static str,
    /// The check, if any text is not enough.
    pub check: Option<TextCheck>,
}

impl TextRule {
    /// Any text.
    pub const ANY: Self = Self { what: "a text", check: None };

    /// Any text, with a name for it.
    pub const fn named(what: &'static str) -> Self {
        Self { what, check: None }
    }

    /// A text that a function checks.
    pub const fn checked(what: &'static str, check: TextCheck) -> Self {
        Self { what, check: Some(check) }
    }
}

impl Shape {
    /// Any text.
    pub const TEXT: Self = Self::Text(TextRule::ANY);
    /// A mapping of texts to texts.
    pub const TEXT_MAP: Self = Self::Map(TextRule::ANY, &Self::TEXT);
    /// A list of texts.
    pub const TEXTS: Self = Self::List(&Self::TEXT);
    /// The tags of a resource: 1 to 128 characters to 0 to 256, `aws:` and `lakeform:` excluded.
    /// Source: the tagging sections of the S3, Glue, IAM and Athena API references.
    pub const TAGS: Self = Self::Map(
        TextRule::checked("a tag key", tag_key),
        &Self::Text(TextRule::checked("a tag value", tag_value)),
    );
}

fn tag_key(text: &str) -> Result<(), String> {
    let lower = text.to_ascii_lowercase();
    if text.is_empty() || text.chars().count() > 128 {
        return Err("must be 1 to 128 characters long".to_owned());
    }
    if lower.starts_with("aws:") || lower.starts_with(crate::MARK_PREFIX) {
        return Err("must not start with `aws:` or `lakeform:`: these are reserved".to_owned());
    }
    allowed_in_tag(text)
}

fn tag_value(text: &str) -> Result<(), String> {
    if text.chars().count() > 256 {
        return Err("must be at most 256 characters long".to_owned());
    }
    allowed_in_tag(text)
}

/// IAM is the narrowest: letters, digits, spaces and `_.:/=+-@`. Source: the `Tag` shape of the IAM API.
fn allowed_in_tag(text: &str) -> Result<(), String> {
    match text.chars().find(|c| !(c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(*c))) {
        Some(c) => Err(format!(
            "must not hold `{}`: tags take letters, digits, spaces and _.:/=+-@",
            c.escape_default()
        )),
        None => Ok(()),
    }
}
