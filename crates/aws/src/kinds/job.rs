//! Glue jobs: the definition and the script it runs. Knows nothing of runs but whether one is under way.

mod decode;
mod live;
mod update;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_glue::types::{Job as GlueJob, JobCommand, JobRun, JobUpdate};
use lakeform_model::{
    Address, Change, Class, CloudError, Draft, Entry, Facts, FieldRule, Fields, Force, Holds, Inventory,
    Kind, Literal, Mark, Merge, Need, Node, OnChange, Place, Present, Purpose, Resource, Scope, Shape, Show,
    Survey, SurveyRequest, Target, Value,
};

use self::decode::{KEYS, arguments_of, check, flow_of, job_name, role_of, script_of};
use self::live::{all, owned, put_location, read_tags, read_wanted};
use self::update::{apply_all, first_runs, is_active, stop, updated, write_tags};
use crate::contact::Contact;
use crate::error::{Named, absent};
use crate::s3_url::S3Url;
use crate::script::Script;
use crate::tags::TagPatch;
use crate::{Cloud, script, tags};

/// The kind `job`.
pub(crate) struct Job;

const RULES: &[FieldRule] = &[
    FieldRule::new("description").default(Literal::Text("")),
    FieldRule::new("type").on_change(OnChange::Replace).note("the job is made anew: its run history goes"),
    FieldRule::new("script"),
    FieldRule::new("script.location"),
    FieldRule::new("script.content").show(Show::Lines),
    FieldRule::new("role"),
    FieldRule::new("glue_version").note("AWS's newest at creation, if not given"),
    FieldRule::new("python_version"),
    FieldRule::new("runtime"),
    FieldRule::new("workers"),
    FieldRule::new("max_capacity").note("AWS derives it from the workers"),
    FieldRule::new("timeout").note("AWS's default depends on the Glue version"),
    FieldRule::new("max_retries").default(Literal::Int(0)),
    FieldRule::new("max_concurrent_runs").default(Literal::Int(1)),
    FieldRule::new("arguments").merge(Merge::Keys).note("arguments that others added stay as they are"),
    FieldRule::new("non_overridable_arguments").merge(Merge::Keys),
    FieldRule::new("connections").merge(Merge::Members),
    FieldRule::new("execution_class").default(Literal::Text("STANDARD")),
    FieldRule::new("security_configuration").default(Literal::Text("")),
    FieldRule::new("notify_delay_after").absent(),
    FieldRule::new("queuing").default(Literal::Bool(false)),
    FieldRule::new("maintenance_window").absent(),
    FieldRule::new("job_mode").note("Glue Studio moves it"),
    tags::RULE,
];

impl Kind for Job {
    fn facts(&self) -> &'static Facts {
        &Facts {
            name: "job",
            place: &["jobs"],
            shape: Shape::Object(KEYS),
            rules: RULES,
            holds: Holds::Configuration,
            about: "A Glue job: a Spark, Python shell, streaming or Ray script and how it is run.",
            beside: &[],
        }
    }

    fn identity(&self, entry: &Entry<'_>) -> String {
        entry.name()
    }

    fn outputs(
        &self,
        _entry: &Entry<'_>,
        identity: &str,
        scope: &Scope<'_>,
    ) -> BTreeMap<&'static str, String> {
        let (partition, region, account) = (scope.partition(), scope.region, scope.account);
        BTreeMap::from([("arn", format!("arn:{partition}:glue:{region}:{account}:job/{identity}"))])
    }

    fn needs(&self, purpose: Purpose, resource: Option<&Resource>, place: &Place<'_>) -> Vec<Need> {
        let Some(resource) = resource else {
            // With tags to filter by, it is asked of no job in particular.
            let find = Need::anywhere(["glue:ListJobs", "glue:GetJobs"]);
            return if purpose == Purpose::Plan { vec![find] } else { Vec::new() };
        };
        let job = [place.arn("glue", &format!("job/{}", resource.identity))];
        let script = put_location(&resource.fields).and_then(S3Url::parse);
        let script =
            script.map(|url| (place.s3(&url.bucket), place.s3(&format!("{}/{}", url.bucket, url.key))));
        let stop = resource.permissions.force_destroy.then_some("glue:BatchStopJobRun");
        match purpose {
            Purpose::Plan => {
                let read = ["glue:GetJob", "glue:GetTags", "glue:GetJobRuns"];
                let mut needs = vec![Need::new(read, job)];
                if let Some((bucket, key)) = script {
                    needs.push(Need::new(["s3:ListBucket"], [bucket]));
                    needs.push(Need::new(["s3:GetObject"], [key]));
                }
                needs
            }
            Purpose::Apply => {
                let write = [
                    "glue:CreateJob",
                    "glue:UpdateJob",
                    "glue:DeleteJob",
                    "glue:TagResource",
                    "glue:UntagResource",
                ];
                let mut needs = vec![Need::new(write.into_iter().chain(stop), job)];
                if let Some((_, key)) = script {
                    needs.push(Need::new(["s3:PutObject", "s3:DeleteObject"], [key]));
                }
                if let Some(role) = resource.fields.text("role") {
                    let role = if role.starts_with("arn:") {
                        role.to_owned()
                    } else {
                        place.iam(&format!("role/{}", role.trim_start_matches('/')))
                    };
                    let pass = Need::new(["iam:PassRole"], [role]);
                    let glue = vec!["glue.amazonaws.com".to_owned()];
                    needs.push(pass.only_if("StringEquals", "iam:PassedToService", glue));
                }
                needs
            }
            Purpose::Run => vec![Need::new(
                ["glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"],
                job,
            )],
        }
    }

    fn decode(&self, entry: &Entry<'_>, scope: &mut Scope<'_>) -> Option<Draft> {
        let node = entry.node;
        if node.some("name").is_none()
            && let Err(problem) = job_name(entry.address.key())
        {
            scope.error(entry.key, format!("the job name {problem}"));
        }
        let script = script_of(node, scope);
        let role = node.some("role").and_then(|role| role_of(role, scope));
        let command = node.text("type").unwrap_or_else(|| "glueetl".to_owned());
        check(node, &command, scope);
        let arguments = arguments_of(node, scope);
        let flow = flow_of(node, scope);

        let mut fields = Fields::new();
        let text = |key: &str| node.some(key).and_then(Node::scalar_text);
        let int = |key: &str| node.some(key).and_then(Node::as_int);
        for key in [
            "description",
            "glue_version",
            "python_version",
            "runtime",
            "execution_class",
            "security_configuration",
            "maintenance_window",
            "job_mode",
        ] {
            fields.set_some(key, text(key));
        }
        for key in ["timeout", "max_retries", "max_concurrent_runs", "notify_delay_after"] {
            fields.set_some(key, int(key));
        }
        fields.set("type", command);
        fields.set_some("queuing", node.some("queuing").and_then(Node::as_bool));
        fields.set_some("max_capacity", node.some("max_capacity").and_then(Node::as_number));
        if let Some(workers) = node.some("workers") {
            let kind = workers.text("type").map(Value::from);
            let count = workers.some("count").and_then(Node::as_int).map(Value::from);
            let pair = [("type", kind), ("count", count)];
            let pair = pair.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
            fields.set("workers", pair.collect::<BTreeMap<_, _>>());
        }
        if !arguments.is_empty() {
            fields.set("arguments", Value::text_map(arguments));
        }
        let fixed = node.get("non_overridable_arguments").map(Node::text_map).unwrap_or_default();
        if !fixed.is_empty() {
            fields.set("non_overridable_arguments", Value::text_map(fixed));
        }
        let connections: BTreeSet<String> =
            node.get("connections").map(Node::texts).unwrap_or_default().into_iter().collect();
        if !connections.is_empty() {
            fields.set("connections", Value::texts(connections));
        }
        fields.set_some("tags", tags::desired(entry, scope));
        fields.set("script", script?);
        fields.set("role", role?);
        Some(Draft { fields, files: BTreeMap::new(), flow })
    }
}

#[async_trait]
impl Contact for Job {
    async fn survey(&self, cloud: &Cloud, request: SurveyRequest<'_>) -> Survey {
        let wanted: BTreeSet<&str> = request.wanted.iter().map(|wanted| wanted.identity.as_str()).collect();
        let (found, others) = futures_util::join!(read_wanted(cloud, request.wanted), async {
            if request.find_owned { owned(cloud, request.stack, &wanted).await } else { Ok(Vec::new()) }
        });
        let (owned, blind) = match others {
            Ok(owned) => (owned, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        Survey { found, owned, blind }
    }

    async fn inventory(&self, cloud: &Cloud, present: &Present) -> Result<Inventory, CloudError> {
        let runs = first_runs(cloud, &present.identity).await?;
        let active: Vec<&str> = runs.iter().filter(|run| is_active(run)).filter_map(JobRun::id).collect();
        let mut lines = Vec::new();
        if !active.is_empty() {
            let what = if active.len() == 1 { "run" } else { "runs" };
            lines.push(format!("{} {what} under way ({})", active.len(), active.join(", ")));
        }
        if !runs.is_empty() {
            let what = if runs.len() == 1 { "run" } else { "runs" };
            let more = if runs.len() >= 200 { " or more" } else { "" };
            lines.push(format!("the history of {}{more} {what}", runs.len()));
        }
        Ok(Inventory { lines, needs_permission: !active.is_empty() })
    }

    /// `CreateJob` takes the mark with it, and goes first: killed before the script is written, the next apply
    /// finds a job of ours without its script and writes that. A script written first would be left behind
    /// by a destroy that finds no job. The script need not exist for `CreateJob`.
    async fn create(&self, cloud: &Cloud, target: &Target) -> Result<(), CloudError> {
        let script = script_to_put(target, None);
        let need = match &script {
            Some(script) => script.need(cloud).await?,
            None => script::Need::Nothing,
        };
        let mut draft = JobUpdate::builder().build();
        apply_all(&mut draft, &target.fields);
        let JobUpdate { role, command, description, .. } = draft.clone();
        let all = tags::for_create(target);
        let created = cloud
            .glue
            .create_job()
            .name(&target.identity)
            .set_role(role)
            .set_command(command)
            .set_description(description)
            .set_glue_version(draft.glue_version)
            .set_worker_type(draft.worker_type)
            .set_number_of_workers(draft.number_of_workers)
            .set_max_capacity(draft.max_capacity)
            .set_timeout(draft.timeout)
            .set_max_retries(target.fields.get("max_retries").map(|_| draft.max_retries))
            .set_execution_property(draft.execution_property)
            .set_default_arguments(draft.default_arguments)
            .set_non_overridable_arguments(draft.non_overridable_arguments)
            .set_connections(draft.connections)
            .set_execution_class(draft.execution_class)
            .set_security_configuration(draft.security_configuration)
            .set_notification_property(draft.notification_property)
            .set_job_run_queuing_enabled(draft.job_run_queuing_enabled)
            .set_maintenance_window(draft.maintenance_window)
            .set_job_mode(draft.job_mode)
            .set_tags(Some(all.clone().into_iter().collect()))
            .send()
            .await;
        created.named("glue:CreateJob").map_err(spreading)?;
        // Not every endpoint reads back the tags that were given with the creation, and a job without its mark would
        // be nobody's. Written again, they stand in any case.
        let patch = TagPatch { set: all, remove: Vec::new() };
        write_tags(cloud, &target.identity, patch).await.map_err(spreading)?;
        match script {
            Some(script) if need == script::Need::Put => script.put(cloud).await,
            _ => Ok(()),
        }
    }

    /// The script before the job, the job before its tags: with the mark written last, a key that the manifest
    /// dropped is still known as ours until it is gone.
    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target,
        live: &Present,
        changes: &[Change],
    ) -> Result<(), CloudError> {
        let renamed = address_of(live).is_some_and(|address| *address != target.address);
        let touches = |path: &str| changes.iter().any(|change| change.path.is_within(path));
        if (touches("script") || renamed)
            && let Some(script) = script_to_put(target, Some(live))
            && script.need(cloud).await? == script::Need::Put
        {
            script.put(cloud).await?;
        }
        let of_the_job =
            |change: &&Change| change.path.field() != "tags" && !change.path.is_within("script.content");
        let of_the_job: Vec<&Change> = changes.iter().filter(of_the_job).collect();
        if !of_the_job.is_empty() {
            let got = cloud.glue.get_job().job_name(&target.identity).send().await.named("glue:GetJob")?;
            let job = got.job.ok_or_else(|| silent("glue:GetJob", &target.identity))?;
            let update = updated(job, target, &of_the_job);
            let sent = cloud.glue.update_job().job_name(&target.identity).job_update(update).send().await;
            sent.named("glue:UpdateJob").map_err(spreading)?;
        }
        if touches("script.location")
            && let (Some(mark), Some(old)) = (&live.mark, live.fields.text("script.location"))
        {
            let keep = target.fields.text("script.location");
            let _turn = SCRIPTS.lock().await;
            leave_script(cloud, &target.identity, old, mark, keep).await?;
        }
        let patch = TagPatch::of(target, live, changes);
        if !patch.is_empty() {
            write_tags(cloud, &target.identity, patch).await?;
        }
        Ok(())
    }

    /// The script before the job: killed in between, the job still tells whose the rest is.
    async fn delete(&self, cloud: &Cloud, present: &Present, force: Force) -> Result<(), CloudError> {
        let name = &present.identity;
        let runs = first_runs(cloud, name).await?;
        let active: Vec<&str> = runs.iter().filter(|run| is_active(run)).filter_map(JobRun::id).collect();
        if !active.is_empty() {
            if force == Force::No {
                let message = format!("`{name}` is running ({}): wait, or permit it", active.join(", "));
                return Err(CloudError::new(Class::Invalid, "glue:DeleteJob", message));
            }
            stop(cloud, name, &runs).await?;
        }
        let _turn = SCRIPTS.lock().await;
        if let (Some(mark), Some(location)) = (&present.mark, present.fields.text("script.location")) {
            leave_script(cloud, name, location, mark, None).await?;
        }
        // Deleting a missing job succeeds. Source: the DeleteJob API reference.
        absent(cloud.glue.delete_job().job_name(name).send().await.named("glue:DeleteJob"))?;
        Ok(())
    }
}

/// Glue words one refusal of a role that has not spread like a lack of permission, under the code of any invalid
/// input. Source: observed texts.
fn spreading(mut error: CloudError) -> CloudError {
    let invalid = error.code.as_deref() == Some("InvalidInputException");
    if invalid && error.message.contains("is not authorized") {
        error.class = Class::Propagating;
    }
    error
}

fn silent(operation: &str, name: &str) -> CloudError {
    CloudError::new(Class::Unknown, operation, format!("the answer says nothing of `{name}`"))
}

fn address_of(live: &Present) -> Option<&Address> {
    live.mark.as_ref().map(|mark| &mark.address)
}

/// Held by a job that leaves its script: two that go at once would each leave it to the other.
static SCRIPTS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Takes away the script that the job `name` no longer runs, or leaves it to another job of the stack that does.
async fn leave_script(
    cloud: &Cloud,
    name: &str,
    location: &str,
    mark: &Mark,
    keep: Option<&str>,
) -> Result<(), CloudError> {
    match heir(cloud, &mark.stack, name, location).await? {
        Some(heir) => script::hand_over(cloud, location, mark, &heir).await,
        None => script::remove(cloud, location, mark, keep).await,
    }
}

/// The address of another job of the stack that runs the script at `location`.
async fn heir(cloud: &Cloud, stack: &str, name: &str, location: &str) -> Result<Option<Address>, CloudError> {
    let runs_it = |job: &GlueJob| {
        job.name().is_some_and(|other| other != name)
            && job.command().and_then(JobCommand::script_location).is_some_and(|script| script == location)
    };
    for other in all(cloud).await?.iter().filter(|job| runs_it(job)) {
        let tags = read_tags(cloud, other.name().unwrap_or_default()).await?;
        if let Some(mark) = Mark::split(tags).0.filter(|mark| mark.stack == stack) {
            return Ok(Some(mark.address));
        }
    }
    Ok(None)
}

/// The script that the target's fields hold; none for one that lakeform leaves alone, or a released job's.
fn script_to_put<'a>(target: &'a Target, live: Option<&'a Present>) -> Option<Script<'a>> {
    let location = target.fields.text("script.location")?;
    let content = target.fields.text("script.content")?;
    let mark = target.mark.as_ref()?;
    let before = live.and_then(|live| live.fields.text("script.location"));
    Some(Script {
        location,
        content,
        mark,
        former: before.filter(|before| *before != location),
        may_overwrite: before == Some(location),
        renamed_from: live.and_then(address_of).filter(|address| **address != target.address),
    })
}

#[cfg(test)]
mod tests;
