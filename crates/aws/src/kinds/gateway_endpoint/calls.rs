//! The calls to EC2 about endpoints: read, wait, tag, detach.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_ec2::types::{Filter, Tag, VpcEndpoint};
use lakeform_model::{Class, CloudError};

use super::found::{state, tag_map};
use super::{DESCRIBE, MODIFY};
use crate::Cloud;
use crate::error::Named;
use crate::tags::TagPatch;

/// How often an endpoint is asked whether it is ready, and how long at most within one call of the executor.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

pub(super) const PATIENCE: Duration = Duration::from_mins(2);

pub(super) fn filter(name: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(Into::into).collect())).build()
}

pub(super) fn tag_filters(tags: &BTreeMap<String, String>) -> Vec<Filter> {
    tags.iter().map(|(key, value)| filter(&format!("tag:{key}"), [value])).collect()
}

pub(super) fn carries(held: &[Tag], wanted: &BTreeMap<String, String>) -> bool {
    let held = tag_map(held);
    wanted.iter().all(|(key, value)| held.get(key) == Some(value))
}

/// Endpoints by these filters. A page holds 1,000.
pub(super) async fn describe(cloud: &Cloud, filters: Vec<Filter>) -> Result<Vec<VpcEndpoint>, CloudError> {
    let request = cloud.ec2.describe_vpc_endpoints().set_filters(Some(filters)).max_results(1000);
    let mut pages = request.into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        all.extend(page.named(DESCRIBE)?.vpc_endpoints.unwrap_or_default());
    }
    Ok(all)
}

/// One endpoint; `None` when AWS does not know it, or says that it is deleted.
pub(super) async fn describe_one(cloud: &Cloud, id: &str) -> Result<Option<VpcEndpoint>, CloudError> {
    let answer = cloud.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await.named(DESCRIBE);
    match crate::error::absent(answer)? {
        Some(answer) => {
            let mut all = answer.vpc_endpoints.unwrap_or_default().into_iter();
            Ok(all.find(|one| one.vpc_endpoint_id() == Some(id) && state(one) != "deleted"))
        }
        None => Ok(None),
    }
}

/// Asks for an endpoint until `done`, and gives up for now after a while: a later try goes on.
pub(super) async fn wait_for(
    cloud: &Cloud,
    id: &str,
    operation: &str,
    done: impl Fn(Option<&VpcEndpoint>) -> Result<bool, CloudError>,
) -> Result<(), CloudError> {
    let began = Instant::now();
    loop {
        let found = describe_one(cloud, id).await?;
        if done(found.as_ref())? {
            return Ok(());
        }
        if began.elapsed() + PAUSE > PATIENCE {
            let state = found.as_ref().map_or_else(|| "not to be seen".to_owned(), state);
            let message = format!("`{id}` is still {state} after {} s", PATIENCE.as_secs());
            return Err(CloudError::new(Class::Propagating, operation, message));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether it is ready and led to by all of `with` and none of `without`; that it failed is an error.
pub(super) fn ready(
    found: Option<&VpcEndpoint>,
    operation: &str,
    with: &[String],
    without: &[String],
) -> Result<bool, CloudError> {
    let Some(endpoint) = found else { return Ok(false) };
    let state = state(endpoint);
    if matches!(state.as_str(), "failed" | "rejected" | "expired" | "deleting") {
        let why = endpoint.last_error().and_then(|error| error.message()).unwrap_or("no reason given");
        let message = format!("the endpoint is {state}: {why}");
        return Err(CloudError::new(Class::Invalid, operation, message));
    }
    let held = endpoint.route_table_ids();
    Ok(state == "available"
        && with.iter().all(|table| held.contains(table))
        && !without.iter().any(|table| held.contains(table)))
}

pub(super) fn tag(key: String, value: Option<String>) -> Tag {
    Tag::builder().key(key).set_value(value).build()
}

pub(super) async fn write_tags(cloud: &Cloud, id: &str, patch: TagPatch) -> Result<(), CloudError> {
    if !patch.remove.is_empty() {
        let tags = patch.remove.into_iter().map(|key| tag(key, None)).collect();
        cloud.ec2.delete_tags().resources(id).set_tags(Some(tags)).send().await.named("ec2:DeleteTags")?;
    }
    if !patch.set.is_empty() {
        let tags = patch.set.into_iter().map(|(key, value)| tag(key, Some(value))).collect();
        cloud.ec2.create_tags().resources(id).set_tags(Some(tags)).send().await.named("ec2:CreateTags")?;
    }
    Ok(())
}

/// Takes route tables off. One that is gone, or off already, is done; AWS then refuses the others with it, so
/// these are taken off one by one.
pub(super) async fn detach(cloud: &Cloud, id: &str, tables: &[String]) -> Result<(), CloudError> {
    let remove = |tables: Vec<String>| async move {
        let request = cloud.ec2.modify_vpc_endpoint().vpc_endpoint_id(id);
        request.set_remove_route_table_ids(Some(tables)).send().await.named(MODIFY)
    };
    let is_done = |error: &CloudError| {
        let code = error.code.as_deref().unwrap_or_default().to_lowercase();
        matches!(code.as_str(), "invalidroutetableid.notfound" | "invalidparameter")
    };
    if tables.is_empty() {
        return Ok(());
    }
    match remove(tables.to_vec()).await {
        Err(error) if is_done(&error) && tables.len() > 1 => {
            for table in tables {
                if let Err(error) = remove(vec![table.clone()]).await
                    && !is_done(&error)
                {
                    return Err(error);
                }
            }
            Ok(())
        }
        Err(error) if !is_done(&error) => Err(error),
        _ => Ok(()),
    }
}
