//! Tags of the catalogue: a job's tags given at creation are visible, they go with the job, and tags of what is
//! not there are an error.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::call::{Answer, Call};
use super::cloud::Cloud;
use super::recognise::{Scope, Service};
use super::refusal::Refusal;
use super::rules::Rule;

/// The tag operations, which name their resource by its ARN.
pub(super) struct GlueTags;

#[async_trait]
impl Rule for GlueTags {
    fn covers(&self, service: Service, operation: &str) -> bool {
        service == Service::Glue && matches!(operation, "GetTags" | "TagResource" | "UntagResource")
    }

    async fn request(&self, call: &mut Call, cloud: &Cloud) -> Result<Option<Answer>, Refusal> {
        let arn = call.text("ResourceArn");
        let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
        let (operation, parameters) = match resource.split_once('/') {
            Some(("job", name)) => ("GetJob", json!({ "JobName": name })),
            Some(("database", name)) => ("GetDatabase", json!({ "Name": name })),
            _ => return Ok(None),
        };
        cloud.json(&call.scope, Service::Glue, operation, parameters).await?;
        let added = call.json["TagsToAdd"].as_object();
        if added.is_some_and(|tags| tags.keys().any(|key| key.starts_with("aws:"))) {
            return Err(Refusal::new("InvalidInputException", "aws: prefixed tag key names are not allowed"));
        }
        Ok(None)
    }
}

fn job_arn(scope: &Scope, job: &str) -> String {
    format!("arn:aws:glue:{}:{}:job/{job}", scope.region, scope.account)
}

pub(super) async fn job_tags(scope: &Scope, job: &str, cloud: &Cloud) -> Result<Map<String, Value>, Refusal> {
    let answer =
        cloud.json(scope, Service::Glue, "GetTags", json!({ "ResourceArn": job_arn(scope, job) })).await?;
    Ok(answer["Tags"].as_object().cloned().unwrap_or_default())
}

/// Puts exactly these tags on a job; what an earlier job of the name left behind goes.
pub(super) async fn set_job_tags(
    scope: &Scope,
    job: &str,
    tags: &Value,
    cloud: &Cloud,
) -> Result<(), Refusal> {
    let arn = job_arn(scope, job);
    let stale: Vec<String> = job_tags(scope, job, cloud).await?.keys().cloned().collect();
    if !stale.is_empty() {
        let parameters = json!({ "ResourceArn": arn, "TagsToRemove": stale });
        cloud.json(scope, Service::Glue, "UntagResource", parameters).await?;
    }
    if tags.as_object().is_some_and(|tags| !tags.is_empty()) {
        let parameters = json!({ "ResourceArn": arn, "TagsToAdd": tags });
        cloud.json(scope, Service::Glue, "TagResource", parameters).await?;
    }
    Ok(())
}
