//! What the manifest wants: the stack's resources and checks.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Address, Fields, LocalFile, Span, Value};

/// Everything a manifest wants.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desired {
    /// The stack's name.
    pub stack: String,
    /// The region; empty where neither the manifest nor the caller named one.
    pub region: String,
    /// The only account it may be applied to, if the manifest guards it.
    pub account: Option<String>,
    /// Its resources, by address.
    pub resources: BTreeMap<Address, Resource>,
    /// Its checks, in the manifest's order.
    pub checks: Vec<Check>,
    /// What a DPU-hour costs in US dollars, if the manifest says.
    pub dpu_hour_usd: Option<f64>,
}

/// One resource as the manifest wants it.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Its address.
    pub address: Address,
    /// The name AWS knows it by, as its kind spells it.
    pub identity: String,
    /// Its canonical fields.
    pub fields: Fields,
    /// Local files that belong to it.
    pub files: BTreeMap<String, LocalFile>,
    /// What must exist before it, by references and containment.
    pub depends_on: BTreeSet<Address>,
    /// What a run of it reads and writes, if it can be run.
    pub flow: Option<Flow>,
    /// What the manifest allows.
    pub permissions: Permissions,
    /// Where its entry stands.
    pub span: Span,
}

/// What a run of a resource reads and writes: table names (`stedi.customer_landing`) and S3 URLs of folders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Flow {
    /// What it reads.
    pub reads: Vec<String>,
    /// What it writes.
    pub writes: Vec<String>,
}

/// What the manifest allows or forbids for one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permissions {
    /// Delete and replace are refused.
    pub protect: bool,
    /// An existing one may be taken over.
    pub adopt: bool,
    /// The data in it may be lost.
    pub force_destroy: bool,
}

/// An SQL assertion.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// The SQL.
    pub sql: String,
    /// What the result must be.
    pub expect: Expect,
    /// What a failure means.
    pub severity: Severity,
    /// The database its unqualified tables are in, by name.
    pub database: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Where its entry stands.
    #[serde(skip)]
    pub span: Span,
}

/// What the result of a check must be.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// The one value of the one row.
    Scalar(Value),
    /// A comparison with the one value: operator (`>=`, `>`, `<=`, `<`, `!=`, `=`) and number.
    Compare(String, f64),
    /// No rows.
    Empty,
    /// That many rows.
    Rows(u64),
    /// These rows, in this order.
    Table(Vec<Vec<Value>>),
}

/// What a failed check means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The exit code is 1.
    #[default]
    Error,
    /// It is only said.
    Warn,
}
