//! `role`: an IAM role with its trust policy, inline policies and attachments.
//!
//! Its mark lies in its tags, which `GetRole` answers. Policies that others put on it stay: the mark says which
//! are lakeform's.

mod decode;
mod live;
mod parts;

use std::collections::BTreeMap;

use async_trait::async_trait;
use lakeform_model::{
    Change, Class, CloudError, Draft, Entry, Facts, FieldRule, Fields, Force, Holds, Inventory, Kind,
    Literal, Live, Merge, Need, Node, OnChange, Place, Present, Purpose, Resource, Scope, Show, Survey,
    SurveyRequest, Target, Value,
};

use self::decode::{SHAPE, decode_managed, decode_policies, decode_trust, policy_arn, role_name};
use self::live::{Listed, get, is_of, list, read};
use self::parts::{
    Others, Parts, attach, delete_inline, detach, document_text, iam_tags, members, put, retag, seconds,
    set_boundary, visible,
};
use crate::contact::{Contact, each, live};
use crate::error::{Named, absent};
use crate::tags::TagPatch;
use crate::{Cloud, tags};

/// The kind.
pub(crate) struct Role;

const RULES: &[FieldRule] = &[
    FieldRule::new("path")
        .default(Literal::Text("/"))
        .on_change(OnChange::Replace)
        .note("IAM cannot move a role to another path"),
    FieldRule::new("description").default(Literal::Text("")),
    FieldRule::new("max_session_duration").default(Literal::Int(3600)),
    FieldRule::new("trust").show(Show::Document).note("compared by meaning, not by spelling"),
    FieldRule::new("inline_policies")
        .merge(Merge::Keys)
        .show(Show::Document)
        .note("compared by meaning; policies that others put on it stay"),
    FieldRule::new("managed_policies")
        .merge(Merge::Members)
        .note("policies that others attached stay attached"),
    FieldRule::new("permissions_boundary").absent(),
    tags::RULE,
];

impl Kind for Role {
    fn facts(&self) -> &'static Facts {
        &Facts {
            name: "role",
            place: &["roles"],
            shape: SHAPE,
            rules: RULES,
            holds: Holds::Configuration,
            about: "An IAM role, such as the one that Glue jobs run as, with its inline policies and attachments.",
            beside: &[],
        }
    }

    fn identity(&self, entry: &Entry<'_>) -> String {
        entry.name()
    }

    fn outputs(
        &self,
        entry: &Entry<'_>,
        identity: &str,
        scope: &Scope<'_>,
    ) -> BTreeMap<&'static str, String> {
        let path = entry.node.text("path").unwrap_or_else(|| "/".to_owned());
        let (partition, account) = (scope.partition(), scope.account);
        BTreeMap::from([("arn", format!("arn:{partition}:iam::{account}:role{path}{identity}"))])
    }
    /// `GetAccountAuthorizationDetails` is not asked for: it shows every policy of the account. Where it is refused,
    /// roles are listed and read one by one.
    fn needs(&self, purpose: Purpose, resource: Option<&Resource>, place: &Place<'_>) -> Vec<Need> {
        let Some(resource) = resource else {
            let find = [Need::anywhere(["iam:ListRoles"]), Need::new(["iam:GetRole"], [place.iam("role/*")])];
            return if purpose == Purpose::Plan { find.into() } else { Vec::new() };
        };
        let fields = &resource.fields;
        let path = fields.text("path").unwrap_or("/");
        let role = place.iam(&format!("role{path}{}", resource.identity));
        let attached = fields.texts("managed_policies");
        match purpose {
            Purpose::Plan => vec![Need::new(
                [
                    "iam:GetRole",
                    "iam:GetRolePolicy",
                    "iam:ListRolePolicies",
                    "iam:ListAttachedRolePolicies",
                    "iam:ListInstanceProfilesForRole",
                ],
                [role],
            )],
            Purpose::Apply => {
                let actions = [
                    "iam:CreateRole",
                    "iam:UpdateRole",
                    "iam:UpdateAssumeRolePolicy",
                    "iam:DeleteRole",
                    "iam:TagRole",
                    "iam:UntagRole",
                    "iam:PutRolePolicy",
                    "iam:DeleteRolePolicy",
                ];
                let mut needs = vec![Need::new(actions, [role.clone()])];
                if !attached.is_empty() {
                    let attach = Need::new(["iam:AttachRolePolicy", "iam:DetachRolePolicy"], [role.clone()]);
                    needs.push(attach.only_if("ArnEquals", "iam:PolicyARN", attached));
                }
                if let Some(boundary) = fields.text("permissions_boundary") {
                    let set = Need::new(["iam:PutRolePermissionsBoundary"], [role.clone()]);
                    let boundary = vec![boundary.to_owned()];
                    needs.push(set.only_if("ArnEquals", "iam:PermissionsBoundary", boundary));
                    needs.push(Need::new(["iam:DeleteRolePermissionsBoundary"], [role.clone()]));
                }
                if resource.permissions.force_destroy {
                    // What others put on it goes, too.
                    needs.push(Need::new(["iam:DetachRolePolicy"], [role.clone()]));
                    let profiles = [role, place.iam("instance-profile/*")];
                    needs.push(Need::new(["iam:RemoveRoleFromInstanceProfile"], profiles));
                }
                needs
            }
            Purpose::Run => Vec::new(),
        }
    }

    fn decode(&self, entry: &Entry<'_>, scope: &mut Scope<'_>) -> Option<Draft> {
        let node = entry.node;
        if let Err(problem) = role_name(&entry.name()) {
            scope.error(node.some("name").unwrap_or(entry.key), format!("the role's name {problem}"));
        }
        let mut fields = Fields::new();
        fields.set_some("path", node.text("path"));
        fields.set_some("description", node.text("description"));
        let duration = node.some("max_session_duration").and_then(Node::as_int);
        fields.set_some("max_session_duration", duration);
        let trust = node.some("trust").and_then(|trust| decode_trust(trust, scope));
        fields.set_some("trust", trust.as_ref().map(Value::from_json));
        let policies = node.some("policies").map(|policies| decode_policies(policies, scope));
        fields.set_some("inline_policies", policies.filter(|policies| !policies.is_empty()));
        let managed = node.some("managed_policies").map(|list| decode_managed(list, scope));
        fields.set_some("managed_policies", managed.filter(|arns| !arns.is_empty()).map(Value::texts));
        let boundary = node.text("permissions_boundary");
        fields.set_some("permissions_boundary", boundary.map(|name| policy_arn(&name, scope.partition())));
        fields.set_some("tags", tags::desired(entry, scope));
        trust.map(|_| Draft { fields, ..Draft::default() })
    }
}

#[async_trait]
impl Contact for Role {
    async fn survey(&self, cloud: &Cloud, request: SurveyRequest<'_>) -> Survey {
        let found = each(request.wanted, |wanted| async move {
            live(read(cloud, &wanted.identity, Some(&wanted.fields), None).await)
        })
        .await;
        let mut survey = Survey { found, ..Survey::default() };
        if !request.find_owned {
            return survey;
        }
        let listed = match list(cloud).await {
            Ok(listed) => listed,
            Err(error) => {
                survey.blind = Some(error);
                return survey;
            }
        };
        for (wanted, found) in request.wanted.iter().zip(&mut survey.found) {
            let twin = |role: &&Listed| {
                role.name != wanted.identity && role.name.eq_ignore_ascii_case(&wanted.identity)
            };
            if let (Live::Absent, Some(twin)) = (&*found, listed.iter().find(twin)) {
                let reason = format!("a role `{}` exists, and IAM takes both names for one", twin.name);
                *found = Live::Conflict { reason, hint: Some(format!("call it `{}`", twin.name)) };
            }
        }
        let others = listed.iter().filter(|role| {
            let wanted = request.wanted.iter().any(|wanted| wanted.identity.eq_ignore_ascii_case(&role.name));
            let marked = role.tags.as_ref().is_none_or(|tags| is_of(tags.clone(), request.stack));
            !wanted && marked
        });
        for answer in each(others, |role| read(cloud, &role.name, None, Some(request.stack))).await {
            match answer {
                Ok(present) => survey.owned.extend(present),
                Err(error) => survey.blind = Some(error),
            }
        }
        survey
    }

    async fn inventory(&self, cloud: &Cloud, present: &Present) -> Result<Inventory, CloudError> {
        let others = Others::of(cloud, present).await?;
        Ok(Inventory { needs_permission: !others.is_empty(), lines: others.lines() })
    }

    async fn create(&self, cloud: &Cloud, target: &Target) -> Result<(), CloudError> {
        let (name, fields) = (&target.identity, &target.fields);
        // The mark is in the first call: killed after it, the next apply finds its own role, and puts on the
        // policies that are missing.
        let request = cloud
            .iam
            .create_role()
            .role_name(name)
            .set_path(fields.text("path").map(str::to_owned))
            .set_description(fields.text("description").filter(|text| !text.is_empty()).map(str::to_owned))
            .max_session_duration(seconds(fields.int("max_session_duration")))
            .set_permissions_boundary(fields.text("permissions_boundary").map(str::to_owned))
            .assume_role_policy_document(document_text(fields.get("trust")))
            .set_tags(iam_tags(tags::for_create(target))?);
        if let Err(mut error) = request.send().await.named("iam:CreateRole") {
            // A role that exists and cannot be seen was made a moment ago: reads lag behind.
            if error.class == Class::Exists && get(cloud, name).await?.is_none() {
                error.class = Class::Propagating;
            }
            return Err(error);
        }
        let inline = fields.get("inline_policies").and_then(Value::as_map).into_iter().flatten();
        for (policy, document) in inline {
            put(cloud, name, policy, document).await?;
        }
        for arn in fields.texts("managed_policies") {
            attach(cloud, name, &arn).await?;
        }
        Ok(())
    }

    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target,
        live: &Present,
        changes: &[Change],
    ) -> Result<(), CloudError> {
        let name = &target.identity;
        let within = |field: &'static str| changes.iter().filter(move |change| change.path.field() == field);
        // First what goes, then the mark, then what comes. The mark must name what is lakeform's as long as it is
        // there: killed at any point, the next apply still knows what to take away.
        for change in within("inline_policies").filter(|change| change.to.is_none()) {
            delete_inline(cloud, name, change.path.last()).await?;
        }
        for change in within("managed_policies") {
            let (before, after) = (members(change.from.as_ref()), members(change.to.as_ref()));
            for arn in before.iter().filter(|arn| !after.contains(arn)) {
                detach(cloud, name, arn).await?;
            }
        }
        retag(cloud, name, TagPatch::of(target, live, changes)).await?;
        if let Some(change) = within("permissions_boundary").next() {
            set_boundary(cloud, name, change.to.as_ref().and_then(Value::as_text)).await?;
        }
        if within("trust").next().is_some() {
            let document = document_text(target.fields.get("trust"));
            let request = cloud.iam.update_assume_role_policy().role_name(name).policy_document(document);
            visible(request.send().await.named("iam:UpdateAssumeRolePolicy"))?;
        }
        if within("description").chain(within("max_session_duration")).next().is_some() {
            // Both are sent always: AWS's own words disagree on whether an absent duration stays.
            // Source: the UpdateRole API reference.
            let now = |field: &'static str| match within(field).next() {
                Some(change) => change.to.clone(),
                None => live.fields.get(field).cloned(),
            };
            let description = now("description");
            let request = cloud
                .iam
                .update_role()
                .role_name(name)
                .description(description.as_ref().and_then(Value::as_text).unwrap_or_default())
                .max_session_duration(seconds(now("max_session_duration").as_ref().and_then(Value::as_int)));
            visible(request.send().await.named("iam:UpdateRole"))?;
        }
        for change in within("inline_policies") {
            if let Some(document) = &change.to {
                put(cloud, name, change.path.last(), document).await?;
            }
        }
        for change in within("managed_policies") {
            let (before, after) = (members(change.from.as_ref()), members(change.to.as_ref()));
            for arn in after.iter().filter(|arn| !before.contains(arn)) {
                attach(cloud, name, arn).await?;
            }
        }
        Ok(())
    }

    async fn delete(&self, cloud: &Cloud, present: &Present, force: Force) -> Result<(), CloudError> {
        let name = &present.identity;
        let Parts { inline, attached, profiles } = Parts::of(cloud, name).await?;
        let others = Others::among(present, &inline, &attached, &profiles);
        if force == Force::No && !others.is_empty() {
            let message =
                format!("`{name}` has {}, which is not lakeform's to remove", others.lines().join("; "));
            return Err(CloudError::new(Class::Invalid, "iam:DeleteRole", message));
        }
        for profile in profiles {
            let request = cloud.iam.remove_role_from_instance_profile();
            let request = request.role_name(name).instance_profile_name(profile);
            absent(request.send().await.named("iam:RemoveRoleFromInstanceProfile"))?;
        }
        for arn in attached {
            detach(cloud, name, &arn).await?;
        }
        for policy in inline {
            delete_inline(cloud, name, &policy).await?;
        }
        let deleted = cloud.iam.delete_role().role_name(name).send().await.named("iam:DeleteRole");
        absent(deleted).map(drop).map_err(|mut error| {
            // Everything was taken off just now: IAM has not seen that everywhere yet.
            if error.code.as_deref().is_some_and(|code| code.starts_with("DeleteConflict")) {
                error.class = Class::Propagating;
            }
            error
        })
    }
}

#[cfg(test)]
mod tests;
