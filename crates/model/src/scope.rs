//! What a kind sees of the manifest while it decodes an entry: the stack, the other entries' names, the
//! files beside the manifest, and where to put problems.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Address, Diagnostic, Diagnostics, FileId, Files, LocalFile, MOST_KNOWN, Node, Span, known};

/// The other entries of the manifest, and the texts it names.
pub trait Names {
    /// The identity of the entry of `kind` with these keys (`stedi.customer_landing`).
    fn identity(&self, kind: &str, keys: &str) -> Option<String>;

    /// The dotted keys of the entries of a kind, in order; lazy, because a caller may want to know of one or two.
    fn keys<'a>(&'a self, kind: &'a str) -> Box<dyn Iterator<Item = String> + 'a>;

    /// Interpolates a text that stands in a file of its own, and remembers the file for messages. Gives the
    /// text, the file it is known by in spans, and the resources it names. Problems go to `diagnostics`.
    fn interpolate(
        &self,
        name: &str,
        text: String,
        diagnostics: &mut Diagnostics,
    ) -> Option<(FileId, String, BTreeSet<Address>)>;
}

/// The surroundings of one entry.
pub struct Scope<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// The region.
    pub region: &'a str,
    /// The account's 12 digits; zeros while it is not known.
    pub account: &'a str,
    /// The tags that the manifest puts on every taggable resource.
    pub tags: &'a BTreeMap<String, String>,
    /// Where problems go.
    pub diagnostics: &'a mut Diagnostics,
    names: &'a dyn Names,
    files: &'a dyn Files,
    references: BTreeSet<Address>,
}

impl<'a> Scope<'a> {
    /// A scope for one entry.
    pub fn new(
        (stack, region, account): (&'a str, &'a str, &'a str),
        tags: &'a BTreeMap<String, String>,
        names: &'a dyn Names,
        files: &'a dyn Files,
        diagnostics: &'a mut Diagnostics,
    ) -> Self {
        Self { stack, region, account, tags, diagnostics, names, files, references: BTreeSet::new() }
    }

    /// The partition of the region: `aws`, `aws-cn` or `aws-us-gov`.
    pub fn partition(&self) -> &'static str {
        match self.region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// Adds an error at a node.
    pub fn error(&mut self, at: &Node, message: impl Into<String>) -> &mut Diagnostic {
        self.diagnostics.error(Some(at.span), message)
    }

    /// Adds an error at a span, such as one in a DDL file.
    pub fn error_at(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.diagnostics.error(Some(span), message)
    }

    /// The identity of the entry of `kind` that a node names by its key; remembers the dependency, or says
    /// that there is none and which there are.
    pub fn reference(&mut self, kind: &str, node: &Node) -> Option<String> {
        let key = node.scalar_text()?;
        if let Some(identity) = self.names.identity(kind, &key) {
            self.references.insert(Address::new(kind, key.split('.')));
            return Some(identity);
        }
        let keys = self.some_keys(kind);
        let known = known(&keys).unwrap_or_else(|| "the manifest has none".to_owned());
        let diagnostic = self.error(node, format!("there is no {kind} `{key}`"));
        diagnostic.hint(known).suggest(&key, keys.iter().map(String::as_str));
        None
    }

    /// The entry of a kind if the manifest has exactly one; remembers the dependency.
    pub fn only(&mut self, kind: &str) -> Option<String> {
        let mut keys = self.names.keys(kind);
        let (Some(key), None) = (keys.next(), keys.next()) else { return None };
        drop(keys);
        self.references.insert(Address::new(kind, key.split('.')));
        self.names.identity(kind, &key)
    }

    /// Whether the manifest has an entry of a kind with these keys.
    pub fn has(&self, kind: &str, keys: &str) -> bool {
        self.names.identity(kind, keys).is_some()
    }

    /// Whether the manifest has any entry of a kind.
    pub fn has_any(&self, kind: &str) -> bool {
        self.names.keys(kind).next().is_some()
    }

    /// The first so many keys of a kind, for messages and guesses.
    pub fn some_keys(&self, kind: &str) -> Vec<String> {
        self.names.keys(kind).take(MOST_KNOWN).collect()
    }

    /// The text of the file that a node names, interpolated, and the file for spans in it.
    pub fn read_text(&mut self, node: &Node) -> Option<(FileId, String)> {
        let (name, text) = self.read_plain(node)?;
        let (file, text, references) = self.names.interpolate(&name, text, self.diagnostics)?;
        self.references.extend(references);
        Some((file, text))
    }

    /// The text of the file that a node names, as it is, such as a job's script.
    pub fn read_plain(&mut self, node: &Node) -> Option<(String, String)> {
        let name = node.scalar_text()?;
        match self.files.read(&name) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => return Some((name, text)),
                Err(error) => {
                    let at = error.utf8_error().valid_up_to();
                    self.error(node, format!("`{name}` is not UTF-8: byte {at} does not fit"))
                        .hint("save the file as UTF-8");
                }
            },
            Err(problem) => self.file_problem(node, &name, &problem),
        }
        None
    }

    /// The file, or the files below the directory, that a node names.
    pub fn walk(&mut self, node: &Node) -> Option<Vec<LocalFile>> {
        let name = node.scalar_text()?;
        match self.files.walk(&name) {
            Ok(files) => Some(files),
            Err(problem) => {
                self.file_problem(node, &name, &problem);
                None
            }
        }
    }

    /// The resources that this entry turned out to need.
    pub fn into_references(self) -> BTreeSet<Address> {
        self.references
    }

    fn file_problem(&mut self, node: &Node, name: &str, problem: &crate::FileProblem) {
        let diagnostic = self.error(node, format!("`{name}` {}", problem.reason));
        diagnostic.hint.clone_from(&problem.hint);
    }
}
