//! The manifest's checks: each an SQL statement and what its answer must be, several at once.

use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use lakeform_model::{Check, Severity};

use crate::athena::Athena;
use crate::halt::{Halt, Wish};
use crate::pace::Pace;
use crate::query::{QueryError, QueryRequest, query};
use crate::verdict::{Verdict, judge};

/// Where and how the checks run.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// The workgroup.
    pub workgroup: Option<String>,
    /// The database for checks that name none.
    pub database: Option<String>,
    /// The most checks at once.
    pub parallelism: usize,
    /// How often each is asked after.
    pub pace: Pace,
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckOutcome {
    /// The check.
    pub check: Check,
    /// What came of it, or why it has no answer.
    pub verdict: Result<Verdict, QueryError>,
    /// How long it took.
    pub took: Duration,
    /// The bytes Athena read for it.
    pub scanned: u64,
}

impl CheckOutcome {
    /// Whether it is as expected.
    pub fn passed(&self) -> bool {
        self.verdict == Ok(Verdict::Pass)
    }

    /// Whether the command is to fail because of it. One that has no answer proves nothing, whatever its
    /// severity.
    pub fn is_failure(&self) -> bool {
        match &self.verdict {
            Ok(Verdict::Pass) => false,
            Ok(Verdict::Fail { .. }) => self.check.severity == Severity::Error,
            Err(_) => true,
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckEvent<'a> {
    /// A check began.
    Started(&'a Check),
    /// A check ended.
    Finished(&'a CheckOutcome),
}

/// Runs checks and gives their outcomes in the checks' order. Those that `halt` kept from beginning are absent.
pub async fn check(
    athena: &dyn Athena,
    checks: &[Check],
    options: &CheckOptions,
    halt: &Halt,
    events: &mut (dyn FnMut(CheckEvent<'_>) + Send),
) -> Vec<CheckOutcome> {
    let mut waiting = checks.iter().enumerate();
    let mut running = FuturesUnordered::new();
    let mut outcomes: Vec<Option<CheckOutcome>> = vec![None; checks.len()];
    loop {
        while running.len() < options.parallelism.max(1) && halt.wish() == Wish::GoOn {
            let Some((index, check)) = waiting.next() else { break };
            events(CheckEvent::Started(check));
            running.push(async move { (index, one(athena, check, options, halt).await) });
        }
        let Some((index, outcome)) = running.next().await else { break };
        events(CheckEvent::Finished(&outcome));
        outcomes[index] = Some(outcome);
    }
    outcomes.into_iter().flatten().collect()
}

async fn one(athena: &dyn Athena, check: &Check, options: &CheckOptions, halt: &Halt) -> CheckOutcome {
    let began = Instant::now();
    let request = QueryRequest {
        sql: check.sql.clone(),
        workgroup: options.workgroup.clone(),
        database: check.database.clone().or_else(|| options.database.clone()),
        output: None,
    };
    let answer = query(athena, &request, None, options.pace, halt).await;
    let scanned = answer.as_ref().map_or(0, |answer| answer.scanned);
    let verdict = answer.map(|answer| judge(&check.expect, &answer));
    CheckOutcome { check: check.clone(), verdict, took: began.elapsed(), scanned }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use lakeform_model::{Expect, Span, Value};

    use super::*;
    use crate::athena::ExecutionState;
    use crate::query::tests::{Fake, QUICK, execution, page};

    pub(crate) fn check_of(name: &str, expect: Expect, severity: Severity) -> Check {
        Check {
            name: name.to_owned(),
            sql: "select count(*) from t".to_owned(),
            expect,
            severity,
            database: None,
            description: None,
            span: Span::default(),
        }
    }

    #[tokio::test]
    async fn each_check_ends_by_its_severity_and_in_order() {
        let fake = Fake {
            starts: Mutex::new(VecDeque::from([Ok("q".to_owned())])),
            executions: Mutex::new(VecDeque::from([Ok(execution(ExecutionState::Succeeded, None))])),
            pages: Mutex::new(VecDeque::from([Ok(page(&[("n", "bigint")], &[&["n"], &["3"]], None))])),
            seen: Mutex::default(),
        };
        let checks = [
            check_of("three", Expect::Scalar(Value::Int(3)), Severity::Error),
            check_of("none", Expect::Empty, Severity::Warn),
            check_of("four", Expect::Scalar(Value::Int(4)), Severity::Error),
        ];
        let options = CheckOptions { workgroup: None, database: None, parallelism: 2, pace: QUICK };
        let mut finished = 0;
        let mut count =
            |event: CheckEvent<'_>| finished += usize::from(matches!(event, CheckEvent::Finished(_)));
        let outcomes = check_all(&fake, &checks, &options, &mut count).await;
        let seen: Vec<(&str, bool, bool)> = outcomes
            .iter()
            .map(|outcome| (outcome.check.name.as_str(), outcome.passed(), outcome.is_failure()))
            .collect();
        assert_eq!(seen, [("three", true, false), ("none", false, false), ("four", false, true)]);
        assert_eq!(finished, 3);
    }

    async fn check_all(
        fake: &Fake,
        checks: &[Check],
        options: &CheckOptions,
        events: &mut (dyn FnMut(CheckEvent<'_>) + Send),
    ) -> Vec<CheckOutcome> {
        check(fake, checks, options, &Halt::default(), events).await
    }
}
