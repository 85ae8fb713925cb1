//! How an apply ended: what failed and why, what was skipped because of whom, and the counts as the last line.

use std::fmt::Write as _;

use lakeform_executor::{Outcome, Summary};
use lakeform_model::{Phase, Plan, Step};

use super::text::{BAD, CHANGED, GOOD, NOTE, action, duration, escape, paint};

/// One step's end on one line, without an indent.
pub(crate) fn outcome(step: &Step, outcome: &Outcome) -> String {
    let address = escape(&step.address.to_string());
    let (_, word, _) = action(step.action);
    match outcome {
        Outcome::Applied => paint(GOOD, &format!("{} {address}", done(step))),
        Outcome::Unneeded => format!("unneeded {address}: it was so already"),
        Outcome::Stale { what } => {
            paint(CHANGED, &format!("stale {address}")) + &format!(": {}", escape(what))
        }
        Outcome::Failed(error) => {
            paint(BAD, &format!("failed to {word} {address}")) + &format!(": {}", escape(&error.to_string()))
        }
        Outcome::Skipped { because } => {
            format!("skipped {address}: because of {}", escape(&because.to_string()))
        }
        Outcome::Interrupted => format!("not started {address}: interrupted"),
    }
}

/// The word for a step that is done.
fn done(step: &Step) -> &'static str {
    use lakeform_model::Action::{Adopt, Create, Delete, Replace, Update};
    match (step.action, step.phase) {
        (Replace, Phase::Remove) => "removed",
        (Replace, Phase::Establish | Phase::Whole) => "replaced",
        (Create, _) => "created",
        (Update, _) => "updated",
        (Delete, _) => "deleted",
        (Adopt, _) => "adopted",
    }
}

/// The end of an apply.
pub(crate) fn summary(plan: &Plan, summary: &Summary, verb: &str) -> String {
    let mut text = String::new();
    let mut told = 0;
    for (step, end) in plan.steps.iter().zip(&summary.outcomes) {
        if end.is_done() {
            continue;
        }
        told += 1;
        let _ = writeln!(text, "  ! {}", outcome(step, end));
        let hint = match end {
            Outcome::Failed(error) => error.hint(),
            Outcome::Stale { .. } => Some("run `lakeform plan` again and look at it".to_owned()),
            Outcome::Applied | Outcome::Unneeded | Outcome::Skipped { .. } | Outcome::Interrupted => None,
        };
        if let Some(hint) = hint {
            let _ = writeln!(text, "    {} {}", paint(NOTE, "hint:"), escape(&hint));
        }
    }
    if told > 0 {
        text.insert(0, '\n');
        text.push('\n');
    }
    let counts = Counts::of(summary);
    let style = if summary.is_success() { GOOD } else { BAD };
    let _ = writeln!(text, "{} in {}", paint(style, &counts.line(verb)), duration(summary.took));
    text
}

/// How many steps ended how.
pub(crate) struct Counts {
    pub(crate) applied: usize,
    pub(crate) unneeded: usize,
    pub(crate) failed: usize,
    pub(crate) stale: usize,
    pub(crate) skipped: usize,
    pub(crate) interrupted: usize,
}

impl Counts {
    pub(crate) fn of(summary: &Summary) -> Self {
        Self {
            applied: summary.count(|outcome| matches!(outcome, Outcome::Applied)),
            unneeded: summary.count(|outcome| matches!(outcome, Outcome::Unneeded)),
            failed: summary.count(|outcome| matches!(outcome, Outcome::Failed(_))),
            stale: summary.count(|outcome| matches!(outcome, Outcome::Stale { .. })),
            skipped: summary.count(|outcome| matches!(outcome, Outcome::Skipped { .. })),
            interrupted: summary.count(|outcome| matches!(outcome, Outcome::Interrupted)),
        }
    }

    fn line(&self, verb: &str) -> String {
        let Self { applied, unneeded, failed, stale, skipped, interrupted } = self;
        let mut parts = vec![format!("{applied} applied"), format!("{failed} failed")];
        for (number, word) in
            [(unneeded, "unneeded"), (stale, "stale"), (skipped, "skipped"), (interrupted, "not started")]
        {
            if *number > 0 {
                parts.push(format!("{number} {word}"));
            }
        }
        format!("{verb}: {}", parts.join(", "))
    }
}
