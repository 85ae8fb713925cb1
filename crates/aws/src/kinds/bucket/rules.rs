//! The lifecycle rules of a bucket: read whole, written whole, those of others kept.

use std::collections::BTreeMap;

use aws_sdk_s3::types::{BucketLifecycleConfiguration, LifecycleRule};
use lakeform_model::{Change, Class, CloudError, Fields, Value};

use super::settings::{setting, unbuildable};
use crate::error::Named;
use crate::{Cloud, lifecycle};

pub(super) type Lifecycle =
    (Vec<LifecycleRule>, Option<aws_sdk_s3::types::TransitionDefaultMinimumObjectSize>);

pub(super) async fn get_lifecycle(cloud: &Cloud, name: &str) -> Result<Lifecycle, CloudError> {
    let answer = cloud.s3.get_bucket_lifecycle_configuration().bucket(name).send().await;
    let answer = setting(answer.named("s3:GetLifecycleConfiguration"), "NoSuchLifecycleConfiguration")?;
    Ok(answer.map_or((Vec::new(), None), |answer| {
        (answer.rules.unwrap_or_default(), answer.transition_default_minimum_object_size)
    }))
}

/// Put replaces all rules: those of others are read just now and written back, with the least object size
/// that stands beside them (its default differs by the age of the configuration).
pub(super) async fn put_lifecycle(
    cloud: &Cloud,
    name: &str,
    fields: &Fields,
    changes: &[Change],
) -> Result<(), CloudError> {
    const OPERATION: &str = "s3:PutLifecycleConfiguration";
    let (live, least) = get_lifecycle(cloud, name).await?;
    let wanted = fields.get("lifecycle").and_then(Value::as_map).cloned().unwrap_or_default();
    let below = changes.iter().filter(|change| change.path.field() == "lifecycle");
    let mut patch: BTreeMap<&str, Option<&Value>> = below
        .filter(|change| change.path.0.len() == 2)
        .map(|change| (change.path.last(), change.to.as_ref()))
        .collect();
    if patch.is_empty() {
        patch = wanted.iter().map(|(id, rule)| (id.as_str(), Some(rule))).collect();
    }
    if patch.is_empty() {
        return Ok(());
    }
    let mut rules: Vec<LifecycleRule> = Vec::new();
    let before = lifecycle::read(&live);
    for rule in live {
        let id = rule.id().unwrap_or_default();
        match patch.remove(id) {
            Some(Some(to)) => rules.push(lifecycle::write(id, to)?),
            Some(None) => {}
            // The same rule under an id that AWS made up becomes ours: two would do everything twice.
            None if !wanted.contains_key(id) && patch.values().any(|to| *to == before.get(id)) => {}
            None => rules.push(lifecycle::in_new_form(rule)),
        }
    }
    for (id, to) in &patch {
        if let Some(rule) = to {
            rules.push(lifecycle::write(id, rule)?);
        }
    }
    if rules.is_empty() {
        return cloud.s3.delete_bucket_lifecycle().bucket(name).send().await.named(OPERATION).map(drop);
    }
    let configuration = BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build();
    let request = cloud
        .s3
        .put_bucket_lifecycle_configuration()
        .bucket(name)
        .lifecycle_configuration(configuration.map_err(unbuildable(OPERATION))?)
        .set_transition_default_minimum_object_size(least);
    request.send().await.named(OPERATION)?;
    // For minutes S3 may still read the old rules: a plan made then would see them as a difference.
    let now = lifecycle::read(&get_lifecycle(cloud, name).await?.0);
    if wanted.iter().all(|(id, rule)| now.get(id) == Some(rule)) {
        return Ok(());
    }
    let message = format!("the new lifecycle rules of `{name}` do not read back yet");
    Err(CloudError::new(Class::Propagating, "s3:GetLifecycleConfiguration", message))
}
