//! One binary for all tests across crates.

#![expect(clippy::unwrap_used, reason = "what a test takes for granted fails the test")]

mod account_guard;
mod cases;
mod catalog;
mod confirmation;
mod documents;
mod escapes;
mod executor;
mod fields;
mod files;
mod import;
mod inventory;
mod kinds;
mod lab;
mod least_privilege;
mod life;
mod ownership;
mod proof;
mod properties;
mod saved_plans;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use lakeform_executor::{ApplyOptions, Stop, Summary, apply, survey, take_inventories};
use lakeform_model::{Desired, Plan};
use lakeform_planner::{PlanOptions, plan};
use lakeform_tests::{MemoryAccount, SHAPES, binary};

/// Surveys and plans as the binary does.
async fn plan_of(account: &MemoryAccount, desired: &Desired, options: &PlanOptions) -> Plan {
    let mut snapshot = survey(account, desired, SHAPES).await;
    let first = plan(desired, &snapshot, SHAPES, "111122223333", options);
    take_inventories(account, &first, &mut snapshot).await;
    plan(desired, &snapshot, SHAPES, "111122223333", options)
}

/// Applies with a short patience.
async fn apply_plan(account: &Arc<MemoryAccount>, plan: &Plan) -> Summary {
    let options = ApplyOptions { parallelism: 4, retry_budget: Duration::from_secs(2) };
    let shared: Arc<dyn lakeform_model::Account> = Arc::clone(account) as _;
    apply(plan, shared, SHAPES, &options, &Stop::new(), &mut |_| {}).await
}
