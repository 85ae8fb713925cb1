//! The log of requests: what was asked, by whom, how long it took and how it ended. In memory for assertions,
//! and as JSON lines for people; never a parameter or a body, so never a secret.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::iam_actions::Ask;

/// One request that passed the proxy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// When it came, in seconds since 1970.
    pub t: f64,
    /// How long it took, in milliseconds.
    pub ms: f64,
    /// `s3`, `iam`, `sts`, `ec2`, `glue`, `athena` or `other`.
    pub service: String,
    /// The operation's name as the service spells it.
    pub operation: String,
    /// The account it was signed for.
    pub account: String,
    /// The region it was signed for.
    pub region: String,
    /// Bucket and key of an S3 request.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resource: Option<String>,
    /// The HTTP status that was answered; 0 where the connection was cut instead.
    pub status: u16,
    /// Whether the operation can change anything.
    pub mutating: bool,
    /// The error code that was answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// The IAM actions it asked for and on what, where the proxy holds calls against a policy.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub asks: Vec<Ask>,
    /// The injected fault, where there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fault: Option<String>,
}

impl CallRecord {
    /// `service:Operation`, as faults and counts name it.
    pub fn name(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }
}

/// How often each `service:Operation` was asked.
pub fn counts(calls: &[CallRecord]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(call.name()).or_default() += 1;
    }
    counts
}

#[derive(Debug, Default)]
pub(crate) struct Journal {
    calls: Mutex<Vec<CallRecord>>,
    file: Option<Mutex<File>>,
    /// A background proxy lives for days: it keeps the newest only.
    limit: Option<usize>,
}

impl Journal {
    pub(crate) fn open(file: Option<&Path>, limit: Option<usize>) -> std::io::Result<Self> {
        let open = |path| File::options().create(true).append(true).open(path).map(Mutex::new);
        Ok(Self { calls: Mutex::default(), file: file.map(open).transpose()?, limit })
    }

    pub(crate) fn add(&self, record: CallRecord) {
        if let Some(file) = &self.file {
            let line = serde_json::to_string(&record).unwrap_or_default();
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = writeln!(file, "{line}") {
                tracing::warn!(%error, "the call log could not be written");
            }
        }
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if self.limit.is_some_and(|limit| calls.len() >= 2 * limit) {
            let surplus = calls.len() / 2;
            calls.drain(..surplus);
        }
        calls.push(record);
    }

    pub(crate) fn calls(&self) -> Vec<CallRecord> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn forget(&self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
