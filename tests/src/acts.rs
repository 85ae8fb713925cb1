//! Planning and applying as the binary does, against any account and the one in memory.

use std::sync::Arc;
use std::time::Duration;

use lakeform_executor::{ApplyOptions, Stop, Summary, apply, survey, take_inventories};
use lakeform_model::{Account, Desired, Kinds, Plan};
use lakeform_planner::{PlanOptions, plan};

use crate::{MemoryAccount, SHAPES};

/// Surveys, counts what would be lost, and plans, as the binary does. `id` is the account's 12 digits.
pub async fn plan_in(
    account: &dyn Account,
    id: &str,
    kinds: Kinds,
    desired: &Desired,
    options: &PlanOptions,
) -> Plan {
    let mut snapshot = survey(account, desired, kinds).await;
    let first = plan(desired, &snapshot, kinds, id, options);
    take_inventories(account, &first, &mut snapshot).await;
    plan(desired, &snapshot, kinds, id, options)
}

/// Plans for the account in memory.
pub async fn plan_of(account: &MemoryAccount, desired: &Desired, options: &PlanOptions) -> Plan {
    plan_in(account, "111122223333", SHAPES, desired, options).await
}

/// Applies with a short patience.
pub async fn apply_plan(account: &Arc<MemoryAccount>, plan: &Plan) -> Summary {
    let options = ApplyOptions { parallelism: 4, retry_budget: Duration::from_secs(2) };
    let shared: Arc<dyn Account> = Arc::clone(account) as _;
    apply(plan, shared, SHAPES, &options, &Stop::new(), &mut |_| {}).await
}
