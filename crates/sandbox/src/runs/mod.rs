//! Job runs as Glue has them, on this machine: started, waiting for their turn, running, stopped, timed out, ended.
//! What a run reads and writes is staged by `staging`, what its process is told stands in `command`, and the
//! process itself is `process`'s; this file only leads a run through its states.

mod command;
mod conf;
mod objects;
mod process;
mod python;
mod record;
mod staging;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use percent_encoding::utf8_percent_encode;
use serde_json::Value;
use tokio::sync::{Mutex as AsyncMutex, Semaphore, watch};

use crate::proxy::call::ENCODED;
use crate::proxy::memory::Memory;
use crate::proxy::recognise::Scope;
use crate::proxy::refusal::Refusal;
use crate::proxy::upstream::Upstream;
use command::Prepared;
use process::Group;
use record::{Ending, Request, State};
use staging::Staging;

const RUN: &str = "glue.run";

/// How Glue jobs run on this machine.
#[derive(Debug, Clone)]
pub struct RunsConfig {
    /// The sandbox's folder: logs are kept in it, and what a run works on while it runs.
    pub directory: PathBuf,
    /// The folder of the Python environments.
    pub environment: PathBuf,
    /// So many runs have a process at once; the others wait in the state STARTING.
    pub simultaneous: usize,
    /// How long a minute of a job's timeout is; tests shorten it.
    pub minute: Duration,
    /// The Java to use; else the one of `JAVA_HOME`, else of the path.
    pub java: Option<PathBuf>,
    /// An account whose buckets hold more bytes than this is not copied for a run: the run fails and says so.
    pub stage_limit: u64,
}

impl RunsConfig {
    /// What a user's sandbox runs with.
    pub fn new(directory: impl Into<PathBuf>, environment: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            environment: environment.into(),
            simultaneous: 2,
            minute: Duration::from_mins(1),
            java: None,
            stage_limit: 8 << 30,
        }
    }
}

/// The folder with a run's `output.log` (what it printed) and `error.log` (its errors and Spark's words), as
/// CloudWatch keeps them under `/aws-glue/jobs/output` and `/aws-glue/jobs/error`. The sandbox's folder is that of
/// [`crate::Options::directory`]. The logs stay when the sandbox goes down.
pub fn run_logs(directory: &Path, account: &str, job: &str, run: &str) -> PathBuf {
    // A job's name may hold anything, a slash included.
    let job = utf8_percent_encode(job, ENCODED).to_string();
    let job = if job.starts_with('.') { job.replacen('.', "%2E", 1) } else { job };
    directory.join("logs").join(account).join(job).join(run)
}

/// A run that has not ended.
struct Live {
    scope: Scope,
    job: String,
    stop: watch::Sender<bool>,
    group: Option<Group>,
    staging: Option<Arc<AsyncMutex<Staging>>>,
}

/// Every run of this proxy.
pub(crate) struct Runs {
    config: RunsConfig,
    upstream: Arc<Upstream>,
    memory: Arc<Memory>,
    /// The proxy's own address, which a job's calls go to.
    endpoint: String,
    places: Arc<Semaphore>,
    /// Held while the Python packages are written.
    packages: Mutex<()>,
    /// The proxy ends: what ends now did not end by itself, and nothing starts any more.
    closing: AtomicBool,
    live: Mutex<HashMap<String, Live>>,
}

impl Runs {
    pub(crate) fn new(
        config: RunsConfig,
        upstream: Arc<Upstream>,
        memory: Arc<Memory>,
        endpoint: String,
    ) -> Self {
        // A proxy that was killed left runs that nobody leads any more; their processes ended with it.
        memory.change_all(RUN, |run| {
            if record::state(run).is_some_and(|state| !state.is_final()) {
                record::end(run, &Ending::lost());
            }
        });
        let places = Arc::new(Semaphore::new(config.simultaneous.max(1)));
        Self {
            config,
            upstream,
            memory,
            endpoint,
            places,
            packages: Mutex::default(),
            closing: AtomicBool::new(false),
            live: Mutex::default(),
        }
    }

    /// Starts a run and tells its id.
    pub(crate) fn start(
        self: &Arc<Self>,
        scope: &Scope,
        job: &Value,
        request: &Value,
    ) -> Result<String, Refusal> {
        let name = job["Name"].as_str().unwrap_or_default();
        let most = job["ExecutionProperty"]["MaxConcurrentRuns"].as_u64().unwrap_or(1).max(1);
        let before = match request["JobRunId"].as_str() {
            Some(id) => Some(self.get(scope, name, id).ok_or_else(|| {
                Refusal::new("EntityNotFoundException", format!("Job run {id} of job {name} is not found"))
            })?),
            None => None,
        };
        {
            let live = self.lock();
            let running = live.values().filter(|live| live.scope == *scope && live.job == name).count();
            if u64::try_from(running).unwrap_or(u64::MAX) >= most {
                let text = format!("Concurrent runs exceeded for {name}");
                return Err(Refusal::new("ConcurrentRunsExceededException", text));
            }
        }
        let request = Request::new(job, request, before.as_ref())?;
        Ok(self.launch(scope.clone(), job.clone(), request))
    }

    fn launch(self: &Arc<Self>, scope: Scope, job: Value, request: Request) -> String {
        let id = request.id.clone();
        let (stop, stopped) = watch::channel(false);
        self.memory.put(RUN, &scope, &id, request.record(&job));
        let name = job["Name"].as_str().unwrap_or_default().to_owned();
        let live = Live { scope: scope.clone(), job: name, stop, group: None, staging: None };
        self.lock().insert(id.clone(), live);
        tokio::spawn(Arc::clone(self).lead(scope, job, request, stopped));
        id
    }

    /// Leads a run to its end, and begins the next attempt where the job wants one.
    async fn lead(
        self: Arc<Self>,
        scope: Scope,
        job: Value,
        request: Request,
        mut stopped: watch::Receiver<bool>,
    ) {
        let logs = run_logs(&self.config.directory, &scope.account, &request.job, &request.id);
        let ending = match self.attempt(&scope, &job, &request, &logs, &mut stopped).await {
            Ok(ending) => ending,
            Err(message) => {
                process::note(&logs, &message);
                Ending::failed(message)
            }
        };
        if self.closing.load(Ordering::Acquire) {
            return;
        }
        let folder = self.folder(&request.id);
        let _ = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(folder)).await;
        self.change(&scope, &request.id, |run| record::end(run, &ending));
        self.lock().remove(&request.id);
        let wanted = job["MaxRetries"].as_u64().unwrap_or(0);
        if ending.state == State::Failed && u64::from(request.attempt) < wanted {
            self.launch(scope, job, request.again());
        }
    }

    async fn attempt(
        &self,
        scope: &Scope,
        job: &Value,
        request: &Request,
        logs: &Path,
        stopped: &mut watch::Receiver<bool>,
    ) -> Result<Ending, String> {
        let _place = tokio::select! {
            place = Arc::clone(&self.places).acquire_owned() => place.map_err(|error| error.to_string())?,
            () = told_to(stopped) => return Ok(Ending::stopped(None)),
        };
        let prepared = tokio::select! {
            prepared = self.prepare(scope, job, request, logs) => prepared?,
            () = told_to(stopped) => return Ok(Ending::stopped(None)),
        };
        let Prepared { command, outcome, staging } = prepared;
        if self.closing.load(Ordering::Acquire) {
            return Ok(Ending::lost());
        }
        let staging = staging.map(|staging| Arc::new(AsyncMutex::new(staging)));
        let mut running = process::Running::start(command, &request.id)?;
        let began = Instant::now();
        if let Some(live) = self.lock().get_mut(&request.id) {
            live.group = Some(running.group());
            live.staging.clone_from(&staging);
        }
        self.change(scope, &request.id, |run| record::enter(run, State::Running));
        let timeout = request.timeout.map(|minutes| self.config.minute * minutes);
        let cut = tokio::select! {
            ended = running.wait() => Err(ended),
            () = told_to(stopped) => Ok(State::Stopped),
            () = after(timeout) => Ok(State::Timeout),
        };
        let took = began.elapsed();
        let running_on = running.end().await;
        // What was written before the end is on S3 as it would be there, however the run ended.
        let kept = match &staging {
            Some(staging) => staging.lock().await.push().await,
            None => Ok(()),
        };
        running_on?;
        let mut ending = match cut {
            Ok(State::Timeout) => Ending::timeout(request.timeout.unwrap_or_default()),
            Ok(_) => Ending::stopped(None),
            Err(status) => process::verdict(&outcome, status, logs),
        };
        if let Err(error) = kept {
            ending = Ending::failed(format!("what the job wrote could not be taken to S3: {error}"));
        }
        ending.took = took;
        Ok(ending)
    }

    /// Asks a run to stop; says what is in the way.
    pub(crate) fn stop(&self, scope: &Scope, job: &str, id: &str) -> Result<(), Refusal> {
        let run = self.get(scope, job, id).ok_or_else(|| {
            Refusal::new("EntityNotFoundException", format!("Job run {id} of job {job} is not found"))
        })?;
        let state = record::state(&run);
        if state.is_none_or(State::is_final) {
            let text = format!("Job run {id} is in the state {} and cannot be stopped", run["JobRunState"]);
            return Err(Refusal::new("InvalidInputException", text.replace('"', "")));
        }
        self.change(scope, id, |run| record::enter(run, State::Stopping));
        if let Some(live) = self.lock().get(id) {
            live.stop.send_replace(true);
        }
        Ok(())
    }

    pub(crate) fn get(&self, scope: &Scope, job: &str, id: &str) -> Option<Value> {
        self.memory.get(RUN, scope, id).filter(|run| run["JobName"] == job).map(|run| record::shown(&run))
    }

    /// A job's runs, the newest first.
    pub(crate) fn list(&self, scope: &Scope, job: &str) -> Vec<Value> {
        let mut runs: Vec<Value> = self.memory.values(RUN, scope);
        runs.retain(|run| run["JobName"] == job);
        runs.sort_by(|a, b| {
            b["StartedOn"].as_f64().unwrap_or(0.0).total_cmp(&a["StartedOn"].as_f64().unwrap_or(0.0))
        });
        runs.iter().map(record::shown).collect()
    }

    /// A deleted job takes its runs along; those that still run are stopped.
    pub(crate) fn forget(&self, scope: &Scope, job: &str) {
        for live in self.lock().values().filter(|live| live.scope == *scope && live.job == job) {
            live.stop.send_replace(true);
        }
        for run in self.memory.values(RUN, scope).iter().filter(|run| run["JobName"] == job) {
            self.memory.remove(RUN, scope, run["Id"].as_str().unwrap_or_default());
        }
    }

    /// Takes what a running job's Spark changed to S3, or what changed on S3 to its Spark; `false` without such a
    /// run.
    pub(crate) async fn synchronise(&self, id: &str, what: &str) -> Result<bool, String> {
        let staging = self.lock().get(id).and_then(|live| live.staging.clone());
        let Some(staging) = staging else { return Ok(false) };
        let mut staging = staging.lock().await;
        match what {
            "push" => staging.push().await.map_err(|error| error.to_string())?,
            "pull" => staging.pull().await.map_err(|error| error.to_string())?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Ends every process; for the proxy's own end.
    pub(crate) fn end_all(&self) {
        self.closing.store(true, Ordering::Release);
        for (id, live) in self.lock().drain() {
            if let Some(group) = live.group {
                group.kill();
            }
            self.change(&live.scope, &id, |run| record::end(run, &Ending::lost()));
            let _ = std::fs::remove_dir_all(self.folder(&id));
        }
    }

    /// Where a run works while it runs.
    fn folder(&self, id: &str) -> PathBuf {
        self.config.directory.join("runs").join(id)
    }

    fn change(&self, scope: &Scope, id: &str, change: impl FnOnce(&mut Value)) {
        // A run of a deleted job is gone; it is not brought back.
        if let Some(mut run) = self.memory.get(RUN, scope, id) {
            change(&mut run);
            self.memory.put(RUN, scope, id, run);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn told_to(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // Nobody can stop it any more.
        std::future::pending::<()>().await;
    }
}

async fn after(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_of_any_job_name_stay_in_their_folder() {
        let logs = run_logs(Path::new("/sandbox"), "111122223333", "../a b/c", "jr_1");
        assert_eq!(logs, Path::new("/sandbox/logs/111122223333/%2E.%2Fa%20b%2Fc/jr_1"));
        let plain = run_logs(Path::new("/sandbox"), "111122223333", "etl_1.job", "jr_1");
        assert_eq!(plain, Path::new("/sandbox/logs/111122223333/etl_1.job/jr_1"));
    }
}
