//! A plan: the ordered steps from live to desired, and everything a person should know beside them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    Address, Change, CloudError, FieldPath, Fields, Fingerprint, Inventory, LocalFile, Mark, Present,
};

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is not there: create it.
    Create,
    /// Some fields differ: change them.
    Update,
    /// A field differs that AWS cannot change: delete and create anew.
    Replace,
    /// Nobody wants it any more: delete it.
    Delete,
    /// It is there without a mark: mark it, and change what differs.
    Adopt,
}

/// Which half of a [`Action::Replace`] a step is. Every other action is one step, [`Phase::Whole`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not a half.
    Whole,
    /// Deletes the old one.
    Remove,
    /// Creates the new one.
    Establish,
}

/// Why a step is planned. For people only: nothing decides by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It does not exist.
    NotFound,
    /// Fields differ.
    Differs,
    /// These fields cannot be changed in place.
    Immutable(Vec<FieldPath>),
    /// The manifest knows it under another name now.
    Renamed {
        /// The name it has.
        from: String,
    },
    /// The manifest does not mention it any more.
    LeftManifest,
    /// The stack is being destroyed.
    Destroy,
    /// It exists and carries nobody's mark.
    Unmarked,
    /// It was adopted and is no longer wanted: it stays, without the mark.
    Released,
}

/// One step of a plan. It leaves the executor no choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The resource.
    pub address: Address,
    /// What to do.
    pub action: Action,
    /// Which half of a replace.
    pub phase: Phase,
    /// Why.
    pub why: Why,
    /// The name AWS knows it by.
    pub identity: String,
    /// What differs; for a create everything the manifest gives.
    pub changes: Vec<Change>,
    /// The desired fields; none for a delete.
    #[serde(default)]
    pub fields: Fields,
    /// The local files that belong to it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, LocalFile>,
    /// The mark it is to carry.
    pub mark: Option<Mark>,
    /// What it is now; none for a create.
    pub live: Option<Present>,
    /// Whether losing what it holds is permitted.
    pub permitted: bool,
    /// The steps, by their index in the plan, that must be applied before.
    pub after: BTreeSet<usize>,
    /// The steps that must have ended before, however they end: a delete waits for those of its kind that come
    /// to be, which may take over what it would sweep away.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub behind: BTreeSet<usize>,
    /// What it was planned on.
    pub basis: Fingerprint,
}

impl Step {
    /// Whether it takes the live resource away: a delete, or the first half of a replace.
    pub fn removes(&self) -> bool {
        self.action == Action::Delete || self.phase == Phase::Remove
    }

    /// Whether what it is planned on points at that resource.
    pub fn points_at(&self, kind: &str, identity: &str) -> bool {
        let mut pointers = self.live.iter().flat_map(|live| live.fields.pointers());
        pointers.any(|pointer| pointer.kind == kind && pointer.identity == identity)
    }
}

/// A resource that cannot be planned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Blocked {
    /// The resource.
    pub address: Address,
    /// Why.
    pub by: BlockedBy,
}

/// Why a resource cannot be planned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockedBy {
    /// It could not be read.
    Unreadable(CloudError),
    /// Something else is in the way.
    Conflict {
        /// What.
        reason: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A resource it needs is blocked.
    Dependency(Address),
}

/// Something a person should know before saying yes, with a stable code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The code, such as `data-loss`; documented in `docs/errors.md`.
    pub code: String,
    /// Whether apply refuses because of it.
    pub deny: bool,
    /// The resource.
    pub address: Address,
    /// What.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// The ordered steps from live to desired.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The stack.
    pub stack: String,
    /// The region.
    pub region: String,
    /// The account.
    pub account: String,
    /// The steps: one that must come before another stands before it.
    pub steps: Vec<Step>,
    /// What cannot be planned.
    pub blocked: Vec<Blocked>,
    /// What a person should know.
    pub findings: Vec<Finding>,
    /// What is as it should be.
    pub unchanged: BTreeSet<Address>,
    /// What is left in place although it is not wanted, and why.
    pub kept: BTreeMap<Address, String>,
    /// What would be lost, by address, of those that are deleted or replaced.
    pub inventories: BTreeMap<Address, Inventory>,
    /// Kinds whose left-over resources could not be looked for, and why.
    pub blind: BTreeMap<String, CloudError>,
}

/// How many steps of each action; the halves of a replace count once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Creates.
    pub create: usize,
    /// Updates.
    pub update: usize,
    /// Replaces.
    pub replace: usize,
    /// Deletes.
    pub delete: usize,
    /// Adopts.
    pub adopt: usize,
    /// Resources that are as they should be.
    pub unchanged: usize,
    /// Resources that cannot be planned.
    pub blocked: usize,
}

impl Plan {
    /// Whether there is nothing to do and nothing in the way.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.blocked.is_empty()
    }

    /// The findings because of which apply refuses.
    pub fn denials(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.deny)
    }

    /// How many steps of each action.
    pub fn tally(&self) -> Tally {
        let mut tally =
            Tally { unchanged: self.unchanged.len(), blocked: self.blocked.len(), ..Tally::default() };
        for step in self.steps.iter().filter(|step| step.phase != Phase::Remove) {
            match step.action {
                Action::Create => tally.create += 1,
                Action::Update => tally.update += 1,
                Action::Replace => tally.replace += 1,
                Action::Delete => tally.delete += 1,
                Action::Adopt => tally.adopt += 1,
            }
        }
        tally
    }
}
