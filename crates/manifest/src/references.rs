//! What `${…}` can name: variables, the environment, the account, and the other entries of the manifest.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use lakeform_model::{Address, Diagnostics, FileId, Kinds, MOST_KNOWN, Names, Sources, Span};

use crate::interpolate::{Meaning, expand};

/// What is known before any entry is.
pub(crate) struct Basics {
    /// By name; `None` for one whose missing value was reported.
    pub(crate) variables: BTreeMap<String, Option<String>>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) stack: String,
    pub(crate) kinds: Kinds,
}

impl Basics {
    /// Stack, region and account.
    pub(crate) fn place(&self) -> (&str, &str, &str) {
        (&self.stack, &self.region, &self.account)
    }

    /// What a name stands for; another entry's is left for later.
    pub(crate) fn meaning(&self, name: &str) -> Meaning {
        let unknown = |message: String, known: Vec<String>, hint: &str| Meaning::Unknown {
            message,
            known,
            hint: Some(hint.to_owned()),
        };
        match name.split_once('.') {
            Some(("var", variable)) => match self.variables.get(variable) {
                Some(Some(value)) => Meaning::Text(value.clone(), None),
                Some(None) => Meaning::Later,
                None => {
                    let known = self.variables.keys().map(|name| format!("var.{name}")).collect();
                    unknown(format!("there is no variable `{variable}`"), known, "add it under `variables:`")
                }
            },
            Some(("env", variable)) => match self.environment.get(variable) {
                Some(value) => Meaning::Text(value.clone(), None),
                None => unknown(
                    format!("the environment has no `{variable}`"),
                    Vec::new(),
                    "set it, or use a variable with a default",
                ),
            },
            Some((kind, _)) if self.kinds.get(kind).is_some() => Meaning::Later,
            None if name == "account" => Meaning::Text(self.account.clone(), None),
            None if name == "region" => Meaning::Text(self.region.clone(), None),
            None if name == "stack" => Meaning::Text(self.stack.clone(), None),
            Some(_) | None => {
                let mut known: Vec<String> = ["account", "region", "stack"].map(str::to_owned).to_vec();
                known.extend(self.variables.keys().map(|name| format!("var.{name}")));
                known.extend(self.kinds.0.iter().map(|kind| kind.name().to_owned()));
                let hint = "known: `${var.NAME}`, `${env.NAME}`, `${account}`, `${region}`, `${stack}` and \
                            `${kind.key}` such as `${bucket.lake}`; `$${` stands for the characters themselves";
                unknown(format!("nothing is called `{name}`"), known, hint)
            }
        }
    }
}

/// The most bytes of the manifest and the texts it names, values put in: one large file may be named often.
const MOST_SOURCES: usize = 32 * 1024 * 1024;

/// What is known of an entry before it is decoded.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) identity: String,
    pub(crate) outputs: BTreeMap<&'static str, String>,
}

/// The entries of the manifest, and the texts it names.
pub(crate) struct Entries<'a> {
    pub(crate) basics: &'a Basics,
    pub(crate) known: BTreeMap<Address, Known>,
    pub(crate) sources: RefCell<Sources>,
}

impl Entries<'_> {
    /// What a name stands for, other entries included: nothing is left for later.
    pub(crate) fn meaning(&self, name: &str) -> Meaning {
        let basic = self.basics.meaning(name);
        let Meaning::Later = basic else { return basic };
        let mut parts = name.split('.');
        let kind = parts.next().unwrap_or_default();
        let depth = self
            .basics
            .kinds
            .get(kind)
            .map_or(1, |kind| 1 + kind.facts().place.iter().filter(|part| **part == "*").count());
        let keys: Vec<&str> = parts.by_ref().take(depth).collect();
        let rest: Vec<&str> = parts.collect();
        let address = Address::new(kind, keys.iter().copied());
        let expression = |address: &Address| address.to_string();
        let Some(known) = self.known.get(&address) else {
            let known: Vec<String> = self.of_kind(kind).take(MOST_KNOWN).map(expression).collect();
            let hint = lakeform_model::known(&known).unwrap_or_else(|| format!("the manifest has no {kind}"));
            let message = format!("there is no {kind} `{}`", keys.join("."));
            return Meaning::Unknown { message, known, hint: Some(hint) };
        };
        let output = rest.join(".");
        match (rest.as_slice(), known.outputs.get(output.as_str())) {
            ([], _) => Meaning::Text(known.identity.clone(), Some(address)),
            (_, Some(value)) => Meaning::Text(value.clone(), Some(address)),
            (_, None) => {
                let names: Vec<String> =
                    known.outputs.keys().map(|output| format!("{address}.{output}")).collect();
                let hint = match names.as_slice() {
                    [] => format!("`${{{address}}}` is all there is"),
                    some => format!("known: {address}, {}", some.join(", ")),
                };
                let message = format!("`{address}` has no `{output}`");
                Meaning::Unknown { message, known: names, hint: Some(hint) }
            }
        }
    }

    /// The entries of a kind: they stand together, because addresses are ordered by their kind first.
    fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Address> {
        let first = Address::new(kind, std::iter::empty::<String>());
        self.known
            .range(first..)
            .map(|(address, _)| address)
            .take_while(move |address| address.kind() == kind)
    }
}

impl Names for Entries<'_> {
    fn identity(&self, kind: &str, keys: &str) -> Option<String> {
        let address = Address::new(kind, keys.split('.'));
        self.known.get(&address).map(|known| known.identity.clone())
    }

    fn keys<'a>(&'a self, kind: &'a str) -> Box<dyn Iterator<Item = String> + 'a> {
        Box::new(self.of_kind(kind).map(|address| address.keys().join(".")))
    }

    fn interpolate(
        &self,
        name: &str,
        text: String,
        diagnostics: &mut Diagnostics,
    ) -> Option<(FileId, String, BTreeSet<Address>)> {
        let held: usize = self.sources.borrow().0.iter().map(|source| source.text.len()).sum();
        if held + text.len() > MOST_SOURCES {
            let message = format!("the files of this manifest hold more than {MOST_SOURCES} bytes");
            diagnostics.error(None, message);
            return None;
        }
        let file = self.sources.borrow_mut().add(name, text.clone());
        let before = diagnostics.0.len();
        let place = |range: Range<usize>| Span { file, start: range.start, end: range.end };
        let (expanded, references) = expand(&text, true, place, &mut |name| self.meaning(name), diagnostics);
        if diagnostics.0.len() > before {
            return None;
        }
        // Spans in the text with the values put in are spans of that text, under the same name.
        let file =
            if expanded == text { file } else { self.sources.borrow_mut().add(name, expanded.clone()) };
        Some((file, expanded, references))
    }
}
