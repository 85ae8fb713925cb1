//! How often something under way is asked after: soon at first, rarer the longer it takes.

use std::time::Duration;

use rand::RngExt as _;

/// Waits that grow from a first to a longest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Pace {
    /// For queries: Athena answers small ones within a second.
    pub const QUERY: Self = Self { first: Duration::from_millis(150), longest: Duration::from_secs(3) };
    /// For job runs: Glue takes half a minute at least, the sandbox a few seconds.
    pub const RUN: Self = Self { first: Duration::from_millis(500), longest: Duration::from_secs(10) };

    /// The waits, one after another, each half as long again as the one before.
    pub(crate) fn waits(self) -> impl Iterator<Item = Duration> + Send {
        std::iter::successors(Some(self.first), move |wait| Some(wait.mul_f64(1.5).min(self.longest)))
    }
}

/// A wait that many callers do not end at the same instant.
pub(crate) fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(rand::rng().random_range(0.75..1.25))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_longest() {
        let pace = Pace { first: Duration::from_millis(100), longest: Duration::from_millis(200) };
        let waits: Vec<u128> = pace.waits().take(4).map(|wait| wait.as_millis()).collect();
        assert_eq!(waits, [100, 150, 200, 200]);
    }
}
