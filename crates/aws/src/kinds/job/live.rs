//! Live jobs: their definitions, tags and scripts, read with the fewest calls.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_glue::types::{
    ConnectionsList, ExecutionClass, ExecutionProperty, Job as GlueJob, JobCommand, NotificationProperty,
};
use lakeform_model::{CloudError, Fields, Live, Present, Value, Wanted};

use super::decode::{PAGE, role_name};
use super::silent;
use crate::contact::{each, live};
use crate::error::{Named, absent};
use crate::s3_url::S3Url;
use crate::{Cloud, s3_url, script, tags};

pub(super) async fn read_wanted(cloud: &Cloud, wanted: &[Wanted]) -> Vec<Live> {
    let names: Vec<&str> = wanted.iter().map(|wanted| wanted.identity.as_str()).collect();
    let (jobs, etags) = futures_util::join!(get(cloud, &names), known_etags(cloud, wanted));
    let mut places: HashMap<&str, Vec<&Wanted>> = HashMap::new();
    for wanted in wanted {
        if let Some(location) = put_location(&wanted.fields) {
            places.entry(location).or_default().push(wanted);
        }
    }
    let (jobs, etags, places) = (&jobs, &etags, &places);
    let reads = each(wanted, |wanted| async move {
        match jobs.get(&wanted.identity) {
            Some(Ok(Some(job))) => live(read_one(cloud, job, Some(wanted), etags).await.map(Some)),
            Some(Ok(None)) => clash(wanted, places).unwrap_or(Live::Absent),
            Some(Err(error)) => Live::Unreadable(error.clone()),
            None => Live::Unreadable(silent("glue:GetJobs", &wanted.identity)),
        }
    });
    reads.await
}

/// Where a job's script is put; none for one that is left alone.
pub(super) fn put_location(fields: &Fields) -> Option<&str> {
    fields.get("script.content")?;
    fields.text("script.location")
}

/// Two jobs that put different scripts to one place would overwrite each other for ever. Only a job that is
/// not there is refused for it, so that one that is can still be destroyed.
pub(super) fn clash(wanted: &Wanted, places: &HashMap<&str, Vec<&Wanted>>) -> Option<Live> {
    let location = put_location(&wanted.fields)?;
    let content = wanted.fields.text("script.content");
    let other = places.get(location)?.iter().find(|other| other.fields.text("script.content") != content)?;
    Some(Live::Conflict {
        reason: format!("`{}` puts another script to `{location}`", other.address),
        hint: Some("give one of them another `script_to`".to_owned()),
    })
}

/// Up to so many jobs are asked for by name; for more of them the whole list costs fewer calls: an account's quota
/// of jobs is few pages.
const FEW: usize = 2;

/// The definitions of jobs by name: `None` where AWS said that there is none.
pub(super) async fn get(
    cloud: &Cloud,
    names: &[&str],
) -> HashMap<String, Result<Option<GlueJob>, CloudError>> {
    if names.len() <= FEW {
        let answers = each(names, |name| async move { ((*name).to_owned(), get_one(cloud, name).await) });
        return answers.await.into_iter().collect();
    }
    let mut jobs: HashMap<String, Result<Option<GlueJob>, CloudError>> =
        names.iter().map(|name| ((*name).to_owned(), Ok(None))).collect();
    match all(cloud).await {
        Ok(there) => {
            for job in there {
                if let Some(wanted) = jobs.get_mut(job.name().unwrap_or_default()) {
                    *wanted = Ok(Some(job));
                }
            }
        }
        // What the list would have held is unknown: nothing is absent.
        Err(error) => jobs.values_mut().for_each(|job| *job = Err(error.clone())),
    }
    jobs
}

/// The definitions of all jobs of the account.
pub(super) async fn all(cloud: &Cloud) -> Result<Vec<GlueJob>, CloudError> {
    let mut pages = cloud.glue.get_jobs().into_paginator().page_size(PAGE).send();
    let mut jobs = Vec::new();
    while let Some(page) = pages.next().await {
        jobs.extend(page.named("glue:GetJobs")?.jobs.unwrap_or_default());
    }
    Ok(jobs)
}

async fn get_one(cloud: &Cloud, name: &str) -> Result<Option<GlueJob>, CloudError> {
    let answer = cloud.glue.get_job().job_name(name).send().await.named("glue:GetJob");
    absent(answer)?.map_or(Ok(None), |answer| answer.job.map(Some).ok_or_else(|| silent("glue:GetJob", name)))
}

/// The `ETag`s of the wanted scripts by location, from one list call for each folder that holds several of them.
/// A script of its own is cheaper to ask for, and so is one in a folder that may not be listed.
pub(super) async fn known_etags(cloud: &Cloud, wanted: &[Wanted]) -> HashMap<String, Option<String>> {
    let mut folders: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for url in wanted.iter().filter_map(|wanted| S3Url::parse(put_location(&wanted.fields)?)) {
        let folder = url.key.rfind('/').map_or("", |at| &url.key[..=at]).to_owned();
        folders.entry((url.bucket, folder)).or_default().insert(url.key);
    }
    folders.retain(|_, keys| keys.len() > 1);
    let listed = each(&folders, |((bucket, folder), keys)| async move {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        match script::etags(cloud, bucket, folder, &keys).await {
            Ok(etags) => (bucket, etags),
            Err(error) => {
                tracing::debug!(%bucket, %folder, %error, "the scripts' folder cannot be listed");
                (bucket, BTreeMap::new())
            }
        }
    });
    let mut known = HashMap::new();
    for (bucket, etags) in listed.await {
        known.extend(etags.into_iter().map(|(key, etag)| (format!("s3://{bucket}/{key}"), etag)));
    }
    known
}

pub(super) async fn read_tags(cloud: &Cloud, name: &str) -> Result<BTreeMap<String, String>, CloudError> {
    let arn = cloud.arn("glue", &format!("job/{name}"));
    let answer = cloud.glue.get_tags().resource_arn(arn).send().await.named("glue:GetTags")?;
    Ok(answer.tags.unwrap_or_default().into_iter().collect())
}

/// A job with its mark, and with its script's text where the manifest gives one.
pub(super) async fn read_one(
    cloud: &Cloud,
    job: &GlueJob,
    wanted: Option<&Wanted>,
    etags: &HashMap<String, Option<String>>,
) -> Result<Present, CloudError> {
    let name = job.name().unwrap_or_default();
    let tags = read_tags(cloud, name).await?;
    let mut fields = fields_of(job, wanted.map(|wanted| &wanted.fields), &cloud.account);
    let mark = tags::read(&mut fields, tags);
    // Not the manifest's script but the one the job has: an edit of both is one of both.
    if let Some(wanted) = wanted.and_then(|wanted| wanted.fields.text("script.content"))
        && let Some(location) = fields.text("script.location").map(str::to_owned)
        && let Some(url) = S3Url::parse(&location).filter(|url| !url.key.is_empty())
    {
        let etag = match etags.get(&location) {
            Some(known) => known.clone(),
            None => script::etag(cloud, &url).await?,
        };
        if let Some(content) = script::content(cloud, &url, etag.as_deref(), wanted).await?
            && let Some(Value::Map(script)) = fields.0.get_mut("script")
        {
            script.insert("content".to_owned(), content.into());
        }
    }
    Ok(Present { identity: name.to_owned(), handle: None, fields, mark })
}

/// The names of the jobs that carry the stack's mark; of all jobs at an endpoint that ignores the filter.
pub(super) async fn owned_names(cloud: &Cloud, stack: &str) -> Result<BTreeSet<String>, CloudError> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut token = None;
    loop {
        let request = cloud.glue.list_jobs().tags("lakeform:stack", stack).max_results(PAGE);
        let page = request.set_next_token(token).send().await.named("glue:ListJobs")?;
        names.extend(page.job_names.unwrap_or_default());
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(names);
        }
    }
}

/// Everything else that carries the stack's mark.
pub(super) async fn owned(
    cloud: &Cloud,
    stack: &str,
    wanted: &BTreeSet<&str>,
) -> Result<Vec<Present>, CloudError> {
    let names = owned_names(cloud, stack).await?;
    let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| !wanted.contains(name)).collect();
    let none = HashMap::new();
    let (jobs, none) = (get(cloud, &names).await, &none);
    let reads = each(jobs.into_values(), |job| async move {
        match job? {
            Some(job) => read_one(cloud, &job, None, none).await.map(Some),
            None => Ok(None),
        }
    });
    let mut owned = Vec::new();
    for read in reads.await {
        // Gone since the list, or an endpoint that ignores the filter.
        match absent(read)?.flatten() {
            Some(present) if present.mark.as_ref().is_some_and(|mark| mark.stack == stack) => {
                owned.push(present);
            }
            _ => {}
        }
    }
    owned.sort_by(|left, right| left.identity.cmp(&right.identity));
    Ok(owned)
}

/// The canonical fields of a live job. What AWS or others move is in them only where the manifest gives it, so
/// that it is neither a difference nor a reason to refuse a planned step.
pub(super) fn fields_of(job: &GlueJob, wanted: Option<&Fields>, account: &str) -> Fields {
    let asked = |field: &str| wanted.is_some_and(|wanted| wanted.get(field).is_some());
    let mut fields = Fields::new();
    let command = job.command();
    fields.set("type", command.and_then(JobCommand::name).unwrap_or("glueetl"));
    let location = command.and_then(JobCommand::script_location).unwrap_or_default();
    fields.set("script", BTreeMap::from([("location".to_owned(), s3_url::value(location))]));
    if let Some(role) = job.role() {
        fields.set("role", live_role(role, wanted.and_then(|wanted| wanted.get("role")), account));
    }
    fields.set_some("description", job.description().filter(|text| !text.is_empty()));
    fields.set_some("security_configuration", job.security_configuration().filter(|name| !name.is_empty()));
    fields.set("max_retries", job.max_retries());
    fields.set_some(
        "max_concurrent_runs",
        // The SDK reads an absent member as 0, which is never a limit.
        job.execution_property().map(ExecutionProperty::max_concurrent_runs).filter(|most| *most > 0),
    );
    fields.set_some("execution_class", job.execution_class().map(ExecutionClass::as_str));
    fields.set_some("queuing", job.job_run_queuing_enabled());
    fields.set_some("maintenance_window", job.maintenance_window().filter(|window| !window.is_empty()));
    let delay = job.notification_property().and_then(NotificationProperty::notify_delay_after);
    fields.set_some("notify_delay_after", delay.filter(|minutes| *minutes > 0));
    for (field, map) in [
        ("arguments", job.default_arguments()),
        ("non_overridable_arguments", job.non_overridable_arguments()),
    ] {
        if let Some(map) = map.filter(|map| !map.is_empty()) {
            fields.set(field, Value::text_map(map));
        }
    }
    let connections = job.connections().map(ConnectionsList::connections).unwrap_or_default();
    if !connections.is_empty() {
        fields.set("connections", Value::texts(connections));
    }
    let unmanaged: [(&str, Option<Value>); 6] = [
        ("glue_version", job.glue_version().map(Value::from)),
        ("python_version", command.and_then(JobCommand::python_version).map(Value::from)),
        ("runtime", command.and_then(JobCommand::runtime).map(Value::from)),
        ("timeout", job.timeout().map(Value::from)),
        ("max_capacity", job.max_capacity().map(Value::from)),
        ("job_mode", job.job_mode().map(|mode| mode.as_str().into())),
    ];
    for (field, value) in unmanaged {
        fields.set_some(field, value.filter(|_| asked(field)));
    }
    if asked("workers")
        && let Some(kind) = job.worker_type()
    {
        let mut workers = BTreeMap::from([("type".to_owned(), Value::from(kind.as_str()))]);
        if let Some(count) = job.number_of_workers() {
            workers.insert("count".to_owned(), count.into());
        }
        fields.set("workers", workers);
    }
    fields
}

/// The live role, as the manifest spells it where both are the same: Glue gives back what it was told, a name
/// or an ARN.
pub(super) fn live_role(live: &str, wanted: Option<&Value>, account: &str) -> Value {
    // A name is a role of this account.
    let owner = |role: &str| role.split(':').nth(4).unwrap_or(account).to_owned();
    if let Some(Value::Pointer(wanted)) = wanted
        && owner(&wanted.text) == owner(live)
        && role_name(&wanted.text) == role_name(live)
    {
        return Value::Pointer(wanted.clone());
    }
    Value::pointer("role", role_name(live), live)
}
