//! Glue's job runs as the data plane needs them: start, look, list, stop.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_glue::types::{JobRun, JobRunState};
use aws_smithy_types::retry::RetryConfig;
use lakeform_aws::{Cloud, failure};
use lakeform_model::{Class, CloudError};

/// The newest runs that a list gives: enough to find one that was started just now.
const RECENT: i32 = 50;
/// Glue bills a minute at least. Source: the AWS Glue pricing page, Glue 2.0 and later.
const LEAST_BILLED: u32 = 60;

/// What to start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunRequest {
    /// The job's name in Glue.
    pub job: String,
    /// Arguments over the job's own.
    pub arguments: BTreeMap<String, String>,
    /// After how many minutes Glue ends it; without, the job's own.
    pub timeout: Option<i32>,
}

/// The state of a run, as Glue names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Resources are being found.
    Starting,
    /// It runs.
    Running,
    /// It is being stopped.
    Stopping,
    /// It is queued.
    Waiting,
    /// It was stopped.
    Stopped,
    /// It did its work.
    Succeeded,
    /// It failed.
    Failed,
    /// It took longer than it may.
    Timeout,
    /// Glue failed.
    Error,
    /// It was never begun: it waited too long in the queue.
    Expired,
    /// A state that this lakeform does not know.
    Other(String),
}

impl RunState {
    /// The word Glue has for it.
    pub fn name(&self) -> &str {
        match self {
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Stopping => "STOPPING",
            Self::Waiting => "WAITING",
            Self::Stopped => "STOPPED",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Timeout => "TIMEOUT",
            Self::Error => "ERROR",
            Self::Expired => "EXPIRED",
            Self::Other(name) => name,
        }
    }

    fn of(state: Option<&JobRunState>) -> Self {
        match state {
            Some(JobRunState::Starting) | None => Self::Starting,
            Some(JobRunState::Running) => Self::Running,
            Some(JobRunState::Stopping) => Self::Stopping,
            Some(JobRunState::Waiting) => Self::Waiting,
            Some(JobRunState::Stopped) => Self::Stopped,
            Some(JobRunState::Succeeded) => Self::Succeeded,
            Some(JobRunState::Failed) => Self::Failed,
            Some(JobRunState::Timeout) => Self::Timeout,
            Some(JobRunState::Error) => Self::Error,
            Some(JobRunState::Expired) => Self::Expired,
            Some(other) => Self::Other(other.as_str().to_owned()),
        }
    }
}

/// A run as Glue tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunView {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: RunState,
    /// More about the state, such as why it waits.
    pub detail: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// Whether Glue says that it is over.
    pub completed: bool,
    /// How often Glue tried before.
    pub attempt: u32,
    /// The run that this one tries again.
    pub previous: Option<String>,
    /// Its arguments.
    pub arguments: BTreeMap<String, String>,
    /// How long it ran.
    pub ran: Duration,
    /// DPU-seconds, where Glue counts them: for flexible and for scaling runs.
    pub dpu_seconds: Option<f64>,
    /// DPUs it holds, where they are known.
    pub capacity: Option<f64>,
    /// The log group, where it is not Glue's own.
    pub log_group: Option<String>,
}

impl RunView {
    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        match self.state {
            RunState::Starting | RunState::Running | RunState::Stopping | RunState::Waiting => false,
            RunState::Stopped
            | RunState::Succeeded
            | RunState::Failed
            | RunState::Timeout
            | RunState::Error
            | RunState::Expired => true,
            RunState::Other(_) => self.completed,
        }
    }

    /// The DPU-hours that it is billed, as far as can be told.
    pub fn dpu_hours(&self) -> Option<f64> {
        if let Some(seconds) = self.dpu_seconds.filter(|seconds| *seconds > 0.0) {
            return Some(seconds / 3600.0);
        }
        let seconds = self.ran.as_secs_f64();
        let billed = if seconds > 0.0 { seconds.max(f64::from(LEAST_BILLED)) } else { 0.0 };
        self.capacity.map(|capacity| capacity * billed / 3600.0)
    }

    /// Where its output and its errors are: log groups, with the stream, which is the run's id.
    pub fn logs(&self) -> String {
        let group = self.log_group.as_deref().unwrap_or("/aws-glue/jobs");
        format!("{group}/error and {group}/output, stream {}", self.id)
    }

    fn of(run: JobRun) -> Self {
        let per_worker = run.worker_type.as_ref().and_then(|kind| dpus(kind.as_str()));
        let of_workers = per_worker.zip(run.number_of_workers).map(|(dpus, count)| dpus * f64::from(count));
        Self {
            state: RunState::of(run.job_run_state.as_ref()),
            detail: run.state_detail,
            error: run.error_message,
            completed: run.completed_on.is_some(),
            attempt: u32::try_from(run.attempt).unwrap_or(0),
            previous: run.previous_run_id,
            arguments: run.arguments.unwrap_or_default().into_iter().collect(),
            ran: Duration::from_secs(u64::try_from(run.execution_time).unwrap_or(0)),
            dpu_seconds: run.dpu_seconds,
            capacity: run.max_capacity.filter(|capacity| *capacity > 0.0).or(of_workers),
            log_group: run.log_group_name,
            id: run.id.unwrap_or_default(),
        }
    }
}

/// DPUs of one worker. Source: `WorkerType` of the `StartJobRun` API reference.
fn dpus(worker: &str) -> Option<f64> {
    Some(match worker {
        "G.025X" => 0.25,
        "Standard" | "G.1X" => 1.0,
        "G.2X" | "Z.2X" => 2.0,
        "G.4X" => 4.0,
        "G.8X" => 8.0,
        "G.12X" => 12.0,
        "G.16X" => 16.0,
        _ => return None,
    })
}

/// Glue's job runs, or a fake of them.
#[async_trait]
pub trait JobRuns: Send + Sync {
    /// Starts a run and gives its id; never tries twice, for `StartJobRun` has no token that would make a second
    /// try the same run.
    async fn start(&self, request: &RunRequest) -> Result<String, CloudError>;

    /// One run.
    async fn get(&self, job: &str, id: &str) -> Result<RunView, CloudError>;

    /// The newest runs of a job.
    async fn recent(&self, job: &str) -> Result<Vec<RunView>, CloudError>;

    /// Asks Glue to stop a run. One that is over is no failure.
    async fn stop(&self, job: &str, id: &str) -> Result<(), CloudError>;
}

#[async_trait]
impl JobRuns for Cloud {
    async fn start(&self, request: &RunRequest) -> Result<String, CloudError> {
        let RunRequest { job, arguments, timeout } = request;
        let arguments = (!arguments.is_empty()).then(|| arguments.clone().into_iter().collect());
        let answer = self
            .glue()
            .start_job_run()
            .job_name(job)
            .set_arguments(arguments)
            .set_timeout(*timeout)
            .customize()
            .config_override(aws_sdk_glue::config::Builder::new().retry_config(RetryConfig::disabled()))
            .send()
            .await
            .map_err(|error| failure("glue:StartJobRun", &error))?;
        answer
            .job_run_id
            .ok_or_else(|| CloudError::new(Class::Unavailable, "glue:StartJobRun", "the answer names no run"))
    }

    async fn get(&self, job: &str, id: &str) -> Result<RunView, CloudError> {
        let answer = self
            .glue()
            .get_job_run()
            .job_name(job)
            .run_id(id)
            .send()
            .await
            .map_err(|error| failure("glue:GetJobRun", &error))?;
        answer
            .job_run
            .map(RunView::of)
            .ok_or_else(|| CloudError::new(Class::Unavailable, "glue:GetJobRun", "the answer is empty"))
    }

    async fn recent(&self, job: &str) -> Result<Vec<RunView>, CloudError> {
        let answer = self
            .glue()
            .get_job_runs()
            .job_name(job)
            .max_results(RECENT)
            .send()
            .await
            .map_err(|error| failure("glue:GetJobRuns", &error))?;
        Ok(answer.job_runs.unwrap_or_default().into_iter().map(RunView::of).collect())
    }

    async fn stop(&self, job: &str, id: &str) -> Result<(), CloudError> {
        let answer = self
            .glue()
            .batch_stop_job_run()
            .job_name(job)
            .job_run_ids(id)
            .send()
            .await
            .map_err(|error| failure("glue:BatchStopJobRun", &error))?;
        // Errors of single runs stand in a successful answer. Source: the BatchStopJobRun API reference.
        let detail = answer.errors.unwrap_or_default().into_iter().find_map(|error| error.error_detail);
        match detail {
            Some(detail) if detail.error_code.as_deref() != Some("JobRunNotInTerminalStateException") => {
                let message = detail.error_message.unwrap_or_else(|| "no message".to_owned());
                let mut error = CloudError::new(Class::Invalid, "glue:BatchStopJobRun", message);
                error.code = detail.error_code;
                Err(error)
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_come_from_glue_or_from_workers_and_time() {
        let run = |run: aws_sdk_glue::types::builders::JobRunBuilder| RunView::of(run.build());
        let workers = JobRun::builder().worker_type("G.2X".into()).number_of_workers(5).execution_time(360);
        assert_eq!(run(workers.clone()).dpu_hours(), Some(1.0));
        assert_eq!(run(workers.clone().execution_time(6)).dpu_hours(), Some(10.0 / 60.0));
        assert_eq!(run(workers.dpu_seconds(1800.0)).dpu_hours(), Some(0.5));
        assert_eq!(run(JobRun::builder()).dpu_hours(), None);
    }

    #[test]
    fn a_state_nobody_knows_is_over_when_glue_says_when_it_ended() {
        let mut view = RunView::of(JobRun::builder().job_run_state("PAUSED".into()).build());
        assert_eq!((view.state.name(), view.is_over()), ("PAUSED", false));
        view.completed = true;
        assert!(view.is_over());
    }
}
