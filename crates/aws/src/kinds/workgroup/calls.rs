//! The calls to Athena about workgroups.

use std::collections::BTreeMap;

use aws_sdk_athena::types::{Tag, WorkGroup};
use lakeform_model::{CloudError, Fields, Mark, Present, SurveyRequest};

use super::PRIMARY;
use super::configuration::read;
use super::query;
use crate::Cloud;
use crate::contact::each;
use crate::error::{Named, absent};
use crate::tags::{self, TagPatch};

pub(super) fn arn(cloud: &Cloud, name: &str) -> String {
    cloud.arn("athena", &format!("workgroup/{name}"))
}

pub(super) async fn get(cloud: &Cloud, name: &str) -> Result<Option<WorkGroup>, CloudError> {
    let answer = cloud.athena().get_work_group().work_group(name).send().await.named("athena:GetWorkGroup");
    Ok(absent(answer)?.and_then(|answer| answer.work_group))
}

/// Every tag; `None` when the workgroup is gone. Source: `MaxResults` of `ListTagsForResource` is at least 75.
pub(super) async fn tags_of(
    cloud: &Cloud,
    name: &str,
) -> Result<Option<BTreeMap<String, String>>, CloudError> {
    let request = cloud.athena().list_tags_for_resource().resource_arn(arn(cloud, name)).max_results(75);
    let mut pages = request.into_paginator().send();
    let mut tags = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let Some(page) = absent(page.named("athena:ListTagsForResource"))? else { return Ok(None) };
        let pairs = page.tags.unwrap_or_default().into_iter();
        tags.extend(pairs.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))));
    }
    Ok(Some(tags))
}

/// The names of all workgroups, 50 a page.
pub(super) async fn names(cloud: &Cloud) -> Result<Vec<String>, CloudError> {
    let mut pages = cloud.athena().list_work_groups().max_results(50).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let groups = page.named("athena:ListWorkGroups")?.work_groups.unwrap_or_default();
        names.extend(groups.into_iter().filter_map(|group| group.name));
    }
    Ok(names)
}

pub(super) async fn find(cloud: &Cloud, name: &str, wanted: &Fields) -> Result<Option<Present>, CloudError> {
    let Some(group) = get(cloud, name).await? else { return Ok(None) };
    let Some(tags) = tags_of(cloud, name).await? else { return Ok(None) };
    let mut fields = read(&group, wanted);
    let mark = tags::read(&mut fields, tags);
    Ok(Some(Present { identity: name.to_owned(), handle: None, fields, mark }))
}

/// The marked ones among the others: tags are read one workgroup at a time, settings only of those that are ours.
pub(super) async fn find_owned(
    cloud: &Cloud,
    request: &SurveyRequest<'_>,
) -> Result<Vec<Present>, CloudError> {
    let mut others = names(cloud).await?;
    others.retain(|name| name != PRIMARY && !request.wanted.iter().any(|wanted| wanted.identity == *name));
    let stack = request.stack;
    let found = each(others, |name| async move {
        let tags = tags_of(cloud, &name).await?.unwrap_or_default();
        let (mark, _) = Mark::split(tags);
        if mark.is_some_and(|mark| mark.stack == stack) {
            find(cloud, &name, &Fields::new()).await
        } else {
            Ok(None)
        }
    })
    .await;
    found.into_iter().filter_map(Result::transpose).collect()
}

/// The names of the saved queries in it that this stack did not make.
pub(super) async fn foreign_queries(cloud: &Cloud, present: &Present) -> Result<Vec<String>, CloudError> {
    let stack = present.mark.as_ref().map(|mark| mark.stack.as_str());
    let all = query::saved_in(cloud, &present.identity).await?;
    let foreign = all.iter().filter(|saved| {
        let (_, mark) = query::split(saved.description().unwrap_or_default());
        mark.as_ref().map(|mark| mark.stack.as_str()) != stack || stack.is_none()
    });
    Ok(foreign.map(|saved| format!("`{}`", saved.name())).collect())
}

pub(super) async fn write_tags(cloud: &Cloud, name: &str, patch: TagPatch) -> Result<(), CloudError> {
    if !patch.remove.is_empty() {
        let request = cloud.athena().untag_resource().resource_arn(arn(cloud, name));
        request.set_tag_keys(Some(patch.remove)).send().await.named("athena:UntagResource")?;
    }
    if !patch.set.is_empty() {
        let request = cloud.athena().tag_resource().resource_arn(arn(cloud, name));
        request.set_tags(Some(tag_list(patch.set))).send().await.named("athena:TagResource")?;
    }
    Ok(())
}

pub(super) fn tag_list(tags: BTreeMap<String, String>) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}
