//! One step: reread, decide whether the plan still fits, act, and try again where that may help.

use std::sync::Arc;
use std::time::Duration;

use lakeform_model::{
    Account, Action, Change, Class, CloudError, Effect, FieldRule, Force, Holders, Live, Managed, Present,
    Step, SurveyRequest, Target, Wanted, diff,
};
use tokio::sync::mpsc::UnboundedSender;

use crate::apply::Stop;
use crate::events::{Event, Outcome};
use crate::patience::Patience;
use crate::remainder::{moved, names, only_moved_as_planned, replaced};

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
        let mut patience = Patience::new(self.budget);
        let mut touched = false;
        loop {
            let result = patience.bound(self.attempt(step, &mut touched)).await;
            let error = match result {
                Ok(outcome) => return outcome,
                Err(error) => error,
            };
            let wait = patience.take(&error).filter(|_| !self.stop.is_requested());
            let Some(wait) = wait else { return Outcome::Failed(patience.give_up(error)) };
            let _ = self.events.send(Event::Retrying { index: self.index, error, wait });
            tokio::time::sleep(wait).await;
        }
    }

    /// Rereads and does what is left. `touched` says whether a try before this one may have acted.
    async fn attempt(&self, step: &Step, touched: &mut bool) -> Result<Outcome, CloudError> {
        let decision = self.decide(step, self.reread(step).await, *touched);
        tracing::debug!(address = %step.address, ?decision, "decided");
        let kind = step.address.kind();
        match decision {
            Decision::Nothing => {
                return Ok(if *touched { Outcome::Applied } else { Outcome::Unneeded });
            }
            Decision::Stale(what) => return Ok(Outcome::Stale { what }),
            Decision::Fail(error) => return Err(error),
            Decision::Create => {
                *touched = true;
                self.account.create(kind, &target(step)).await?;
            }
            Decision::Update(live, changes) => {
                *touched = true;
                self.account.update(kind, &target(step), &live, &changes).await?;
            }
            Decision::Delete(live) => {
                *touched = true;
                let force = if step.permitted { Force::Yes } else { Force::No };
                self.account.delete(kind, &live, force).await?;
            }
        }
        Ok(Outcome::Applied)
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
            if !(ours && same) {
                return Decision::Stale("it changed hands".to_owned());
            }
            let replaced = replaced(step, &present, self.rules);
            if !replaced.is_empty() {
                return Decision::Stale(format!("it was replaced since it was planned: {}", names(replaced)));
            }
            return Decision::Delete(present);
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
        let mine = ours || (step.action == Action::Adopt && present.mark.is_none());
        if !mine {
            return Decision::Stale("it exists now, and is not this stack's".to_owned());
        }
        let moved = moved(step, &changes, self.rules);
        let expected = touched || only_moved_as_planned(step, &present);
        let go_on = match step.action {
            // A create that finds its own mark is the rest of one that was cut off: finishing it loses nothing.
            Action::Create | Action::Replace => changes.iter().all(|change| change.effect == Effect::InPlace),
            // What stood there before the step is somebody's: only its own changes are finished.
            Action::Update | Action::Adopt | Action::Delete => expected && moved.is_empty(),
        };
        if go_on {
            return Decision::Update(present, changes);
        }
        let what = if moved.is_empty() {
            String::new()
        } else {
            format!(": {}", names(moved.iter().map(|change| &change.path)))
        };
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
