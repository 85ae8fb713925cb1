//! A change of a job: from the live definition, with ours put over it; its tags; its runs.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_glue::types::{
    ConnectionsList, ExecutionClass, ExecutionProperty, Job as GlueJob, JobCommand, JobMode, JobRun,
    JobRunState, JobUpdate, NotificationProperty, WorkerType,
};
use lakeform_model::{Change, Class, CloudError, Fields, Target, Value};

use super::decode::{DEFAULT_CAPACITY, STOPS};
use crate::Cloud;
use crate::error::{Named, absent};
use crate::tags::TagPatch;

/// A definition with every field set that the manifest gives.
pub(super) fn apply_all(update: &mut JobUpdate, fields: &Fields) {
    for field in fields.0.keys() {
        set(update, field, fields);
    }
}

/// The live definition with these changes and no others.
///
/// `UpdateJob` replaces the whole: what is left out is removed or set to AWS's default, all but the Glue version.
/// Source: the `JobUpdate` of the Glue API reference.
pub(super) fn updated(live: GlueJob, target: &Target, changes: &[&Change]) -> JobUpdate {
    let mut update = from_live(live);
    // A capacity that AWS made up comes back by itself; sent, it is refused beside workers, and by recent versions.
    let shell = update.command.as_ref().and_then(JobCommand::name) == Some("pythonshell");
    let made_up =
        update.max_capacity == Some(DEFAULT_CAPACITY) && target.fields.get("max_capacity").is_none();
    if update.worker_type.is_some() || (made_up && !shell) {
        update.max_capacity = None;
    }
    for change in changes {
        match change.path.field() {
            "arguments" => patch(&mut update.default_arguments, change),
            "non_overridable_arguments" => patch(&mut update.non_overridable_arguments, change),
            "connections" => {
                let names = change.to.as_ref().map(Value::to_texts).unwrap_or_default();
                update.connections = connections(names);
            }
            field => set(&mut update, field, &target.fields),
        }
    }
    update
}

pub(super) fn from_live(live: GlueJob) -> JobUpdate {
    JobUpdate::builder()
        .set_job_mode(live.job_mode)
        .set_job_run_queuing_enabled(live.job_run_queuing_enabled)
        .set_description(live.description)
        .set_log_uri(live.log_uri)
        .set_role(live.role)
        .set_execution_property(live.execution_property)
        .set_command(live.command)
        .set_default_arguments(live.default_arguments)
        .set_non_overridable_arguments(live.non_overridable_arguments)
        .set_connections(live.connections)
        .max_retries(live.max_retries)
        .set_timeout(live.timeout)
        .set_max_capacity(live.max_capacity)
        .set_worker_type(live.worker_type)
        .set_number_of_workers(live.number_of_workers)
        .set_security_configuration(live.security_configuration)
        .set_notification_property(live.notification_property)
        .set_glue_version(live.glue_version)
        .set_code_gen_configuration_nodes(live.code_gen_configuration_nodes)
        .set_execution_class(live.execution_class)
        .set_source_control_details(live.source_control_details)
        .set_maintenance_window(live.maintenance_window)
        .build()
}

pub(super) fn patch(arguments: &mut Option<HashMap<String, String>>, change: &Change) {
    let arguments = arguments.get_or_insert_default();
    match change.to.as_ref().and_then(Value::as_text) {
        Some(value) => arguments.insert(change.path.last().to_owned(), value.to_owned()),
        None => arguments.remove(change.path.last()),
    };
}

pub(super) fn connections(names: Vec<String>) -> Option<ConnectionsList> {
    (!names.is_empty()).then(|| ConnectionsList::builder().set_connections(Some(names)).build())
}

/// Sets one field as the manifest wants it; a field that it does not give gets AWS's default.
pub(super) fn set(update: &mut JobUpdate, field: &str, fields: &Fields) {
    let text = |field: &str| fields.text(field).map(str::to_owned);
    let int = |field: &str| fields.int(field).and_then(|value| i32::try_from(value).ok());
    match field {
        "description" => update.description = text(field),
        "role" => update.role = text(field),
        "type" | "script" | "python_version" | "runtime" => set_command(update, field, fields),
        "glue_version" => update.glue_version = text(field),
        "workers" => {
            update.worker_type = text("workers.type").map(|kind| WorkerType::from(kind.as_str()));
            update.number_of_workers = int("workers.count");
            update.max_capacity = None;
        }
        "max_capacity" => {
            update.max_capacity = fields.get(field).and_then(Value::as_number);
            (update.worker_type, update.number_of_workers) = (None, None);
        }
        "timeout" => update.timeout = int(field),
        "max_retries" => update.max_retries = int(field).unwrap_or(0),
        "max_concurrent_runs" => {
            let most = int(field).unwrap_or(1);
            update.execution_property = Some(ExecutionProperty::builder().max_concurrent_runs(most).build());
        }
        "arguments" => update.default_arguments = Some(fields.text_map(field).into_iter().collect()),
        "non_overridable_arguments" => {
            update.non_overridable_arguments = Some(fields.text_map(field).into_iter().collect());
        }
        "connections" => update.connections = connections(fields.texts(field)),
        "execution_class" => {
            update.execution_class = text(field).map(|class| ExecutionClass::from(class.as_str()));
        }
        "security_configuration" => {
            update.security_configuration = text(field).filter(|name| !name.is_empty());
        }
        "notify_delay_after" => {
            update.notification_property =
                int(field).map(|minutes| NotificationProperty::builder().notify_delay_after(minutes).build());
        }
        "queuing" => update.job_run_queuing_enabled = fields.bool(field),
        "maintenance_window" => update.maintenance_window = text(field),
        "job_mode" => update.job_mode = text(field).map(|mode| JobMode::from(mode.as_str())),
        _ => {}
    }
}

pub(super) fn set_command(update: &mut JobUpdate, field: &str, fields: &Fields) {
    let mut command = update.command.take().unwrap_or_else(|| JobCommand::builder().build());
    match field {
        "type" => command.name = fields.text("type").map(str::to_owned),
        "script" => command.script_location = fields.text("script.location").map(str::to_owned),
        "python_version" => command.python_version = fields.text("python_version").map(str::to_owned),
        _ => command.runtime = fields.text("runtime").map(str::to_owned),
    }
    update.command = Some(command);
}

/// Removes before it writes: killed in between, a dropped tag is gone before the mark forgets that it was ours.
pub(super) async fn write_tags(cloud: &Cloud, name: &str, patch: TagPatch) -> Result<(), CloudError> {
    let arn = cloud.arn("glue", &format!("job/{name}"));
    if !patch.remove.is_empty() {
        let request = cloud.glue.untag_resource().resource_arn(&arn).set_tags_to_remove(Some(patch.remove));
        request.send().await.named("glue:UntagResource")?;
    }
    if !patch.set.is_empty() {
        let tags = patch.set.into_iter().collect();
        let request = cloud.glue.tag_resource().resource_arn(&arn).set_tags_to_add(Some(tags));
        request.send().await.named("glue:TagResource")?;
    }
    Ok(())
}

/// The latest runs; none of a job that is gone.
pub(super) async fn first_runs(cloud: &Cloud, name: &str) -> Result<Vec<JobRun>, CloudError> {
    let request = cloud.glue.get_job_runs().job_name(name).max_results(200);
    let page = absent(request.send().await.named("glue:GetJobRuns"))?;
    Ok(page.and_then(|page| page.job_runs).unwrap_or_default())
}

pub(super) fn is_active(run: &JobRun) -> bool {
    use JobRunState::{Running, Starting, Stopping, Waiting};
    matches!(run.job_run_state(), Some(Running | Starting | Stopping | Waiting))
}

pub(super) async fn stop(cloud: &Cloud, name: &str, runs: &[JobRun]) -> Result<(), CloudError> {
    let stoppable = |run: &&JobRun| is_active(run) && run.job_run_state() != Some(&JobRunState::Stopping);
    let ids: Vec<&str> = runs.iter().filter(stoppable).filter_map(JobRun::id).collect();
    let mut refused = Vec::new();
    for chunk in ids.chunks(STOPS) {
        let request = cloud
            .glue
            .batch_stop_job_run()
            .job_name(name)
            .set_job_run_ids(Some(chunk.iter().map(|id| (*id).to_owned()).collect()));
        let answer = request.send().await.named("glue:BatchStopJobRun")?;
        refused.extend(answer.errors.unwrap_or_default());
    }
    if refused.is_empty() {
        return Ok(());
    }
    // A run that ended by itself in the meantime cannot be stopped, and need not be.
    let now = first_runs(cloud, name).await?;
    let still: BTreeSet<&str> = now.iter().filter(stoppable).filter_map(JobRun::id).collect();
    let left = refused.iter().find(|error| error.job_run_id().is_some_and(|id| still.contains(id)));
    let Some(left) = left else { return Ok(()) };
    let detail = left.error_detail().and_then(|detail| detail.error_message()).unwrap_or("no reason given");
    let message = format!("the run {} cannot be stopped: {detail}", left.job_run_id().unwrap_or_default());
    Err(CloudError::new(Class::Moved, "glue:BatchStopJobRun", message))
}
