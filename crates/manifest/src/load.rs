//! From a manifest's path to the desired resources: reads, puts in what `${…}` names, validates, and lets each
//! kind decode its entries. Every problem of every part is collected; nothing here talks to AWS.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lakeform_model::{
    Address, Desired, Diagnostics, Entry, FileId, Files, Key, Kinds, Level, Node, Permissions, Resource,
    Scope, Shape, Sources, Span, TextRule,
};

use crate::folder::read_whole;
use crate::references::{Basics, Entries, Known};
use crate::sections::{self, Found};
use crate::{checks, interpolate, variables, yaml};

/// What is read, and what the caller knows beside it.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// The manifest's file.
    pub path: PathBuf,
    /// Values of variables, from the command line; a later one of a name wins.
    pub variables: Vec<(String, String)>,
    /// The environment that `${env.X}` sees.
    pub environment: BTreeMap<String, String>,
    /// The account's 12 digits, once they are known; zeros stand in for them before.
    pub account: Option<String>,
    /// The region of the environment, for a manifest that names none.
    pub region: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// What the manifest wants; `None` when there is an error.
    pub desired: Option<Desired>,
    /// All that is wrong, in the order of the files.
    pub diagnostics: Diagnostics,
    /// The files it consists of.
    pub sources: Sources,
}

/// The keys at the top of a manifest that are no sections of resources.
pub(crate) const TOP_KEYS: &[Key] = &[
    Key::required("lakeform", Shape::Int { min: 1, max: 1 }, "The version of this format: `lakeform: 1`."),
    Key::required(
        "stack",
        Shape::Text(TextRule::checked("a stack's name", stack_name)),
        "The name under which lakeform knows its own resources; unique in the account and region.",
    ),
    Key::new(
        "region",
        Shape::Text(TextRule::checked("an AWS region", region_name)),
        "The AWS region. Default: the environment's.",
    ),
    Key::new(
        "account",
        Shape::Text(TextRule::checked("an AWS account id", account_id)),
        "The 12 digits of the only account this manifest may touch, in quotes.",
    ),
    Key::new(
        "variables",
        Shape::Map(sections::ENTRY_NAME, &Shape::Free),
        "Values to be given from outside: `name: { default: … }`, used as `${var.name}`, set by `--var name=…`.",
    ),
    Key::new("tags", Shape::TAGS, "Tags of every resource that can carry some."),
    Key::new(
        "pricing",
        Shape::Object(&[Key::new(
            "dpu_hour",
            Shape::Number { min: 0.0, max: 1000.0 },
            "What a DPU-hour costs in US dollars, for the estimates of `lakeform run`.",
        )]),
        "Prices, for estimates.",
    ),
    Key::new(
        "checks",
        Shape::Map(sections::ENTRY_NAME, &Shape::Object(checks::KEYS)),
        "SQL assertions about the data; `lakeform check` runs them.",
    ),
];

fn stack_name(text: &str) -> Result<(), String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if text.is_empty() || text.len() > 64 {
        return Err("must be 1 to 64 characters long".to_owned());
    }
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || !text.chars().all(fine) {
        return Err(
            "must consist of letters, digits, `-` and `_`, and begin with a letter or digit".to_owned()
        );
    }
    Ok(())
}

/// Where in its land a region lies: the last word before its number. Source: the AWS regions reference.
const DIRECTIONS: &[&str] =
    &["north", "south", "east", "west", "central", "northeast", "northwest", "southeast", "southwest"];

fn region_name(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.split('-').collect();
    let number =
        parts.last().is_some_and(|part| part.chars().all(|c| c.is_ascii_digit()) && !part.is_empty());
    let words = parts
        .iter()
        .rev()
        .skip(1)
        .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase()));
    if parts.len() < 3 || !number || !words {
        return Err("must look like `us-east-1`".to_owned());
    }
    match parts.iter().rev().nth(1) {
        Some(direction) if DIRECTIONS.contains(direction) => Ok(()),
        direction => Err(format!(
            "is no region: `{}` is not one of {}",
            direction.copied().unwrap_or_default(),
            DIRECTIONS.join(", ")
        )),
    }
}

fn account_id(text: &str) -> Result<(), String> {
    if text.len() == 12 && text.chars().all(|c| c.is_ascii_digit()) {
        return Ok(());
    }
    Err("must be 12 digits, in quotes".to_owned())
}

/// Reads a manifest. Never fails: what is wrong is in the answer's diagnostics.
pub fn load(options: &LoadOptions, kinds: Kinds, files: &dyn Files) -> Loaded {
    let mut diagnostics = Diagnostics::default();
    let mut sources = Sources::default();
    let name = options.path.display().to_string();
    let text = match read(&options.path) {
        Ok(text) => text,
        Err((message, hint)) => {
            diagnostics.error(None, format!("`{name}` {message}")).hint = hint;
            return Loaded { desired: None, diagnostics, sources };
        }
    };
    let file = sources.add(name, text.clone());
    let Some(root) = yaml::read(file, &text, &mut diagnostics) else {
        return Loaded { desired: None, diagnostics, sources };
    };
    let loader = Loader { options, kinds, files, text: &text, file };
    let (desired, sources) = loader.load(root, sources, &mut diagnostics);
    // In the order of the files, each problem once: two passes may meet the same one.
    diagnostics.0.sort_by_key(|diagnostic| diagnostic.span.map(|span| (span.file, span.start)));
    diagnostics.0.dedup();
    let desired = desired.filter(|_| !diagnostics.has_errors());
    Loaded { desired, diagnostics, sources }
}

fn read(path: &Path) -> Result<String, (String, Option<String>)> {
    if path.is_dir() {
        return Err(("is a directory, not a manifest".to_owned(), None));
    }
    let bytes = read_whole(path, yaml::MOST_BYTES as u64).map_err(|problem| {
        let hint = match path.try_exists() {
            Ok(false) => Some("`lakeform init` writes one; `-f` names another".to_owned()),
            Ok(true) | Err(_) => problem.hint,
        };
        (problem.reason, hint)
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        (format!("is not UTF-8: byte {at} does not fit"), Some("save the file as UTF-8".to_owned()))
    })?;
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
}

struct Loader<'a> {
    options: &'a LoadOptions,
    kinds: Kinds,
    files: &'a dyn Files,
    text: &'a str,
    file: FileId,
}

impl Loader<'_> {
    fn load(
        &self,
        mut root: Node,
        sources: Sources,
        diagnostics: &mut Diagnostics,
    ) -> (Option<Desired>, Sources) {
        if root.entries().is_empty() {
            let message = format!("a manifest must be a mapping, not {}", root.type_name());
            let whole = Span { file: self.file, start: 0, end: 0 };
            diagnostics.error(Some(whole), message).hint("`lakeform init` writes one to start from");
            return (None, sources);
        }
        let basics = self.basics(&mut root, diagnostics);
        interpolate::expand_tree(&mut root, self.text, false, &mut |name| basics.meaning(name), diagnostics);
        sections::check_layout(&root, TOP_KEYS, self.kinds, diagnostics);
        let mut entries = Entries { basics: &basics, known: BTreeMap::new(), sources: RefCell::new(sources) };
        entries.known = self.identities(&root, &basics, &entries, diagnostics);
        interpolate::expand_tree(&mut root, self.text, true, &mut |name| entries.meaning(name), diagnostics);

        let resources = self.resources(&root, &basics, &entries, diagnostics);
        report_rings(&resources, diagnostics);
        let checks = checks::decode(root.some("checks"), &entries, self.files, diagnostics);
        let desired = Desired {
            stack: basics.stack.clone(),
            // Where nobody names one, the environment's is meant: the stand-in must not pass for a choice.
            region: root.text("region").or_else(|| self.options.region.clone()).unwrap_or_default(),
            account: root.text("account"),
            resources,
            checks,
            dpu_hour_usd: root.get("pricing").and_then(|node| node.get("dpu_hour")).and_then(Node::as_number),
        };
        (Some(desired), entries.sources.into_inner())
    }

    /// The variables and the other things that are known before any entry. Takes `variables` out of reach of the
    /// later passes: its defaults see the environment only.
    fn basics(&self, root: &mut Node, diagnostics: &mut Diagnostics) -> Basics {
        let mut basics = Basics {
            variables: BTreeMap::new(),
            environment: self.options.environment.clone(),
            account: self.options.account.clone().unwrap_or_else(|| "000000000000".to_owned()),
            region: String::new(),
            stack: root.text("stack").unwrap_or_default(),
            kinds: self.kinds,
        };
        let mut section = root.get("variables").cloned();
        if let Some(section) = &mut section {
            interpolate::expand_tree(section, self.text, true, &mut |name| basics.meaning(name), diagnostics);
            // What is wrong in it was reported now; the pass over the whole tree finds it done.
            if let lakeform_model::NodeValue::Map(entries) = &mut root.value
                && let Some((_, node)) =
                    entries.iter_mut().find(|(key, _)| key.as_text() == Some("variables"))
            {
                *node = section.clone();
                node.value = lakeform_model::NodeValue::Null;
            }
        }
        basics.variables = variables::values(section.as_ref(), &self.options.variables, diagnostics);
        let header = |name: &str| {
            let mut node = root.get(name).cloned()?;
            let mut unheard = Diagnostics::default();
            interpolate::expand_tree(
                &mut node,
                self.text,
                true,
                &mut |name| basics.meaning(name),
                &mut unheard,
            );
            node.scalar_text()
        };
        let (region, stack) = (header("region"), header("stack"));
        basics.region =
            region.or_else(|| self.options.region.clone()).unwrap_or_else(|| "us-east-1".to_owned());
        basics.stack = stack.unwrap_or_default();
        basics
    }

    /// What each entry is called in AWS; two entries of one name are reported.
    fn identities(
        &self,
        root: &Node,
        basics: &Basics,
        entries: &Entries<'_>,
        diagnostics: &mut Diagnostics,
    ) -> BTreeMap<Address, Known> {
        let mut known = BTreeMap::new();
        let mut taken: BTreeMap<(&str, String), Address> = BTreeMap::new();
        let tags = BTreeMap::new();
        for found in sections::entries(root, self.kinds) {
            let Found { kind, address, parent: _, key, node, within } = found;
            let entry = Entry { address: &address, key, node, within: &within };
            let identity = kind.identity(&entry);
            let at = node.get("name").unwrap_or(key);
            if at.unresolved {
                // Reported already.
            } else if identity.contains("${") {
                diagnostics
                    .error(
                        Some(at.span),
                        format!("the name of `{address}` cannot be made of other resources"),
                    )
                    .hint("use variables, `${account}` or `${region}`");
            } else if let Some(other) = taken.get(&(kind.name(), identity.clone())) {
                let message = format!("`{address}` and `{other}` are both called `{identity}`");
                diagnostics.error(Some(at.span), message).hint("give one of them another name");
            } else {
                taken.insert((kind.name(), identity.clone()), address.clone());
            }
            let mut unheard = Diagnostics::default();
            let scope = Scope::new(basics.place(), &tags, entries, self.files, &mut unheard);
            let outputs = kind.outputs(&entry, &identity, &scope);
            known.insert(address, Known { identity, outputs });
        }
        known
    }

    fn resources(
        &self,
        root: &Node,
        basics: &Basics,
        entries: &Entries<'_>,
        diagnostics: &mut Diagnostics,
    ) -> BTreeMap<Address, Resource> {
        let tags = shared_tags(root, entries.known.len(), diagnostics);
        let addresses: BTreeSet<Address> = entries.known.keys().cloned().collect();
        let index = index(entries);
        let mut resources = BTreeMap::new();
        let all = sections::entries(root, self.kinds);
        for of_kind in all.chunk_by(|one, next| one.kind.name() == next.kind.name()) {
            let of_kind: Vec<Entry<'_>> = of_kind.iter().map(Found::entry).collect();
            let mut scope = Scope::new(basics.place(), &tags, entries, self.files, diagnostics);
            if let Some(kind) = of_kind.first().and_then(|entry| self.kinds.get(entry.address.kind())) {
                kind.check_together(&of_kind, &mut scope);
            }
        }
        for found in all {
            let reported = diagnostics.0.len();
            let is_sound = sections::check_entry(&found, self.kinds, diagnostics);
            let declared = sections::declared_dependencies(found.node, &addresses, diagnostics);
            let Found { kind, address, parent, key, node, within } = found;
            let entry = Entry { address: &address, key, node, within: &within };
            let mut heard = Diagnostics::default();
            let mut scope = Scope::new(basics.place(), &tags, entries, self.files, &mut heard);
            let draft = kind.decode(&entry, &mut scope);
            let referenced = scope.into_references();
            if !is_sound {
                // The other mistakes in it are told now, too, not after the first ones are mended.
                sections::keep_independent(node, &diagnostics.0[reported..], &mut heard);
            }
            diagnostics.absorb(heard);
            let Some(draft) = draft.filter(|_| is_sound) else { continue };
            let Some(identity) = entries.known.get(&address).map(|known| known.identity.clone()) else {
                continue;
            };
            let mut depends_on = own_references(node, kind, self.kinds);
            depends_on.extend(referenced);
            depends_on.extend(declared);
            depends_on.extend(parent);
            depends_on.extend(pointed_at(&draft.fields, &index));
            depends_on.remove(&address);
            let on = |name: &str| node.get(name).and_then(Node::as_bool).unwrap_or(false);
            let permissions = Permissions {
                protect: on("protect"),
                adopt: on("adopt"),
                force_destroy: on("force_destroy"),
            };
            let resource = Resource {
                address: address.clone(),
                identity,
                fields: draft.fields,
                files: draft.files,
                depends_on,
                flow: draft.flow,
                permissions,
                span: key.span,
            };
            resources.insert(address, resource);
        }
        resources
    }
}

/// The most bytes that the manifest's `tags` may become on all entries together: each carries a copy.
const MOST_TAGS: usize = 128 * 1024 * 1024;

/// The manifest's `tags`, unless a copy for every entry would fill the memory.
fn shared_tags(root: &Node, entries: usize, diagnostics: &mut Diagnostics) -> BTreeMap<String, String> {
    let Some(node) = root.get("tags") else { return BTreeMap::new() };
    let tags = node.text_map();
    let bytes: usize = tags.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes.saturating_mul(entries) <= MOST_TAGS {
        return tags;
    }
    let message = format!("on all {entries} entries together, these tags are longer than {MOST_TAGS} bytes");
    diagnostics.error(Some(node.span), message);
    BTreeMap::new()
}

/// The resources that an entry's own texts name, those of entries inside it left out.
fn own_references(node: &Node, kind: &dyn lakeform_model::Kind, kinds: Kinds) -> BTreeSet<Address> {
    let inside = sections::inside(kind, kinds);
    let own =
        node.entries().iter().filter(|(key, _)| !inside.iter().any(|(name, _)| key.as_text() == Some(name)));
    let mut all = node.references.clone();
    all.extend(own.flat_map(|(_, node)| node.all_references()));
    all
}

/// The entries by what they are in AWS.
type Index<'a> = BTreeMap<(&'a str, &'a str), Vec<&'a Address>>;

fn index<'a>(entries: &'a Entries<'_>) -> Index<'a> {
    let mut index = Index::new();
    for (address, known) in &entries.known {
        index.entry((address.kind(), known.identity.as_str())).or_default().push(address);
    }
    index
}

/// The entries that pointers in the fields lead to: a location in a bucket of the manifest needs the bucket, also
/// when it is written out.
fn pointed_at(fields: &lakeform_model::Fields, index: &Index<'_>) -> BTreeSet<Address> {
    let leads_to = |pointer: &lakeform_model::Pointer| {
        index.get(&(pointer.kind.as_str(), pointer.identity.as_str())).cloned().unwrap_or_default()
    };
    fields.pointers().into_iter().flat_map(leads_to).cloned().collect()
}

/// Reports resources that need each other.
fn report_rings(resources: &BTreeMap<Address, Resource>, diagnostics: &mut Diagnostics) {
    let mut waiting: BTreeMap<&Address, usize> = BTreeMap::new();
    let mut needed_by: BTreeMap<&Address, Vec<&Address>> = BTreeMap::new();
    for resource in resources.values() {
        let needs = resource.depends_on.iter().filter(|needed| resources.contains_key(*needed));
        waiting.insert(&resource.address, needs.clone().count());
        needs.for_each(|needed| needed_by.entry(needed).or_default().push(&resource.address));
    }
    let mut ready: Vec<&Address> =
        waiting.iter().filter(|(_, needs)| **needs == 0).map(|(address, _)| *address).collect();
    while let Some(done) = ready.pop() {
        waiting.remove(done);
        for address in needed_by.remove(done).unwrap_or_default() {
            if let Some(needs) = waiting.get_mut(address) {
                *needs -= 1;
                if *needs == 0 {
                    ready.push(address);
                }
            }
        }
    }
    let left: Vec<&Resource> = waiting.keys().filter_map(|address| resources.get(*address)).collect();
    // Of what is left, some only depend on the ring; the first that is reached again is in it.
    let Some(mut at) = left.first().copied() else { return };
    let mut way: Vec<&Resource> = Vec::new();
    while !way.iter().any(|seen| seen.address == at.address) {
        way.push(at);
        let next = at.depends_on.iter().find(|needed| waiting.contains_key(*needed));
        let Some(next) = next.and_then(|address| resources.get(address)) else { return };
        at = next;
    }
    let start = way.iter().position(|seen| seen.address == at.address).unwrap_or_default();
    let names: Vec<String> =
        way[start..].iter().chain([&at]).map(|one| format!("`{}`", one.address)).collect();
    diagnostics
        .error(Some(at.span), format!("these need each other: {}", names.join(" -> ")))
        .hint("one of them must come first: remove a reference or a `depends_on`");
}

impl Loaded {
    /// How many errors and warnings there are.
    pub fn counts(&self) -> (usize, usize) {
        let errors = self.diagnostics.0.iter().filter(|diagnostic| diagnostic.level == Level::Error).count();
        (errors, self.diagnostics.0.len() - errors)
    }
}
