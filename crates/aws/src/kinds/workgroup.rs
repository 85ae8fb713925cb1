//! Athena workgroups: where results go and what queries may cost.

mod calls;
mod configuration;

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_athena::types::WorkGroupState;
use lakeform_model::{
    Change, Class, CloudError, Draft, Entry, Facts, FieldRule, Fields, Force, Holds, Inventory, Key, Kind,
    Literal, Mark, Need, Place, Present, Purpose, Resource, Scope, Shape, Survey, SurveyRequest, Target,
    TextRule, Value,
};

use self::calls::write_tags;
use self::calls::{find, find_owned, foreign_queries, get, tag_list};
use self::configuration::{delta, encryption_value, whole};
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
