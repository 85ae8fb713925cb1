//! Job runs while they run, and their sum: states, DPU-hours and what they may have cost.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};
use lakeform_engine::{Job, JobEnd, JobOutcome, RunEvent, RunSummary};
use serde_json::{Value as Json, json};

use super::progress::{Manner, style};
use super::text::{BAD, CHANGED, DIM, GOOD, NOTE, duration, escape, escape_json, paint, quoted};

/// What is under way.
pub(crate) struct JobProgress<'a> {
    jobs: &'a [Job],
    manner: Manner,
    bars: MultiProgress,
    running: BTreeMap<usize, ProgressBar>,
}

impl<'a> JobProgress<'a> {
    pub(crate) fn new(jobs: &'a [Job], manner: Manner) -> Self {
        let target = match manner {
            Manner::Live { .. } => ProgressDrawTarget::stderr(),
            Manner::Plain | Manner::Json => ProgressDrawTarget::hidden(),
        };
        Self { jobs, manner, bars: MultiProgress::with_draw_target(target), running: BTreeMap::new() }
    }

    /// Takes an event; the answer is a line to write, if there is one.
    pub(crate) fn take(&mut self, event: &RunEvent) -> Option<String> {
        if self.manner == Manner::Json {
            return Some(escape_json(&event_json(self.jobs, event).to_string()));
        }
        let Manner::Live { color } = self.manner else { return line(self.jobs, event) };
        let (job, message) = match event {
            RunEvent::Delayed { job, error } => (*job, format!("waits: {}", escape(&error.to_string()))),
            RunEvent::Started { job, id } => (*job, format!("started  {}", escape(id))),
            RunEvent::State { job, run } => {
                let detail = run.detail.as_deref().map(|detail| format!(": {}", escape(detail)));
                (*job, format!("{}{}", escape(run.state.name()).to_lowercase(), detail.unwrap_or_default()))
            }
            RunEvent::Unseen { job, error } => (*job, format!("looks again: {}", escape(&error.to_string()))),
            RunEvent::Finished { job, .. } => {
                if let Some(bar) = self.running.remove(job) {
                    bar.finish_and_clear();
                    self.bars.remove(&bar);
                }
                let line = line(self.jobs, event)?;
                let line = if color { line } else { anstream::adapter::strip_str(&line).to_string() };
                // A terminal that went away has nobody to tell.
                let _ = self.bars.println(line);
                return None;
            }
        };
        let bars = &self.bars;
        let bar = self.running.entry(job).or_insert_with(|| {
            let bar = bars.add(ProgressBar::new_spinner());
            bar.set_style(style("  {spinner} {prefix}  {elapsed}  {msg}"));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        bar.set_prefix(escape(&self.jobs[job].key));
        bar.set_message(message);
        None
    }

    /// Takes away what moves.
    pub(crate) fn finish(self) {
        let _ = self.bars.clear();
    }
}

/// An event on one line.
fn line(jobs: &[Job], event: &RunEvent) -> Option<String> {
    let key = |job: &usize| escape(&jobs[*job].key);
    Some(match event {
        RunEvent::Delayed { job, error } => {
            format!("    {} {}: {}", paint(CHANGED, "waits"), key(job), escape(&error.to_string()))
        }
        RunEvent::Started { job, id } => format!("    started {}  {}", key(job), paint(DIM, &escape(id))),
        RunEvent::State { .. } | RunEvent::Unseen { .. } => return None,
        RunEvent::Finished { job, outcome } => {
            let took = paint(DIM, &format!("  {}", duration(outcome.took)));
            match &outcome.end {
                JobEnd::Succeeded => format!("  {} {}{took}", paint(GOOD, "succeeded"), key(job)),
                JobEnd::Begun => return None,
                JobEnd::Failed => format!("  {} {}{took}", paint(BAD, &word(outcome)), key(job)),
                JobEnd::NotStarted(_) | JobEnd::Lost(_) => {
                    format!("  {} {}", paint(BAD, &word(outcome)), key(job))
                }
                JobEnd::Skipped(cause) => format!("  skipped {}: because of {}", key(job), key(cause)),
                JobEnd::Interrupted => format!("  not started {}: interrupted", key(job)),
                JobEnd::Left => format!("  left {}: its run goes on", key(job)),
            }
        }
    })
}

/// How a job ended, in a word or two; a failed run's is Glue's.
fn word(outcome: &JobOutcome) -> String {
    match &outcome.end {
        JobEnd::Succeeded => "succeeded".to_owned(),
        JobEnd::Begun => "started".to_owned(),
        JobEnd::Failed => outcome
            .run
            .as_ref()
            .map_or_else(|| "failed".to_owned(), |run| escape(run.state.name()).to_lowercase()),
        JobEnd::NotStarted(_) => "could not start".to_owned(),
        JobEnd::Lost(_) => "lost sight of".to_owned(),
        JobEnd::Skipped(_) => "skipped".to_owned(),
        JobEnd::Interrupted => "not started".to_owned(),
        JobEnd::Left => "goes on".to_owned(),
    }
}

/// The end: why what failed failed and where its logs are, a table, and the sum.
/// `logs` says where runs keep what they said, where that is not CloudWatch.
pub(crate) fn summary(
    jobs: &[Job],
    summary: &RunSummary,
    price: Option<f64>,
    logs: &BTreeMap<usize, String>,
) -> String {
    let mut text = String::new();
    for (index, (job, outcome)) in jobs.iter().zip(&summary.outcomes).enumerate() {
        text.push_str(&failure(job, outcome, logs.get(&index)));
    }
    let mut table = Table::new();
    table.load_preset(NOTHING);
    for (job, outcome) in jobs.iter().zip(&summary.outcomes) {
        let hours = outcome.dpu_hours.map(|hours| format!("{hours:.3} DPU-hours")).unwrap_or_default();
        let took = if outcome.id.is_some() { duration(outcome.took) } else { String::new() };
        let id = outcome.id.as_deref().map(escape).unwrap_or_default();
        table.add_row([escape(&job.key), word(outcome), took, hours, id]);
    }
    let _ = writeln!(text, "\n{table}\n");
    let count =
        |wanted: fn(&JobEnd) -> bool| summary.outcomes.iter().filter(|outcome| wanted(&outcome.end)).count();
    let mut parts = Vec::new();
    for (number, word, always) in [
        (count(|end| *end == JobEnd::Succeeded), "succeeded", true),
        (
            count(|end| matches!(end, JobEnd::Failed | JobEnd::NotStarted(_) | JobEnd::Lost(_))),
            "failed",
            true,
        ),
        (count(|end| *end == JobEnd::Begun), "started", false),
        (count(|end| matches!(end, JobEnd::Skipped(_))), "skipped", false),
        (count(|end| *end == JobEnd::Interrupted), "not started", false),
        (count(|end| *end == JobEnd::Left), "left running", false),
    ] {
        if always || number > 0 {
            parts.push(format!("{number} {word}"));
        }
    }
    let style = if summary.is_success() { GOOD } else { BAD };
    let line = paint(style, &format!("Run: {}", parts.join(", ")));
    let _ = write!(text, "{line} in {}", duration(summary.took));
    if let Some(hours) = summary.dpu_hours() {
        let _ = write!(text, ", {hours:.3} DPU-hours");
        if let Some(price) = price {
            let _ = write!(text, ", about ${:.2} at ${price} an hour", hours * price);
        }
    }
    text.push('\n');
    text
}

fn failure(job: &Job, outcome: &JobOutcome, logs: Option<&String>) -> String {
    let mut text = String::new();
    let key = escape(&job.key);
    match (&outcome.end, &outcome.run) {
        (JobEnd::Failed, Some(run)) => {
            let why = run.error.as_deref().or(run.detail.as_deref()).unwrap_or("Glue gave no reason");
            let _ = writeln!(text, "\n{} {key}: {}", paint(BAD, &word(outcome)), quoted(why));
            let _ = writeln!(
                text,
                "  {} {}",
                paint(NOTE, "logs:"),
                escape(&logs.cloned().unwrap_or_else(|| run.logs()))
            );
        }
        (JobEnd::NotStarted(error) | JobEnd::Lost(error), _) => {
            let _ = writeln!(text, "\n{} {key}: {}", paint(BAD, &word(outcome)), escape(&error.to_string()));
            if let Some(hint) = error.hint() {
                let _ = writeln!(text, "  {} {}", paint(NOTE, "hint:"), escape(&hint));
            }
        }
        _ => {}
    }
    text
}

fn event_json(jobs: &[Job], event: &RunEvent) -> Json {
    match event {
        RunEvent::Delayed { job, error } => {
            json!({ "event": "delayed", "job": jobs[*job].key, "error": error })
        }
        RunEvent::Started { job, id } => json!({ "event": "started", "job": jobs[*job].key, "run_id": id }),
        RunEvent::State { job, run } => json!({
            "event": "state",
            "job": jobs[*job].key,
            "run_id": run.id,
            "state": run.state.name(),
            "detail": run.detail,
        }),
        RunEvent::Unseen { job, error } => {
            json!({ "event": "unseen", "job": jobs[*job].key, "error": error })
        }
        RunEvent::Finished { job, outcome } => {
            let mut json = outcome_json(jobs, *job, outcome);
            json["event"] = "finished".into();
            json
        }
    }
}

fn outcome_json(jobs: &[Job], job: usize, outcome: &JobOutcome) -> Json {
    let because = match &outcome.end {
        JobEnd::Skipped(cause) => Some(jobs[*cause].key.clone()),
        _ => None,
    };
    let error = match &outcome.end {
        JobEnd::NotStarted(error) | JobEnd::Lost(error) => Some(error.to_string()),
        JobEnd::Failed => outcome.run.as_ref().and_then(|run| run.error.clone()),
        _ => None,
    };
    json!({
        "job": jobs[job].key,
        "name": jobs[job].name,
        "outcome": word(outcome).replace(' ', "_"),
        "run_id": outcome.id,
        "state": outcome.run.as_ref().map(|run| run.state.name()),
        "because": because,
        "error": error,
        "logs": outcome.run.as_ref().map(lakeform_engine::RunView::logs),
        "took_seconds": outcome.took.as_secs_f64(),
        "dpu_hours": outcome.dpu_hours,
    })
}

/// The end for scripts.
pub(crate) fn summary_json(
    jobs: &[Job],
    summary: &RunSummary,
    price: Option<f64>,
    logs: &BTreeMap<usize, String>,
) -> Json {
    let outcomes = summary.outcomes.iter().enumerate();
    let hours = summary.dpu_hours();
    json!({
        "event": "summary",
        "success": summary.is_success(),
        "jobs": outcomes
            .map(|(job, outcome)| {
                let mut json = outcome_json(jobs, job, outcome);
                if let Some(logs) = logs.get(&job) {
                    json["logs"] = logs.as_str().into();
                }
                json
            })
            .collect::<Vec<_>>(),
        "took_seconds": summary.took.as_secs_f64(),
        "dpu_hours": hours,
        "estimated_usd": hours.zip(price).map(|(hours, price)| hours * price),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lakeform_engine::{RunState, RunView};

    use super::*;

    #[test]
    fn the_end_tells_why_where_and_what_it_cost() {
        let job = |key: &str| Job {
            key: key.to_owned(),
            name: format!("glue-{key}"),
            after: BTreeSet::new(),
            max_retries: 0,
        };
        let run = |state: RunState, error: Option<&str>| RunView {
            id: "jr_1".to_owned(),
            state,
            detail: None,
            error: error.map(str::to_owned),
            completed: true,
            attempt: 0,
            previous: None,
            arguments: BTreeMap::new(),
            ran: Duration::from_secs(90),
            dpu_seconds: None,
            capacity: Some(2.0),
            log_group: None,
        };
        let outcome = |end: JobEnd, run: Option<RunView>| JobOutcome {
            end,
            id: run.as_ref().map(|run| run.id.clone()),
            dpu_hours: run.as_ref().and_then(RunView::dpu_hours),
            run,
            took: Duration::from_secs(95),
        };
        let jobs = [job("first"), job("second"), job("third")];
        let ended = RunSummary {
            outcomes: vec![
                outcome(JobEnd::Succeeded, Some(run(RunState::Succeeded, None))),
                outcome(JobEnd::Failed, Some(run(RunState::Timeout, Some("NameError: x\u{1b}[2J")))),
                outcome(JobEnd::Skipped(1), None),
            ],
            took: Duration::from_secs(100),
        };
        let text =
            anstream::adapter::strip_str(&summary(&jobs, &ended, Some(0.44), &BTreeMap::new())).to_string();
        let text: Vec<&str> = text.lines().map(str::trim_end).collect();
        insta::assert_snapshot!(text.join("\n"), @r"

        timeout second: NameError: x\u{1b}[2J
          logs: /aws-glue/jobs/error and /aws-glue/jobs/output, stream jr_1

         first   succeeded  1m 35s  0.050 DPU-hours  jr_1
         second  timeout    1m 35s  0.050 DPU-hours  jr_1
         third   skipped

        Run: 1 succeeded, 1 failed, 1 skipped in 1m 40s, 0.100 DPU-hours, about $0.04 at $0.44 an hour
        ");
        assert_eq!(summary_json(&jobs, &ended, None, &BTreeMap::new())["jobs"][2]["because"], "second");
    }
}
