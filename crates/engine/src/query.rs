//! One SQL statement on Athena from start to the last row of its answer. A throttled look is not a failure of
//! the query, and a start whose answer was lost is not a second query.

use std::fmt;
use std::time::Duration;

use lakeform_model::{Class, CloudError};
use rand::RngExt as _;

use crate::athena::{Athena, Execution, ExecutionState};
use crate::halt::{Halt, Wish};
use crate::pace::{Pace, jittered};

/// So many looks in a row may fail in a way that may pass.
const PATIENCE: usize = 40;

/// What to run, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryRequest {
    /// The statement.
    pub sql: String,
    /// The workgroup; without one, Athena's `primary`.
    pub workgroup: Option<String>,
    /// The database its unqualified tables are in.
    pub database: Option<String>,
    /// Where the result goes; without one, where the workgroup says.
    pub output: Option<String>,
}

/// A column of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as Athena spells it: `varchar`, `bigint`.
    pub kind: String,
}

impl Column {
    /// Whether its values are numbers.
    pub fn is_number(&self) -> bool {
        let kind = self.kind.split('(').next().unwrap_or_default().to_ascii_lowercase();
        matches!(
            kind.trim(),
            "tinyint" | "smallint" | "int" | "integer" | "bigint" | "float" | "real" | "double" | "decimal"
        )
    }
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Athena's id of the query.
    pub id: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, a null as `None`.
    pub rows: Vec<Vec<Option<String>>>,
    /// Whether there are more rows than were asked for.
    pub cut: bool,
    /// The bytes Athena read for it.
    pub scanned: u64,
    /// How long Athena worked on it.
    pub took: Duration,
}

/// A place in a statement, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryError {
    /// A call failed.
    Call(CloudError),
    /// Athena could not answer.
    Failed {
        /// Its id of the query.
        id: String,
        /// Its reason.
        reason: String,
        /// The place in the statement that the reason names.
        position: Option<Position>,
    },
    /// It was stopped, here or elsewhere.
    Cancelled {
        /// Athena's id of the query.
        id: String,
    },
}

impl QueryError {
    fn failed(id: &str, reason: Option<String>) -> Self {
        let reason = reason.unwrap_or_else(|| "Athena gave no reason".to_owned());
        Self::Failed { id: id.to_owned(), position: position(&reason), reason }
    }

    /// What a user can do about it.
    pub fn hint(&self) -> Option<String> {
        const KNOWN: &[(&str, &str)] = &[
            ("No output location", "give the workgroup `results: s3://…`, or choose one with `--workgroup`"),
            (
                "TABLE_NOT_FOUND",
                "is the database right? `--database` chooses; `lakeform apply` makes the tables",
            ),
            (
                "SCHEMA_NOT_FOUND",
                "is the database right? `--database` chooses; `lakeform apply` makes the tables",
            ),
            (
                "Bytes scanned limit was exceeded",
                "the workgroup has a `bytes_scanned_cutoff`: read less, or raise it",
            ),
            ("HIVE_BAD_DATA", "the files do not fit the table's columns: look at its types and format"),
            ("HIVE_CURSOR_ERROR", "the files do not fit the table's columns: look at its types and format"),
            ("HIVE_PARTITION_SCHEMA_MISMATCH", "the partition keeps columns of its own: make it anew"),
        ];
        match self {
            Self::Call(error) if error.class == Class::Invalid || error.class == Class::NotFound => {
                let known = KNOWN.iter().find(|(text, _)| error.message.contains(text));
                known.map(|(_, hint)| (*hint).to_owned()).or_else(|| error.hint())
            }
            Self::Call(error) => error.hint(),
            Self::Failed { reason, .. } => {
                KNOWN.iter().find(|(text, _)| reason.contains(text)).map(|(_, hint)| (*hint).to_owned())
            }
            Self::Cancelled { .. } => None,
        }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Failed { id, reason, position: _ } => write!(f, "the query failed: {reason} (query {id})"),
            Self::Cancelled { id } => write!(f, "the query was cancelled (query {id})"),
        }
    }
}

impl std::error::Error for QueryError {}

impl From<CloudError> for QueryError {
    fn from(error: CloudError) -> Self {
        Self::Call(error)
    }
}

/// The first `line L:C` of a reason.
fn position(reason: &str) -> Option<Position> {
    reason.match_indices("line ").find_map(|(at, word)| {
        let rest = &reason[at + word.len()..];
        let (line, rest) = rest.split_once(':')?;
        let column: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
        Some(Position { line: line.trim().parse().ok()?, column: column.parse().ok()? })
    })
}

/// Runs a statement and gives its answer, at most `limit` rows of it.
///
/// When `halt` asks to leave or stop, the query is stopped and the answer is [`QueryError::Cancelled`].
pub async fn query(
    athena: &dyn Athena,
    request: &QueryRequest,
    limit: Option<usize>,
    pace: Pace,
    halt: &Halt,
) -> Result<Answer, QueryError> {
    let id = start(athena, request, pace, halt).await?;
    let execution = tokio::select! {
        execution = settle(athena, &id, pace) => execution?,
        () = halt.at_least(Wish::Leave) => {
            // Best effort: one that has ended by now cannot be stopped, and need not be.
            let _ = athena.stop(&id).await;
            return Err(QueryError::Cancelled { id });
        }
    };
    match execution.state {
        ExecutionState::Succeeded => {}
        ExecutionState::Cancelled => return Err(QueryError::Cancelled { id }),
        ExecutionState::Failed | ExecutionState::Queued | ExecutionState::Running => {
            return Err(QueryError::failed(&id, execution.reason));
        }
    }
    tokio::select! {
        answer = fetch(athena, id.clone(), &execution, limit, pace) => answer,
        () = halt.at_least(Wish::Leave) => Err(QueryError::Cancelled { id }),
    }
}

/// Starts it; every try carries the same token, so that AWS knows it for the same query.
/// Source: `ClientRequestToken` of the `StartQueryExecution` API reference, 32 to 128 characters.
async fn start(
    athena: &dyn Athena,
    request: &QueryRequest,
    pace: Pace,
    halt: &Halt,
) -> Result<String, QueryError> {
    let token = format!("lakeform-{:032x}", rand::rng().random::<u128>());
    let mut waits = pace.waits().take(PATIENCE);
    loop {
        match athena.start(request, &token).await {
            Ok(id) => return Ok(id),
            // Athena throttles by the number of queries that are queued, too.
            Err(error) if error.class.is_retryable() && halt.wish() < Wish::BeginNothing => {
                let Some(wait) = waits.next() else { return Err(error.into()) };
                tracing::debug!(%error, "the start is tried again");
                tokio::time::sleep(jittered(wait)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits for its end.
async fn settle(athena: &dyn Athena, id: &str, pace: Pace) -> Result<Execution, QueryError> {
    let mut failures = 0;
    for wait in pace.waits() {
        match athena.execution(id).await {
            Ok(execution) => match execution.state {
                ExecutionState::Queued | ExecutionState::Running => failures = 0,
                ExecutionState::Succeeded | ExecutionState::Failed | ExecutionState::Cancelled => {
                    return Ok(execution);
                }
            },
            Err(error) if may_pass(&error) && failures < PATIENCE => {
                failures += 1;
                tracing::debug!(%error, "the look is tried again");
            }
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(jittered(wait)).await;
    }
    Err(QueryError::failed(id, None))
}

async fn fetch(
    athena: &dyn Athena,
    id: String,
    execution: &Execution,
    limit: Option<usize>,
    pace: Pace,
) -> Result<Answer, QueryError> {
    let (scanned, took) = (execution.scanned, execution.took);
    let mut answer = Answer { id, scanned, took, ..Answer::default() };
    let mut token: Option<String> = None;
    let mut waits = pace.waits().take(PATIENCE);
    let mut first = true;
    loop {
        let mut rows = match athena.page(&answer.id, token.as_deref()).await {
            Ok(answered) => answered,
            Err(error) if may_pass(&error) => {
                let Some(wait) = waits.next() else { return Err(error.into()) };
                tokio::time::sleep(jittered(wait)).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if first {
            answer.columns = rows.columns;
            let is_header = rows.rows.first().is_some_and(|row| {
                row.len() == answer.columns.len()
                    && row
                        .iter()
                        .zip(&answer.columns)
                        .all(|(cell, column)| cell.as_ref() == Some(&column.name))
            });
            if execution.has_header && is_header {
                rows.rows.remove(0);
            }
        }
        first = false;
        answer.rows.append(&mut rows.rows);
        token = rows.next;
        if let Some(limit) = limit.filter(|limit| answer.rows.len() > *limit) {
            answer.rows.truncate(limit);
            answer.cut = true;
            return Ok(answer);
        }
        if token.is_none() {
            return Ok(answer);
        }
    }
}

/// Whether a later look may go better: the query itself goes on meanwhile.
pub(crate) fn may_pass(error: &CloudError) -> bool {
    error.class.is_retryable() || error.class == Class::Unreachable
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::athena::ResultPage;

    pub(crate) const QUICK: Pace =
        Pace { first: Duration::from_millis(1), longest: Duration::from_millis(1) };

    /// Athena by heart: what it answers, one after another; the last answer repeats.
    #[derive(Default)]
    pub(crate) struct Fake {
        pub(crate) starts: Mutex<VecDeque<Result<String, CloudError>>>,
        pub(crate) executions: Mutex<VecDeque<Result<Execution, CloudError>>>,
        pub(crate) pages: Mutex<VecDeque<Result<ResultPage, CloudError>>>,
        pub(crate) seen: Mutex<Vec<String>>,
    }

    fn next<T: Clone>(queue: &Mutex<VecDeque<T>>) -> T {
        let mut queue = queue.lock().unwrap();
        if queue.len() > 1 { queue.pop_front().unwrap() } else { queue.front().unwrap().clone() }
    }

    #[async_trait]
    impl Athena for Fake {
        async fn start(&self, _request: &QueryRequest, token: &str) -> Result<String, CloudError> {
            self.seen.lock().unwrap().push(format!("start {token}"));
            next(&self.starts)
        }
        async fn execution(&self, _id: &str) -> Result<Execution, CloudError> {
            next(&self.executions)
        }
        async fn page(&self, _id: &str, token: Option<&str>) -> Result<ResultPage, CloudError> {
            self.seen.lock().unwrap().push(format!("page {}", token.unwrap_or("-")));
            next(&self.pages)
        }
        async fn stop(&self, id: &str) -> Result<(), CloudError> {
            self.seen.lock().unwrap().push(format!("stop {id}"));
            Ok(())
        }
    }

    pub(crate) fn execution(state: ExecutionState, reason: Option<&str>) -> Execution {
        Execution {
            state,
            reason: reason.map(str::to_owned),
            has_header: true,
            scanned: 12,
            took: Duration::from_millis(5),
        }
    }

    pub(crate) fn page(columns: &[(&str, &str)], rows: &[&[&str]], next: Option<&str>) -> ResultPage {
        ResultPage {
            columns: columns
                .iter()
                .map(|(name, kind)| Column { name: (*name).to_owned(), kind: (*kind).to_owned() })
                .collect(),
            rows: rows.iter().map(|row| row.iter().map(|cell| Some((*cell).to_owned())).collect()).collect(),
            next: next.map(str::to_owned),
        }
    }

    fn throttled() -> CloudError {
        CloudError::new(Class::Throttled, "athena:GetQueryExecution", "Rate exceeded")
    }

    async fn ask(fake: &Fake, limit: Option<usize>) -> Result<Answer, QueryError> {
        query(fake, &QueryRequest::default(), limit, QUICK, &Halt::default()).await
    }

    fn succeeding(pages: Vec<ResultPage>) -> Fake {
        Fake {
            starts: Mutex::new(VecDeque::from([Err(throttled()), Ok("q-1".to_owned())])),
            executions: Mutex::new(VecDeque::from([
                Ok(execution(ExecutionState::Queued, None)),
                Err(throttled()),
                Ok(execution(ExecutionState::Succeeded, None)),
            ])),
            pages: Mutex::new(pages.into_iter().map(Ok).collect()),
            seen: Mutex::default(),
        }
    }

    #[tokio::test]
    async fn throttles_are_waited_out_and_all_pages_are_read_without_the_header() {
        let fake = succeeding(vec![
            page(&[("n", "bigint")], &[&["n"], &["1"]], Some("more")),
            page(&[("n", "bigint")], &[&["2"], &["n"]], None),
        ]);
        let answer = ask(&fake, None).await.unwrap();
        let cells: Vec<_> = answer.rows.iter().map(|row| row[0].as_deref().unwrap()).collect();
        assert_eq!(cells, ["1", "2", "n"]);
        assert_eq!((answer.scanned, answer.cut), (12, false));
        let seen = fake.seen.lock().unwrap();
        assert_eq!(seen[0], seen[1], "a start that is tried again carries the same token");
        assert!(seen[0].len() - "start ".len() >= 32);
        assert_eq!(seen[2..], ["page -", "page more"]);
    }

    #[tokio::test]
    async fn a_limit_cuts_and_says_so() {
        let rows: &[&[&str]] = &[&["n"], &["1"], &["2"]];
        let answer = ask(&succeeding(vec![page(&[("n", "bigint")], rows, None)]), Some(1)).await.unwrap();
        assert_eq!((answer.rows.len(), answer.cut), (1, true));
        let answer = ask(&succeeding(vec![page(&[("n", "bigint")], rows, None)]), Some(2)).await.unwrap();
        assert_eq!((answer.rows.len(), answer.cut), (2, false));
    }

    #[tokio::test]
    async fn a_failure_tells_athenas_reason_and_the_place() {
        let fake = succeeding(Vec::new());
        let reason = "SYNTAX_ERROR: line 2:15: Column 'x' cannot be resolved";
        *fake.executions.lock().unwrap() =
            VecDeque::from([Ok(execution(ExecutionState::Failed, Some(reason)))]);
        let error = ask(&fake, None).await.unwrap_err();
        let QueryError::Failed { position, .. } = &error else { panic!("{error}") };
        assert_eq!(*position, Some(Position { line: 2, column: 15 }));
        assert_eq!(error.to_string(), format!("the query failed: {reason} (query q-1)"));
    }

    #[tokio::test]
    async fn an_interrupted_query_is_stopped() {
        let fake = succeeding(Vec::new());
        *fake.executions.lock().unwrap() = VecDeque::from([Ok(execution(ExecutionState::Running, None))]);
        let halt = Halt::default();
        let asked = halt.clone();
        let request = QueryRequest::default();
        let (result, ()) = tokio::join!(query(&fake, &request, None, QUICK, &halt), async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            asked.ask(Wish::Stop);
        });
        assert_eq!(result, Err(QueryError::Cancelled { id: "q-1".to_owned() }));
        assert!(fake.seen.lock().unwrap().contains(&"stop q-1".to_owned()));
    }

    #[test]
    fn a_reason_without_a_place_has_none() {
        assert_eq!(position("TABLE_NOT_FOUND: line by line"), None);
        assert_eq!(position("mismatched input at line 1: 8"), Some(Position { line: 1, column: 8 }));
    }
}
