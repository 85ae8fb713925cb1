//! Checks as they end, and their sum.

use std::fmt::Write as _;
use std::time::Duration;

use lakeform_engine::{CheckOutcome, Verdict};
use lakeform_model::Severity;
use serde_json::{Value as Json, json};

use super::text::{BAD, CHANGED, DIM, GOOD, NOTE, bytes, duration, escape, escape_lines, paint};

/// The word for how a check ended.
fn word(outcome: &CheckOutcome) -> &'static str {
    match (&outcome.verdict, outcome.check.severity) {
        (Ok(Verdict::Pass), _) => "pass",
        (Ok(Verdict::Fail { .. }), Severity::Error) => "fail",
        (Ok(Verdict::Fail { .. }), Severity::Warn) => "warn",
        (Err(_), _) => "error",
    }
}

/// One check: a line, and below it why it is not as expected.
pub(crate) fn check(outcome: &CheckOutcome) -> String {
    let word = word(outcome);
    let style = match word {
        "pass" => GOOD,
        "warn" => CHANGED,
        _ => BAD,
    };
    let took = paint(DIM, &format!("  {}", duration(outcome.took)));
    let mut text = format!("  {} {}{took}", paint(style, &format!("{word:<5}")), escape(&outcome.check.name));
    match &outcome.verdict {
        Ok(Verdict::Pass) => {}
        Ok(Verdict::Fail { expected, found }) => {
            if let Some(description) = &outcome.check.description {
                let _ = write!(text, "\n        {}", escape(description));
            }
            let _ = write!(text, "\n        expected {}, found {}", escape(expected), escape(found));
        }
        Err(error) => {
            let _ =
                write!(text, "\n        {}", escape_lines(&error.to_string()).replace('\n', "\n        "));
            if let Some(hint) = error.hint() {
                let _ = write!(text, "\n        {} {}", paint(NOTE, "hint:"), escape(&hint));
            }
        }
    }
    text
}

/// `Checks: 12 passed, 1 failed, 0 warned in 3.2s, 1.2 MB scanned`.
pub(crate) fn tally(outcomes: &[CheckOutcome], all: usize, took: Duration) -> String {
    let count = |wanted: &str| outcomes.iter().filter(|outcome| word(outcome) == wanted).count();
    let (passed, failed, warned, errors) = (count("pass"), count("fail"), count("warn"), count("error"));
    let mut line = format!("Checks: {passed} passed, {failed} failed");
    for (number, word) in
        [(warned, "warned"), (errors, "without an answer"), (all - outcomes.len(), "not run")]
    {
        if number > 0 {
            let _ = write!(line, ", {number} {word}");
        }
    }
    let style = if failed + errors == 0 && outcomes.len() == all { GOOD } else { BAD };
    let scanned: u64 = outcomes.iter().map(|outcome| outcome.scanned).sum();
    format!("{} in {}, {} scanned\n", paint(style, &line), duration(took), bytes(scanned))
}

/// One check for scripts.
pub(crate) fn json(outcome: &CheckOutcome) -> Json {
    let (expected, found, error) = match &outcome.verdict {
        Ok(Verdict::Pass) => (None, None, None),
        Ok(Verdict::Fail { expected, found }) => (Some(expected), Some(found), None),
        Err(error) => (None, None, Some(error.to_string())),
    };
    json!({
        "name": outcome.check.name,
        "outcome": word(outcome),
        "severity": outcome.check.severity,
        "expect": outcome.check.expect,
        "expected": expected,
        "found": found,
        "error": error,
        "sql": outcome.check.sql,
        "took_seconds": outcome.took.as_secs_f64(),
        "scanned_bytes": outcome.scanned,
    })
}

#[cfg(test)]
mod tests {
    use lakeform_engine::QueryError;
    use lakeform_model::{Check, Expect, Span};

    use super::*;

    fn outcome(name: &str, severity: Severity, verdict: Result<Verdict, QueryError>) -> CheckOutcome {
        let check = Check {
            name: name.to_owned(),
            sql: "select 1".to_owned(),
            expect: Expect::Empty,
            severity,
            database: None,
            description: Some("nobody is missing".to_owned()),
            span: Span::default(),
        };
        CheckOutcome { check, verdict, took: Duration::from_millis(300), scanned: 100 }
    }

    #[test]
    fn each_end_has_a_word_and_a_reason() {
        let fail = || Ok(Verdict::Fail { expected: "no rows".to_owned(), found: "2 rows".to_owned() });
        let outcomes = [
            outcome("a", Severity::Error, Ok(Verdict::Pass)),
            outcome("b", Severity::Error, fail()),
            outcome("c", Severity::Warn, fail()),
            outcome("d", Severity::Warn, Err(QueryError::Cancelled { id: "q".to_owned() })),
        ];
        let lines: Vec<String> = outcomes.iter().map(check).collect();
        let text = lines.join("\n") + "\n" + &tally(&outcomes, 5, Duration::from_secs(2));
        insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string(), @r"
          pass  a  0.3s
          fail  b  0.3s
                nobody is missing
                expected no rows, found 2 rows
          warn  c  0.3s
                nobody is missing
                expected no rows, found 2 rows
          error d  0.3s
                the query was cancelled (query q)
        Checks: 1 passed, 1 failed, 1 warned, 1 without an answer, 1 not run in 2.0s, 400 B scanned
        ");
    }
}
