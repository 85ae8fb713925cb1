//! The parts of a role that are written one by one: policies, attachments, boundary, tags; and what others put
//! on it.

use std::collections::BTreeMap;

use aws_sdk_iam::types::Tag;
use lakeform_model::{Class, CloudError, FieldPath, Managed, Present, Value};

use super::live::{attachments, inline_names};
use crate::Cloud;
use crate::error::{Named, absent};
use crate::tags::TagPatch;

/// Everything that must go before a role can.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) inline: Vec<String>,
    pub(super) attached: Vec<String>,
    pub(super) profiles: Vec<String>,
}

impl Parts {
    pub(super) async fn of(cloud: &Cloud, name: &str) -> Result<Self, CloudError> {
        let profiles = async {
            let request = cloud.iam.list_instance_profiles_for_role().role_name(name);
            let profiles = request.into_paginator().items().send().try_collect().await;
            let profiles = profiles.named("iam:ListInstanceProfilesForRole")?;
            Ok(profiles.into_iter().map(|profile| profile.instance_profile_name).collect())
        };
        let parts = tokio::try_join!(inline_names(cloud, name), attachments(cloud, name), profiles);
        let parts = absent(parts)?.map(|(inline, attached, profiles)| Self { inline, attached, profiles });
        Ok(parts.unwrap_or_default())
    }
}

/// What on a role lakeform did not put there.
pub(super) struct Others {
    pub(super) inline: Vec<String>,
    pub(super) attached: Vec<String>,
    pub(super) profiles: Vec<String>,
}

impl Others {
    pub(super) async fn of(cloud: &Cloud, present: &Present) -> Result<Self, CloudError> {
        let Parts { inline, attached, profiles } = Parts::of(cloud, &present.identity).await?;
        Ok(Self::among(present, &inline, &attached, &profiles))
    }

    pub(super) fn among(
        present: &Present,
        inline: &[String],
        attached: &[String],
        profiles: &[String],
    ) -> Self {
        let nothing = Managed::default();
        let managed = present.mark.as_ref().map_or(&nothing, |mark| &mark.managed);
        let (policies, arns) = (FieldPath::from("inline_policies"), FieldPath::from("managed_policies"));
        let is_foreign = |name: &&String| !managed.holds(&policies.child(name), None);
        let is_attached_by_others = |arn: &&String| !managed.holds(&arns, Some(&Value::Text((*arn).clone())));
        Self {
            inline: inline.iter().filter(is_foreign).cloned().collect(),
            attached: attached.iter().filter(is_attached_by_others).cloned().collect(),
            profiles: profiles.to_vec(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let Self { inline, attached, profiles } = self;
        inline.is_empty() && attached.is_empty() && profiles.is_empty()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let Self { inline, attached, profiles } = self;
        let line = |one: &str, many: &str, names: &[String]| {
            let shown: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let what = if names.len() == 1 { one.to_owned() } else { format!("{} {many}", names.len()) };
            (!names.is_empty()).then(|| format!("{what}: {}", shown.join(", ")))
        };
        let lines = [
            line("an inline policy of others", "inline policies of others", inline),
            line("a policy that others attached", "policies that others attached", attached),
            line("an instance profile that uses it", "instance profiles that use it", profiles),
        ];
        lines.into_iter().flatten().collect()
    }
}

/// A role that a read just saw, or a call just made, is there: "no such entity" means that IAM has not spread it.
pub(super) fn visible<T>(result: Result<T, CloudError>) -> Result<(), CloudError> {
    result.map(drop).map_err(|mut error| {
        if error.class == Class::NotFound {
            error.class = Class::Propagating;
        }
        error
    })
}

pub(super) async fn put(cloud: &Cloud, role: &str, policy: &str, document: &Value) -> Result<(), CloudError> {
    let request = cloud.iam.put_role_policy().role_name(role).policy_name(policy);
    let request = request.policy_document(document.to_json().to_string());
    visible(request.send().await.named("iam:PutRolePolicy"))
}

pub(super) async fn attach(cloud: &Cloud, role: &str, arn: &str) -> Result<(), CloudError> {
    let request = cloud.iam.attach_role_policy().role_name(role).policy_arn(arn);
    let attached = request.send().await.named("iam:AttachRolePolicy").map(drop);
    match attached {
        // The same code says that the policy does not exist, which waiting does not mend.
        Err(error) if error.message.contains("role with name") => visible(Err::<(), _>(error)),
        other => other,
    }
}

pub(super) async fn detach(cloud: &Cloud, role: &str, arn: &str) -> Result<(), CloudError> {
    let request = cloud.iam.detach_role_policy().role_name(role).policy_arn(arn);
    absent(request.send().await.named("iam:DetachRolePolicy")).map(drop)
}

pub(super) async fn delete_inline(cloud: &Cloud, role: &str, policy: &str) -> Result<(), CloudError> {
    let request = cloud.iam.delete_role_policy().role_name(role).policy_name(policy);
    absent(request.send().await.named("iam:DeleteRolePolicy")).map(drop)
}

pub(super) async fn set_boundary(cloud: &Cloud, role: &str, arn: Option<&str>) -> Result<(), CloudError> {
    match arn {
        Some(arn) => {
            let request = cloud.iam.put_role_permissions_boundary().role_name(role).permissions_boundary(arn);
            request.send().await.named("iam:PutRolePermissionsBoundary").map(drop)
        }
        None => {
            let request = cloud.iam.delete_role_permissions_boundary().role_name(role);
            absent(request.send().await.named("iam:DeleteRolePermissionsBoundary")).map(drop)
        }
    }
}

pub(super) async fn retag(cloud: &Cloud, role: &str, patch: TagPatch) -> Result<(), CloudError> {
    let TagPatch { set, remove } = patch;
    // What the manifest dropped goes before the mark forgets it.
    if !remove.is_empty() {
        let request = cloud.iam.untag_role().role_name(role).set_tag_keys(Some(remove));
        visible(request.send().await.named("iam:UntagRole"))?;
    }
    if let Some(tags) = iam_tags(set)? {
        visible(cloud.iam.tag_role().role_name(role).set_tags(Some(tags)).send().await.named("iam:TagRole"))?;
    }
    Ok(())
}

pub(super) fn iam_tags(tags: BTreeMap<String, String>) -> Result<Option<Vec<Tag>>, CloudError> {
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    let tags: Vec<Tag> = tags
        .collect::<Result<_, _>>()
        .map_err(|error| CloudError::new(Class::Invalid, "iam:TagRole", error.to_string()))?;
    Ok((!tags.is_empty()).then_some(tags))
}

pub(super) fn members(list: Option<&Value>) -> Vec<String> {
    list.map(Value::to_texts).unwrap_or_default()
}

/// The session's length to send; unset means IAM's own.
pub(super) fn seconds(given: Option<i64>) -> i32 {
    given.and_then(|given| i32::try_from(given).ok()).unwrap_or(3600)
}

pub(super) fn document_text(document: Option<&Value>) -> String {
    document.map(|document| document.to_json().to_string()).unwrap_or_default()
}
