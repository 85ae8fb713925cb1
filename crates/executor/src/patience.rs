//! How long a step goes on after a failure, and what it says when it gives up.

use std::collections::BTreeMap;
use std::time::Duration;

use lakeform_model::{Class, CloudError};
use rand::RngExt as _;
use tokio::time::Instant;

const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// So often "exists already" may be the answer to a request of ours whose own answer was lost; a reread tells.
/// With the growing waits that is about two seconds.
const EXISTS: usize = 4;

/// The failures of one step so far.
///
/// A first try takes as long as it takes: an upload may be long. The budget runs from the first failure on.
#[derive(Debug)]
pub(crate) struct Patience {
    budget: Duration,
    began: Instant,
    until: Option<Instant>,
    wait: Duration,
    tries: usize,
    /// How often each code, or word for what has none, was the failure.
    failures: BTreeMap<String, usize>,
    exists: usize,
    last: Option<CloudError>,
    is_cut_off: bool,
}

impl Patience {
    pub(crate) fn new(budget: Duration) -> Self {
        Self {
            budget,
            began: Instant::now(),
            until: None,
            wait: FIRST_WAIT,
            tries: 0,
            failures: BTreeMap::new(),
            exists: 0,
            last: None,
            is_cut_off: false,
        }
    }

    /// Runs one try. It is cut off when the budget of the tries before it is used up, as a kill would: what
    /// it did is found by the next apply.
    pub(crate) async fn bound<T>(
        &mut self,
        attempt: impl Future<Output = Result<T, CloudError>>,
    ) -> Result<T, CloudError> {
        self.tries += 1;
        let (Some(until), Some(last)) = (self.until, &self.last) else { return attempt.await };
        if let Ok(result) = tokio::time::timeout_at(until, attempt).await {
            return result;
        }
        // What failed before says more than that the time is up.
        self.is_cut_off = true;
        Err(last.clone())
    }

    /// Takes a failure. How long to wait before the next try; `None` when there is none.
    pub(crate) fn take(&mut self, error: &CloudError) -> Option<Duration> {
        let now = Instant::now();
        let until = *self.until.get_or_insert(now + self.budget);
        if self.is_cut_off {
            *self.failures.entry("cut off".to_owned()).or_default() += 1;
            return None;
        }
        *self.failures.entry(word(error)).or_default() += 1;
        self.last = Some(error.clone());
        self.exists += usize::from(error.class == Class::Exists);
        let again = error.class.is_retryable() || (error.class == Class::Exists && self.exists <= EXISTS);
        if !again || now + self.wait > until {
            return None;
        }
        let jittered = self.wait.mul_f64(rand::rng().random_range(0.5..1.0));
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        Some(jittered)
    }

    /// The last failure, with what was tried before it.
    pub(crate) fn give_up(&self, error: CloudError) -> CloudError {
        if self.tries < 2 {
            return error;
        }
        let failures: Vec<String> =
            self.failures.iter().map(|(what, times)| format!("{what} {times}×")).collect();
        let took = self.began.elapsed().as_secs_f64();
        let message = format!(
            "{} (gave up after {} tries in {took:.1}s: {})",
            error.message,
            self.tries,
            failures.join(", ")
        );
        CloudError { message, ..error }
    }
}

/// A failure in a word: AWS's code, or where it gave none what became of the call.
fn word(error: &CloudError) -> String {
    error.code.clone().unwrap_or_else(|| format!("{:?}", error.class).to_lowercase())
}
