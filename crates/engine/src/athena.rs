//! Athena as the data plane needs it: five calls, and what of their answers matters.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_athena::types::{
    QueryExecutionContext, QueryExecutionState, ResultConfiguration, ResultSet, StatementType,
};
use lakeform_aws::{Cloud, failure};
use lakeform_model::{Class, CloudError};

use crate::query::{Column, QueryRequest};

/// The most rows of one page. Source: the `GetQueryResults` API reference.
const PAGE: i32 = 1000;

/// How a query is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionState {
    /// It waits for its turn.
    Queued,
    /// It runs.
    Running,
    /// It has an answer.
    Succeeded,
    /// It failed.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

/// What Athena says about a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// How it is.
    pub state: ExecutionState,
    /// Why it failed, in Athena's words.
    pub reason: Option<String>,
    /// Whether its first result row is a header.
    pub has_header: bool,
    /// The bytes it read.
    pub scanned: u64,
    /// How long Athena worked on it.
    pub took: Duration,
}

/// One page of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultPage {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, a null as `None`.
    pub rows: Vec<Vec<Option<String>>>,
    /// How to get the next page, if there is one.
    pub next: Option<String>,
}

/// Athena, or a fake of it.
#[async_trait]
pub trait Athena: Send + Sync {
    /// Starts a query and gives its id. The same token gives the same query again.
    async fn start(&self, request: &QueryRequest, token: &str) -> Result<String, CloudError>;

    /// How a query is.
    async fn execution(&self, id: &str) -> Result<Execution, CloudError>;

    /// One page of an answer.
    async fn page(&self, id: &str, token: Option<&str>) -> Result<ResultPage, CloudError>;

    /// Stops a query.
    async fn stop(&self, id: &str) -> Result<(), CloudError>;
}

#[async_trait]
impl Athena for Cloud {
    async fn start(&self, request: &QueryRequest, token: &str) -> Result<String, CloudError> {
        let QueryRequest { sql, workgroup, database, output } = request;
        let context =
            database.as_ref().map(|database| QueryExecutionContext::builder().database(database).build());
        let configuration =
            output.as_ref().map(|location| ResultConfiguration::builder().output_location(location).build());
        let answer = self
            .athena()
            .start_query_execution()
            .query_string(sql)
            .client_request_token(token)
            .set_work_group(workgroup.clone())
            .set_query_execution_context(context)
            .set_result_configuration(configuration)
            .send()
            .await
            .map_err(|error| failure("athena:StartQueryExecution", &error))?;
        answer.query_execution_id.ok_or_else(|| {
            CloudError::new(Class::Unknown, "athena:StartQueryExecution", "the answer names no query")
        })
    }

    async fn execution(&self, id: &str) -> Result<Execution, CloudError> {
        let answer = self
            .athena()
            .get_query_execution()
            .query_execution_id(id)
            .send()
            .await
            .map_err(|error| failure("athena:GetQueryExecution", &error))?;
        let nothing = || CloudError::new(Class::Unknown, "athena:GetQueryExecution", "the answer is empty");
        let execution = answer.query_execution.ok_or_else(nothing)?;
        let status = execution.status.ok_or_else(nothing)?;
        let state = match status.state {
            Some(QueryExecutionState::Queued) | None => ExecutionState::Queued,
            Some(QueryExecutionState::Succeeded) => ExecutionState::Succeeded,
            Some(QueryExecutionState::Failed) => ExecutionState::Failed,
            Some(QueryExecutionState::Cancelled) => ExecutionState::Cancelled,
            // A state this SDK does not know yet is not an end.
            Some(_) => ExecutionState::Running,
        };
        let said = status.athena_error.and_then(|error| error.error_message);
        let statistics = execution.statistics.as_ref();
        let millis = statistics.and_then(|statistics| statistics.total_execution_time_in_millis);
        let scanned = statistics.and_then(|statistics| statistics.data_scanned_in_bytes);
        // SHOW and DESCRIBE answer without a header, EXPLAIN with one.
        // Source: the "Working with query results" page of the Athena user guide, and observed answers.
        let explains = execution
            .query
            .as_deref()
            .and_then(|sql| sql.split_whitespace().next())
            .is_some_and(|word| word.eq_ignore_ascii_case("explain"));
        let has_header = explains || matches!(execution.statement_type, Some(StatementType::Dml) | None);
        Ok(Execution {
            state,
            reason: status.state_change_reason.or(said),
            has_header,
            scanned: scanned.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
            took: Duration::from_millis(millis.and_then(|millis| u64::try_from(millis).ok()).unwrap_or(0)),
        })
    }

    async fn page(&self, id: &str, token: Option<&str>) -> Result<ResultPage, CloudError> {
        let answer = self
            .athena()
            .get_query_results()
            .query_execution_id(id)
            .max_results(PAGE)
            .set_next_token(token.map(str::to_owned))
            .send()
            .await
            .map_err(|error| failure("athena:GetQueryResults", &error))?;
        let mut page = ResultPage { next: answer.next_token, ..ResultPage::default() };
        if let Some(ResultSet { rows, result_set_metadata, .. }) = answer.result_set {
            let columns = result_set_metadata.and_then(|metadata| metadata.column_info).unwrap_or_default();
            page.columns =
                columns.into_iter().map(|column| Column { name: column.name, kind: column.r#type }).collect();
            page.rows = rows
                .unwrap_or_default()
                .into_iter()
                .map(|row| {
                    let cells = row.data.unwrap_or_default().into_iter();
                    cells.map(|cell| cell.var_char_value).collect()
                })
                .collect();
        }
        Ok(page)
    }

    async fn stop(&self, id: &str) -> Result<(), CloudError> {
        self.athena()
            .stop_query_execution()
            .query_execution_id(id)
            .send()
            .await
            .map(drop)
            .map_err(|error| failure("athena:StopQueryExecution", &error))
    }
}
