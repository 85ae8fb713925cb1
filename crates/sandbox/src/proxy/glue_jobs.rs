//! Jobs: every member that was sent is read back, an update replaces, AWS's defaults are filled in, and the list
//! operations the emulator lacks. Knows what a job definition holds; nothing of runs.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::call::{Answer, Call};
use super::cloud::Cloud;
use super::glue_tags::{job_tags, set_job_tags};
use super::iam::check_assumable;
use super::recognise::{Scope, Service};
use super::refusal::Refusal;
use super::rules::Rule;

const JOB: &str = "glue.job";
/// What the emulator keeps of a job, and merges on update: absent members are sent so that it forgets them.
const KEPT_BY_EMULATOR: [&str; 6] = [
    "Description",
    "DefaultArguments",
    "NonOverridableArguments",
    "Connections",
    "MaxRetries",
    "SecurityConfiguration",
];

/// Create, update, read and list jobs.
pub(super) struct GlueJobs;

#[async_trait]
impl Rule for GlueJobs {
    fn covers(&self, service: Service, operation: &str) -> bool {
        const OPERATIONS: [&str; 7] =
            ["CreateJob", "UpdateJob", "DeleteJob", "GetJob", "GetJobs", "ListJobs", "BatchGetJobs"];
        service == Service::Glue && OPERATIONS.contains(&operation)
    }

    async fn request(&self, call: &mut Call, cloud: &Cloud) -> Result<Option<Answer>, Refusal> {
        match call.operation.as_str() {
            "CreateJob" => {
                check(&call.json)?;
                check_assumable(&call.text("Role"), &call.scope, cloud).await?;
            }
            "UpdateJob" => {
                let name = call.text("JobName");
                let before = current(&name, &call.scope, cloud).await?;
                check(&call.json["JobUpdate"])?;
                check_assumable(
                    call.json["JobUpdate"]["Role"].as_str().unwrap_or_default(),
                    &call.scope,
                    cloud,
                )
                .await?;
                let after = replaced(&before, &call.json["JobUpdate"]);
                call.json["JobUpdate"] = for_emulator(&after);
                call.notes.insert("definition", after);
            }
            "DeleteJob" => {
                let name = call.text("JobName");
                // The emulator keeps a deleted job's tags for the next of the name. A missing job is no error.
                set_job_tags(&call.scope, &name, &Value::Null, cloud).await?;
            }
            "ListJobs" => return list(call, cloud).await.map(Some),
            "BatchGetJobs" => return batch_get(call, cloud).await.map(Some),
            _ => {}
        }
        Ok(None)
    }

    async fn answer(&self, call: &Call, answer: &mut Answer, cloud: &Cloud) -> Result<(), Refusal> {
        let scope = &call.scope;
        let Some(value) = answer.value() else { return Ok(()) };
        match call.operation.as_str() {
            "CreateJob" => {
                let name = call.text("Name");
                set_job_tags(scope, &name, &call.json["Tags"], cloud).await?;
                cloud.memory.put(JOB, scope, &name, without(&call.json, &["Name", "Tags"]));
            }
            "UpdateJob" => {
                if let Some(definition) = call.notes.get("definition") {
                    cloud.memory.put(JOB, scope, &call.text("JobName"), definition.clone());
                }
            }
            "DeleteJob" => {
                cloud.memory.remove(JOB, scope, &call.text("JobName"));
            }
            "GetJob" => value["Job"] = dressed(&value["Job"], scope, cloud),
            "GetJobs" => {
                if let Some(jobs) = value["Jobs"].as_array_mut() {
                    for job in jobs {
                        *job = dressed(job, scope, cloud);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The combinations AWS refuses.
fn check(job: &Value) -> Result<(), Refusal> {
    let has = |name: &str| !job[name].is_null();
    let refuse = |text: &str| Err(Refusal::new("InvalidInputException", text));
    if has("MaxCapacity") && (has("WorkerType") || has("NumberOfWorkers")) {
        return refuse("Please do not set Max Capacity if using Worker Type and Number of Workers.");
    }
    if has("MaxCapacity") && has("AllocatedCapacity") {
        return refuse("Please set only Allocated Capacity or Max Capacity.");
    }
    if job["Command"]["Name"] == "pythonshell" && has("WorkerType") {
        return refuse("Worker Type is not supported for Job Command pythonshell");
    }
    Ok(())
}

/// The definition as it was last sent; what the emulator holds when the memory is gone.
async fn current(name: &str, scope: &Scope, cloud: &Cloud) -> Result<Value, Refusal> {
    let answer = cloud.json(scope, Service::Glue, "GetJob", json!({ "JobName": name })).await?;
    Ok(definition(&answer["Job"], scope, cloud))
}

fn definition(held: &Value, scope: &Scope, cloud: &Cloud) -> Value {
    let name = held["Name"].as_str().unwrap_or_default();
    cloud.memory.get(JOB, scope, name).unwrap_or_else(|| {
        let mut kept = without(held, &["Name", "Tags", "CreatedOn", "LastModifiedOn"]);
        if let Some(kept) = kept.as_object_mut() {
            kept.retain(|_, value| !is_empty(value));
        }
        kept
    })
}

/// An update replaces everything but the Glue version, which stays when it is not named.
fn replaced(before: &Value, update: &Value) -> Value {
    let mut after = update.clone();
    if after["GlueVersion"].is_null() && !before["GlueVersion"].is_null() {
        after["GlueVersion"] = before["GlueVersion"].clone();
    }
    let shell = after["Command"]["Name"] == "pythonshell";
    let sized = ["MaxCapacity", "AllocatedCapacity", "WorkerType"].iter().any(|name| !after[*name].is_null());
    if !shell && !sized {
        after["WorkerType"] = Value::from("G.1X");
        if after["NumberOfWorkers"].is_null() {
            after["NumberOfWorkers"] = Value::from(10);
        }
    }
    strip_nulls(&mut after);
    after
}

/// An update that leaves the emulator with nothing of the definition before.
fn for_emulator(after: &Value) -> Value {
    let mut update = after.clone();
    for name in KEPT_BY_EMULATOR {
        if update[name].is_null() {
            update[name] = match name {
                "Description" | "SecurityConfiguration" => Value::from(""),
                "MaxRetries" => Value::from(0),
                _ => json!({}),
            };
        }
    }
    for (name, value) in with_defaults(after.clone()) {
        if update[&name].is_null() {
            update[name] = value;
        }
    }
    update
}

/// A job as AWS reads it back, by its name.
pub(super) async fn job(name: &str, scope: &Scope, cloud: &Cloud) -> Result<Value, Refusal> {
    let answer = cloud.json(scope, Service::Glue, "GetJob", json!({ "JobName": name })).await?;
    Ok(dressed(&answer["Job"], scope, cloud))
}

/// A job as AWS reads it back.
fn dressed(held: &Value, scope: &Scope, cloud: &Cloud) -> Value {
    let mut job = with_defaults(definition(held, scope, cloud));
    for name in ["Name", "CreatedOn", "LastModifiedOn"] {
        job.insert(name.to_owned(), held[name].clone());
    }
    job.retain(|name, value| {
        !(value.is_null() || value == "" && (name == "Description" || name == "SecurityConfiguration"))
    });
    Value::Object(job)
}

/// What AWS fills in where a definition is silent.
fn with_defaults(definition: Value) -> Map<String, Value> {
    let Value::Object(mut job) = definition else { return Map::new() };
    let command =
        job.get("Command").and_then(|command| command["Name"].as_str()).unwrap_or("glueetl").to_owned();
    let (shell, streaming) = (command == "pythonshell", command == "gluestreaming");
    let mut fill = |name: &str, value: Value| {
        let slot = job.entry(name).or_insert(Value::Null);
        if slot.is_null() {
            *slot = value;
        }
    };
    fill("GlueVersion", Value::from("5.1"));
    fill("MaxRetries", Value::from(0));
    fill("JobMode", Value::from("SCRIPT"));
    fill("JobRunQueuingEnabled", Value::from(false));
    fill("ExecutionProperty", json!({ "MaxConcurrentRuns": 1 }));
    if let Some(command) = job.get_mut("Command").and_then(Value::as_object_mut) {
        command.entry("PythonVersion").or_insert_with(|| Value::from("2"));
    }
    let major =
        job["GlueVersion"].as_str().and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    let recent = major.is_none_or(|major| major >= 5);
    if !streaming && job.get("Timeout").is_none_or(Value::is_null) {
        job.insert("Timeout".to_owned(), Value::from(if recent { 480 } else { 2880 }));
    }
    capacity(&mut job, shell);
    job
}

/// The two capacities, which AWS derives from workers, from each other or from the kind of job.
fn capacity(job: &mut Map<String, Value>, shell: bool) {
    let per_worker = match job.get("WorkerType").and_then(Value::as_str) {
        Some("G.025X") => Some(0.25),
        Some("G.1X" | "Standard") => Some(1.0),
        Some("G.2X" | "Z.2X") => Some(2.0),
        Some("G.4X") => Some(4.0),
        Some("G.8X") => Some(8.0),
        _ => None,
    };
    let workers = job.get("NumberOfWorkers").and_then(Value::as_f64);
    let sent = |name: &str| job.get(name).and_then(Value::as_f64);
    let capacity = match (per_worker, workers) {
        (Some(per_worker), Some(workers)) => per_worker * workers,
        _ => sent("MaxCapacity").or(sent("AllocatedCapacity")).unwrap_or(if shell { 0.0625 } else { 10.0 }),
    };
    job.insert("MaxCapacity".to_owned(), Value::from(capacity));
    #[expect(
        clippy::cast_possible_truncation,
        reason = "AWS drops the fraction: a Python shell job reads 0"
    )]
    job.insert("AllocatedCapacity".to_owned(), Value::from(capacity as i64));
}

async fn all_jobs(scope: &Scope, cloud: &Cloud) -> Result<Vec<Value>, Refusal> {
    let answer = cloud.json(scope, Service::Glue, "GetJobs", json!({})).await?;
    Ok(answer["Jobs"].as_array().cloned().unwrap_or_default())
}

async fn list(call: &Call, cloud: &Cloud) -> Result<Answer, Refusal> {
    let wanted = call.json["Tags"].as_object().cloned().unwrap_or_default();
    let mut names = Vec::new();
    for job in all_jobs(&call.scope, cloud).await? {
        let name = job["Name"].as_str().unwrap_or_default();
        let tags = if wanted.is_empty() { Map::new() } else { job_tags(&call.scope, name, cloud).await? };
        if wanted.iter().all(|(key, value)| tags.get(key) == Some(value)) {
            names.push(name.to_owned());
        }
    }
    Ok(Answer::json(json!({ "JobNames": names })))
}

async fn batch_get(call: &Call, cloud: &Cloud) -> Result<Answer, Refusal> {
    let wanted = call.json["JobNames"].as_array().cloned().unwrap_or_default();
    let held = all_jobs(&call.scope, cloud).await?;
    let mut jobs = Vec::new();
    let mut missing = Vec::new();
    for name in wanted {
        match held.iter().find(|job| job["Name"] == name) {
            Some(job) => jobs.push(dressed(job, &call.scope, cloud)),
            None => missing.push(name),
        }
    }
    Ok(Answer::json(json!({ "Jobs": jobs, "JobsNotFound": missing })))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn without(value: &Value, names: &[&str]) -> Value {
    let mut kept = value.clone();
    if let Some(kept) = kept.as_object_mut() {
        kept.retain(|name, _| !names.contains(&name.as_str()));
    }
    strip_nulls(&mut kept);
    kept
}

fn strip_nulls(value: &mut Value) {
    if let Some(map) = value.as_object_mut() {
        map.retain(|_, member| !member.is_null());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_job_reads_the_defaults_of_its_kind() {
        let spark = with_defaults(json!({ "Command": { "Name": "glueetl" } }));
        assert_eq!(spark["Timeout"], 480);
        assert_eq!((&spark["MaxCapacity"], &spark["AllocatedCapacity"]), (&json!(10.0), &json!(10)));
        let old = with_defaults(json!({ "Command": { "Name": "glueetl" }, "GlueVersion": "4.0" }));
        assert_eq!(old["Timeout"], 2880);
        let shell = with_defaults(json!({ "Command": { "Name": "pythonshell" } }));
        assert_eq!((&shell["MaxCapacity"], &shell["AllocatedCapacity"]), (&json!(0.0625), &json!(0)));
        // Bare jobs of either type were read without an execution class.
        assert!(!shell.contains_key("ExecutionClass") && !spark.contains_key("ExecutionClass"));
        assert!(!with_defaults(json!({ "Command": { "Name": "gluestreaming" } })).contains_key("Timeout"));
    }

    #[test]
    fn an_update_replaces_all_but_the_version() {
        let before = json!({ "GlueVersion": "4.0", "Timeout": 5, "DefaultArguments": { "--a": "1" } });
        let after = replaced(&before, &json!({ "Command": { "Name": "glueetl" } }));
        assert_eq!(after["GlueVersion"], "4.0");
        assert_eq!(after["WorkerType"], "G.1X");
        assert!(after.get("Timeout").is_none() && after.get("DefaultArguments").is_none());
        assert_eq!(for_emulator(&after)["DefaultArguments"], json!({}));
    }
}
