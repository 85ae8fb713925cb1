//! One step: reread, decide whether the plan still fits, act, and try again where that may help.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lakeform_model::{
    Account, Action, Change, Class, CloudError, Effect, FieldRule, Force, Holders, Live, Managed, Present,
    Step, SurveyRequest, Target, Wanted, diff,
};
use rand::RngExt as _;
use tokio::sync::mpsc::UnboundedSender;

use crate::apply::Stop;
use crate::events::{Event, Outcome};

const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Runs one step.
pub(crate) struct Runner {
    pub(crate) account: Arc<dyn Account>,
    pub(crate) rules: &'static [FieldRule],
    pub(crate) stack: String,
    pub(crate) budget: Duration,
    pub(crate) stop: Stop,
    pub(crate) index: usize,
    pub(crate) events: UnboundedSender<Event>,
}

/// What the reread says is left to do.
#[derive(Debug)]
enum Decision {
    Create,
    Update(Present, Vec<Change>),
    Delete(Present),
    Nothing,
    Stale(String),
    Fail(CloudError),
}

impl Runner {
    pub(crate) async fn run(&self, step: &Step) -> Outcome {
        let began = Instant::now();
        let mut wait = FIRST_WAIT;
        let mut touched = false;
        loop {
            let decision = self.decide(step, self.reread(step).await, touched);
            tracing::debug!(address = %step.address, ?decision, "decided");
            let result = match decision {
                Decision::Nothing => return if touched { Outcome::Applied } else { Outcome::Unneeded },
                Decision::Stale(what) => return Outcome::Stale { what },
                Decision::Fail(error) => Err(error),
                Decision::Create => {
                    touched = true;
                    self.account.create(step.address.kind(), &target(step)).await
                }
                Decision::Update(live, changes) => {
                    touched = true;
                    self.account.update(step.address.kind(), &target(step), &live, &changes).await
                }
                Decision::Delete(live) => {
                    touched = true;
                    let force = if step.permitted { Force::Yes } else { Force::No };
                    self.account.delete(step.address.kind(), &live, force).await
                }
            };
            let Err(error) = result else { return Outcome::Applied };
            // "Exists already" after a try of ours may be the answer to a request whose own answer was lost.
            let again = error.class.is_retryable()
                || (error.class == Class::Exists && began.elapsed() < FIRST_WAIT * 8);
            if !again || self.stop.is_requested() || began.elapsed() + wait > self.budget {
                return Outcome::Failed(error);
            }
            let jittered = wait.mul_f64(rand::rng().random_range(0.5..1.0));
            let _ = self.events.send(Event::Retrying { index: self.index, error, wait: jittered });
            tokio::time::sleep(jittered).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Reads the one resource again, in the shape the plan read it in.
    async fn reread(&self, step: &Step) -> Live {
        let fields = match &step.live {
            Some(live) if step.removes() => live.fields.clone(),
            _ => step.fields.clone(),
        };
        let wanted = [Wanted {
            address: step.address.clone(),
            identity: step.identity.clone(),
            fields,
            files: step.files.clone(),
        }];
        let hints = Holders::new();
        let request = SurveyRequest { stack: &self.stack, wanted: &wanted, find_owned: false, hints: &hints };
        let mut survey = self.account.survey(step.address.kind(), request).await;
        survey.found.pop().unwrap_or_else(|| {
            Live::Unreadable(CloudError::new(Class::Unknown, "lakeform:Survey", "the survey gave no answer"))
        })
    }

    fn decide(&self, step: &Step, now: Live, touched: bool) -> Decision {
        let as_planned = now.fingerprint() == step.basis;
        let present = match now {
            Live::Unreadable(error) => return Decision::Fail(error),
            Live::Conflict { reason, .. } => return Decision::Stale(reason),
            Live::Absent if step.removes() => return Decision::Nothing,
            Live::Absent if matches!(step.action, Action::Create | Action::Replace) => {
                return Decision::Create;
            }
            Live::Absent => return Decision::Stale("it is gone".to_owned()),
            Live::Present(present) => present,
        };
        let ours = present.mark.as_ref().is_some_and(|mark| mark.stack == self.stack);
        if step.removes() {
            let planned = step.live.as_ref().and_then(|live| live.mark.as_ref()).map(|mark| mark.adopted);
            let same = present.mark.as_ref().map(|mark| mark.adopted) == planned;
            return if ours && same {
                Decision::Delete(present)
            } else {
                Decision::Stale("it changed hands".to_owned())
            };
        }
        if as_planned && !touched && matches!(step.action, Action::Update | Action::Adopt) {
            return Decision::Update(present, step.changes.clone());
        }
        self.converge(step, present, ours, touched)
    }

    /// The resource is there, but not as planned: done already, half done by us, or changed by others.
    fn converge(&self, step: &Step, present: Present, ours: bool, touched: bool) -> Decision {
        if step.mark.is_none() {
            return if ours { Decision::Update(present, Vec::new()) } else { Decision::Nothing };
        }
        let nobody = Managed::default();
        let managed = present.mark.as_ref().map_or(&nobody, |mark| &mark.managed);
        let changes = diff(&step.fields, &present.fields, self.rules, managed);
        if changes.is_empty() && present.mark == step.mark {
            return Decision::Nothing;
        }
        let possible = changes.iter().all(|change| change.effect == Effect::InPlace);
        let mine = ours || (step.action == Action::Adopt && present.mark.is_none());
        // A create that finds its own mark is the rest of one that was cut off: finishing it loses nothing.
        if mine && possible && (touched || matches!(step.action, Action::Create | Action::Replace)) {
            return Decision::Update(present, changes);
        }
        if !mine {
            return Decision::Stale("it exists now, and is not this stack's".to_owned());
        }
        let planned: Vec<_> = step.changes.iter().map(|change| &change.path).collect();
        let moved: Vec<String> = changes
            .iter()
            .filter(|change| !planned.contains(&&change.path))
            .map(|change| format!("`{}`", change.path))
            .collect();
        let what = if moved.is_empty() { String::new() } else { format!(": {}", moved.join(", ")) };
        Decision::Stale(format!("it changed since it was planned{what}"))
    }
}

fn target(step: &Step) -> Target {
    Target {
        address: step.address.clone(),
        identity: step.identity.clone(),
        fields: step.fields.clone(),
        files: step.files.clone(),
        mark: step.mark.clone(),
    }
}
