//! Athena workgroups: where results go and what queries may cost.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_athena::types::{
    AclConfiguration, EncryptionConfiguration, EncryptionOption, EngineVersion, ResultConfiguration,
    ResultConfigurationUpdates, S3AclOption, Tag, WorkGroup, WorkGroupConfiguration,
    WorkGroupConfigurationUpdates, WorkGroupState,
};
use lakeform_model::{
    Change, Class, CloudError, Draft, Entry, Facts, FieldRule, Fields, Force, Holds, Inventory, Key, Kind,
    Literal, Mark, Need, Place, Present, Purpose, Resource, Scope, Shape, Survey, SurveyRequest, Target,
    TextRule, Value,
};

use super::query;
use crate::Cloud;
use crate::contact::{Contact, each, live};
use crate::error::{Named, absent};
use crate::s3_url::{self, S3Url};
use crate::tags::{self, TagPatch};

/// The kind `workgroup`.
pub(super) struct Workgroup;

/// The workgroup of every account. AWS makes it, and nobody can delete it.
pub(super) const PRIMARY: &str = "primary";

const CREATE: &str = "athena:CreateWorkGroup";
const UPDATE: &str = "athena:UpdateWorkGroup";
const DELETE: &str = "athena:DeleteWorkGroup";

const SHAPE: Shape = Shape::Object(&[
    Key::new(
        "name",
        Shape::Text(TextRule::checked("a workgroup's name", name_check)),
        "The name. Default: the key.",
    ),
    Key::new(
        "description",
        Shape::Text(TextRule::checked("a description", description_check)),
        "What it is for, up to 1,024 characters.",
    ),
    Key::new("state", Shape::Word(&["ENABLED", "DISABLED"]), "Whether it takes queries. Default: `ENABLED`."),
    Key::new("results", s3_url::SHAPE, "Where query results go: an S3 URL of a folder."),
    Key::new(
        "enforce",
        Shape::Bool,
        "Whether these settings win over the ones that a query brings. Default: true.",
    ),
    Key::new(
        "encryption",
        Shape::Object(&[
            Key::required(
                "type",
                Shape::Word(&["SSE_S3", "SSE_KMS", "CSE_KMS"]),
                "How results are encrypted.",
            ),
            Key::new("kms_key", Shape::TEXT, "The KMS key's ARN or id, for `SSE_KMS` and `CSE_KMS`."),
        ]),
        "The encryption of results.",
    ),
    Key::new(
        "expected_bucket_owner",
        Shape::Text(TextRule::checked("an AWS account id", account_check)),
        "The 12 digits of the account that must own the results' bucket, in quotes.",
    ),
    Key::new("acl", Shape::Word(&["BUCKET_OWNER_FULL_CONTROL"]), "The canned ACL of results."),
    Key::new(
        "bytes_scanned_cutoff",
        Shape::Int { min: 10_000_000, max: i64::MAX },
        "The most bytes that one query may scan. Default: no limit.",
    ),
    Key::new(
        "engine_version",
        Shape::Word(&["AUTO", "Athena engine version 3"]),
        "The engine. Default: whatever it has; AWS begins with `AUTO`.",
    ),
    Key::new("publish_metrics", Shape::Bool, "Whether CloudWatch gets its metrics. Default: true."),
    Key::new(
        "requester_pays",
        Shape::Bool,
        "Whether queries may read buckets whose requesters pay. Default: false.",
    ),
    tags::KEY,
]);

const RULES: &[FieldRule] = &[
    FieldRule::new("description").default(Literal::Text("")),
    FieldRule::new("state").default(Literal::Text("ENABLED")),
    FieldRule::new("results").absent(),
    FieldRule::new("enforce").default(Literal::Bool(true)),
    FieldRule::new("encryption").absent(),
    FieldRule::new("expected_bucket_owner").absent(),
    FieldRule::new("acl").absent(),
    FieldRule::new("bytes_scanned_cutoff").absent(),
    FieldRule::new("engine_version").note("AWS moves `AUTO` on"),
    FieldRule::new("publish_metrics").default(Literal::Bool(true)),
    FieldRule::new("requester_pays").default(Literal::Bool(false)),
    tags::RULE,
];

impl Kind for Workgroup {
    fn facts(&self) -> &'static Facts {
        &Facts {
            name: "workgroup",
            place: &["athena", "workgroups"],
            shape: SHAPE,
            rules: RULES,
            holds: Holds::Data,
            about: "An Athena workgroup: where the results of its queries go, and what they may cost.",
            beside: &[],
        }
    }

    /// It holds saved queries, which are their authors' work. And what holds data is surveyed first: the saved
    /// queries of a stack are looked for in its workgroups.
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
        BTreeMap::from([("arn", format!("arn:{partition}:athena:{region}:{account}:workgroup/{identity}"))])
    }
    fn needs(&self, purpose: Purpose, resource: Option<&Resource>, place: &Place<'_>) -> Vec<Need> {
        let Some(resource) = resource else {
            let groups = place.arn("athena", "workgroup/*");
            let find = [
                Need::anywhere(["athena:ListWorkGroups"]),
                Need::new(["athena:ListTagsForResource"], [groups]),
            ];
            return if purpose == Purpose::Plan { find.into() } else { Vec::new() };
        };
        let group = [place.arn("athena", &format!("workgroup/{}", resource.identity))];
        match purpose {
            Purpose::Plan => vec![Need::new(
                ["athena:GetWorkGroup", "athena:ListNamedQueries", "athena:BatchGetNamedQuery"],
                group,
            )],
            Purpose::Apply => vec![Need::new(
                [
                    "athena:CreateWorkGroup",
                    "athena:UpdateWorkGroup",
                    "athena:DeleteWorkGroup",
                    "athena:TagResource",
                    "athena:UntagResource",
                ],
                group,
            )],
            Purpose::Run => {
                let mut needs = vec![Need::new(
                    [
                        "athena:StartQueryExecution",
                        "athena:GetQueryExecution",
                        "athena:GetQueryResults",
                        "athena:StopQueryExecution",
                    ],
                    group,
                )];
                // Athena writes and reads the results in the caller's name. Source: the Athena user guide, "Allow
                // access to Athena".
                if let Some(url) = resource.fields.text("results").and_then(S3Url::parse) {
                    let key = url.key.trim_end_matches('/');
                    let slash = if key.is_empty() { "" } else { "/" };
                    let results = place.s3(&format!("{}/{key}{slash}*", url.bucket));
                    let on_keys = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"];
                    needs.push(Need::new(on_keys, [results]));
                    let on_bucket =
                        ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"];
                    needs.push(Need::new(on_bucket, [place.s3(&url.bucket)]));
                }
                needs
            }
        }
    }

    fn decode(&self, entry: &Entry<'_>, scope: &mut Scope<'_>) -> Option<Draft> {
        let node = entry.node;
        // A key has less to obey than a name.
        if node.some("name").is_none()
            && let Err(problem) = name_check(entry.address.key())
        {
            scope
                .error(entry.key, format!("a workgroup's name {problem}"))
                .hint("give it a `name` of its own");
            return None;
        }
        let mut fields = Fields::new();
        for text in ["description", "state", "expected_bucket_owner", "acl", "engine_version"] {
            fields.set_some(text, node.text(text));
        }
        for (key, field) in [
            ("enforce", "enforce"),
            ("publish_metrics", "publish_metrics"),
            ("requester_pays", "requester_pays"),
        ] {
            fields.set_some(field, node.get(key).and_then(lakeform_model::Node::as_bool));
        }
        fields.set_some("results", node.text("results").map(|url| s3_url::value(&url)));
        let cutoff = node.get("bytes_scanned_cutoff").and_then(lakeform_model::Node::as_int);
        fields.set_some("bytes_scanned_cutoff", cutoff);
        if let Some(encryption) = node.some("encryption") {
            let (kind, key) = (encryption.text("type").unwrap_or_default(), encryption.text("kms_key"));
            match (kind.as_str(), &key) {
                ("SSE_S3", Some(_)) => {
                    scope
                        .error(encryption, "`SSE_S3` takes no `kms_key`")
                        .hint("use `SSE_KMS` for a key of yours");
                    return None;
                }
                ("SSE_KMS" | "CSE_KMS", None) => {
                    scope.error(encryption, format!("`{kind}` needs `kms_key`"));
                    return None;
                }
                _ => fields.set("encryption", encryption_value(&kind, key)),
            };
        }
        fields.set_some("tags", tags::desired(entry, scope));
        Some(Draft { fields, ..Draft::default() })
    }
}

/// Source: the `WorkGroupName` of the Athena API reference.
fn name_check(name: &str) -> Result<(), String> {
    if name.contains("${") {
        return Ok(());
    }
    if name.is_empty() || name.len() > 128 {
        return Err("must be 1 to 128 characters long".to_owned());
    }
    match name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
        Some(c) => {
            Err(format!("must not hold `{}`: only letters, digits, `.`, `_` and `-`", c.escape_default()))
        }
        None => Ok(()),
    }
}

fn description_check(text: &str) -> Result<(), String> {
    if text.chars().count() > 1024 { Err("must be at most 1,024 characters long".to_owned()) } else { Ok(()) }
}

fn account_check(text: &str) -> Result<(), String> {
    let fine = text.len() == 12 && text.chars().all(|c| c.is_ascii_digit());
    if fine || text.contains("${") { Ok(()) } else { Err("must be 12 digits, in quotes".to_owned()) }
}

fn encryption_value(kind: &str, key: Option<String>) -> Value {
    let mut map = BTreeMap::from([("type".to_owned(), Value::from(kind))]);
    map.extend(key.map(|key| ("kms_key".to_owned(), Value::from(key))));
    map.into()
}

/// The canonical fields of a live workgroup; with `wanted`, spelled as it spells what means the same.
fn read(group: &WorkGroup, wanted: &Fields) -> Fields {
    let mut fields = Fields::new();
    fields.set_some("description", group.description().filter(|text| !text.is_empty()));
    fields.set_some("state", group.state().map(WorkGroupState::as_str));
    let Some(settings) = group.configuration() else { return fields };
    fields.set_some("enforce", settings.enforce_work_group_configuration());
    fields.set_some("publish_metrics", settings.publish_cloud_watch_metrics_enabled());
    fields.set_some("requester_pays", settings.requester_pays_enabled());
    fields.set_some("bytes_scanned_cutoff", settings.bytes_scanned_cutoff_per_query());
    let engine = settings.engine_version().and_then(EngineVersion::selected_engine_version);
    fields.set_some("engine_version", engine);
    let Some(results) = settings.result_configuration() else { return fields };
    let location = results.output_location().filter(|url| !url.is_empty());
    fields.set_some("results", location.map(|url| s3_url::live_value(url, wanted.text("results"))));
    fields.set_some("expected_bucket_owner", results.expected_bucket_owner());
    fields.set_some("acl", results.acl_configuration().map(|acl| acl.s3_acl_option().as_str()));
    if let Some(encryption) = results.encryption_configuration() {
        let wanted = wanted.text("encryption.kms_key");
        let key = encryption.kms_key().map(|key| match wanted {
            // The key's id and its ARN name the same key.
            Some(wanted)
                if key.ends_with(&format!("key/{wanted}")) || wanted.ends_with(&format!("key/{key}")) =>
            {
                wanted
            }
            _ => key,
        });
        let value = encryption_value(encryption.encryption_option().as_str(), key.map(str::to_owned));
        fields.set("encryption", value);
    }
    fields
}

fn encryption_of(fields: &Fields) -> Option<EncryptionConfiguration> {
    let option = EncryptionOption::from(fields.text("encryption.type")?);
    let key = fields.text("encryption.kms_key").map(str::to_owned);
    EncryptionConfiguration::builder().encryption_option(option).set_kms_key(key).build().ok()
}

fn acl_of(fields: &Fields) -> Option<AclConfiguration> {
    AclConfiguration::builder().s3_acl_option(S3AclOption::from(fields.text("acl")?)).build().ok()
}

fn engine_of(fields: &Fields) -> Option<EngineVersion> {
    Some(EngineVersion::builder().selected_engine_version(fields.text("engine_version")?).build())
}

fn whole(fields: &Fields) -> WorkGroupConfiguration {
    let results = ResultConfiguration::builder()
        .set_output_location(fields.text("results").map(str::to_owned))
        .set_encryption_configuration(encryption_of(fields))
        .set_expected_bucket_owner(fields.text("expected_bucket_owner").map(str::to_owned))
        .set_acl_configuration(acl_of(fields))
        .build();
    let any = ["results", "encryption", "expected_bucket_owner", "acl"];
    WorkGroupConfiguration::builder()
        .set_result_configuration(any.iter().any(|field| fields.get(field).is_some()).then_some(results))
        .enforce_work_group_configuration(fields.bool("enforce").unwrap_or(true))
        .publish_cloud_watch_metrics_enabled(fields.bool("publish_metrics").unwrap_or(true))
        .requester_pays_enabled(fields.bool("requester_pays").unwrap_or(false))
        .set_bytes_scanned_cutoff_per_query(fields.int("bytes_scanned_cutoff"))
        .set_engine_version(engine_of(fields))
        .build()
}

/// The update that makes these changes and no other: what an update leaves out stays as it is, and what goes
/// has a `Remove…` of its own. `None` when no setting changes.
fn delta(target: &Fields, changes: &[Change]) -> Option<WorkGroupConfigurationUpdates> {
    let mut results = ResultConfigurationUpdates::builder();
    let mut updates = WorkGroupConfigurationUpdates::builder();
    let (mut of_results, mut any) = (false, false);
    let fields: BTreeSet<&str> = changes.iter().map(|change| change.path.field()).collect();
    for field in fields {
        let to =
            changes.iter().find(|change| change.path.field() == field).and_then(|change| change.to.as_ref());
        let flag = to.and_then(Value::as_bool);
        (any, of_results) = match field {
            "results" | "encryption" | "expected_bucket_owner" | "acl" => (true, true),
            "description" | "state" | "tags" => continue,
            _ => (true, of_results),
        };
        match field {
            "results" => match to.and_then(Value::as_text) {
                Some(url) => results = results.output_location(url),
                None => results = results.remove_output_location(true),
            },
            // Changed in one member or whole, it is written whole.
            "encryption" => match encryption_of(target) {
                Some(encryption) => results = results.encryption_configuration(encryption),
                None => results = results.remove_encryption_configuration(true),
            },
            "expected_bucket_owner" => match to.and_then(Value::as_text) {
                Some(owner) => results = results.expected_bucket_owner(owner),
                None => results = results.remove_expected_bucket_owner(true),
            },
            "acl" => match acl_of(target) {
                Some(acl) => results = results.acl_configuration(acl),
                None => results = results.remove_acl_configuration(true),
            },
            "bytes_scanned_cutoff" => match to.and_then(Value::as_int) {
                Some(bytes) => updates = updates.bytes_scanned_cutoff_per_query(bytes),
                None => updates = updates.remove_bytes_scanned_cutoff_per_query(true),
            },
            "enforce" => updates = updates.set_enforce_work_group_configuration(flag),
            "publish_metrics" => updates = updates.set_publish_cloud_watch_metrics_enabled(flag),
            "requester_pays" => updates = updates.set_requester_pays_enabled(flag),
            "engine_version" => updates = updates.set_engine_version(engine_of(target)),
            _ => {}
        }
    }
    if of_results {
        updates = updates.result_configuration_updates(results.build());
    }
    any.then(|| updates.build())
}

fn arn(cloud: &Cloud, name: &str) -> String {
    cloud.arn("athena", &format!("workgroup/{name}"))
}

async fn get(cloud: &Cloud, name: &str) -> Result<Option<WorkGroup>, CloudError> {
    let answer = cloud.athena().get_work_group().work_group(name).send().await.named("athena:GetWorkGroup");
    Ok(absent(answer)?.and_then(|answer| answer.work_group))
}

/// Every tag; `None` when the workgroup is gone. Source: `MaxResults` of `ListTagsForResource` is at least 75.
async fn tags_of(cloud: &Cloud, name: &str) -> Result<Option<BTreeMap<String, String>>, CloudError> {
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
async fn names(cloud: &Cloud) -> Result<Vec<String>, CloudError> {
    let mut pages = cloud.athena().list_work_groups().max_results(50).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let groups = page.named("athena:ListWorkGroups")?.work_groups.unwrap_or_default();
        names.extend(groups.into_iter().filter_map(|group| group.name));
    }
    Ok(names)
}

async fn find(cloud: &Cloud, name: &str, wanted: &Fields) -> Result<Option<Present>, CloudError> {
    let Some(group) = get(cloud, name).await? else { return Ok(None) };
    let Some(tags) = tags_of(cloud, name).await? else { return Ok(None) };
    let mut fields = read(&group, wanted);
    let mark = tags::read(&mut fields, tags);
    Ok(Some(Present { identity: name.to_owned(), handle: None, fields, mark }))
}

/// The marked ones among the others: tags are read one workgroup at a time, settings only of those that are ours.
async fn find_owned(cloud: &Cloud, request: &SurveyRequest<'_>) -> Result<Vec<Present>, CloudError> {
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
async fn foreign_queries(cloud: &Cloud, present: &Present) -> Result<Vec<String>, CloudError> {
    let stack = present.mark.as_ref().map(|mark| mark.stack.as_str());
    let all = query::saved_in(cloud, &present.identity).await?;
    let foreign = all.iter().filter(|saved| {
        let (_, mark) = query::split(saved.description().unwrap_or_default());
        mark.as_ref().map(|mark| mark.stack.as_str()) != stack || stack.is_none()
    });
    Ok(foreign.map(|saved| format!("`{}`", saved.name())).collect())
}

async fn write_tags(cloud: &Cloud, name: &str, patch: TagPatch) -> Result<(), CloudError> {
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

fn tag_list(tags: BTreeMap<String, String>) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

#[async_trait]
impl Contact for Workgroup {
    async fn survey(&self, cloud: &Cloud, request: SurveyRequest<'_>) -> Survey {
        let found = each(request.wanted, |wanted| async move {
            live(find(cloud, &wanted.identity, &wanted.fields).await)
        })
        .await;
        let mut survey = Survey { found, ..Survey::default() };
        if request.find_owned {
            match find_owned(cloud, &request).await {
                Ok(owned) => survey.owned = owned,
                Err(error) => survey.blind = Some(error),
            }
        }
        survey
    }

    async fn inventory(&self, cloud: &Cloud, present: &Present) -> Result<Inventory, CloudError> {
        if present.identity == PRIMARY {
            let lines =
                vec!["what it holds stays: AWS does not delete `primary`, lakeform lets go of it".to_owned()];
            return Ok(Inventory { lines, needs_permission: false });
        }
        let foreign = foreign_queries(cloud, present).await?;
        let mut lines = Vec::new();
        if !foreign.is_empty() {
            let noun = if foreign.len() == 1 { "query" } else { "queries" };
            lines.push(format!("{} saved {noun} of others: {}", foreign.len(), foreign.join(", ")));
        }
        Ok(Inventory { needs_permission: !foreign.is_empty(), lines })
    }

    /// Mark and settings in the first call; only the state needs a second one. Cut off between the two, the
    /// next survey finds a marked workgroup whose state differs.
    async fn create(&self, cloud: &Cloud, target: &Target) -> Result<(), CloudError> {
        let (name, fields) = (target.identity.as_str(), &target.fields);
        let tags = tag_list(tags::for_create(target));
        let answer = cloud
            .athena()
            .create_work_group()
            .name(name)
            .set_description(fields.text("description").filter(|text| !text.is_empty()).map(str::to_owned))
            .configuration(whole(fields))
            // AWS refuses an empty list.
            .set_tags((!tags.is_empty()).then_some(tags))
            .send()
            .await
            .named(CREATE);
        if let Err(mut error) = answer {
            // Athena has one code for everything that is wrong with a request.
            if error.class == Class::Invalid && get(cloud, name).await?.is_some() {
                error.class = Class::Exists;
            }
            return Err(error);
        }
        if fields.text("state") == Some("DISABLED") {
            let request = cloud.athena().update_work_group().work_group(name).state(WorkGroupState::Disabled);
            request.send().await.named(UPDATE)?;
        }
        Ok(())
    }

    /// The mark comes last: until then a dropped tag is still known as ours.
    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target,
        live: &Present,
        changes: &[Change],
    ) -> Result<(), CloudError> {
        let name = &live.identity;
        let text = |field: &str| {
            let change = changes.iter().find(|change| change.path.field() == field)?;
            Some(change.to.as_ref().and_then(Value::as_text).unwrap_or_default().to_owned())
        };
        let (updates, description) = (delta(&target.fields, changes), text("description"));
        let state = text("state").map(|state| WorkGroupState::from(state.as_str()));
        if updates.is_some() || description.is_some() || state.is_some() {
            cloud
                .athena()
                .update_work_group()
                .work_group(name)
                .set_description(description)
                .set_state(state)
                .set_configuration_updates(updates)
                .send()
                .await
                .named(UPDATE)?;
        }
        write_tags(cloud, name, TagPatch::of(target, live, changes)).await
    }

    async fn delete(&self, cloud: &Cloud, present: &Present, force: Force) -> Result<(), CloudError> {
        let name = &present.identity;
        if name == PRIMARY {
            let remove = present.mark.as_ref().map(Mark::to_tags).unwrap_or_default().into_keys().collect();
            return write_tags(cloud, name, TagPatch { set: BTreeMap::new(), remove }).await;
        }
        if force == Force::No {
            let Some(foreign) = absent(foreign_queries(cloud, present).await)? else { return Ok(()) };
            if !foreign.is_empty() {
                let message = format!("it holds saved queries of others: {}", foreign.join(", "));
                return Err(CloudError::new(Class::Invalid, DELETE, message));
            }
        }
        // AWS keeps a workgroup in which queries ran unless it is told to take the history along. That is a
        // record of what was run, not anybody's work; the results in S3 stay.
        let request = cloud.athena().delete_work_group().work_group(name).recursive_delete_option(true);
        absent(request.send().await.named(DELETE)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use lakeform_model::{Managed, diff};

    use super::*;

    fn bare() -> WorkGroup {
        let engine = EngineVersion::builder()
            .selected_engine_version("AUTO")
            .effective_engine_version("Athena engine version 3")
            .build();
        let settings = WorkGroupConfiguration::builder()
            .enforce_work_group_configuration(true)
            .publish_cloud_watch_metrics_enabled(true)
            .requester_pays_enabled(false)
            .engine_version(engine)
            .build();
        WorkGroup::builder().name("w").state(WorkGroupState::Enabled).configuration(settings).build().unwrap()
    }

    #[test]
    fn what_aws_fills_in_is_no_difference() {
        let live = read(&bare(), &Fields::new());
        assert_eq!(diff(&Fields::new(), &live, RULES, &Managed::default()), []);
    }

    #[test]
    fn a_dropped_setting_is_removed_by_name() {
        let mut live = Fields::new();
        live.set("results", s3_url::value("s3://a/b/")).set("bytes_scanned_cutoff", 20_000_000_i64);
        live.set("encryption", encryption_value("SSE_S3", None)).set("enforce", false);
        let wanted = Fields::new();
        let changes = diff(&wanted, &live, RULES, &Managed::default());
        let updates = delta(&wanted, &changes).unwrap();
        assert_eq!(updates.remove_bytes_scanned_cutoff_per_query(), Some(true));
        assert_eq!(updates.enforce_work_group_configuration(), Some(true));
        let results = updates.result_configuration_updates().unwrap();
        assert_eq!(results.remove_output_location(), Some(true));
        assert_eq!(results.remove_encryption_configuration(), Some(true));
        assert_eq!(updates.requester_pays_enabled(), None);
    }
}
