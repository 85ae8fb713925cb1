//! An account that is a map of resources: the one fake. It keeps what it is given, adds nothing, and fails
//! where a test says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use lakeform_model::{
    Account, Change, Class, CloudError, Force, Inventory, Live, Present, Survey, SurveyRequest, Target,
    Value, Wanted,
};

/// What goes wrong at one mutating call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Refused before anything happened.
    Fails(Class),
    /// Done, but the answer is lost.
    Lost,
    /// The process dies: this call and every later one fails for good.
    Crash,
}

/// An account in memory.
#[derive(Debug, Default)]
pub struct MemoryAccount {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    resources: BTreeMap<(String, String), Present>,
    /// Faults by the number of the mutating call, from 0.
    faults: BTreeMap<usize, Fault>,
    unreadable: BTreeSet<(String, String)>,
    mutations: usize,
    log: Vec<String>,
    dead: bool,
}

impl MemoryAccount {
    /// An account that holds these resources, by kind.
    pub fn holding(resources: impl IntoIterator<Item = (&'static str, Present)>) -> Self {
        let account = Self::default();
        let resources = resources
            .into_iter()
            .map(|(kind, present)| ((kind.to_owned(), present.identity.clone()), present));
        account.state().resources.extend(resources);
        account
    }

    /// Lets the `number`th mutating call from now go wrong.
    pub fn fault(&self, number: usize, fault: Fault) {
        let mut state = self.state();
        let at = state.mutations + number;
        state.faults.insert(at, fault);
    }

    /// Lets every read of one resource be denied.
    pub fn deny(&self, kind: &str, identity: &str) {
        self.state().unreadable.insert((kind.to_owned(), identity.to_owned()));
    }

    /// Forgets all faults: the process starts again.
    pub fn revive(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.unreadable.clear();
        state.dead = false;
    }

    /// What is there.
    pub fn resources(&self) -> BTreeMap<(String, String), Present> {
        self.state().resources.clone()
    }

    /// Changes one resource behind lakeform's back.
    pub fn edit(&self, kind: &str, identity: &str, field: &str, value: impl Into<Value>) {
        if let Some(present) = self.state().resources.get_mut(&(kind.to_owned(), identity.to_owned())) {
            present.fields.set(field, value);
        }
    }

    /// The mutating calls so far: `create vessel a`.
    pub fn log(&self) -> Vec<String> {
        self.state().log.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mutate(
        &self,
        verb: &str,
        kind: &str,
        identity: &str,
        act: impl FnOnce(&mut State) -> Result<(), CloudError>,
    ) -> Result<(), CloudError> {
        let mut state = self.state();
        let operation = format!("memory:{verb}");
        let fault = state.faults.get(&state.mutations).copied();
        state.mutations += 1;
        if fault == Some(Fault::Crash) {
            state.dead = true;
        }
        if state.dead {
            return Err(CloudError::new(Class::Unknown, operation, "crashed"));
        }
        if let Some(Fault::Fails(class)) = fault {
            return Err(CloudError::new(class, operation, "failed on purpose"));
        }
        state.log.push(format!("{verb} {kind} {identity}"));
        act(&mut state)?;
        if fault == Some(Fault::Lost) {
            return Err(CloudError::new(Class::Unavailable, operation, "the answer was lost"));
        }
        Ok(())
    }
}

fn key(kind: &str, identity: &str) -> (String, String) {
    (kind.to_owned(), identity.to_owned())
}

#[async_trait]
impl Account for MemoryAccount {
    async fn resolve(&self, _kind: &str, wanted: Wanted) -> Result<Wanted, CloudError> {
        Ok(wanted)
    }

    async fn survey(&self, kind: &str, request: SurveyRequest<'_>) -> Survey {
        let state = self.state();
        let read = |wanted: &Wanted| {
            let key = key(kind, &wanted.identity);
            if state.dead || state.unreadable.contains(&key) {
                return Live::Unreadable(CloudError::new(Class::Denied, "memory:Read", "denied on purpose"));
            }
            state.resources.get(&key).map_or(Live::Absent, |present| Live::Present(present.clone()))
        };
        let found = request.wanted.iter().map(read).collect();
        let is_ours =
            |present: &Present| present.mark.as_ref().is_some_and(|mark| mark.stack == request.stack);
        let is_wanted =
            |present: &Present| request.wanted.iter().any(|wanted| wanted.identity == present.identity);
        let owned = state.resources.iter().filter(|((of, _), present)| {
            request.find_owned && of == kind && is_ours(present) && !is_wanted(present)
        });
        Survey { found, owned: owned.map(|(_, present)| present.clone()).collect(), blind: None }
    }

    async fn inventory(&self, _kind: &str, _present: &Present) -> Result<Inventory, CloudError> {
        Ok(Inventory { lines: vec!["3 objects".to_owned()], needs_permission: true })
    }

    async fn create(&self, kind: &str, target: &Target) -> Result<(), CloudError> {
        self.mutate("create", kind, &target.identity, |state| {
            let key = key(kind, &target.identity);
            if state.resources.contains_key(&key) {
                return Err(CloudError::new(Class::Exists, "memory:create", "exists already"));
            }
            let (identity, fields, mark) =
                (target.identity.clone(), target.fields.clone(), target.mark.clone());
            state.resources.insert(key, Present { identity, handle: None, fields, mark });
            Ok(())
        })
    }

    async fn update(
        &self,
        kind: &str,
        target: &Target,
        _live: &Present,
        changes: &[Change],
    ) -> Result<(), CloudError> {
        self.mutate("update", kind, &target.identity, |state| {
            let Some(present) = state.resources.get_mut(&key(kind, &target.identity)) else {
                return Err(CloudError::new(Class::NotFound, "memory:update", "is not there"));
            };
            for change in changes {
                let mut fields = Value::Map(std::mem::take(&mut present.fields.0));
                put(&mut fields, &change.path.0, change.to.clone());
                if let Value::Map(map) = fields {
                    present.fields.0 = map;
                }
            }
            present.mark.clone_from(&target.mark);
            Ok(())
        })
    }

    async fn delete(&self, kind: &str, present: &Present, _force: Force) -> Result<(), CloudError> {
        self.mutate("delete", kind, &present.identity, |state| {
            state.resources.remove(&key(kind, &present.identity));
            Ok(())
        })
    }
}

fn put(at: &mut Value, path: &[String], value: Option<Value>) {
    let [first, rest @ ..] = path else { return };
    if !matches!(at, Value::Map(_)) {
        *at = Value::Map(BTreeMap::new());
    }
    let Value::Map(map) = at else { return };
    match (rest, value) {
        ([], Some(value)) => {
            map.insert(first.clone(), value);
        }
        ([], None) => {
            map.remove(first);
        }
        (rest, value) => {
            put(map.entry(first.clone()).or_insert_with(|| Value::Map(BTreeMap::new())), rest, value);
        }
    }
}
