//! A fifth of all calls failing at random: throttled, failing inside, reset before they act, their answer lost or
//! cut. What is done stays done, nothing is doubled, and running again comes to the same end.

use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lakeform_model::Desired;
use lakeform_sandbox::{CallRecord, Effect, Fault, Faults};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

use crate::binary::said;
use crate::census::Census;
use crate::stage::{APPLY, DESTROY, Stack, Stage};
use crate::{Form, figures};

/// Most of a disturbed run is waiting.
const SIDE_BY_SIDE: usize = 8;

/// Six ways to fail, one call in five in all.
fn weather(seed: u64) -> Faults {
    let busy = Effect::Error { code: "ServiceUnavailable".to_owned(), message: None, status: Some(503) };
    let effects = [Effect::Throttled, Effect::Internal, busy, Effect::Reset, Effect::Lost, Effect::Cut];
    // Each is tried by itself: 1 - (1 - p)^6 = 0.2.
    let faults = effects.map(|effect| Fault::on("*", effect).with_probability(0.0365));
    Faults { seed, faults: faults.into() }
}

/// What one seed came to.
#[derive(Clone, Copy, Debug, Default)]
struct Toll {
    calls: usize,
    faults: usize,
    /// Runs that ended in an error and were repeated.
    errors: usize,
}

impl Toll {
    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.faults += other.faults;
        self.errors += other.errors;
    }
}

/// A failed run says which operation failed, and how.
fn assert_clear(output: &Output, when: &str) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(1), "{when}: {said}");
    let operation = ["s3", "iam", "sts", "ec2", "glue", "athena"]
        .iter()
        .any(|service| said.contains(&format!("`{service}:")));
    let codes =
        ["SlowDown", "Throttl", "RequestLimitExceeded", "TooManyRequests", "Internal", "ServiceFailure"];
    let more = ["ServiceUnavailable", "connection", "Exists"];
    let reason = codes.iter().chain(&more).any(|code| said.contains(code));
    assert!(operation && reason, "{when}: an unclear error: {said}");
}

/// Runs a command in bad weather until it succeeds; after three errors the weather clears up.
async fn weathered(stage: &Stage, arguments: &[&str], seed: u64) -> Toll {
    let before = stage.proxy.calls().len();
    let mut errors = 0;
    loop {
        let script =
            if errors < 3 { weather(seed.wrapping_mul(31) + errors as u64) } else { Faults::default() };
        stage.proxy.set_faults(script);
        let output = stage.run(arguments).await;
        let when = format!("seed {seed}, {arguments:?}, run {}", errors + 1);
        if output.status.success() {
            break;
        }
        assert!(errors < 3, "{when}: even undisturbed: {}", said(&output));
        assert_clear(&output, &when);
        errors += 1;
    }
    stage.proxy.set_faults(Faults::default());
    let calls: Vec<CallRecord> = stage.proxy.calls().split_off(before);
    let faults = calls.iter().filter(|call| call.fault.is_some()).count();
    Toll { calls: calls.len(), faults, errors }
}

/// The end of undisturbed applies of these stacks, one after the other, and of a destroy.
async fn calm(stacks: &[Stack]) -> (Census, Census) {
    let stage = Stage::new().await;
    let last = *stacks.last().expect("a stack");
    let empty = stage.census(&stage.put(last)).await;
    for stack in stacks {
        stage.lab.settle(&stage.put(*stack)).await;
    }
    (stage.census(&stage.put(last)).await, empty)
}

async fn seed(stacks: &[Stack], seed: u64, end: &Census, empty: &Census) -> Toll {
    let stage = Stage::new().await;
    let mut desired = Desired::default();
    let mut toll = Toll::default();
    for stack in stacks {
        desired = stage.put(*stack);
        toll.add(weathered(&stage, APPLY, seed).await);
    }
    let when = format!("seed {seed}");
    // The census lists all there is: a second bucket, endpoint or query would be a line more.
    stage.census(&desired).await.assert_same(end, &when);
    stage.assert_settled(&desired, &when).await;
    toll.add(weathered(&stage, DESTROY, seed).await);
    stage.census(&desired).await.assert_same(empty, &format!("{when}, destroyed"));
    toll
}

async fn seeds(stacks: &'static [Stack], from: u64, number: u64) {
    let (end, empty) = calm(stacks).await;
    let calm = Arc::new((end, empty));
    let room = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    let mut all = JoinSet::new();
    let here = LocalSet::new();
    for number in from..from + number {
        let (calm, room) = (Arc::clone(&calm), Arc::clone(&room));
        let one = async move {
            let _room = room.acquire().await.expect("there is room");
            seed(stacks, number, &calm.0, &calm.1).await
        };
        all.spawn_local_on(one, &here);
    }
    let mut toll = Toll::default();
    for one in here.run_until(all.join_all()).await {
        toll.add(one);
    }
    assert!(toll.faults * 10 > toll.calls, "the weather was too good: {toll:?}");
    figures("seeds with a fifth of all calls failing", usize::try_from(number).expect("few seeds"));
    figures("calls in bad weather", toll.calls);
    figures("faults injected", toll.faults);
    figures("runs that ended in an error, and were repeated", toll.errors);
}

#[tokio::test]
async fn the_stedi_lakehouse_in_bad_weather_comes_to_the_same_end() {
    seeds(&[Stack::Stedi], 1, Form::asked().choose(1, 3, 25)).await;
}

#[tokio::test]
async fn a_change_of_every_kind_in_bad_weather_comes_to_the_same_end() {
    seeds(&[Stack::Before, Stack::After], 1001, Form::asked().choose(1, 3, 25)).await;
}

#[tokio::test]
async fn a_service_that_stays_busy_ends_its_step_in_time_and_nothing_else() {
    // A step has two minutes, and they are real.
    if Form::asked() != Form::Full {
        return;
    }
    let stage = Stage::new().await;
    let desired = stage.put(Stack::Before);
    let busy = Fault::on("athena:CreateNamedQuery", Effect::Throttled);
    stage.proxy.set_faults(Faults { seed: 0, faults: vec![busy] });
    let began = Instant::now();
    let output = stage.run(APPLY).await;
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(began.elapsed() < Duration::from_secs(170), "{:?}", began.elapsed());
    for word in
        ["failed to create query.q", "`athena:CreateNamedQuery`", "TooManyRequestsException", "gave up after"]
    {
        assert!(said.contains(word), "`{word}` is not told: {said}");
    }
    assert!(said.contains("13 applied, 1 failed"), "{said}");
    stage.proxy.set_faults(Faults::default());
    assert!(stage.run(APPLY).await.status.success());
    stage.assert_settled(&desired, "a busy service").await;
}

#[tokio::test]
async fn an_apply_that_could_not_look_for_what_is_left_over_is_not_done() {
    let stage = Stage::new().await;
    stage.put(Stack::Before);
    let manifest = "lakeform: 1\nstack: torture\nregion: us-east-1\nbuckets: { lake: { name: BUCKET } }\n";
    let desired = stage.lab.load(&manifest.replace("BUCKET", &stage.bucket()));
    for (effect, code) in [(Effect::Throttled, 1), (Effect::Denied, 0)] {
        let faults = ["glue:GetJobs", "glue:ListJobs"].map(|list| Fault::on(list, effect.clone()));
        stage.proxy.set_faults(Faults { seed: 0, faults: faults.into() });
        let output = stage.run(APPLY).await;
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains("could not look for left-over resources"), "{said}");
    }
    stage.proxy.set_faults(Faults::default());
    stage.assert_settled(&desired, "after the busy hour").await;
}
