//! Contact with an account, at the resource level: what the executor sees of AWS, and what its fake is.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::{Address, Change, CloudError, Fields, Holders, Inventory, Live, LocalFile, Mark, Present};

/// A resource that a survey looks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Its address.
    pub address: Address,
    /// The name AWS knows it by.
    pub identity: String,
    /// Its desired fields: a survey reads only the settings that these manage.
    pub fields: Fields,
    /// Its local files, so that unchanged content need not be read.
    pub files: BTreeMap<String, LocalFile>,
}

/// What a survey of one kind is to find out.
#[derive(Clone, Copy, Debug)]
pub struct SurveyRequest<'a> {
    /// The stack whose marks count as ours.
    pub stack: &'a str,
    /// What to look for.
    pub wanted: &'a [Wanted],
    /// Whether to look for everything else that carries the stack's mark, too.
    pub find_owned: bool,
    /// Where the kind may look for what it cannot list by mark: for objects, the buckets of the stack. They are
    /// the identities, by kind, of what holds data.
    pub hints: &'a Holders,
}

/// What a survey of one kind found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survey {
    /// For each wanted one, in order, what was found.
    pub found: Vec<Live>,
    /// What carries the stack's mark and is not wanted.
    pub owned: Vec<Present>,
    /// Why the marked ones could not be listed, if they could not.
    pub blind: Option<CloudError>,
}

/// What a create or an update is to bring about.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The address.
    pub address: Address,
    /// The name AWS knows it by.
    pub identity: String,
    /// The desired fields, selectors resolved.
    pub fields: Fields,
    /// Its local files.
    pub files: BTreeMap<String, LocalFile>,
    /// The mark it is to carry; `None` takes lakeform's mark away.
    pub mark: Option<Mark>,
}

/// What a delete may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// Nothing may be lost that the manifest did not put there.
    No,
    /// The permission was given.
    Yes,
}

/// An account, one region of it: the only way to read or change anything.
///
/// Calls are idempotent, hold no policy, print nothing and do not retry on their own account beyond what
/// the SDK does for one request.
#[async_trait]
pub trait Account: Send + Sync {
    /// Turns the selectors of a wanted resource (`vpc: default`) into ids.
    async fn resolve(&self, kind: &str, wanted: Wanted) -> Result<Wanted, CloudError>;

    /// Reads the wanted resources of a kind, and on request finds the marked ones, with the fewest calls.
    async fn survey(&self, kind: &str, request: SurveyRequest<'_>) -> Survey;

    /// What would be lost by deleting it.
    async fn inventory(&self, kind: &str, present: &Present) -> Result<Inventory, CloudError>;

    /// Creates it with its mark. If it exists already: [`crate::Class::Exists`].
    async fn create(&self, kind: &str, target: &Target) -> Result<(), CloudError>;

    /// Makes exactly these changes, and brings the mark to the target's. What `changes` does not name
    /// is left as it is, even where AWS replaces the whole.
    async fn update(
        &self,
        kind: &str,
        target: &Target,
        live: &Present,
        changes: &[Change],
    ) -> Result<(), CloudError>;

    /// Deletes it. Something that is gone already is success.
    async fn delete(&self, kind: &str, present: &Present, force: Force) -> Result<(), CloudError>;
}

impl Survey {
    /// The answer of a survey that failed as a whole: every wanted one is unreadable, the marked ones unknown.
    pub fn unreadable(request: &SurveyRequest<'_>, error: &CloudError) -> Self {
        Self {
            found: request.wanted.iter().map(|_| Live::Unreadable(error.clone())).collect(),
            owned: Vec::new(),
            blind: request.find_owned.then(|| error.clone()),
        }
    }
}
