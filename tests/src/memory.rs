//! An account that is a map of resources: the one fake. It keeps what it is given, adds nothing, and fails
//! where a test says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use lakeform_model::{
    Account, Change, Class, CloudError, Force, Inventory, Live, OnChange, Present, Survey, SurveyRequest,
    Target, Value, Wanted,
};

use crate::SHAPES;

/// What goes wrong at one mutating call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Refused before anything happened.
    Fails(Class),
    /// Done, but the answer is lost.
    Lost,
    /// The first half of its changes is done, then it fails.
    Half(Class),
    /// It never ends, and does nothing.
    Hangs,
    /// The process dies: this call and every later one fails for good.
    Crash,
    /// The process dies when the first half of the call's changes is done.
    CrashMidway,
}

impl Fault {
    fn is_midway(self) -> bool {
        matches!(self, Self::Half(_) | Self::CrashMidway)
    }
}

/// What somebody else does to a resource: kind, identity, field and its value.
type Edit = (String, String, String, Value);

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
    /// What others do right after a mutating call, by its number.
    edits: BTreeMap<usize, Edit>,
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

    /// Lets somebody else change a resource right after the `number`th mutating call from now, however that ends.
    pub fn edit_after(
        &self,
        number: usize,
        kind: &str,
        identity: &str,
        field: &str,
        value: impl Into<Value>,
    ) {
        let mut state = self.state();
        let at = state.mutations + number;
        let edit = (kind.to_owned(), identity.to_owned(), field.to_owned(), value.into());
        state.edits.insert(at, edit);
    }

    /// Lets every read of one resource be denied.
    pub fn deny(&self, kind: &str, identity: &str) {
        self.state().unreadable.insert((kind.to_owned(), identity.to_owned()));
    }

    /// Forgets all faults: the process starts again.
    pub fn revive(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.edits.clear();
        state.unreadable.clear();
        state.dead = false;
    }

    /// What is there.
    pub fn resources(&self) -> BTreeMap<(String, String), Present> {
        self.state().resources.clone()
    }

    /// Changes one resource behind lakeform's back.
    pub fn edit(&self, kind: &str, identity: &str, field: &str, value: impl Into<Value>) {
        self.state().edit(kind, identity, field, value.into());
    }

    /// How many mutating calls were begun.
    pub fn mutations(&self) -> usize {
        self.state().mutations
    }

    /// The mutating calls so far: `create vessel a`.
    pub fn log(&self) -> Vec<String> {
        self.state().log.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One mutating call. `act` is told whether to stop midway.
    async fn mutate(
        &self,
        verb: &str,
        kind: &str,
        identity: &str,
        act: impl FnOnce(&mut State, bool) -> Result<(), CloudError> + Send,
    ) -> Result<(), CloudError> {
        let fault = self.begin();
        if fault == Some(Fault::Hangs) {
            std::future::pending::<()>().await;
        }
        let mut state = self.state();
        let operation = format!("memory:{verb}");
        if state.dead || fault == Some(Fault::Crash) {
            state.dead = true;
            return Err(CloudError::new(Class::Unknown, operation, "crashed"));
        }
        let number = state.mutations - 1;
        let result = if let Some(Fault::Fails(class)) = fault {
            Err(CloudError::new(class, operation, "failed on purpose"))
        } else {
            state.log.push(format!("{verb} {kind} {identity}"));
            let acted = act(&mut state, fault.is_some_and(Fault::is_midway));
            match (acted, fault) {
                (Ok(()), Some(Fault::Lost)) => {
                    Err(CloudError::new(Class::Unavailable, operation, "the answer was lost"))
                }
                (Ok(()), Some(Fault::Half(class))) => {
                    Err(CloudError::new(class, operation, "failed midway on purpose"))
                }
                (Ok(()), Some(Fault::CrashMidway)) => {
                    state.dead = true;
                    Err(CloudError::new(Class::Unknown, operation, "crashed midway"))
                }
                (acted, _) => acted,
            }
        };
        if let Some((kind, identity, field, value)) = state.edits.remove(&number) {
            state.edit(&kind, &identity, &field, value);
        }
        result
    }

    fn begin(&self) -> Option<Fault> {
        let mut state = self.state();
        let fault = state.faults.get(&state.mutations).copied();
        state.mutations += 1;
        fault
    }
}

impl State {
    fn edit(&mut self, kind: &str, identity: &str, field: &str, value: Value) {
        if let Some(present) = self.resources.get_mut(&key(kind, identity)) {
            present.fields.set(field, value);
        }
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
        self.mutate("create", kind, &target.identity, |state, midway| {
            let key = key(kind, &target.identity);
            if state.resources.contains_key(&key) {
                return Err(CloudError::new(Class::Exists, "memory:create", "exists already"));
            }
            let (identity, mark) = (target.identity.clone(), target.mark.clone());
            let mut fields = target.fields.clone();
            if midway {
                // What cannot be changed later is given at once, as AWS asks for it; the rest comes after.
                fields.0.retain(|field, _| {
                    let rule = SHAPES.rules(kind).iter().find(|rule| rule.path == field);
                    rule.is_some_and(|rule| rule.on_change == OnChange::Replace)
                });
            }
            state.resources.insert(key, Present { identity, handle: None, fields, mark });
            Ok(())
        })
        .await
    }

    async fn update(
        &self,
        kind: &str,
        target: &Target,
        live: &Present,
        changes: &[Change],
    ) -> Result<(), CloudError> {
        self.mutate("update", kind, &target.identity, |state, midway| {
            let Some(present) = state.resources.get_mut(&key(kind, &target.identity)) else {
                return Err(CloudError::new(Class::NotFound, "memory:update", "is not there"));
            };
            let count = if midway { changes.len().div_ceil(2) } else { changes.len() };
            for change in &changes[..count] {
                let mut fields = Value::Map(std::mem::take(&mut present.fields.0));
                put(&mut fields, &change.path.0, change.to.clone());
                if let Value::Map(map) = fields {
                    present.fields.0 = map;
                }
            }
            present.mark.clone_from(&target.mark);
            // Until all is done, what was managed before still is.
            if let (true, Some(mark), Some(old)) = (midway, &mut present.mark, &live.mark) {
                mark.managed = mark.managed.with(&old.managed);
            }
            Ok(())
        })
        .await
    }

    async fn delete(&self, kind: &str, present: &Present, _force: Force) -> Result<(), CloudError> {
        self.mutate("delete", kind, &present.identity, |state, _| {
            state.resources.remove(&key(kind, &present.identity));
            Ok(())
        })
        .await
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
