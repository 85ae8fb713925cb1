//! The executor against the account in memory: order, faults, crashes, rereads.

use std::sync::Arc;

use lakeform_executor::Outcome;
use lakeform_model::{Action, Address, Class, Desired, Present, Value};
use lakeform_planner::PlanOptions;
use lakeform_tests::{Fault, MemoryAccount, desired, resource};

use crate::{apply_plan, plan_of};

fn stack() -> Desired {
    let on = |vessel: &str| Value::pointer("vessel", vessel, vessel);
    desired([
        resource("vessel", "a", &[("size", 1.into()), ("tags", Value::text_map([("team", "x")]))]),
        resource("vessel", "b", &[("size", 2.into())]),
        resource("label", "l1", &[("on", on("a")), ("text", "one".into())]),
        resource("label", "l2", &[("on", on("b")), ("members", Value::texts(["m"]))]),
    ])
}

fn destroy() -> PlanOptions {
    PlanOptions { destroy: true, ..PlanOptions::default() }
}

#[tokio::test]
async fn what_is_pointed_at_comes_first_and_goes_last() {
    let account = Arc::new(MemoryAccount::default());
    let plan = plan_of(&account, &stack(), &PlanOptions::default()).await;
    assert!(apply_plan(&account, &plan).await.is_success());
    let log = account.log();
    let at = |line: &str| log.iter().position(|entry| entry == line).unwrap();
    assert!(at("create vessel a") < at("create label l1"), "{log:?}");

    let plan = plan_of(&account, &stack(), &destroy()).await;
    assert!(apply_plan(&account, &plan).await.is_success());
    let log = account.log();
    let at = |line: &str| log.iter().position(|entry| entry == line).unwrap();
    assert!(at("delete label l2") < at("delete vessel b"), "{log:?}");
    assert!(account.resources().is_empty());
}

#[tokio::test]
async fn a_crash_at_any_call_costs_nothing() {
    let calm = Arc::new(MemoryAccount::default());
    let calls = plan_of(&calm, &stack(), &PlanOptions::default()).await.steps.len();
    let plan = plan_of(&calm, &stack(), &PlanOptions::default()).await;
    apply_plan(&calm, &plan).await;
    for kill in 0..calls {
        let account = Arc::new(MemoryAccount::default());
        account.fault(kill, Fault::Crash);
        let plan = plan_of(&account, &stack(), &PlanOptions::default()).await;
        assert!(!apply_plan(&account, &plan).await.is_success(), "kill point {kill}");
        account.revive();
        let plan = plan_of(&account, &stack(), &PlanOptions::default()).await;
        assert!(apply_plan(&account, &plan).await.is_success(), "kill point {kill}");
        assert_eq!(account.resources(), calm.resources(), "kill point {kill}");
    }
}

#[tokio::test]
async fn a_throttled_call_and_a_lost_answer_are_tried_again() {
    for fault in [Fault::Fails(Class::Throttled), Fault::Lost, Fault::Fails(Class::Propagating)] {
        let account = Arc::new(MemoryAccount::default());
        account.fault(0, fault);
        let plan = plan_of(&account, &stack(), &PlanOptions::default()).await;
        let summary = apply_plan(&account, &plan).await;
        assert!(summary.is_success(), "{fault:?}: {summary:?}");
        assert!(plan_of(&account, &stack(), &PlanOptions::default()).await.is_empty(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_failure_stops_its_dependants_and_nothing_else() {
    let account = Arc::new(MemoryAccount::default());
    account.fault(0, Fault::Fails(Class::Denied));
    let plan = plan_of(&account, &stack(), &PlanOptions::default()).await;
    let summary = apply_plan(&account, &plan).await;
    assert_eq!(summary.count(|outcome| matches!(outcome, Outcome::Failed(_))), 1, "{summary:?}");
    assert_eq!(summary.count(|outcome| matches!(outcome, Outcome::Skipped { .. })), 1, "{summary:?}");
    assert_eq!(summary.count(|outcome| *outcome == Outcome::Applied), 2, "{summary:?}");
}

#[tokio::test]
async fn a_resource_that_moved_since_the_plan_is_not_touched() {
    let account = Arc::new(MemoryAccount::default());
    let plan = plan_of(&account, &stack(), &PlanOptions::default()).await;
    apply_plan(&account, &plan).await;
    account.edit("label", "l1", "text", "two");
    let plan = plan_of(&account, &stack(), &PlanOptions::default()).await;
    account.edit("label", "l1", "text", "three");
    let summary = apply_plan(&account, &plan).await;
    assert!(matches!(summary.outcomes.as_slice(), [Outcome::Stale { .. }]), "{summary:?}");
    let label = &account.resources()[&("label".to_owned(), "l1".to_owned())];
    assert_eq!(label.fields.text("text"), Some("three"));
}

#[tokio::test]
async fn a_denied_read_is_never_an_absence() {
    let account = Arc::new(MemoryAccount::default());
    account.deny("vessel", "a");
    let plan = plan_of(&account, &stack(), &PlanOptions::default()).await;
    let blocked: Vec<String> = plan.blocked.iter().map(|blocked| blocked.address.to_string()).collect();
    assert_eq!(blocked, ["vessel.a", "label.l1"]);
    assert_eq!(plan.steps.len(), 2);
}

#[tokio::test]
async fn an_unmarked_one_is_adopted_only_on_a_word_and_survives_destroy() {
    let found = Present { identity: "a".to_owned(), ..present(&[("size", 1.into())]) };
    let account = Arc::new(MemoryAccount::holding([("vessel", found.clone())]));
    let wanted = desired([resource("vessel", "a", &[("size", 1.into())])]);
    let plan = plan_of(&account, &wanted, &PlanOptions::default()).await;
    assert_eq!(plan.steps[0].action, Action::Adopt);
    assert_eq!(plan.denials().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), ["adoption"]);

    let plan = plan_of(&account, &wanted, &PlanOptions { adopt: true, ..PlanOptions::default() }).await;
    assert_eq!(plan.denials().count(), 0);
    assert!(apply_plan(&account, &plan).await.is_success());
    assert!(plan_of(&account, &wanted, &PlanOptions::default()).await.is_empty());

    let plan = plan_of(&account, &wanted, &destroy()).await;
    assert!(apply_plan(&account, &plan).await.is_success());
    assert_eq!(account.resources().into_values().collect::<Vec<_>>(), [found]);
}

#[tokio::test]
async fn data_is_lost_only_with_a_permission() {
    let account = Arc::new(MemoryAccount::default());
    let mut wanted = desired([resource("vessel", "a", &[("size", 1.into())])]);
    let plan = plan_of(&account, &wanted, &PlanOptions::default()).await;
    apply_plan(&account, &plan).await;
    let address = Address::new("vessel", ["a"]);
    wanted.resources.get_mut(&address).unwrap().permissions.force_destroy = false;

    let plan = plan_of(&account, &wanted, &destroy()).await;
    assert_eq!(plan.denials().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), ["data-loss"]);
    let allow = [address.to_string()].into();
    let plan = plan_of(&account, &wanted, &PlanOptions { allow, ..destroy() }).await;
    assert_eq!(plan.denials().count(), 0);

    wanted.resources.get_mut(&address).unwrap().permissions.protect = true;
    let plan = plan_of(&account, &wanted, &destroy()).await;
    assert!(plan.denials().any(|finding| finding.code == "protected"));
}

#[tokio::test]
async fn a_renamed_one_is_replaced_with_what_points_at_it() {
    let account = Arc::new(MemoryAccount::default());
    let plan = plan_of(&account, &stack(), &PlanOptions::default()).await;
    apply_plan(&account, &plan).await;
    let mut renamed = stack();
    let vessel = renamed.resources.get_mut(&Address::new("vessel", ["a"])).unwrap();
    vessel.identity = "a2".to_owned();
    let label = renamed.resources.get_mut(&Address::new("label", ["l1"])).unwrap();
    label.fields.set("on", Value::pointer("vessel", "a2", "a2"));
    let plan = plan_of(&account, &renamed, &PlanOptions::default()).await;
    assert_eq!(plan.tally().replace, 1);
    assert!(apply_plan(&account, &plan).await.is_success());
    assert!(plan_of(&account, &renamed, &PlanOptions::default()).await.is_empty());
    assert!(!account.resources().contains_key(&("vessel".to_owned(), "a".to_owned())));
}

fn present(fields: &[(&str, Value)]) -> Present {
    let fields = resource("vessel", "", fields).fields;
    Present { identity: String::new(), handle: None, fields, mark: None }
}
