//! The real binary, killed after the k-th change: what comes after it ends as if nothing had happened.

use std::sync::Arc;

use lakeform_planner::PlanOptions;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

use crate::binary::said;
use crate::census::Census;
use crate::stage::{APPLY, DESTROY, Stack, Stage};
use crate::{Form, figures};

/// A kill takes two runs of the binary, which leave little of two processors.
const SIDE_BY_SIDE: usize = 2;

/// So many changes fewer than another an act may make.
const FEWER: u64 = 5;

/// What is killed.
#[derive(Clone, Copy, Debug)]
struct Act {
    name: &'static str,
    /// What is applied before, in peace.
    given: Option<Stack>,
    /// What the folder holds then.
    stack: Stack,
    arguments: &'static [&'static str],
}

impl Act {
    fn destroys(self) -> bool {
        self.arguments == DESTROY
    }

    /// An account in which the act can begin.
    async fn stage(self) -> (Stage, Census) {
        let stage = Stage::new().await;
        let desired = stage.put(self.stack);
        let empty = stage.census(&desired).await;
        if let Some(given) = self.given {
            let given = stage.put(given);
            stage.lab.settle(&given).await;
        }
        stage.put(self.stack);
        (stage, empty)
    }

    /// The act undisturbed: what it ends in, and how many changes it makes.
    async fn calm(self) -> (Census, u64) {
        let (stage, empty) = self.stage().await;
        let before = stage.changes().len();
        let changes = |stage: &Stage| (stage.changes().len() - before) as u64;
        let output = stage.run(self.arguments).await;
        assert!(output.status.success(), "{}: {}", self.name, said(&output));
        let made = changes(&stage);
        let desired = stage.put(self.stack);
        let end = stage.census(&desired).await;
        if self.destroys() {
            end.assert_same(&empty, self.name);
        } else {
            stage.assert_settled(&desired, self.name).await;
        }
        (end, made)
    }

    /// The act killed after so many changes, done again, and undone; whether it came so far. What runs side by side
    /// may save a change: of jobs that share a script, the first brings it.
    async fn killed(self, after: u64, end: &Census) -> bool {
        let when = format!("{} killed after change {after}", self.name);
        let (stage, empty) = self.stage().await;
        let came = stage.kill_after(after, self.arguments).await;
        let output = stage.run(self.arguments).await;
        assert!(output.status.success(), "{when}: {}", said(&output));
        let desired = stage.put(self.stack);
        stage.census(&desired).await.assert_same(end, &when);
        if !self.destroys() {
            stage.assert_settled(&desired, &when).await;
            let plan =
                stage.lab.plan(&desired, &PlanOptions { destroy: true, ..PlanOptions::default() }).await;
            assert_eq!(plan.denials().count(), 0, "{when}");
            let summary = stage.lab.apply(&plan).await;
            assert!(summary.is_success(), "{when}: {summary:#?}");
            stage.census(&desired).await.assert_same(&empty, &format!("{when}, destroyed"));
        }
        came
    }

    /// Kills at every change, or at so many spread over all.
    async fn torture(self, glance: u64, short: u64) {
        let (end, changes) = self.calm().await;
        let end = Arc::new(end);
        let points =
            Form::asked().choose(spread(changes, glance), spread(changes, short), (1..=changes).collect());
        let room = Arc::new(Semaphore::new(SIDE_BY_SIDE));
        let mut all = JoinSet::new();
        let here = LocalSet::new();
        for point in &points {
            let (point, end, room) = (*point, Arc::clone(&end), Arc::clone(&room));
            let kill = async move {
                let _room = room.acquire().await.expect("there is room");
                self.killed(point, &end).await
            };
            all.spawn_local_on(kill, &here);
        }
        let came = here.run_until(all.join_all()).await.into_iter().filter(|came| *came).count();
        let sure = points.iter().filter(|point| **point + FEWER <= changes).count();
        assert!(came >= sure, "{}: only {came} of {points:?} came", self.name);
        figures(&format!("kill points of {}", self.name), came);
    }
}

/// So many numbers from 1 to `last`, both among them.
fn spread(last: u64, number: u64) -> Vec<u64> {
    if number == 1 {
        return vec![last.div_ceil(2)];
    }
    let mut points: Vec<u64> =
        (0..number).map(|index| 1 + index * last.saturating_sub(1) / (number - 1)).collect();
    points.dedup();
    points
}

#[test]
fn a_sample_holds_both_ends() {
    assert_eq!(spread(57, 5), [1, 15, 29, 43, 57]);
    assert_eq!(spread(2, 5), [1, 2]);
}

#[tokio::test]
async fn an_apply_killed_at_any_change_costs_nothing() {
    Act { name: "apply", given: None, stack: Stack::Stedi, arguments: APPLY }.torture(1, 6).await;
}

#[tokio::test]
async fn a_destroy_killed_at_any_change_leaves_nothing() {
    Act { name: "destroy", given: Some(Stack::Stedi), stack: Stack::Stedi, arguments: DESTROY }
        .torture(1, 5)
        .await;
}

#[tokio::test]
async fn a_change_of_every_kind_killed_at_any_change_costs_nothing() {
    Act { name: "change", given: Some(Stack::Before), stack: Stack::After, arguments: APPLY }
        .torture(1, 8)
        .await;
}
