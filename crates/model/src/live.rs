//! What AWS has: the answers of a survey. Absence is earned: a read that failed is never an absence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Address, CloudError, Fields, Mark, hex};

/// A resource as it is in AWS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Present {
    /// The name AWS knows it by, as its kind spells it.
    pub identity: String,
    /// The id AWS gave it, for a kind that has one: `vpce-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// Its canonical fields, what AWS fills in left out.
    pub fields: Fields,
    /// Whose it is; `None` when nobody marked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
}

/// What a survey found of one wanted resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Live {
    /// It is there.
    Present(Present),
    /// AWS said that it is not there.
    Absent,
    /// It cannot come to be, because of something else that is there.
    Conflict {
        /// What stands in the way.
        reason: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// It could not be read.
    Unreadable(CloudError),
}

/// A hash of what a step was planned on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

impl Live {
    /// The fingerprint of what was found. Two unreadable ones are never the same.
    pub fn fingerprint(&self) -> Fingerprint {
        let text = serde_json::to_string(self).unwrap_or_default();
        let digest = Sha256::digest(text.as_bytes());
        Fingerprint(hex(&digest[..12]))
    }
}

/// What would be lost, or stands in the way, when a resource is deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// What is in it, a line each: "1,204 objects, 3.1 GB".
    pub lines: Vec<String>,
    /// Whether deleting it loses something that the manifest did not put there, and so needs a permission.
    pub needs_permission: bool,
}

/// Everything a survey found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The wanted resources.
    pub wanted: BTreeMap<Address, Live>,
    /// The wanted fields as they are meant in this account: selectors such as `vpc: default` turned into ids.
    /// Only what the survey changed is here: new identity and new fields.
    pub resolved: BTreeMap<Address, (String, Fields)>,
    /// What carries this stack's mark and is not wanted under that identity.
    pub owned: Vec<(String, Present)>,
    /// Kinds whose marked resources could not be listed: nothing of theirs is planned for deletion.
    pub blind: BTreeMap<String, CloudError>,
    /// What would be lost of those that may be deleted or replaced, by kind and identity.
    pub inventories: BTreeMap<String, Inventory>,
}

impl Snapshot {
    /// The key of [`Snapshot::inventories`].
    pub fn inventory_key(kind: &str, identity: &str) -> String {
        format!("{kind} {identity}")
    }
}
