//! A run as `GetJobRun` tells it, and the states it goes through. Pure: what happens to processes is elsewhere.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::RngExt as _;
use serde_json::{Map, Value, json};

use crate::proxy::refusal::Refusal;

/// Members that are for the sandbox only begin so, and are never shown.
const HIDDEN: char = '_';
/// When the process began; the execution time counts from there.
const RUNNING_SINCE: &str = "_RunningSince";

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Starting,
    Running,
    Stopping,
    Stopped,
    Succeeded,
    Failed,
    Timeout,
}

impl State {
    const ALL: [Self; 7] = [
        Self::Starting,
        Self::Running,
        Self::Stopping,
        Self::Stopped,
        Self::Succeeded,
        Self::Failed,
        Self::Timeout,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Stopping => "STOPPING",
            Self::Stopped => "STOPPED",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Timeout => "TIMEOUT",
        }
    }

    pub(super) fn is_final(self) -> bool {
        match self {
            Self::Stopped | Self::Succeeded | Self::Failed | Self::Timeout => true,
            Self::Starting | Self::Running | Self::Stopping => false,
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ending {
    pub(super) state: State,
    pub(super) message: Option<String>,
    /// How long its process ran.
    pub(super) took: Duration,
}

impl Ending {
    fn new(state: State, message: Option<String>) -> Self {
        Self { state, message, took: Duration::ZERO }
    }

    pub(super) fn succeeded() -> Self {
        Self::new(State::Succeeded, None)
    }

    pub(super) fn failed(message: String) -> Self {
        Self::new(State::Failed, Some(message))
    }

    pub(super) fn stopped(message: Option<String>) -> Self {
        Self::new(State::Stopped, message)
    }

    pub(super) fn timeout(minutes: u32) -> Self {
        let text = format!("the run was ended at its timeout: {minutes} min");
        Self::new(State::Timeout, Some(text))
    }

    /// The proxy ended before the run did.
    pub(super) fn lost() -> Self {
        Self::failed("the sandbox ended while the job ran".to_owned())
    }
}

/// A run that is wanted.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) id: String,
    pub(super) job: String,
    pub(super) attempt: u32,
    /// In minutes; a streaming job has none.
    pub(super) timeout: Option<u32>,
    /// What `StartJobRun` was asked, or the run before, for another attempt.
    asked: Map<String, Value>,
    previous: Option<String>,
}

impl Request {
    pub(super) fn new(job: &Value, asked: &Value, before: Option<&Value>) -> Result<Self, Refusal> {
        let mut asked = asked.as_object().cloned().unwrap_or_default();
        asked.retain(|_, value| !value.is_null());
        let invalid = |text: &str| Refusal::new("InvalidInputException", text);
        if asked.contains_key("MaxCapacity")
            && (asked.contains_key("WorkerType") || asked.contains_key("NumberOfWorkers"))
        {
            return Err(invalid(
                "Please do not set Max Capacity if using Worker Type and Number of Workers.",
            ));
        }
        let timeout = match asked.get("Timeout").unwrap_or(&job["Timeout"]) {
            Value::Null => None,
            value => match value.as_u64().and_then(|minutes| u32::try_from(minutes).ok()) {
                Some(minutes) if minutes >= 1 => Some(minutes),
                _ => return Err(invalid("Timeout must be a whole number of minutes, 1 or more")),
            },
        };
        if let Some(before) = before
            && !asked.contains_key("Arguments")
            && before["Arguments"].is_object()
        {
            asked.insert("Arguments".to_owned(), before["Arguments"].clone());
        }
        let attempt = before.and_then(|run| run["Attempt"].as_u64()).map_or(0, |attempt| attempt + 1);
        Ok(Self {
            id: new_id(),
            job: job["Name"].as_str().unwrap_or_default().to_owned(),
            attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
            timeout,
            previous: before.and_then(|run| run["Id"].as_str()).map(str::to_owned),
            asked,
        })
    }

    /// The next attempt after this one failed.
    pub(super) fn again(&self) -> Self {
        let base = self.id.split("_attempt_").next().unwrap_or(&self.id);
        let attempt = self.attempt + 1;
        Self {
            id: format!("{base}_attempt_{attempt}"),
            attempt,
            previous: Some(self.id.clone()),
            ..self.clone()
        }
    }

    /// The arguments the script gets: the job's, overlaid by the run's, and by those nobody may override.
    pub(super) fn arguments(&self, job: &Value) -> Map<String, Value> {
        let mut all = Map::new();
        let own = self.asked.get("Arguments").unwrap_or(&Value::Null);
        for layer in [&job["DefaultArguments"], own, &job["NonOverridableArguments"]] {
            if let Some(layer) = layer.as_object() {
                all.extend(layer.clone());
            }
        }
        all
    }

    /// The run as it begins.
    pub(super) fn record(&self, job: &Value) -> Value {
        let now = now();
        let mut run = json!({
            "Id": self.id,
            "Attempt": self.attempt,
            "JobName": self.job,
            "JobMode": job["JobMode"],
            "StartedOn": now,
            "LastModifiedOn": now,
            "JobRunState": State::Starting.name(),
            "PredecessorRuns": [],
            "ExecutionTime": 0,
            "LogGroupName": "/aws-glue/jobs",
            "Timeout": self.timeout,
            "PreviousRunId": self.previous,
            "Arguments": self.asked.get("Arguments"),
            "GlueVersion": job["GlueVersion"],
        });
        let sized = ["WorkerType", "NumberOfWorkers", "MaxCapacity"];
        let resized = sized.iter().any(|name| self.asked.contains_key(*name));
        for name in sized {
            run[name] = if resized {
                self.asked.get(name).cloned().unwrap_or(Value::Null)
            } else {
                job[name].clone()
            };
        }
        for name in ["ExecutionClass", "SecurityConfiguration", "NotificationProperty"] {
            run[name] = self.asked.get(name).unwrap_or(&job[name]).clone();
        }
        if resized && run["MaxCapacity"].is_null() {
            run["MaxCapacity"] = capacity(&run["WorkerType"], &run["NumberOfWorkers"]);
        }
        if let Some(capacity) = run["MaxCapacity"].as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "AWS drops the fraction")]
            let whole = capacity as i64;
            run["AllocatedCapacity"] = json!(whole);
        }
        if let Some(run) = run.as_object_mut() {
            run.retain(|_, value| !value.is_null());
        }
        run
    }
}

fn capacity(worker: &Value, workers: &Value) -> Value {
    let each = match worker.as_str() {
        Some("G.025X") => 0.25,
        Some("G.2X" | "Z.2X") => 2.0,
        Some("G.4X") => 4.0,
        Some("G.8X") => 8.0,
        _ => 1.0,
    };
    json!(each * workers.as_f64().unwrap_or(10.0))
}

fn new_id() -> String {
    let bytes: [u8; 32] = rand::rng().random();
    bytes.iter().fold("jr_".to_owned(), |id, byte| format!("{id}{byte:02x}"))
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_secs_f64() * 1000.0).round() / 1000.0
}

pub(super) fn state(run: &Value) -> Option<State> {
    State::ALL.into_iter().find(|state| run["JobRunState"] == state.name())
}

/// Enters a state that is not the last.
pub(super) fn enter(run: &mut Value, next: State) {
    // A run that is told to stop while it starts does not run again.
    if next == State::Running && state(run) == Some(State::Stopping) {
        return;
    }
    let now = now();
    run["JobRunState"] = json!(next.name());
    run["LastModifiedOn"] = json!(now);
    if next == State::Running {
        run[RUNNING_SINCE] = json!(now);
    }
}

/// Enters the last state.
pub(super) fn end(run: &mut Value, ending: &Ending) {
    let Ending { state, message, took } = ending;
    let now = now();
    run["JobRunState"] = json!(state.name());
    run["LastModifiedOn"] = json!(now);
    run["CompletedOn"] = json!(now);
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds of a run fit")]
    let seconds = took.as_secs_f64().round() as i64;
    run["ExecutionTime"] = json!(seconds);
    if let Some(message) = message {
        run["ErrorMessage"] = json!(message);
    }
    if run["ExecutionClass"] == "FLEX"
        && let Some(capacity) = run["MaxCapacity"].as_f64()
    {
        run["DPUSeconds"] = json!(capacity * took.as_secs_f64().round());
    }
    if let Some(run) = run.as_object_mut() {
        run.remove(RUNNING_SINCE);
    }
}

/// The run as a caller sees it now: its execution time goes on.
pub(super) fn shown(run: &Value) -> Value {
    let mut shown = run.clone();
    if let Some(since) = run[RUNNING_SINCE].as_f64() {
        #[expect(clippy::cast_possible_truncation, reason = "whole seconds of a run fit")]
        let seconds = (now() - since).max(0.0).round() as i64;
        shown["ExecutionTime"] = json!(seconds);
    }
    if let Some(shown) = shown.as_object_mut() {
        shown.retain(|name, _| !name.starts_with(HIDDEN));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Value {
        json!({
            "Name": "j", "GlueVersion": "5.0", "Timeout": 10, "WorkerType": "G.1X", "NumberOfWorkers": 2,
            "MaxCapacity": 2.0, "ExecutionClass": "STANDARD", "JobMode": "SCRIPT",
            "DefaultArguments": { "--a": "1", "--b": "1" }, "NonOverridableArguments": { "--c": "9" },
        })
    }

    #[test]
    fn a_run_reads_as_its_job_overlaid_by_what_was_asked() {
        let asked = json!({ "JobName": "j", "Arguments": { "--b": "2", "--c": "2" }, "Timeout": 3 });
        let request = Request::new(&job(), &asked, None).unwrap();
        let arguments = request.arguments(&job());
        assert_eq!(Value::Object(arguments), json!({ "--a": "1", "--b": "2", "--c": "9" }));
        let run = request.record(&job());
        assert_eq!(
            (&run["Timeout"], &run["WorkerType"], &run["Attempt"]),
            (&json!(3), &json!("G.1X"), &json!(0))
        );
        assert_eq!((&run["MaxCapacity"], &run["AllocatedCapacity"]), (&json!(2.0), &json!(2)));
        let id = run["Id"].as_str().unwrap();
        assert!(id.len() == 67 && id.starts_with("jr_"), "{id}");
        assert!(run.get("ErrorMessage").is_none());
    }

    #[test]
    fn another_attempt_keeps_the_arguments_and_names_the_run_before() {
        let asked = json!({ "Arguments": { "--b": "2" } });
        let first = Request::new(&job(), &asked, None).unwrap();
        let run = first.record(&job());
        let retried = Request::new(&job(), &json!({ "JobRunId": first.id }), Some(&run)).unwrap();
        let record = retried.record(&job());
        assert_eq!((&record["Attempt"], &record["PreviousRunId"]), (&json!(1), &json!(first.id)));
        assert_eq!(record["Arguments"], json!({ "--b": "2" }));
        let again = first.again().again();
        assert_eq!((again.id, again.attempt), (format!("{}_attempt_2", first.id), 2));
    }

    #[test]
    fn fractions_of_a_minute_are_refused() {
        for timeout in [json!(0), json!(0.5), json!("1")] {
            let refused = Request::new(&job(), &json!({ "Timeout": timeout }), None).unwrap_err();
            assert_eq!(refused.code, "InvalidInputException");
        }
    }

    #[test]
    fn a_run_told_to_stop_while_it_starts_never_runs() {
        let mut run = Request::new(&job(), &json!({}), None).unwrap().record(&job());
        enter(&mut run, State::Stopping);
        enter(&mut run, State::Running);
        assert_eq!(state(&run), Some(State::Stopping));
        end(&mut run, &Ending::stopped(None));
        assert_eq!(run["JobRunState"], "STOPPED");
        assert!(run["CompletedOn"].is_f64() && shown(&run).get("_RunningSince").is_none());
    }
}
