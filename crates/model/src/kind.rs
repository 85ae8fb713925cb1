//! The contract of a resource kind: its pure half. The half that talks to AWS is [`crate::Account`]'s.

use std::collections::BTreeMap;

use crate::{
    Address, FieldRule, Fields, Flow, Key, LocalFile, Need, Node, Place, Purpose, Resource, Scope, Shape,
};

/// What is lost when a resource of a kind is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Users' data, unless its inventory says that it is empty.
    Data,
    /// Only what the manifest describes.
    Configuration,
}

/// One entry of the manifest, validated against the kind's shape and interpolated.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its address.
    pub address: &'a Address,
    /// Its key, with where it stands.
    pub key: &'a Node,
    /// Its value.
    pub node: &'a Node,
    /// For each part of the kind's place the mapping found there, outermost first: for
    /// `databases.*.tables`, the `databases` mapping, the one database, and its `tables` mapping.
    pub within: &'a [&'a Node],
}

impl Entry<'_> {
    /// The `name` of the entry, or else its key.
    pub fn name(&self) -> String {
        self.node.text("name").unwrap_or_else(|| self.address.key().to_owned())
    }
}

/// What a kind makes of an entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// The canonical fields the manifest wants.
    pub fields: Fields,
    /// Local files to upload, by the S3 key or another name the kind chooses; not compared.
    pub files: BTreeMap<String, LocalFile>,
    /// What a run of it reads and writes, for a kind that can be run; not compared.
    pub flow: Option<Flow>,
}

/// What is the same for all resources of a kind.
#[derive(Debug)]
pub struct Facts {
    /// The name, as in addresses: `gateway_endpoint`.
    pub name: &'static str,
    /// Where its entries stand in the manifest: `["databases", "*", "tables"]`. The last part is the mapping
    /// whose keys are the entries; `*` is a key of another kind's mapping.
    pub place: &'static [&'static str],
    /// The shape of one entry. `protect`, `adopt`, `force_destroy`, `depends_on` and the sections of kinds
    /// that live inside are added by the loader.
    pub shape: Shape,
    /// Keys that stand beside its mapping, in the mapping before it: `vpc` in `network`.
    pub beside: &'static [Key],
    /// What a difference in each canonical field means.
    pub rules: &'static [FieldRule],
    /// What a deletion loses.
    pub holds: Holds,
    /// One sentence about the kind, for the reference.
    pub about: &'static str,
}

/// What lakeform knows about a kind of resource without asking AWS. Nothing here is async or sees a client.
pub trait Kind: Send + Sync + 'static {
    /// What is the same for all of its resources.
    fn facts(&self) -> &'static Facts;

    /// The name, as in addresses: `gateway_endpoint`.
    fn name(&self) -> &'static str {
        self.facts().name
    }

    /// The name AWS knows an entry by, unique in the account and region among its kind; `${…}` of other
    /// resources are not available here. The parent's identity comes first: `db/table`.
    fn identity(&self, entry: &Entry<'_>) -> String;

    /// What `${kind.key.NAME}` gives besides the identity: usually `arn`.
    fn outputs(
        &self,
        _entry: &Entry<'_>,
        _identity: &str,
        _scope: &Scope<'_>,
    ) -> BTreeMap<&'static str, String> {
        BTreeMap::new()
    }

    /// The desired fields of an entry; `None` when it told the diagnostics why there are none.
    fn decode(&self, entry: &Entry<'_>, scope: &mut Scope<'_>) -> Option<Draft>;

    /// Holds all entries of the kind against each other, once: what each did with all others would cost their
    /// square.
    fn check_together(&self, _entries: &[Entry<'_>], _scope: &mut Scope<'_>) {}

    /// What a policy must allow for one resource; without one, for finding what carries the stack's mark,
    /// which every plan does. What AWS does in the caller's name with the same request counts, too.
    fn needs(&self, _purpose: Purpose, _resource: Option<&Resource>, _place: &Place<'_>) -> Vec<Need> {
        Vec::new()
    }
}

/// The catalog of kinds.
#[derive(Clone, Copy)]
pub struct Kinds(pub &'static [&'static dyn Kind]);

impl Kinds {
    /// The kind of that name.
    pub fn get(&self, name: &str) -> Option<&'static dyn Kind> {
        self.0.iter().copied().find(|kind| kind.name() == name)
    }

    /// The rules of a kind; none for a kind that is not in the catalog.
    pub fn rules(&self, name: &str) -> &'static [FieldRule] {
        self.get(name).map_or(&[], |kind| kind.facts().rules)
    }
}
