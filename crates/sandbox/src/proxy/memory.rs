//! What the emulator forgets and AWS does not: small JSON values by kind, account, region and name. Survives a
//! restart of the proxy when it has a file; knows nothing of what the values mean.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::recognise::Scope;

/// Separates the parts of a key; no AWS name holds it.
const BAR: char = '\u{1f}';

#[derive(Debug, Default)]
pub(crate) struct Memory {
    values: Mutex<BTreeMap<String, Value>>,
    file: Option<PathBuf>,
    dirty: AtomicBool,
}

impl Memory {
    /// An empty memory, or what the file holds.
    pub(crate) fn open(file: Option<&Path>) -> Self {
        let values = file
            .and_then(|path| std::fs::read(path).ok())
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Self { values: Mutex::new(values), file: file.map(Path::to_path_buf), dirty: AtomicBool::new(false) }
    }

    pub(crate) fn get(&self, kind: &str, scope: &Scope, name: &str) -> Option<Value> {
        self.lock().get(&key(kind, scope, name)).cloned()
    }

    pub(crate) fn put(&self, kind: &str, scope: &Scope, name: &str, value: Value) {
        self.lock().insert(key(kind, scope, name), value);
        self.dirty.store(true, Ordering::Release);
    }

    pub(crate) fn remove(&self, kind: &str, scope: &Scope, name: &str) -> Option<Value> {
        let gone = self.lock().remove(&key(kind, scope, name));
        if gone.is_some() {
            self.dirty.store(true, Ordering::Release);
        }
        gone
    }

    /// Forgets every value of a kind whose name starts so.
    pub(crate) fn remove_all(&self, kind: &str, scope: &Scope, prefix: &str) {
        let prefix = key(kind, scope, prefix);
        self.lock().retain(|name, _| !name.starts_with(&prefix));
        self.dirty.store(true, Ordering::Release);
    }

    /// Every value of a kind in an account and region.
    pub(crate) fn values(&self, kind: &str, scope: &Scope) -> Vec<Value> {
        let prefix = key(kind, scope, "");
        let values = self.lock();
        values
            .range(prefix.clone()..)
            .take_while(|(name, _)| name.starts_with(&prefix))
            .map(|(_, value)| value.clone())
            .collect()
    }

    /// Changes every value of a kind, in all accounts.
    pub(crate) fn change_all(&self, kind: &str, mut change: impl FnMut(&mut Value)) {
        let prefix = format!("{kind}{BAR}");
        for (_, value) in self.lock().iter_mut().filter(|(name, _)| name.starts_with(&prefix)) {
            change(value);
            self.dirty.store(true, Ordering::Release);
        }
    }

    /// Writes the file when something changed since the last time.
    pub(crate) fn flush(&self) {
        let Some(file) = &self.file else { return };
        if !self.dirty.swap(false, Ordering::AcqRel) {
            return;
        }
        let text = serde_json::to_vec(&*self.lock()).unwrap_or_default();
        let scratch = file.with_extension("new");
        let written = std::fs::write(&scratch, text).and_then(|()| std::fs::rename(&scratch, file));
        if let Err(error) = written {
            tracing::warn!(file = %file.display(), %error, "the proxy's memory could not be written");
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(kind: &str, scope: &Scope, name: &str) -> String {
    let Scope { account, region } = scope;
    format!("{kind}{BAR}{account}{BAR}{region}{BAR}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_do_not_see_each_other_and_the_file_brings_all_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("memory.json");
        let scope = |account: &str| Scope { account: account.into(), region: "us-east-1".into() };
        let memory = Memory::open(Some(&file));
        memory.put("job", &scope("1"), "a", Value::from(1));
        assert_eq!(memory.get("job", &scope("2"), "a"), None);
        memory.flush();
        let again = Memory::open(Some(&file));
        assert_eq!(again.get("job", &scope("1"), "a"), Some(Value::from(1)));
    }
}
