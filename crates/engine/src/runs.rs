//! Job runs in order: each started when what it reads is written, followed to its end, its dependants skipped
//! when it fails. No run is started twice: a start whose answer was lost is looked for before another.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use lakeform_model::{Class, CloudError};
use tokio::sync::mpsc::{self, UnboundedSender};

use crate::glue::{JobRuns, RunRequest, RunState, RunView};
use crate::halt::{Halt, Wish};
use crate::pace::{Pace, jittered};
use crate::query::may_pass;

/// A job to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its key in the manifest.
    pub key: String,
    /// Its name in Glue.
    pub name: String,
    /// The jobs, by their index, that must succeed before.
    pub after: BTreeSet<usize>,
    /// How often Glue itself tries again.
    pub max_retries: u32,
}

/// How to run jobs.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Arguments over the jobs' own.
    pub arguments: BTreeMap<String, String>,
    /// After how many minutes Glue ends a run; without, each job's own.
    pub timeout: Option<i32>,
    /// Whether to follow the runs to their end.
    pub wait: bool,
    /// How often a run is asked after.
    pub pace: Pace,
    /// How long a limit on concurrent runs is waited out.
    pub limit_patience: Duration,
    /// How long looks at a run may go on failing.
    pub look_patience: Duration,
    /// How long Glue may take to begin its own next try.
    pub retry_patience: Duration,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            arguments: BTreeMap::new(),
            timeout: None,
            wait: true,
            pace: Pace::RUN,
            limit_patience: Duration::from_hours(1),
            look_patience: Duration::from_mins(10),
            retry_patience: Duration::from_mins(1),
        }
    }
}

/// Something that happened; `job` is the job's index.
#[derive(Clone, Debug, PartialEq)]
pub enum RunEvent {
    /// It is not begun yet, because of a limit or a failure that may pass.
    Delayed {
        /// The job.
        job: usize,
        /// Why.
        error: CloudError,
    },
    /// A run was started.
    Started {
        /// The job.
        job: usize,
        /// The run's id.
        id: String,
    },
    /// A run is in another state now.
    State {
        /// The job.
        job: usize,
        /// The run.
        run: Box<RunView>,
    },
    /// A look at a run failed; it is looked at again.
    Unseen {
        /// The job.
        job: usize,
        /// Why.
        error: CloudError,
    },
    /// A job is done, for better or worse.
    Finished {
        /// The job.
        job: usize,
        /// How.
        outcome: Box<JobOutcome>,
    },
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// Its run succeeded.
    Succeeded,
    /// Its run was started and is not followed.
    Begun,
    /// Its run failed: state and message are the run's.
    Failed,
    /// It could not be started.
    NotStarted(CloudError),
    /// Its run could not be followed; it may go on.
    Lost(CloudError),
    /// Not begun, because of another job, by its index.
    Skipped(usize),
    /// Not begun, because the user asked to stop.
    Interrupted,
    /// Its run goes on: the user left it to itself.
    Left,
}

/// The end of a job, with its last run.
#[derive(Clone, Debug, PartialEq)]
pub struct JobOutcome {
    /// How it ended.
    pub end: JobEnd,
    /// The id of its last run, if one was started.
    pub id: Option<String>,
    /// Its last run as last seen.
    pub run: Option<RunView>,
    /// How long it took, waiting included.
    pub took: Duration,
    /// DPU-hours of all its runs.
    pub dpu_hours: Option<f64>,
}

impl JobOutcome {
    fn not_begun(end: JobEnd) -> Self {
        Self { end, id: None, run: None, took: Duration::ZERO, dpu_hours: None }
    }

    /// Whether what depends on it may begin.
    pub fn is_done(&self) -> bool {
        matches!(self.end, JobEnd::Succeeded | JobEnd::Begun)
    }
}

/// How all jobs ended, by their index.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSummary {
    /// Each job's end.
    pub outcomes: Vec<JobOutcome>,
    /// How long it took.
    pub took: Duration,
}

impl RunSummary {
    /// Whether every job is done.
    pub fn is_success(&self) -> bool {
        self.outcomes.iter().all(JobOutcome::is_done)
    }

    /// DPU-hours of all runs that tell.
    pub fn dpu_hours(&self) -> Option<f64> {
        let hours: Vec<f64> = self.outcomes.iter().filter_map(|outcome| outcome.dpu_hours).collect();
        (!hours.is_empty()).then(|| hours.iter().sum())
    }
}

/// Runs jobs, each as soon as those it waits for have succeeded.
pub async fn run(
    runs: &dyn JobRuns,
    jobs: &[Job],
    options: &RunOptions,
    halt: &Halt,
    events: &mut (dyn FnMut(&RunEvent) + Send),
) -> RunSummary {
    let began = Instant::now();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut outcomes: Vec<Option<JobOutcome>> = vec![None; jobs.len()];
    let mut waiting: BTreeSet<usize> = (0..jobs.len()).collect();
    let mut running = FuturesUnordered::new();
    loop {
        loop {
            let next = waiting.iter().copied().find_map(|job| Some((job, turn(job, jobs, &outcomes, halt)?)));
            let Some((job, turn)) = next else { break };
            waiting.remove(&job);
            match turn {
                Turn::Begin => {
                    let runner =
                        Runner { runs, options, halt, events: sender.clone(), index: job, job: &jobs[job] };
                    running.push(async move { (job, runner.run().await) });
                }
                Turn::Never(end) => finish(job, JobOutcome::not_begun(end), &mut outcomes, events),
            }
        }
        if running.is_empty() {
            break;
        }
        tokio::select! {
            Some(event) = receiver.recv() => events(&event),
            () = halt.at_least(Wish::BeginNothing), if !waiting.is_empty() => {}
            Some((job, outcome)) = running.next() => {
                while let Ok(event) = receiver.try_recv() {
                    events(&event);
                }
                finish(job, outcome, &mut outcomes, events);
            }
        }
    }
    let outcomes = outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap_or_else(|| JobOutcome::not_begun(JobEnd::Interrupted)))
        .collect();
    RunSummary { outcomes, took: began.elapsed() }
}

enum Turn {
    Begin,
    Never(JobEnd),
}

/// What is to happen with a waiting job now; `None` while it waits.
fn turn(job: usize, jobs: &[Job], outcomes: &[Option<JobOutcome>], halt: &Halt) -> Option<Turn> {
    if halt.wish() >= Wish::BeginNothing {
        return Some(Turn::Never(JobEnd::Interrupted));
    }
    let mut ready = true;
    for other in &jobs[job].after {
        match outcomes.get(*other).and_then(Option::as_ref) {
            Some(outcome) if outcome.is_done() => {}
            Some(JobOutcome { end: JobEnd::Skipped(cause), .. }) => {
                return Some(Turn::Never(JobEnd::Skipped(*cause)));
            }
            Some(JobOutcome { end: JobEnd::Interrupted, .. }) => {
                return Some(Turn::Never(JobEnd::Interrupted));
            }
            Some(_) => return Some(Turn::Never(JobEnd::Skipped(*other))),
            None => ready = false,
        }
    }
    ready.then_some(Turn::Begin)
}

fn finish(
    job: usize,
    outcome: JobOutcome,
    outcomes: &mut [Option<JobOutcome>],
    events: &mut (dyn FnMut(&RunEvent) + Send),
) {
    events(&RunEvent::Finished { job, outcome: Box::new(outcome.clone()) });
    outcomes[job] = Some(outcome);
}

struct Runner<'a> {
    runs: &'a dyn JobRuns,
    options: &'a RunOptions,
    halt: &'a Halt,
    events: UnboundedSender<RunEvent>,
    index: usize,
    job: &'a Job,
}

impl Runner<'_> {
    fn tell(&self, event: RunEvent) {
        // The receiver lives as long as the runner.
        let _ = self.events.send(event);
    }

    async fn run(&self) -> JobOutcome {
        let began = Instant::now();
        let mut outcome = match self.begin().await {
            Err(end) => JobOutcome::not_begun(end),
            Ok(id) => {
                self.tell(RunEvent::Started { job: self.index, id: id.clone() });
                if self.options.wait {
                    self.follow(id).await
                } else {
                    JobOutcome { id: Some(id), ..JobOutcome::not_begun(JobEnd::Begun) }
                }
            }
        };
        outcome.took = began.elapsed();
        outcome
    }

    /// Starts a run, exactly one.
    async fn begin(&self) -> Result<String, JobEnd> {
        let request = RunRequest {
            job: self.job.name.clone(),
            arguments: self.options.arguments.clone(),
            timeout: self.options.timeout,
        };
        let began = Instant::now();
        let known = self.known().await;
        for wait in self.options.pace.waits() {
            let error = match self.runs.start(&request).await {
                Ok(id) => return Ok(id),
                Err(error) => error,
            };
            let is_limit = error.class == Class::Limit
                || error.code.as_deref().is_some_and(|code| code.starts_with("ConcurrentRunsExceeded"));
            let patience = if is_limit { self.options.limit_patience } else { self.options.look_patience };
            if !(is_limit || may_pass(&error)) || began.elapsed() + wait > patience {
                return Err(JobEnd::NotStarted(error));
            }
            // A throttle or a limit is a refusal; after any other failure Glue may have acted all the same.
            let is_refusal = is_limit || matches!(error.class, Class::Throttled | Class::Propagating);
            self.tell(RunEvent::Delayed { job: self.index, error: error.clone() });
            tokio::select! {
                () = tokio::time::sleep(jittered(wait)) => {}
                () = self.halt.at_least(Wish::BeginNothing) => {}
            }
            if !is_refusal && let Some(id) = self.lost(&known, &request, &error).await? {
                return Ok(id);
            }
            if self.halt.wish() >= Wish::BeginNothing {
                return Err(JobEnd::Interrupted);
            }
        }
        Err(JobEnd::Interrupted)
    }

    /// The runs there are before ours.
    async fn known(&self) -> Result<BTreeSet<String>, CloudError> {
        Ok(self.recent().await?.into_iter().map(|run| run.id).collect())
    }

    async fn recent(&self) -> Result<Vec<RunView>, CloudError> {
        let began = Instant::now();
        let mut waits = self.options.pace.waits();
        loop {
            match self.runs.recent(&self.job.name).await {
                Err(error) if may_pass(&error) && began.elapsed() < self.options.look_patience => {
                    tokio::time::sleep(jittered(waits.next().unwrap_or_default())).await;
                }
                result => return result,
            }
        }
    }

    /// The run of a start whose answer was lost, if Glue acted.
    async fn lost(
        &self,
        known: &Result<BTreeSet<String>, CloudError>,
        request: &RunRequest,
        error: &CloudError,
    ) -> Result<Option<String>, JobEnd> {
        let recent = known.as_ref().map_err(Clone::clone).map(|known| (known, self.recent()));
        let unsure = |cause: CloudError| {
            let mut unsure = error.clone();
            unsure.message = format!(
                "{}; whether the run was started is not known, for the runs cannot be listed: {cause}",
                error.message
            );
            JobEnd::NotStarted(unsure)
        };
        let (known, recent) = recent.map_err(unsure)?;
        let recent = recent.await.map_err(unsure)?;
        let is_ours = |run: &&RunView| {
            !known.contains(&run.id)
                && run.previous.is_none()
                && request.arguments.iter().all(|(key, value)| run.arguments.get(key) == Some(value))
        };
        Ok(recent.iter().find(is_ours).map(|run| run.id.clone()))
    }

    /// Looks at a run until it is over, and at Glue's own next tries.
    async fn follow(&self, mut id: String) -> JobOutcome {
        let mut seen: Option<RunView> = None;
        let mut failing_since: Option<Instant> = None;
        let mut stopping = false;
        let mut hours: Option<f64> = None;
        let mut waits = self.options.pace.waits();
        let end = loop {
            match self.runs.get(&self.job.name, &id).await {
                Ok(run) => {
                    failing_since = None;
                    let is_new = seen.as_ref().is_none_or(|seen| {
                        (&seen.id, &seen.state, &seen.detail) != (&run.id, &run.state, &run.detail)
                    });
                    if is_new {
                        self.tell(RunEvent::State { job: self.index, run: Box::new(run.clone()) });
                        waits = self.options.pace.waits();
                    }
                    let over = run.is_over();
                    seen = Some(run.clone());
                    if over {
                        hours = run.dpu_hours().map_or(hours, |more| Some(hours.unwrap_or(0.0) + more));
                        if run.state == RunState::Succeeded {
                            break JobEnd::Succeeded;
                        }
                        match self.next_try(&run, stopping).await {
                            Some(next) => {
                                id = next;
                                self.tell(RunEvent::Started { job: self.index, id: id.clone() });
                                continue;
                            }
                            None => break JobEnd::Failed,
                        }
                    }
                }
                Err(error) => {
                    let since = *failing_since.get_or_insert_with(Instant::now);
                    // A new run may not be visible at once.
                    let passes = may_pass(&error) || (error.class == Class::NotFound && seen.is_none());
                    let patience = if error.class == Class::NotFound {
                        self.options.retry_patience
                    } else {
                        self.options.look_patience
                    };
                    if !passes || since.elapsed() > patience {
                        break JobEnd::Lost(error);
                    }
                    self.tell(RunEvent::Unseen { job: self.index, error });
                }
            }
            let wish = if stopping { None } else { Some(Wish::Leave) };
            tokio::select! {
                () = tokio::time::sleep(jittered(waits.next().unwrap_or(self.options.pace.longest))) => {}
                () = self.halt.at_least(wish.unwrap_or(Wish::Stop)), if wish.is_some() => {
                    if self.halt.wish() == Wish::Leave {
                        break JobEnd::Left;
                    }
                    stopping = true;
                    if let Err(error) = self.runs.stop(&self.job.name, &id).await {
                        self.tell(RunEvent::Unseen { job: self.index, error });
                    }
                }
            }
        };
        JobOutcome { end, id: Some(id), run: seen, took: Duration::ZERO, dpu_hours: hours }
    }

    /// The run with which Glue itself tries again what failed.
    async fn next_try(&self, run: &RunView, stopping: bool) -> Option<String> {
        if stopping || run.state != RunState::Failed || run.attempt >= self.job.max_retries {
            return None;
        }
        let began = Instant::now();
        for wait in self.options.pace.waits() {
            let recent = self.recent().await.ok()?;
            if let Some(next) = recent.into_iter().find(|next| next.previous.as_ref() == Some(&run.id)) {
                return Some(next.id);
            }
            if began.elapsed() + wait > self.options.retry_patience || self.halt.wish() >= Wish::Leave {
                return None;
            }
            tokio::time::sleep(jittered(wait)).await;
        }
        None
    }
}

#[cfg(test)]
mod tests;
