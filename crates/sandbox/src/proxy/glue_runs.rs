//! Job runs: started, read, listed and stopped here, where jobs really run. Knows the four operations; how a run
//! goes is `runs`'s knowledge.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::call::{Answer, Call};
use super::cloud::Cloud;
use super::glue_jobs::job;
use super::recognise::Service;
use super::refusal::Refusal;
use super::rules::Rule;
use crate::runs::Runs;

/// AWS stops at most so many runs at once.
const MOST_STOPPED: usize = 25;

/// Runs of jobs.
pub(super) struct GlueRuns;

#[async_trait]
impl Rule for GlueRuns {
    fn covers(&self, service: Service, operation: &str) -> bool {
        const OPERATIONS: [&str; 5] =
            ["StartJobRun", "GetJobRun", "GetJobRuns", "BatchStopJobRun", "DeleteJob"];
        service == Service::Glue && OPERATIONS.contains(&operation)
    }

    async fn request(&self, call: &mut Call, cloud: &Cloud) -> Result<Option<Answer>, Refusal> {
        let Some(runs) = &cloud.runs else { return Ok(None) };
        let name = call.text("JobName");
        let answer = match call.operation.as_str() {
            "StartJobRun" => start(runs, &name, call, cloud).await?,
            "GetJobRun" => {
                let id = call.text("RunId");
                let run = runs.get(&call.scope, &name, &id).ok_or_else(|| {
                    Refusal::new(
                        "EntityNotFoundException",
                        format!("Job run {id} of job {name} is not found"),
                    )
                })?;
                json!({ "JobRun": run })
            }
            "GetJobRuns" => {
                job(&name, &call.scope, cloud).await?;
                json!({ "JobRuns": runs.list(&call.scope, &name) })
            }
            "BatchStopJobRun" => stop(runs, &name, call)?,
            _ => return Ok(None),
        };
        Ok(Some(Answer::json(answer)))
    }

    async fn answer(&self, call: &Call, answer: &mut Answer, cloud: &Cloud) -> Result<(), Refusal> {
        if call.operation == "DeleteJob"
            && answer.ok()
            && let Some(runs) = &cloud.runs
        {
            runs.forget(&call.scope, &call.text("JobName"));
        }
        Ok(())
    }
}

async fn start(runs: &Arc<Runs>, name: &str, call: &Call, cloud: &Cloud) -> Result<Value, Refusal> {
    let job = job(name, &call.scope, cloud).await.map_err(|refusal| {
        if refusal.code == "EntityNotFoundException" {
            return Refusal::new(&refusal.code, "Failed to start job run due to missing metadata");
        }
        refusal
    })?;
    let id = runs.start(&call.scope, &job, &call.json)?;
    Ok(json!({ "JobRunId": id }))
}

fn stop(runs: &Runs, name: &str, call: &Call) -> Result<Value, Refusal> {
    let ids: Vec<&str> =
        call.json["JobRunIds"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if ids.is_empty() || ids.len() > MOST_STOPPED {
        let text = format!("JobRunIds must name between 1 and {MOST_STOPPED} runs");
        return Err(Refusal::new("InvalidInputException", text));
    }
    let (mut stopped, mut errors) = (Vec::new(), Vec::new());
    for id in ids {
        match runs.stop(&call.scope, name, id) {
            Ok(()) => stopped.push(json!({ "JobName": name, "JobRunId": id })),
            Err(refusal) => errors.push(json!({
                "JobName": name,
                "JobRunId": id,
                "ErrorDetail": { "ErrorCode": refusal.code, "ErrorMessage": refusal.message },
            })),
        }
    }
    Ok(json!({ "SuccessfulSubmissions": stopped, "Errors": errors }))
}
