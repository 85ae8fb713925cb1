//! The words of lakeform: what a resource is, what a difference is, what a plan is, and the contract
//! that a resource kind fulfils.
//!
//! This crate does no I/O and knows no SDK, no YAML and no kind by name. Everything else depends on it;
//! it depends on nothing of ours.

mod account;
mod address;
mod change;
mod desired;
mod diagnostics;
mod error;
mod files;
mod hex;
mod kind;
mod live;
mod mark;
mod need;
mod node;
mod plan;
mod rule;
mod schema;
mod scope;
mod terminal;
mod value;

pub use account::{Account, Force, Survey, SurveyRequest, Target, Wanted};
pub use address::{Address, AddressError};
pub use change::{Change, Effect, diff};
pub use desired::{Check, Desired, Expect, Flow, Permissions, Resource, Severity};
pub use diagnostics::{Diagnostic, Diagnostics, Level, MOST_KNOWN, Source, Sources, known};
pub use error::{Class, CloudError};
pub use files::{FileProblem, Files, LocalFile, PART_SIZE};
pub use hex::hex;
pub use kind::{Draft, Entry, Facts, Holds, Kind, Kinds};
pub use live::{Fingerprint, Inventory, Live, Present, Snapshot};
pub use mark::{MARK_PREFIX, Managed, Mark};
pub use need::{Condition, Holders, Need, Place, Purpose};
pub use node::{FileId, Node, NodeValue, Span};
pub use plan::{Action, Blocked, BlockedBy, Finding, Phase, Plan, Step, Tally, Why};
pub use rule::{FieldRule, Literal, Merge, OnChange, Show, Unset};
pub use schema::{Key, Shape, TextCheck, TextRule};
pub use scope::{Names, Scope};
pub use terminal::is_obeyed;
pub use value::{FieldPath, Fields, Pointer, Value};
