//! The layout of a manifest, made from where the kinds say that their entries stand: which keys there are at
//! each level, and every entry with its address. Knows no kind by name.

use std::collections::BTreeSet;

use lakeform_model::{
    Address, Diagnostic, Diagnostics, Entry, Key, Kind, Kinds, Level, MOST_KNOWN, Node, NodeValue, Shape,
    Span, TextRule,
};

use crate::validate;

/// The keys that every entry takes besides its kind's own.
pub(crate) const ENTRY_KEYS: &[Key] = &[
    Key::new("protect", Shape::Bool, "`true`: lakeform refuses to delete or replace it."),
    Key::new("adopt", Shape::Bool, "`true`: take over an existing one that carries nobody's mark."),
    Key::new("force_destroy", Shape::Bool, "`true`: a delete or replace may lose the data in it."),
    Key::new(
        "depends_on",
        Shape::TEXTS,
        "Addresses that must exist before it, where no reference says so already: `[bucket.lake]`.",
    ),
];

/// The name of an entry, in the manifest and in addresses.
pub(crate) const ENTRY_NAME: TextRule = TextRule::checked("a name in this manifest", entry_name);

/// Letters, digits, `_` and `-`: an address goes into tags and between dots. Source: the `Tag` shape of IAM.
fn entry_name(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > 100 {
        return Err("must be 1 to 100 characters long".to_owned());
    }
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))) {
        Some(c) => Err(format!("must not hold `{}`: only letters, digits, `_` and `-`", c.escape_default())),
        None => Ok(()),
    }
}

/// One entry of the manifest, before interpolation of other resources.
pub(crate) struct Found<'a> {
    pub(crate) kind: &'static dyn Kind,
    pub(crate) address: Address,
    /// The address of the entry it stands in.
    pub(crate) parent: Option<Address>,
    pub(crate) key: &'a Node,
    pub(crate) node: &'a Node,
    /// The mappings on the way to it, as [`lakeform_model::Entry::within`] has them.
    pub(crate) within: Vec<&'a Node>,
}

impl Found<'_> {
    /// The entry as its kind sees it.
    pub(crate) fn entry(&self) -> Entry<'_> {
        Entry { address: &self.address, key: self.key, node: self.node, within: &self.within }
    }
}

/// Every entry of every kind, in the order of the catalog and of the file.
pub(crate) fn entries(root: &Node, kinds: Kinds) -> Vec<Found<'_>> {
    let mut all = Vec::new();
    for kind in kinds.0.iter().copied() {
        descend(kind, kind.facts().place, root, &mut Vec::new(), &mut Vec::new(), kinds, &mut all);
    }
    all
}

fn descend<'a>(
    kind: &'static dyn Kind,
    place: &[&'static str],
    at: &'a Node,
    within: &mut Vec<&'a Node>,
    keys: &mut Vec<String>,
    kinds: Kinds,
    all: &mut Vec<Found<'a>>,
) {
    match place {
        [] => {
            for (key, node) in at.entries() {
                let Some(name) = key.as_text() else { continue };
                let own = keys.iter().cloned().chain([name.to_owned()]);
                let parent = parent_of(kind, kinds).filter(|_| !keys.is_empty());
                let parent = parent.map(|parent| Address::new(parent.name(), keys.iter()));
                let address = Address::new(kind.name(), own);
                all.push(Found { kind, address, parent, key, node, within: within.clone() });
            }
        }
        ["*", rest @ ..] => {
            for (key, node) in at.entries() {
                let Some(name) = key.as_text() else { continue };
                keys.push(name.to_owned());
                within.push(node);
                descend(kind, rest, node, within, keys, kinds, all);
                within.pop();
                keys.pop();
            }
        }
        [section, rest @ ..] => {
            let Some(node) = at.some(section) else { return };
            within.push(node);
            descend(kind, rest, node, within, keys, kinds, all);
            within.pop();
        }
    }
}

/// The kind in whose entries a kind's entries stand: its place is what comes before the last `*`.
fn parent_of(kind: &dyn Kind, kinds: Kinds) -> Option<&'static dyn Kind> {
    let star = kind.facts().place.iter().rposition(|part| *part == "*")?;
    kinds.0.iter().copied().find(|other| other.facts().place == &kind.facts().place[..star])
}

/// The kinds whose entries stand inside an entry of `kind`, with the key of their section.
pub(crate) fn inside(kind: &dyn Kind, kinds: Kinds) -> Vec<(&'static str, &'static dyn Kind)> {
    let depth = kind.facts().place.len();
    let is_inside = |other: &&&dyn Kind| {
        let place = other.facts().place;
        place.len() == depth + 2 && place[..depth] == *kind.facts().place && place[depth] == "*"
    };
    kinds.0.iter().filter(is_inside).map(|other| (other.facts().place[depth + 1], *other)).collect()
}

/// All keys that an entry of a kind takes, or `None` for a kind without a shape of its own.
pub(crate) fn entry_keys(kind: &dyn Kind, kinds: Kinds) -> Option<Vec<Key>> {
    let Shape::Object(own) = kind.facts().shape else { return None };
    let sections = inside(kind, kinds).into_iter();
    let sections = sections.map(|(name, other)| Key::new(name, Shape::Free, other.facts().about));
    Some(own.iter().copied().chain(sections).chain(ENTRY_KEYS.iter().copied()).collect())
}

/// A section at the top of the manifest: entries of a kind, or a group of such sections with keys beside.
pub(crate) enum Section {
    /// The entries stand right here.
    Entries(&'static dyn Kind),
    /// Other sections stand here.
    Group(Vec<(&'static str, &'static dyn Kind)>, Vec<Key>),
}

/// The sections at the top of the manifest, in the order of the catalog.
pub(crate) fn top(kinds: Kinds) -> Vec<(&'static str, Section)> {
    let mut sections: Vec<(&'static str, Section)> = Vec::new();
    for kind in kinds.0.iter().copied() {
        match kind.facts().place {
            [name] => sections.push((name, Section::Entries(kind))),
            [group, name] => {
                let known = sections.iter_mut().find(|(other, _)| other == group);
                let beside = kind.facts().beside.iter().copied();
                match known {
                    Some((_, Section::Group(members, keys))) => {
                        members.push((name, kind));
                        keys.extend(beside);
                    }
                    _ => sections.push((group, Section::Group(vec![(name, kind)], beside.collect()))),
                }
            }
            _ => {}
        }
    }
    sections
}

/// Holds the levels between the top and the entries against the layout, and the entries' names against the rule.
/// `own` are the keys at the top that are no sections.
pub(crate) fn check_layout(root: &Node, own: &[Key], kinds: Kinds, diagnostics: &mut Diagnostics) {
    let sections = top(kinds);
    let about = |section: &Section| match section {
        Section::Entries(kind) => kind.facts().about,
        Section::Group(..) => "A group of sections.",
    };
    let keys: Vec<Key> = own
        .iter()
        .copied()
        .chain(sections.iter().map(|(name, section)| Key::new(name, Shape::Free, about(section))))
        .collect();
    validate::object(root, &keys, "the manifest", diagnostics);
    for (name, section) in &sections {
        let Some(node) = root.some(name) else { continue };
        match section {
            Section::Entries(kind) => check_entries(node, name, *kind, kinds, diagnostics),
            Section::Group(members, beside) => {
                let members_keys =
                    members.iter().map(|(name, kind)| Key::new(name, Shape::Free, kind.facts().about));
                let keys: Vec<Key> = members_keys.chain(beside.iter().copied()).collect();
                if !is_map(node, name, diagnostics) {
                    continue;
                }
                validate::object(node, &keys, &format!("`{name}`"), diagnostics);
                for (name, kind) in members {
                    if let Some(node) = node.some(name) {
                        check_entries(node, name, *kind, kinds, diagnostics);
                    }
                }
            }
        }
    }
}

fn check_entries(node: &Node, name: &str, kind: &dyn Kind, kinds: Kinds, diagnostics: &mut Diagnostics) {
    if !is_map(node, name, diagnostics) {
        return;
    }
    for (key, entry) in node.entries() {
        let text = key.as_text().unwrap_or_default();
        if let Err(problem) = entry_name(text) {
            let message = format!("the name `{}` {problem}", text.escape_debug());
            diagnostics.error(Some(key.span), message).label(ENTRY_NAME.what);
        }
        for (section, other) in inside(kind, kinds) {
            if let Some(node) = entry.some(section) {
                check_entries(node, section, other, kinds, diagnostics);
            }
        }
    }
}

fn is_map(node: &Node, name: &str, diagnostics: &mut Diagnostics) -> bool {
    let is_map = matches!(node.value, NodeValue::Map(_));
    if !is_map {
        let message = format!("`{name}` must be a mapping of names to entries, not {}", node.type_name());
        diagnostics.error(Some(node.span), message);
    }
    is_map
}

/// Holds one entry against its kind's keys; whether it is sound.
pub(crate) fn check_entry(found: &Found<'_>, kinds: Kinds, diagnostics: &mut Diagnostics) -> bool {
    let before = diagnostics.0.len();
    let what = format!("`{}`", found.address);
    match entry_keys(found.kind, kinds) {
        // An entry of which nothing is given: its required keys are missed at its own name.
        Some(keys) if found.node.value == NodeValue::Null => {
            for key in keys.iter().filter(|key| key.required) {
                let message = format!("{what} needs `{}`", key.name);
                diagnostics.error(Some(found.key.span), message).hint(key.doc);
            }
        }
        Some(keys) if matches!(found.node.value, NodeValue::Map(_)) => {
            validate::object(found.node, &keys, &what, diagnostics);
        }
        Some(_) => {
            let message = format!("{what} must be a mapping, not {}", found.node.type_name());
            diagnostics.error(Some(found.node.span), message);
        }
        None => validate::validate(found.node, &found.kind.facts().shape, &what, diagnostics),
    }
    let has_errors = diagnostics.0[before..].iter().any(|diagnostic| diagnostic.level == Level::Error);
    !has_errors && !is_unresolved(found.node)
}

/// Whether anything in an entry stands for nothing: its kind would only report what follows from that.
fn is_unresolved(node: &Node) -> bool {
    node.unresolved
        || node.items().iter().any(is_unresolved)
        || node.entries().iter().any(|(key, node)| key.unresolved || is_unresolved(node))
}

/// Of what a kind says of an entry that is not sound, leaves what does not follow from the problems reported
/// already: what lies in the value of a key that none of them lies in.
pub(crate) fn keep_independent(node: &Node, reported: &[Diagnostic], heard: &mut Diagnostics) {
    let is_within = |outer: Span, inner: Span| {
        outer.file == inner.file && outer.start <= inner.start && inner.end <= outer.end
    };
    let tells = |value: &Node, diagnostic: &Diagnostic| {
        diagnostic.span.is_some_and(|span| is_within(value.span, span))
    };
    let independent: Vec<&Node> = node
        .entries()
        .iter()
        .filter(|(key, value)| {
            !is_unresolved(value)
                && !reported.iter().any(|diagnostic| tells(value, diagnostic) || tells(key, diagnostic))
        })
        .map(|(_, value)| value)
        .collect();
    heard.0.retain(|diagnostic| {
        // What lies in another file was read because a sound key names it.
        diagnostic.span.is_some_and(|span| span.file != node.span.file)
            || independent.iter().any(|value| tells(value, diagnostic))
    });
}

/// The addresses that an entry's `depends_on` names; unknown ones are reported.
pub(crate) fn declared_dependencies(
    node: &Node,
    known: &BTreeSet<Address>,
    diagnostics: &mut Diagnostics,
) -> BTreeSet<Address> {
    let mut all = BTreeSet::new();
    for item in node.get("depends_on").map(Node::items).unwrap_or_default() {
        let Some(text) = item.scalar_text() else { continue };
        match text.parse::<Address>() {
            Ok(address) if known.contains(&address) => drop(all.insert(address)),
            Ok(_) | Err(_) => {
                let names: Vec<String> = known.iter().take(MOST_KNOWN).map(ToString::to_string).collect();
                let message = format!("there is no resource `{}`", text.escape_debug());
                diagnostics
                    .error(Some(item.span), message)
                    .hint("name an address, such as `bucket.lake`")
                    .suggest(&text, names.iter().map(String::as_str));
            }
        }
    }
    all
}
