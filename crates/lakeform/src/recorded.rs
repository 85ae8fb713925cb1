//! An account written down in a file, for `plan --live FILE`: planner cases without AWS. Read only.

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use lakeform_model::{
    Account, Address, Change, Class, CloudError, Fields, Force, Inventory, Kinds, Live, Managed, Mark,
    Present, Survey, SurveyRequest, Target, Wanted,
};
use serde::Deserialize;

use crate::error::Problem;

/// What a file says of an account.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The account's 12 digits.
    #[serde(default = "example_account")]
    account: String,
    #[serde(default)]
    resources: Vec<Resource>,
    /// Kinds whose left-over resources cannot be listed, and the error code.
    #[serde(default)]
    blind: BTreeMap<String, String>,
}

fn example_account() -> String {
    "111122223333".to_owned()
}

/// One resource that is there, or what stands in its place.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    kind: String,
    identity: String,
    #[serde(default)]
    fields: Fields,
    mark: Option<RecordedMark>,
    /// It cannot be read: the error code.
    unreadable: Option<String>,
    /// It cannot come to be: why.
    conflict: Option<String>,
    /// What would be lost with it.
    #[serde(default)]
    holds: Vec<String>,
    /// What it holds can be had again: losing it needs no permission.
    #[serde(default)]
    replaceable: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordedMark {
    stack: String,
    address: Address,
    #[serde(default)]
    adopted: bool,
    /// What lakeform manages; all of the fields when it is not given.
    manages: Option<Fields>,
}

/// An account that was written down.
pub(crate) struct Recorded {
    file: File,
    kinds: Kinds,
}

impl Recorded {
    pub(crate) fn read(path: &Path, kinds: Kinds) -> Result<Self, Problem> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Problem::new(format!("cannot read `{shown}`")).because(error))?;
        let file = serde_yaml::from_str(&text)
            .map_err(|error| Problem::new(format!("`{shown}` is no recorded account")).because(error))?;
        Ok(Self { file, kinds })
    }

    /// The account's 12 digits.
    pub(crate) fn account(&self) -> &str {
        &self.file.account
    }

    fn live(&self, resource: &Resource) -> Live {
        if let Some(code) = &resource.unreadable {
            let mut error = CloudError::new(Class::Denied, format!("{}:Read", resource.kind), "not allowed");
            error.code = Some(code.clone());
            return Live::Unreadable(error);
        }
        if let Some(reason) = &resource.conflict {
            return Live::Conflict { reason: reason.clone(), hint: None };
        }
        Live::Present(self.present(resource))
    }

    fn present(&self, resource: &Resource) -> Present {
        let rules = self.kinds.rules(&resource.kind);
        let mark = resource.mark.as_ref().map(|mark| Mark {
            stack: mark.stack.clone(),
            address: mark.address.clone(),
            adopted: mark.adopted,
            managed: Managed::of(mark.manages.as_ref().unwrap_or(&resource.fields), rules),
        });
        Present { identity: resource.identity.clone(), handle: None, fields: resource.fields.clone(), mark }
    }

    fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Resource> {
        self.file.resources.iter().filter(move |resource| resource.kind == kind)
    }
}

fn read_only() -> CloudError {
    CloudError::new(Class::Invalid, "lakeform:Recorded", "a recorded account cannot be changed")
}

#[async_trait]
impl Account for Recorded {
    async fn resolve(&self, _kind: &str, wanted: Wanted) -> Result<Wanted, CloudError> {
        Ok(wanted)
    }

    async fn survey(&self, kind: &str, request: SurveyRequest<'_>) -> Survey {
        let found = request.wanted.iter().map(|wanted| {
            let resource = self.of_kind(kind).find(|resource| resource.identity == wanted.identity);
            resource.map_or(Live::Absent, |resource| self.live(resource))
        });
        let is_wanted =
            |resource: &&Resource| request.wanted.iter().any(|wanted| wanted.identity == resource.identity);
        let ours = self.of_kind(kind).filter(|resource| {
            request.find_owned && resource.mark.as_ref().is_some_and(|mark| mark.stack == request.stack)
        });
        let owned = ours.filter(|resource| !is_wanted(resource)).map(|resource| self.present(resource));
        let blind = self.file.blind.get(kind).map(|code| {
            let mut error = CloudError::new(Class::Denied, format!("{kind}:List"), "not allowed");
            error.code = Some(code.clone());
            error
        });
        Survey { found: found.collect(), owned: owned.collect(), blind }
    }

    async fn inventory(&self, kind: &str, present: &Present) -> Result<Inventory, CloudError> {
        let resource = self.of_kind(kind).find(|resource| resource.identity == present.identity);
        let lines = resource.map(|resource| resource.holds.clone()).unwrap_or_default();
        let replaceable = resource.is_some_and(|resource| resource.replaceable);
        Ok(Inventory { needs_permission: !lines.is_empty() && !replaceable, lines })
    }

    async fn create(&self, _kind: &str, _target: &Target) -> Result<(), CloudError> {
        Err(read_only())
    }

    async fn update(
        &self,
        _kind: &str,
        _target: &Target,
        _live: &Present,
        _changes: &[Change],
    ) -> Result<(), CloudError> {
        Err(read_only())
    }

    async fn delete(&self, _kind: &str, _present: &Present, _force: Force) -> Result<(), CloudError> {
        Err(read_only())
    }
}
