//! Several hands at once: two applies of one stack, and an apply against somebody at the console. No update is
//! lost, and the loser is told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lakeform_sandbox::{Effect, Fault, Faults};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

use crate::binary::said;
use crate::console::{EDITS, Edit};
use crate::stage::{APPLY, Stack, Stage, finish};
use crate::{Form, figures};

const SIDE_BY_SIDE: usize = 2;
/// As long as a write waits for the console to come first.
const PAUSE_MS: u64 = 2_000;
const PATIENCE: Duration = Duration::from_mins(1);

/// A stage on which the change is ready to be applied.
async fn ready_to_change() -> Stage {
    let stage = given_stage(Some(Stack::Before)).await;
    stage.put(Stack::After);
    stage
}

/// Runs them all, so many at a time.
pub(crate) async fn side_by_side<F: Future<Output = ()> + 'static>(
    races: impl IntoIterator<Item = F>,
) -> usize {
    let (here, mut all, room) = (LocalSet::new(), JoinSet::new(), Arc::new(Semaphore::new(SIDE_BY_SIDE)));
    for race in races {
        let room = Arc::clone(&room);
        let race = async move {
            let _room = room.acquire().await.expect("there is room");
            race.await;
        };
        all.spawn_local_on(race, &here);
    }
    let count = all.len();
    here.run_until(all.join_all()).await;
    count
}

/// An edit after the plan was saved and before it is applied.
async fn edited_after_the_plan(edit: Edit) {
    let stage = ready_to_change().await;
    let planned = stage.run(&["plan", "--out", "saved.plan"]).await;
    assert!(planned.status.success(), "{edit:?}: {}", said(&planned));
    edit.make(&stage).await;
    let output = stage.run(&["apply", "saved.plan", "--yes"]).await;
    assert_lost(edit, &said(&output), output.status.code());
    assert_eq!(edit.shown(&stage).await, edit.value, "{edit:?}");
    // Planned anew it is seen, and changed.
    let again = stage.run(APPLY).await;
    assert!(again.status.success(), "{edit:?}: {}", said(&again));
    assert_ne!(edit.shown(&stage).await, edit.value, "{edit:?}");
}

/// The one who planned before the edit is told which resource moved, and where.
fn assert_lost(edit: Edit, said: &str, code: Option<i32>) {
    assert_eq!(code, Some(1), "{edit:?}: {said}");
    let line = said.lines().find(|line| line.contains(&format!("stale {}", edit.address)));
    let line = line.unwrap_or_else(|| panic!("{edit:?} is not told: {said}"));
    assert!(line.contains(&format!("`{}`", edit.field)), "{edit:?}: {line}");
}

#[tokio::test]
async fn an_edit_after_the_plan_is_not_overwritten() {
    let edits = &EDITS[..Form::asked().choose(1, EDITS.len(), EDITS.len())];
    let races = side_by_side(edits.iter().map(|edit| edited_after_the_plan(*edit))).await;
    figures("races against the console", races);
}

/// An edit after the last read and before the write: what AWS itself refuses on a token of what was read.
async fn edited_before_the_write(edit: Edit, operation: &str, (after, times): (u64, u64), loser: &str) {
    let stage = ready_to_change().await;
    let pause = Effect::Latency { ms: PAUSE_MS, jitter_ms: 0 };
    stage
        .proxy
        .set_faults(Faults { seed: 0, faults: vec![Fault::on(operation, pause).after(after).times(times)] });
    // One step at a time, so that the paused calls are known.
    let child = stage.start(&["apply", "--yes", "--parallelism", "1"]);
    let until = Instant::now() + PATIENCE;
    while stage.proxy.hits() != [times] {
        assert!(Instant::now() < until, "{edit:?}: `{operation}` never came");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    edit.make(&stage).await;
    let output = finish(child).await;
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{edit:?}: {said}");
    assert!(said.contains(loser), "{edit:?}: {said}");
    assert_eq!(edit.shown(&stage).await, edit.value, "{edit:?}");
    let again = stage.run(APPLY).await;
    assert!(again.status.success(), "{edit:?}: {}", crate::binary::said(&again));
}

#[tokio::test]
async fn an_edit_between_the_last_read_and_the_write_is_not_overwritten() {
    let [table, upload, ..] = EDITS;
    edited_before_the_write(table, "glue:UpdateTable", (0, 1), "it changed since it was planned: `columns`")
        .await;
    figures("races against the console", 1);
    if Form::asked() != Form::Glance {
        // One upload is created before it, of a mark and an object; then come its own mark and two objects.
        edited_before_the_write(upload, "s3:PutObject", (3, 2), "`raw/a.json` changed since it was planned")
            .await;
        figures("races against the console", 1);
    }
}

async fn given_stage(given: Option<Stack>) -> Stage {
    let stage = Stage::new().await;
    if let Some(given) = given {
        let given = stage.put(given);
        stage.lab.settle(&given).await;
    }
    stage
}

/// Two applies of the same change at once.
async fn two_applies(given: Option<Stack>, stack: Stack, seed: u64, end: &crate::census::Census) {
    let stage = given_stage(given).await;
    let desired = stage.put(stack);
    let jitter = Effect::Latency { ms: 0, jitter_ms: 40 };
    stage.proxy.set_faults(Faults { seed, faults: vec![Fault::on("*", jitter)] });
    let (one, other) = tokio::join!(stage.run(APPLY), stage.run(APPLY));
    stage.proxy.set_faults(Faults::default());
    let when = format!("seed {seed}, {given:?} to {stack:?}");
    for output in [&one, &other] {
        let said = said(output);
        match output.status.code() {
            Some(0) => {}
            Some(1) => assert!(said.contains("stale ") || said.contains("failed to "), "{when}: {said}"),
            _ => panic!("{when}: {said}"),
        }
    }
    let both = format!("{when}\n{}\n{}", said(&one), said(&other));
    stage.assert_settled(&desired, &both).await;
    stage.census(&desired).await.assert_same(end, &both);
}

#[tokio::test]
async fn two_applies_at_once_come_to_the_end_of_one() {
    let number = Form::asked().choose(1, 4, 25);
    for (given, stack) in [(None, Stack::Stedi), (Some(Stack::Before), Stack::After)] {
        let stage = given_stage(given).await;
        let desired = stage.put(stack);
        stage.lab.settle(&desired).await;
        let end = Arc::new(stage.census(&desired).await);
        let races = (0..number).map(|seed| {
            let end = Arc::clone(&end);
            async move { two_applies(given, stack, seed, &end).await }
        });
        figures("races of two applies", side_by_side(races).await);
    }
}
