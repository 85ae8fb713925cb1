//! Decides every step from desired and live. Synchronous, deterministic, and blind to clocks, networks and
//! SDKs: the same input gives the same plan, to the byte.

mod decide;
mod guard;
mod order;
mod select;

use std::collections::BTreeSet;

use lakeform_model::{Desired, Kinds, Plan, Snapshot};

/// What the caller decides beside the manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// Plan the empty stack instead of the manifest's.
    pub destroy: bool,
    /// Let a destroy delete what was adopted, too.
    pub include_adopted: bool,
    /// Existing unmarked resources may be taken over.
    pub adopt: bool,
    /// Only these addresses (or kinds, or parents) and what they need; everything when empty.
    pub targets: Vec<String>,
    /// Addresses whose data may be lost.
    pub allow: BTreeSet<String>,
}

/// Plans the way from live to desired.
///
/// `snapshot` must come from a survey of `desired`; a resource the survey did not answer for is blocked.
pub fn plan(
    desired: &Desired,
    snapshot: &Snapshot,
    kinds: Kinds,
    account: &str,
    options: &PlanOptions,
) -> Plan {
    let mut plan = Plan {
        stack: desired.stack.clone(),
        region: desired.region.clone(),
        account: account.to_owned(),
        blind: snapshot.blind.clone(),
        ..Plan::default()
    };
    decide::decide(&mut plan, desired, snapshot, kinds, options);
    order::block_dependants(&mut plan, desired, options.destroy);
    select::keep_targets(&mut plan, desired, &options.targets);
    guard::guard(&mut plan, desired, snapshot, kinds, options);
    order::order(&mut plan, desired, kinds);
    plan
}
