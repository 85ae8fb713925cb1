//! Live roles: read one by one or found by their mark, documents spelled as the manifest spells them.

use std::collections::BTreeMap;

use aws_sdk_iam::types::{EntityType, Role as IamRole, Tag};
use lakeform_model::{Class, CloudError, FieldPath, Fields, Managed, Mark, Present, Value};

use super::RULES;
use crate::contact::each;
use crate::error::{Named, absent};
use crate::policy::PolicyUse;
use crate::{Cloud, policy, tags};

/// The paths that AWS keeps for roles of its own, which carry nobody's mark.
pub(super) const AWS_PATHS: [&str; 2] = ["/aws-service-role/", "/aws-reserved/"];

/// A role of the account, with its tags if the listing told them.
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) tags: Option<BTreeMap<String, String>>,
}

/// Every role that may be somebody's.
///
/// `GetAccountAuthorizationDetails` answers tags, a page for many roles; `ListRoles` leaves them out, which costs
/// a call a role. Not everybody may use the first. Source: the two operations in the IAM API reference.
pub(super) async fn list(cloud: &Cloud) -> Result<Vec<Listed>, CloudError> {
    let pages = cloud
        .iam
        .get_account_authorization_details()
        .filter(EntityType::Role)
        .max_items(1000)
        .into_paginator()
        .send()
        .try_collect()
        .await
        .named("iam:GetAccountAuthorizationDetails");
    let own =
        |path: Option<&str>| !AWS_PATHS.iter().any(|aws| path.is_some_and(|path| path.starts_with(aws)));
    match pages {
        Ok(pages) => {
            let details = pages.into_iter().flat_map(|page| page.role_detail_list.unwrap_or_default());
            let details = details.filter(|role| own(role.path.as_deref()));
            let listed = details.filter_map(|role| {
                Some(Listed { name: role.role_name?, tags: Some(tag_map(role.tags.unwrap_or_default())) })
            });
            Ok(listed.collect())
        }
        Err(error) if matches!(error.class, Class::Denied | Class::Unimplemented) => {
            tracing::debug!(%error, "reading roles one by one");
            let roles = cloud.iam.list_roles().max_items(1000).into_paginator().items().send();
            let roles = roles.try_collect().await.named("iam:ListRoles")?;
            let roles = roles.into_iter().filter(|role| own(Some(&role.path)));
            Ok(roles.map(|role| Listed { name: role.role_name, tags: None }).collect())
        }
        Err(error) => Err(error),
    }
}

pub(super) fn is_of(tags: BTreeMap<String, String>, stack: &str) -> bool {
    Mark::split(tags).0.is_some_and(|mark| mark.stack == stack)
}

pub(super) fn tag_map(tags: Vec<Tag>) -> BTreeMap<String, String> {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

pub(super) async fn get(cloud: &Cloud, name: &str) -> Result<Option<IamRole>, CloudError> {
    let output = absent(cloud.iam.get_role().role_name(name).send().await.named("iam:GetRole"))?;
    let Some(role) = output.and_then(|output| output.role) else { return Ok(None) };
    // For a moment a new role's ARN is its unique id. Source: observed, and so written down by other tools.
    if !role.arn.starts_with("arn:") {
        let message = format!("`{name}` is too new to be read");
        return Err(CloudError::new(Class::Propagating, "iam:GetRole", message));
    }
    Ok(Some(role))
}

/// A role as it is. With `stack`, only if it carries that stack's mark.
pub(super) async fn read(
    cloud: &Cloud,
    name: &str,
    wanted: Option<&Fields>,
    stack: Option<&str>,
) -> Result<Option<Present>, CloudError> {
    let Some(role) = get(cloud, name).await? else { return Ok(None) };
    let (mut fields, mark) = fields_of(&role, wanted);
    if stack.is_some_and(|stack| mark.as_ref().is_none_or(|mark| mark.stack != stack)) {
        return Ok(None);
    }
    let none = Fields::new();
    let wanted = wanted.unwrap_or(&none);
    // Where the mark manages just what is wanted, nothing else on the role matters, and no listing is needed.
    let managed = mark.as_ref().map(|mark| &mark.managed).filter(|own| **own != Managed::of(wanted, RULES));
    let (inline, attached) = tokio::try_join!(inline_policies(cloud, name, wanted, managed), async {
        match (wanted.get("managed_policies"), managed) {
            (None, None) => Ok(Vec::new()),
            _ => attachments(cloud, name).await,
        }
    })?;
    fields.set_some("inline_policies", (!inline.is_empty()).then_some(inline));
    fields.set_some("managed_policies", (!attached.is_empty()).then(|| Value::texts(attached)));
    Ok(Some(Present { identity: name.to_owned(), handle: None, fields, mark }))
}

/// What `GetRole` tells, as fields.
pub(super) fn fields_of(role: &IamRole, wanted: Option<&Fields>) -> (Fields, Option<Mark>) {
    let mut fields = Fields::new();
    fields.set("path", role.path.as_str());
    fields.set_some("description", role.description.as_deref().filter(|text| !text.is_empty()));
    fields.set_some("max_session_duration", role.max_session_duration);
    let meant = wanted.and_then(|wanted| wanted.get("trust"));
    let trust = role.assume_role_policy_document.as_deref();
    fields.set_some("trust", trust.map(|text| live_document(text, meant, PolicyUse::Trust)));
    let boundary = role.permissions_boundary.as_ref();
    let boundary = boundary.and_then(|boundary| boundary.permissions_boundary_arn.as_deref());
    fields.set_some("permissions_boundary", boundary);
    let mark = tags::read(&mut fields, tag_map(role.tags.clone().unwrap_or_default()));
    (fields, mark)
}

/// A live document; as the manifest spells it where both mean the same.
pub(super) fn live_document(text: &str, wanted: Option<&Value>, use_: PolicyUse) -> Value {
    let Some(document) = policy::parse_document(text) else { return text.into() };
    match wanted {
        Some(wanted) if policy::equivalent(&wanted.to_json(), &document, use_) => wanted.clone(),
        _ => Value::from_json(&document),
    }
}

/// The inline policies that are wanted, and those that `managed` says are lakeform's.
pub(super) async fn inline_policies(
    cloud: &Cloud,
    name: &str,
    wanted: &Fields,
    managed: Option<&Managed>,
) -> Result<BTreeMap<String, Value>, CloudError> {
    let none = BTreeMap::new();
    let wanted = wanted.get("inline_policies").and_then(Value::as_map).unwrap_or(&none);
    let names = match managed {
        None => wanted.keys().cloned().collect(),
        Some(managed) => {
            let field = FieldPath::from("inline_policies");
            let mut names = inline_names(cloud, name).await?;
            names.retain(|policy| wanted.contains_key(policy) || managed.holds(&field.child(policy), None));
            names
        }
    };
    let read = each(names, |policy| async move {
        let output = cloud.iam.get_role_policy().role_name(name).policy_name(&policy).send().await;
        let output = absent(output.named("iam:GetRolePolicy"))?;
        Ok(output.map(|output| {
            let document = live_document(&output.policy_document, wanted.get(&policy), PolicyUse::Identity);
            (policy, document)
        }))
    });
    Ok(read.await.into_iter().collect::<Result<Vec<_>, CloudError>>()?.into_iter().flatten().collect())
}

pub(super) async fn inline_names(cloud: &Cloud, name: &str) -> Result<Vec<String>, CloudError> {
    let names = cloud.iam.list_role_policies().role_name(name).into_paginator().items().send();
    names.try_collect().await.named("iam:ListRolePolicies")
}

pub(super) async fn attachments(cloud: &Cloud, name: &str) -> Result<Vec<String>, CloudError> {
    let attached = cloud.iam.list_attached_role_policies().role_name(name).into_paginator().items().send();
    let attached = attached.try_collect().await.named("iam:ListAttachedRolePolicies")?;
    let mut arns: Vec<String> = attached.into_iter().filter_map(|policy| policy.policy_arn).collect();
    arns.sort();
    Ok(arns)
}
