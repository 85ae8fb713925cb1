//! In memory, over generated stacks: a change from any stack to any other, and its destroy, killed at every call
//! and in the middle of every call.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use lakeform_model::{Class, Desired, Present, Value};
use lakeform_planner::PlanOptions;
use lakeform_tests::{Fault, MemoryAccount, apply_plan, plan_of};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, TestRunner};

use crate::{Form, figures};
use lakeform_tests::stacks::stack;

type Resources = BTreeMap<(String, String), Present>;

/// The kinds of the tests by their names.
const KINDS: [&str; 2] = ["label", "vessel"];

fn holding(resources: &Resources) -> Arc<MemoryAccount> {
    let resources = resources.iter().map(|((kind, _), present)| {
        let kind = KINDS.into_iter().find(|known| known == kind).expect("a kind of the tests");
        (kind, present.clone())
    });
    Arc::new(MemoryAccount::holding(resources))
}

/// Without what is the same as nothing: an empty text, list or map.
fn plain(mut resources: Resources) -> Resources {
    for present in resources.values_mut() {
        present.fields.0.retain(|_, value| match value {
            Value::Text(text) => !text.is_empty(),
            Value::List(items) => !items.is_empty(),
            Value::Map(map) => !map.is_empty(),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Pointer(_) => true,
        });
    }
    resources
}

/// Plans and applies; whether all of it was done.
async fn act(account: &Arc<MemoryAccount>, wanted: &Desired, options: &PlanOptions) -> bool {
    let plan = plan_of(account, wanted, options).await;
    apply_plan(account, &plan).await.is_success()
}

fn destroy() -> PlanOptions {
    PlanOptions { destroy: true, ..PlanOptions::default() }
}

/// What stands before, what is wanted, how, and how that ends undisturbed after so many calls.
struct Case {
    given: Resources,
    wanted: Desired,
    options: PlanOptions,
    end: Resources,
    calls: usize,
}

impl Case {
    async fn new(given: &Resources, wanted: &Desired, options: PlanOptions) -> Self {
        let calm = holding(given);
        assert!(act(&calm, wanted, &options).await, "undisturbed, it is done");
        let (given, wanted) = (given.clone(), wanted.clone());
        Self { given, wanted, options, end: plain(calm.resources()), calls: calm.mutations() }
    }

    /// The change from the first stack to the second, and the end of the second.
    async fn both(first: &Desired, second: &Desired) -> [Self; 2] {
        let account = Arc::new(MemoryAccount::default());
        assert!(act(&account, first, &PlanOptions::default()).await, "an empty account takes any stack");
        let change = Self::new(&account.resources(), second, PlanOptions::default()).await;
        let end = Self::new(&change.end, second, destroy()).await;
        assert!(end.end.is_empty(), "a destroy leaves nothing: {:?}", end.end);
        [change, end]
    }

    /// Killed at a call, and done again.
    async fn killed(&self, at: usize, fault: Fault) {
        let account = holding(&self.given);
        account.fault(at, fault);
        assert!(!act(&account, &self.wanted, &self.options).await, "{fault:?} at {at} is no success");
        account.revive();
        assert!(act(&account, &self.wanted, &self.options).await, "{fault:?} at {at}: done again");
        assert_eq!(plain(account.resources()), self.end, "{fault:?} at {at}");
        let again = plan_of(&account, &self.wanted, &self.options).await;
        assert!(again.is_empty(), "{fault:?} at {at}: {again:#?}");
    }

    /// A call that goes wrong once and is tried again.
    async fn disturbed(&self, at: usize, fault: Fault) {
        let account = holding(&self.given);
        account.fault(at, fault);
        assert!(act(&account, &self.wanted, &self.options).await, "{fault:?} at {at} is tried again");
        assert_eq!(plain(account.resources()), self.end, "{fault:?} at {at}");
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(future)
}

#[test]
fn generated_stacks_killed_at_every_call_converge() {
    let cases = Form::asked().choose(50, 1_500, 10_000);
    let (stacks, points) = (Cell::new(0), Cell::new(0));
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&(stack(), stack()), |(first, second)| {
        block_on(async {
            for case in Case::both(&first, &second).await {
                for at in 0..case.calls {
                    case.killed(at, Fault::Crash).await;
                    case.killed(at, Fault::CrashMidway).await;
                }
                points.set(points.get() + 2 * case.calls);
            }
        });
        stacks.set(stacks.get() + 2);
        Ok(())
    });
    outcome.unwrap();
    assert!(points.get() > stacks.get(), "the stacks are not empty");
    figures("in memory, generated stacks", stacks.get());
    figures("in memory, crash points", points.get());
}

/// The waits between tries are real, so all cases wait side by side.
#[tokio::test]
async fn generated_stacks_with_a_call_that_fails_once_converge() {
    let number = Form::asked().choose(10, 100, 500);
    let mut runner = TestRunner::deterministic();
    let mut cases = Vec::new();
    for _ in 0..number {
        let (first, second) = (stack(), stack()).new_tree(&mut runner).unwrap().current();
        cases.extend(Case::both(&first, &second).await);
    }
    let faults = [
        Fault::Fails(Class::Throttled),
        Fault::Fails(Class::Moved),
        Fault::Lost,
        Fault::Half(Class::Unavailable),
    ];
    let all = cases.iter().flat_map(|case| {
        (0..case.calls).flat_map(move |at| faults.into_iter().map(move |fault| case.disturbed(at, fault)))
    });
    let all = join_all(all).await;
    figures("in memory, faults", all.len());
}
