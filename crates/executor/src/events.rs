//! What an apply says while it runs, and what it says at the end.

use std::time::Duration;

use lakeform_model::{Address, CloudError};
use serde::Serialize;

/// Something that happened; `index` is the step's in the plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A step began.
    Started {
        /// The step.
        index: usize,
    },
    /// A call failed in a way that may pass; it is tried again.
    Retrying {
        /// The step.
        index: usize,
        /// What failed.
        error: CloudError,
        /// How long until the next try.
        wait: Duration,
    },
    /// A step ended, or was never begun.
    Finished {
        /// The step.
        index: usize,
        /// How.
        outcome: Outcome,
        /// How long it took.
        took: Duration,
    },
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", content = "detail", rename_all = "snake_case")]
pub enum Outcome {
    /// Done.
    Applied,
    /// It was so already.
    Unneeded,
    /// The resource is not any more what the step was planned on; nothing was touched.
    Stale {
        /// What is different.
        what: String,
    },
    /// It failed.
    Failed(CloudError),
    /// Not begun, because of another step that was not done.
    Skipped {
        /// Whose.
        because: Address,
    },
    /// Not begun, because the user asked to stop.
    Interrupted,
}

impl Outcome {
    /// Whether what depends on the step may begin.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Applied | Self::Unneeded)
    }
}

/// How an apply ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The outcome of each step, by its index.
    pub outcomes: Vec<Outcome>,
    /// How long it took.
    pub took: Duration,
}

impl Summary {
    /// Whether every step is done.
    pub fn is_success(&self) -> bool {
        self.outcomes.iter().all(Outcome::is_done)
    }

    /// Whether the user stopped it.
    pub fn is_interrupted(&self) -> bool {
        self.outcomes.contains(&Outcome::Interrupted)
    }

    /// How many steps ended so.
    pub fn count(&self, wanted: impl Fn(&Outcome) -> bool) -> usize {
        self.outcomes.iter().filter(|outcome| wanted(outcome)).count()
    }
}
