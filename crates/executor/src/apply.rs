//! Runs the steps of a plan as soon as what they wait for is done, so many at a time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use lakeform_model::{Account, Kinds, Plan};
use tokio::sync::mpsc;

use crate::events::{Event, Outcome, Summary};
use crate::step::Runner;

/// How to apply.
#[derive(Clone, Debug)]
pub struct ApplyOptions {
    /// The most steps at once.
    pub parallelism: usize,
    /// The longest that one step goes on retrying.
    pub retry_budget: Duration,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        // A new role is visible everywhere within two minutes.
        Self { parallelism: 8, retry_budget: Duration::from_mins(2) }
    }
}

/// Asks an apply to begin no further step. Clones share the request.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Not asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks. Running calls finish.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it was asked.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Applies a plan. One failure stops what depends on it and nothing else.
pub async fn apply(
    plan: &Plan,
    account: Arc<dyn Account>,
    kinds: Kinds,
    options: &ApplyOptions,
    stop: &Stop,
    events: &mut (dyn FnMut(&Event) + Send),
) -> Summary {
    let began = Instant::now();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut outcomes: Vec<Option<Outcome>> = vec![None; plan.steps.len()];
    let mut waiting: BTreeSet<usize> = (0..plan.steps.len()).collect();
    let mut running = FuturesUnordered::new();
    loop {
        settle_waiting(plan, &mut waiting, &mut outcomes, stop, events);
        while running.len() < options.parallelism.max(1) {
            let ready = waiting.iter().copied().find(|index| {
                let planned = &plan.steps[*index];
                planned.after.iter().all(|other| outcomes[*other].as_ref().is_some_and(Outcome::is_done))
                    && planned.behind.iter().all(|other| outcomes[*other].is_some())
            });
            let Some(index) = ready else { break };
            waiting.remove(&index);
            events(&Event::Started { index });
            let runner = Runner {
                account: Arc::clone(&account),
                rules: kinds.rules(plan.steps[index].address.kind()),
                stack: plan.stack.clone(),
                budget: options.retry_budget,
                stop: stop.clone(),
                index,
                events: sender.clone(),
            };
            let planned = plan.steps[index].clone();
            running.push(async move {
                let started = Instant::now();
                let outcome = runner.run(&planned).await;
                (index, outcome, started.elapsed())
            });
        }
        if running.is_empty() {
            break;
        }
        tokio::select! {
            Some(event) = receiver.recv() => events(&event),
            Some((index, outcome, took)) = running.next() => {
                while let Ok(event) = receiver.try_recv() {
                    events(&event);
                }
                events(&Event::Finished { index, outcome: outcome.clone(), took });
                outcomes[index] = Some(outcome);
            }
        }
    }
    let outcomes = outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Interrupted)).collect();
    Summary { outcomes, took: began.elapsed() }
}

/// Ends the waiting steps that will never begin: their cause failed, or the user asked to stop.
fn settle_waiting(
    plan: &Plan,
    waiting: &mut BTreeSet<usize>,
    outcomes: &mut [Option<Outcome>],
    stop: &Stop,
    events: &mut (dyn FnMut(&Event) + Send),
) {
    // Steps stand after what they wait for, so one pass in order sees every cause.
    for index in waiting.clone() {
        let cause = plan.steps[index].after.iter().find_map(|other| match &outcomes[*other] {
            Some(Outcome::Skipped { because }) => Some(Outcome::Skipped { because: because.clone() }),
            Some(Outcome::Interrupted) => Some(Outcome::Interrupted),
            Some(Outcome::Failed(_) | Outcome::Stale { .. }) => {
                Some(Outcome::Skipped { because: plan.steps[*other].address.clone() })
            }
            Some(Outcome::Applied | Outcome::Unneeded) | None => None,
        });
        let Some(outcome) = cause.or_else(|| stop.is_requested().then_some(Outcome::Interrupted)) else {
            continue;
        };
        waiting.remove(&index);
        events(&Event::Finished { index, outcome: outcome.clone(), took: Duration::ZERO });
        outcomes[index] = Some(outcome);
    }
}
