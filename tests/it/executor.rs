//! The executor against the account in memory: order, faults, crashes, rereads.

use std::sync::Arc;

use lakeform_executor::Outcome;
use lakeform_model::{Action, Address, Class, Desired, Present, Value};
use lakeform_planner::PlanOptions;
use lakeform_tests::{Fault, MemoryAccount, apply_plan, desired, plan_of, resource};

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

/// Applies the stack and gives one in which the vessel `a` has another note and another tag.
async fn changed(account: &Arc<MemoryAccount>) -> Desired {
    let plan = plan_of(account, &stack(), &PlanOptions::default()).await;
    assert!(apply_plan(account, &plan).await.is_success());
    let mut wanted = stack();
    let vessel = wanted.resources.get_mut(&Address::new("vessel", ["a"])).unwrap();
    vessel.fields.set("note", "new").set("tags", Value::text_map([("team", "y"), ("more", "1")]));
    wanted
}

fn vessel(account: &MemoryAccount) -> Present {
    account.resources()[&("vessel".to_owned(), "a".to_owned())].clone()
}

#[tokio::test]
async fn what_another_changed_between_two_tries_is_not_overwritten() {
    let tag = |value| Value::text_map([("team", value)]);
    // A field that the step changes, one of a map that it changes, and one that it leaves alone.
    for (field, theirs, named) in [
        ("note", "theirs".into(), "`note`"),
        ("tags", tag("theirs"), "`tags.team`"),
        ("size", 7.into(), "`size`"),
    ] {
        for fault in [Fault::Fails(Class::Throttled), Fault::Half(Class::Throttled), Fault::Lost] {
            let account = Arc::new(MemoryAccount::default());
            let wanted = changed(&account).await;
            account.fault(0, fault);
            account.edit_after(0, "vessel", "a", field, theirs.clone());
            let plan = plan_of(&account, &wanted, &PlanOptions::default()).await;
            let summary = apply_plan(&account, &plan).await;
            let [Outcome::Stale { what }] = summary.outcomes.as_slice() else {
                panic!("{field} {fault:?}: {summary:?}")
            };
            assert!(what.contains(named), "{field} {fault:?}: {what}");
            assert_eq!(vessel(&account).fields.get(field), Some(&theirs), "{field} {fault:?}");
        }
    }
}

#[tokio::test]
async fn what_the_step_itself_left_undone_is_finished() {
    for fault in [Fault::Fails(Class::Throttled), Fault::Half(Class::Throttled), Fault::Lost] {
        let account = Arc::new(MemoryAccount::default());
        let wanted = changed(&account).await;
        account.fault(0, fault);
        let plan = plan_of(&account, &wanted, &PlanOptions::default()).await;
        let summary = apply_plan(&account, &plan).await;
        assert!(summary.is_success(), "{fault:?}: {summary:?}");
        assert!(plan_of(&account, &wanted, &PlanOptions::default()).await.is_empty(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_step_that_is_partly_done_already_is_finished() {
    let account = Arc::new(MemoryAccount::default());
    let wanted = changed(&account).await;
    let plan = plan_of(&account, &wanted, &PlanOptions::default()).await;
    account.edit("vessel", "a", "note", "new");
    let summary = apply_plan(&account, &plan).await;
    assert_eq!(summary.outcomes, [Outcome::Applied]);
    assert!(plan_of(&account, &wanted, &PlanOptions::default()).await.is_empty());

    // But not where anything else moved, be it nothing that the stack manages.
    let account = Arc::new(MemoryAccount::default());
    let wanted = changed(&account).await;
    let plan = plan_of(&account, &wanted, &PlanOptions::default()).await;
    account.edit("vessel", "a", "note", "new");
    account.edit("vessel", "a", "tags", Value::text_map([("team", "x"), ("theirs", "1")]));
    let summary = apply_plan(&account, &plan).await;
    assert!(matches!(summary.outcomes.as_slice(), [Outcome::Stale { .. }]), "{summary:?}");
}

#[tokio::test]
async fn what_another_apply_has_just_replaced_is_not_deleted() {
    let account = Arc::new(MemoryAccount::default());
    let vessel = |size: i64| desired([resource("vessel", "a", &[("size", size.into())])]);
    let first = plan_of(&account, &vessel(1), &PlanOptions::default()).await;
    apply_plan(&account, &first).await;
    let plan = plan_of(&account, &vessel(2), &PlanOptions::default()).await;
    assert_eq!(plan.tally().replace, 1);
    assert!(apply_plan(&account, &plan).await.is_success());
    let made = account.mutations();
    // The same plan, made by another at the same time.
    let summary = apply_plan(&account, &plan).await;
    let [Outcome::Stale { what }, Outcome::Skipped { .. }] = summary.outcomes.as_slice() else {
        panic!("{summary:?}")
    };
    assert!(what.contains("`size`"), "{what}");
    assert_eq!(account.mutations(), made, "nothing was touched");
}

#[tokio::test]
async fn an_adoption_does_not_overwrite_what_changed_between_two_tries() {
    let found =
        Present { identity: "a".to_owned(), ..present(&[("size", 1.into()), ("note", "old".into())]) };
    let wanted = desired([resource("vessel", "a", &[("size", 1.into()), ("note", "new".into())])]);
    let adopt = PlanOptions { adopt: true, ..PlanOptions::default() };
    for fault in [Fault::Fails(Class::Throttled), Fault::Lost] {
        let account = Arc::new(MemoryAccount::holding([("vessel", found.clone())]));
        account.fault(0, fault);
        account.edit_after(0, "vessel", "a", "note", "theirs");
        let plan = plan_of(&account, &wanted, &adopt).await;
        let summary = apply_plan(&account, &plan).await;
        assert!(matches!(summary.outcomes.as_slice(), [Outcome::Stale { .. }]), "{fault:?}: {summary:?}");
        assert_eq!(vessel(&account).fields.text("note"), Some("theirs"), "{fault:?}");
    }
}

#[tokio::test]
async fn a_member_that_others_add_between_two_tries_stays_and_is_no_obstacle() {
    let account = Arc::new(MemoryAccount::default());
    let plan = plan_of(&account, &stack(), &PlanOptions::default()).await;
    apply_plan(&account, &plan).await;
    let mut wanted = stack();
    let label = wanted.resources.get_mut(&Address::new("label", ["l2"])).unwrap();
    label.fields.set("members", Value::texts(["n"]));
    account.fault(0, Fault::Fails(Class::Throttled));
    account.edit_after(0, "label", "l2", "members", Value::texts(["m", "theirs"]));
    let plan = plan_of(&account, &wanted, &PlanOptions::default()).await;
    let summary = apply_plan(&account, &plan).await;
    assert!(summary.is_success(), "{summary:?}");
    let label = &account.resources()[&("label".to_owned(), "l2".to_owned())];
    assert_eq!(label.fields.get("members"), Some(&Value::texts(["theirs", "n"])));
}

#[tokio::test]
async fn a_step_ends_with_its_budget_and_says_what_was_tried() {
    let account = Arc::new(MemoryAccount::default());
    account.fault(0, Fault::Fails(Class::Throttled));
    account.fault(1, Fault::Half(Class::Unavailable));
    // Nothing but the budget ends this one.
    account.fault(2, Fault::Hangs);
    let wanted = desired([resource("vessel", "a", &[("size", 1.into()), ("note", "n".into())])]);
    let plan = plan_of(&account, &wanted, &PlanOptions::default()).await;
    let summary = apply_plan(&account, &plan).await;
    let [Outcome::Failed(error)] = summary.outcomes.as_slice() else { panic!("{summary:?}") };
    assert!(error.message.contains("gave up after 3 tries in "), "{error}");
    assert!(error.message.contains("cut off 1×, throttled 1×, unavailable 1×"), "{error}");
    assert_eq!(account.mutations(), 3);
}

#[tokio::test]
async fn a_failure_that_no_try_can_mend_is_told_as_it_is() {
    let account = Arc::new(MemoryAccount::default());
    account.fault(0, Fault::Fails(Class::Denied));
    let wanted = desired([resource("vessel", "a", &[("size", 1.into())])]);
    let plan = plan_of(&account, &wanted, &PlanOptions::default()).await;
    let summary = apply_plan(&account, &plan).await;
    let [Outcome::Failed(error)] = summary.outcomes.as_slice() else { panic!("{summary:?}") };
    assert_eq!(error.message, "failed on purpose");
    assert_eq!(account.mutations(), 1);
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
