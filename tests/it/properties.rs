//! The invariants, over generated manifests and accounts.

use std::sync::Arc;

use lakeform_model::Present;
use lakeform_planner::PlanOptions;
use lakeform_tests::{Fault, MemoryAccount, SHAPES, apply_plan, plan_of};
use proptest::prelude::*;

use lakeform_tests::stacks::{foreign, stack};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts")
        .block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_is_deterministic_and_settles_and_destroy_leaves_what_is_not_ours(
        first in stack(), second in stack(), theirs in foreign()
    ) {
        block_on(async {
            let account = Arc::new(MemoryAccount::holding(theirs.iter().cloned().map(|present| ("vessel", present))));
            for wanted in [&first, &second] {
                let plan = plan_of(&account, wanted, &PlanOptions::default()).await;
                assert_eq!(&plan, &plan_of(&account, wanted, &PlanOptions::default()).await);
                let summary = apply_plan(&account, &plan).await;
                assert!(summary.is_success(), "{summary:?}\n{plan:#?}");
                let again = plan_of(&account, wanted, &PlanOptions::default()).await;
                assert!(again.is_empty(), "{again:#?}");
                let held: Vec<_> = account.resources().into_keys().filter(|(_, name)| !name.starts_with("foreign")).collect();
                assert_eq!(held.len(), wanted.resources.len());
            }
            let destroy = PlanOptions { destroy: true, ..PlanOptions::default() };
            let plan = plan_of(&account, &second, &destroy).await;
            assert!(apply_plan(&account, &plan).await.is_success());
            let left: Vec<Present> = account.resources().into_values().collect();
            assert_eq!(left, theirs);
        });
    }

    #[test]
    fn a_crash_at_any_step_of_any_change_converges(first in stack(), second in stack(), kill in 0_usize..8) {
        block_on(async {
            let (calm, hit) = (Arc::new(MemoryAccount::default()), Arc::new(MemoryAccount::default()));
            for account in [&calm, &hit] {
                let plan = plan_of(account, &first, &PlanOptions::default()).await;
                apply_plan(account, &plan).await;
            }
            hit.fault(kill, Fault::Crash);
            for account in [&calm, &hit] {
                let plan = plan_of(account, &second, &PlanOptions::default()).await;
                apply_plan(account, &plan).await;
            }
            hit.revive();
            let plan = plan_of(&hit, &second, &PlanOptions::default()).await;
            let summary = apply_plan(&hit, &plan).await;
            assert!(summary.is_success(), "{summary:?}");
            assert_eq!(hit.resources(), calm.resources());
        });
    }
}

#[test]
fn every_kind_of_the_tests_is_in_the_catalog() {
    assert_eq!(SHAPES.0.iter().map(|kind| kind.name()).collect::<Vec<_>>(), ["vessel", "label"]);
}
