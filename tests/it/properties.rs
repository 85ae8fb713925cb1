//! The invariants, over generated manifests and accounts.

use std::sync::Arc;

use lakeform_model::{Address, Desired, Managed, Mark, Present, Value};
use lakeform_planner::PlanOptions;
use lakeform_tests::{Fault, MemoryAccount, SHAPES, desired, resource};
use proptest::prelude::*;

use crate::{apply_plan, plan_of};

const NAMES: &[&str] = &["a", "b", "c", "d"];

fn vessel() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let note = proptest::option::of("[a-z]{0,3}");
    let tags = proptest::collection::btree_map("[x-z]", "[0-9]", 0..3);
    (0..2_i64, note, tags).prop_map(|(size, note, tags)| {
        let mut fields = vec![("size", Value::Int(size)), ("tags", Value::text_map(tags))];
        fields.extend(note.map(|note| ("note", Value::Text(note))));
        fields
    })
}

fn stack() -> impl Strategy<Value = Desired> {
    let vessels = proptest::collection::btree_map(proptest::sample::select(NAMES), vessel(), 0..4);
    let labels = proptest::collection::btree_map(
        proptest::sample::select(NAMES),
        (
            any::<proptest::sample::Index>(),
            proptest::option::of("[a-z]{1,3}"),
            proptest::collection::btree_set("[m-p]", 0..3),
        ),
        0..4,
    );
    (vessels, labels).prop_map(|(vessels, labels)| {
        let names: Vec<&str> = vessels.keys().copied().collect();
        let labels = labels.into_iter().map(|(name, (on, text, members))| {
            let mut fields = vec![("members", Value::texts(members))];
            if !names.is_empty() {
                let vessel = *on.get(&names);
                fields.push(("on", Value::pointer("vessel", vessel, vessel)));
            }
            fields.extend(text.map(|text| ("text", Value::Text(text))));
            resource("label", name, &fields)
        });
        let labels: Vec<_> = labels.collect();
        desired(vessels.into_iter().map(|(name, fields)| resource("vessel", name, &fields)).chain(labels))
    })
}

/// Somebody else's resources, under names the stacks do not use: unmarked ones and another stack's.
fn foreign() -> impl Strategy<Value = Vec<Present>> {
    proptest::collection::vec((vessel(), any::<bool>()), 0..3).prop_map(|all| {
        let all = all.into_iter().enumerate().map(|(number, (fields, marked))| {
            let identity = format!("foreign-{number}");
            let address = Address::new("vessel", ["theirs"]);
            let mark =
                Mark { stack: "other".to_owned(), address, adopted: false, managed: Managed::default() };
            let fields = resource("vessel", &identity, &fields).fields;
            Present { identity, handle: None, fields, mark: marked.then_some(mark) }
        });
        all.collect()
    })
}

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
