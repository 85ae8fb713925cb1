//! An S3 bucket with the settings of a data lake's: versioning, encryption, public access, lifecycle.
//!
//! The mark stands in its tags, given with the very call that creates it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, BucketLocationConstraint, BucketVersioningStatus,
    CreateBucketConfiguration, LifecycleRule, ObjectOwnership, OwnershipControls, OwnershipControlsRule,
    PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging, VersioningConfiguration,
};
use lakeform_model::{
    Change, Class, CloudError, Draft, Entry, Facts, FieldRule, Fields, Force, Holds, Inventory, Key, Kind,
    Literal, Live, Managed, Mark, Merge, Need, Node, NodeValue, Place, Present, Purpose, Resource, Scope,
    Shape, Survey, SurveyRequest, Target, TextRule, Value, Wanted,
};

use crate::contact::{Contact, each};
use crate::error::{Named, absent};
use crate::sending::spreading;
use crate::{Cloud, lifecycle, objects, s3_url, tags};

/// A bucket.
pub(crate) struct Bucket;

const BLOCKS: [&str; 4] =
    ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"];
const ALL_BLOCKED: &str = r#"{"block_public_acls":true,"block_public_policy":true,"ignore_public_acls":true,"restrict_public_buckets":true}"#;

const ENCRYPTION: &[Key] = &[
    Key::required(
        "type",
        Shape::Word(&["AES256", "aws:kms", "aws:kms:dsse"]),
        "`AES256` for keys of S3's own, `aws:kms` for KMS, `aws:kms:dsse` for two layers of it.",
    ),
    Key::new(
        "kms_key",
        Shape::Text(TextRule::named("a KMS key's ARN, id or alias")),
        "The KMS key; without it, the account's own for S3.",
    ),
    Key::new("bucket_key", Shape::Bool, "Whether one bucket key saves calls to KMS."),
];
const PUBLIC_ACCESS_BLOCK: &[Key] = &[
    Key::new("block_public_acls", Shape::Bool, "Whether new public ACLs are refused; true by default."),
    Key::new("block_public_policy", Shape::Bool, "Whether public policies are refused; true by default."),
    Key::new("ignore_public_acls", Shape::Bool, "Whether public ACLs have no effect; true by default."),
    Key::new(
        "restrict_public_buckets",
        Shape::Bool,
        "Whether a public policy admits only this account and AWS services; true by default.",
    ),
];
const KEYS: &[Key] = &[
    Key::new(
        "name",
        Shape::Text(TextRule::checked("an S3 bucket name", s3_url::bucket_name)),
        "The bucket's name, unique in all of AWS; the entry's key by default.",
    ),
    Key::new("versioning", Shape::Bool, "Whether S3 keeps every version of every object."),
    Key::new("encryption", Shape::Object(ENCRYPTION), "How new objects are encrypted by default."),
    Key::new(
        "public_access_block",
        Shape::Any(&[Shape::Bool, Shape::Object(PUBLIC_ACCESS_BLOCK)]),
        "Which public access is refused: all of it by default, none with `false`.",
    ),
    Key::new(
        "lifecycle",
        lifecycle::SHAPE,
        "Rules that move and delete objects by age. Rules that others made stay as they are.",
    ),
    Key::new(
        "object_ownership",
        Shape::Word(&["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"]),
        "Who owns objects that other accounts upload; AWS's default, `BucketOwnerEnforced`, turns ACLs off.",
    ),
    tags::KEY,
];

const RULES: &[FieldRule] = &[
    FieldRule::new("versioning")
        .note("false means suspended, or never turned on; left out, it stays as it is"),
    FieldRule::new("encryption").note("left out, it stays as it is: AES256 on a new bucket"),
    FieldRule::new("encryption.bucket_key").note("left out, it stays as it is"),
    FieldRule::new("public_access_block").default(Literal::Json(ALL_BLOCKED)),
    FieldRule::new("lifecycle").merge(Merge::Keys).note("rules that others made stay as they are"),
    FieldRule::new("object_ownership")
        .note("left out, it stays as it is: `BucketOwnerEnforced` on a new bucket"),
    tags::RULE,
];

impl Kind for Bucket {
    fn facts(&self) -> &'static Facts {
        &Facts {
            name: "bucket",
            place: &["buckets"],
            shape: Shape::Object(KEYS),
            rules: RULES,
            holds: Holds::Data,
            about: "An S3 bucket; deleting one that holds anything needs a permission, and then empties it of all versions.",
            beside: &[],
        }
    }

    fn identity(&self, entry: &Entry<'_>) -> String {
        entry.name()
    }

    fn outputs(
        &self,
        _entry: &Entry<'_>,
        identity: &str,
        scope: &Scope<'_>,
    ) -> BTreeMap<&'static str, String> {
        BTreeMap::from([("arn", format!("arn:{}:s3:::{identity}", scope.partition()))])
    }
    fn needs(&self, purpose: Purpose, resource: Option<&Resource>, place: &Place<'_>) -> Vec<Need> {
        let Some(resource) = resource else {
            let list = [
                Need::anywhere(["s3:ListAllMyBuckets"]),
                Need::new(["s3:GetBucketTagging"], [place.s3("*")]),
            ];
            return if purpose == Purpose::Plan { list.into() } else { Vec::new() };
        };
        let (bucket, keys) = (place.s3(&resource.identity), place.s3(&format!("{}/*", resource.identity)));
        let settings = SETTINGS.iter().filter(|(field, _, _)| resource.fields.get(field).is_some());
        match purpose {
            Purpose::Plan => {
                let mut actions = vec!["s3:ListBucket", "s3:GetBucketTagging", "s3:ListBucketVersions"];
                actions.extend(settings.map(|(_, get, _)| *get));
                // Rules that the manifest dropped are looked for, too.
                actions.push("s3:GetLifecycleConfiguration");
                vec![Need::new(actions, [bucket])]
            }
            Purpose::Apply => {
                // Tags that ride on the creation are an action of their own. Source: the CreateBucket API reference.
                let mut actions =
                    vec!["s3:CreateBucket", "s3:TagResource", "s3:PutBucketTagging", "s3:DeleteBucket"];
                actions.extend(settings.map(|(_, _, put)| *put));
                actions.push("s3:PutLifecycleConfiguration");
                let mut needs = vec![Need::new(actions, [bucket.clone()])];
                if resource.permissions.force_destroy {
                    let empty = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:AbortMultipartUpload"];
                    needs.push(Need::new(["s3:ListBucketMultipartUploads"], [bucket]));
                    needs.push(Need::new(empty, [keys]));
                }
                needs.extend(key_needs(resource, place));
                needs
            }
            Purpose::Run => key_needs(resource, place).into_iter().collect(),
        }
    }

    fn decode(&self, entry: &Entry<'_>, scope: &mut Scope<'_>) -> Option<Draft> {
        check_name(entry, scope);
        let node = entry.node;
        let mut fields = Fields::new();
        fields.set_some("versioning", node.get("versioning").and_then(Node::as_bool));
        if let Some(encryption) = node.some("encryption") {
            fields.set("encryption", decode_encryption(encryption, scope));
        }
        fields.set("public_access_block", decode_block(node.get("public_access_block")));
        if let Some(rules) = node.some("lifecycle") {
            fields.set("lifecycle", lifecycle::decode(rules, scope));
        }
        fields.set_some("object_ownership", node.text("object_ownership"));
        fields.set_some("tags", tags::desired(entry, scope));
        Some(Draft { fields, ..Draft::default() })
    }
}

fn check_name(entry: &Entry<'_>, scope: &mut Scope<'_>) {
    let (name, given) = (entry.name(), entry.node.some("name"));
    let at = given.unwrap_or(entry.key).clone();
    if let Err(problem) = s3_url::bucket_name(&name)
        // A given name was held against its shape already.
        && given.is_none()
    {
        scope.error(&at, format!("the bucket name `{}` {problem}", name.escape_debug())).hint("give `name`");
    }
    if is_account_regional(&name) {
        scope
            .error(&at, format!("`{name}` is a name of the account-regional namespace"))
            .hint("lakeform makes buckets of the global namespace: choose a name that does not end this way");
    } else if name.contains('.') {
        let message = format!("`{name}` holds a dot: its HTTPS address does not match S3's certificate");
        scope.diagnostics.warning(Some(at.span), message).hint("use `-` instead");
    }
}

/// `<prefix>-<account>-<region>-an`. Source: the `BucketNamespace` header of the `CreateBucket` API reference.
fn is_account_regional(name: &str) -> bool {
    let Some(rest) = name.strip_suffix("-an") else { return false };
    let parts: Vec<&str> = rest.split('-').collect();
    // A region has three parts or four (`us-gov-west-1`).
    [4, 5].iter().any(|back| {
        let account = parts.len().checked_sub(*back).and_then(|at| parts.get(at));
        account.is_some_and(|part| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

fn decode_encryption(node: &Node, scope: &mut Scope<'_>) -> Value {
    let kind = node.text("type").unwrap_or_default();
    let mut map = BTreeMap::from([("type".to_owned(), Value::from(kind.as_str()))]);
    if let Some(key) = node.some("kms_key") {
        if kind == "AES256" {
            scope.error(key, "`kms_key` needs `type: aws:kms`").hint("`AES256` uses keys of S3's own");
        }
        map.insert("kms_key".to_owned(), key.scalar_text().unwrap_or_default().into());
    }
    if let Some(bucket_key) = node.get("bucket_key").and_then(Node::as_bool) {
        if bucket_key && kind == "aws:kms:dsse" {
            scope.error(node.get("bucket_key").unwrap_or(node), "`aws:kms:dsse` has no bucket keys");
        }
        map.insert("bucket_key".to_owned(), bucket_key.into());
    }
    Value::Map(map)
}

fn decode_block(node: Option<&Node>) -> Value {
    let all = node.and_then(Node::as_bool).unwrap_or(true);
    let one = |name: &str| {
        let given = node.filter(|node| matches!(node.value, NodeValue::Map(_)));
        given.and_then(|node| node.get(name)).and_then(Node::as_bool).unwrap_or(all)
    };
    Value::Map(BLOCKS.iter().map(|name| ((*name).to_owned(), one(name).into())).collect())
}

/// The settings that are calls of their own, and the actions that read and write them.
const SETTINGS: [(&str, &str, &str); 4] = [
    ("public_access_block", "s3:GetBucketPublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
    ("versioning", "s3:GetBucketVersioning", "s3:PutBucketVersioning"),
    ("encryption", "s3:GetEncryptionConfiguration", "s3:PutEncryptionConfiguration"),
    ("object_ownership", "s3:GetBucketOwnershipControls", "s3:PutBucketOwnershipControls"),
];

/// What S3 does in the caller's name with the key that new objects are encrypted with. Source: the S3 user guide,
/// "Using server-side encryption with AWS KMS keys".
fn key_needs(resource: &Resource, place: &Place<'_>) -> Option<Need> {
    let key = resource.fields.text("encryption.kms_key").filter(|key| !is_own_key(key))?;
    let actions = ["kms:Decrypt", "kms:GenerateDataKey"];
    let (arn, alias) = match key {
        key if key.contains(":key/") => (key.to_owned(), None),
        key if key.contains("alias/") => (place.arn("kms", "key/*"), key.find("alias/").map(|at| &key[at..])),
        key => (place.arn("kms", &format!("key/{key}")), None),
    };
    let need = Need::new(actions, [arn]);
    Some(match alias {
        Some(alias) => {
            need.only_if("ForAnyValue:StringEquals", "kms:ResourceAliases", vec![alias.to_owned()])
        }
        None => need,
    })
}

#[async_trait]
impl Contact for Bucket {
    async fn survey(&self, cloud: &Cloud, request: SurveyRequest<'_>) -> Survey {
        let found = each(request.wanted, |wanted| read(cloud, wanted)).await;
        let mut survey = Survey { found, ..Survey::default() };
        if request.find_owned {
            match owned(cloud, &request).await {
                Ok((owned, blind)) => (survey.owned, survey.blind) = (owned, blind),
                Err(error) => survey.blind = Some(error),
            }
        }
        survey
    }

    async fn inventory(&self, cloud: &Cloud, present: &Present) -> Result<Inventory, CloudError> {
        let lines = absent(objects::count(cloud, &present.identity).await)?.unwrap_or_default();
        Ok(Inventory { needs_permission: !lines.is_empty(), lines })
    }

    async fn create(&self, cloud: &Cloud, target: &Target) -> Result<(), CloudError> {
        let name = &target.identity;
        let all = tags::for_create(target);
        // The mark rides on the call that creates the bucket: killed after it, the next apply finds a bucket
        // of ours and makes the settings that are missing. In us-east-1 the same call for a bucket that is
        // there succeeds and resets its ACLs, so it is made only where a read has just said that it is not.
        let mut configuration = CreateBucketConfiguration::builder().set_tags(Some(tag_list(&all)?));
        if cloud.region != "us-east-1" {
            let constraint = BucketLocationConstraint::from(cloud.region.as_str());
            configuration = configuration.location_constraint(constraint);
        }
        let request = cloud.s3.create_bucket().bucket(name);
        let created = request.create_bucket_configuration(configuration.build()).send().await;
        created.named("s3:CreateBucket").map_err(|error| taken(name, error))?;
        // Tags on create are younger than S3: an endpoint that does not know them leaves them out silently,
        // and a bucket without its mark would be nobody's. Written again, they stand in any case.
        put_tags(cloud, name, &all).await.map_err(spreading)?;
        for field in target.fields.0.keys() {
            put_setting(cloud, name, field, &target.fields, &[]).await.map_err(spreading)?;
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
        let fields: std::collections::BTreeSet<&str> =
            changes.iter().map(|change| change.path.field()).collect();
        for field in fields {
            put_setting(cloud, name, field, &target.fields, changes).await.map_err(spreading)?;
        }
        // The mark comes last: until what the manifest dropped is gone, the old mark says that it was ours.
        let patch = tags::TagPatch::of(target, live, changes);
        if patch.is_empty() {
            return Ok(());
        }
        // Put replaces all tags, so those of others are read just now and written back.
        let all = patch.applied_to(get_tags(cloud, name).await?);
        put_tags(cloud, name, &all).await.map_err(spreading)
    }

    async fn delete(&self, cloud: &Cloud, present: &Present, force: Force) -> Result<(), CloudError> {
        let name = &present.identity;
        let mut left = MOST_EMPTYINGS;
        loop {
            let deleted = cloud.s3.delete_bucket().bucket(name).send().await.named("s3:DeleteBucket");
            let error = match absent(deleted) {
                Ok(_) => return Ok(()),
                Err(error) if error.code.as_deref() == Some("BucketNotEmpty") => error,
                Err(error) => return Err(error),
            };
            if force == Force::No {
                let message = format!("`{name}` is not empty, and nothing permits losing what is in it");
                return Err(CloudError { class: Class::Invalid, message, ..error });
            }
            if left == 0 {
                let message =
                    format!("`{name}` was emptied {MOST_EMPTYINGS} times and is being filled again");
                return Err(CloudError { class: Class::Invalid, message, ..error });
            }
            left -= 1;
            if absent(objects::empty(cloud, name).await)?.is_none() {
                return Ok(());
            }
        }
    }
}

/// Writers of logs go on for a while after they were turned off.
const MOST_EMPTYINGS: u32 = 4;

/// The name is taken by somebody else: no reread can change that.
fn taken(name: &str, error: CloudError) -> CloudError {
    if error.code.as_deref() != Some("BucketAlreadyExists") {
        return error;
    }
    let message =
        format!("`{name}` belongs to another account: bucket names are unique in all of AWS, choose another");
    CloudError { class: Class::Invalid, message, ..error }
}

async fn read(cloud: &Cloud, wanted: &Wanted) -> Live {
    match head(cloud, &wanted.identity).await {
        Ok(Head::Here) => {}
        Ok(Head::Absent) => return Live::Absent,
        Ok(Head::Elsewhere(region)) => {
            return Live::Conflict {
                reason: format!(
                    "the bucket `{}` is in `{region}`, not in `{}`",
                    wanted.identity, cloud.region
                ),
                hint: Some(format!("set `region: {region}`, or choose another name")),
            };
        }
        Err(error) => return Live::Unreadable(error),
    }
    // Six reads side by side make a large future.
    match Box::pin(read_settings(cloud, wanted)).await {
        Ok(present) => Live::Present(present),
        // It was there a moment ago: gone since, or not visible everywhere yet.
        Err(error) if error.code.as_deref() == Some("NoSuchBucket") => Live::Unreadable(spreading(error)),
        Err(error) => Live::Unreadable(error),
    }
}

enum Head {
    Here,
    Absent,
    Elsewhere(String),
}

/// Whether a bucket is there, by the one call that says where it is, too.
async fn head(cloud: &Cloud, name: &str) -> Result<Head, CloudError> {
    const REGION: &str = "x-amz-bucket-region";
    let answer = cloud.s3.head_bucket().bucket(name).send().await;
    let region = match &answer {
        Ok(found) => found.bucket_region().map(str::to_owned),
        Err(error) => error.raw_response().and_then(|raw| raw.headers().get(REGION)).map(str::to_owned),
    };
    let elsewhere = region.filter(|region| !region.is_empty() && *region != cloud.region);
    let error = match (answer.named("s3:HeadBucket"), elsewhere) {
        (Ok(_), None) => return Ok(Head::Here),
        (Ok(_), Some(region)) => return Ok(Head::Elsewhere(region)),
        (Err(error), elsewhere) => match (error.status, elsewhere) {
            (Some(404), _) => return Ok(Head::Absent),
            (Some(301 | 307 | 400), Some(region)) => return Ok(Head::Elsewhere(region)),
            _ => error,
        },
    };
    // A HEAD has no body, so S3 cannot say why: 403 is another account's bucket as well as a missing permission.
    if error.status == Some(403) {
        let message = format!(
            "`{name}` exists and may not be read: it belongs to another account, or `s3:ListBucket` on it is not allowed"
        );
        return Err(CloudError { message, ..error });
    }
    Err(error)
}

/// Reads the tags, and of the settings those that the manifest manages: each is a call.
async fn read_settings(cloud: &Cloud, wanted: &Wanted) -> Result<Present, CloudError> {
    let name = wanted.identity.as_str();
    let fields = &wanted.fields;
    let wants = |field: &str| fields.0.contains_key(field);
    let (all, block, versioning, encryption, ownership, rules) = futures_util::try_join!(
        get_tags(cloud, name),
        when(wants("public_access_block"), get_block(cloud, name)),
        when(wants("versioning"), get_versioning(cloud, name)),
        when(wants("encryption"), get_encryption(cloud, name)),
        when(wants("object_ownership"), get_ownership(cloud, name)),
        when(wants("lifecycle"), get_lifecycle(cloud, name)),
    )?;
    let mut live = Fields::new();
    let mark = tags::read(&mut live, all);
    live.set_some("public_access_block", block);
    live.set_some("versioning", versioning);
    let wanted_key = fields.text("encryption.kms_key");
    live.set_some("encryption", encryption.flatten().map(|rule| canonical_encryption(&rule, wanted_key)));
    live.set_some("object_ownership", ownership.flatten());
    let mut rules = rules.map(|(rules, _)| rules);
    if rules.is_none() && dropped_something(mark.as_ref(), fields) {
        rules = Some(get_lifecycle(cloud, name).await?.0);
    }
    let rules = rules.map(|rules| lifecycle::read(&rules)).filter(|rules| !rules.is_empty());
    live.set_some("lifecycle", rules);
    Ok(Present { identity: name.to_owned(), handle: None, fields: live, mark })
}

/// Whether the mark manages something that is not wanted any more: it may be a lifecycle rule.
fn dropped_something(mark: Option<&Mark>, wanted: &Fields) -> bool {
    mark.is_some_and(|mark| mark.managed != Managed::of(wanted, RULES))
}

async fn when<T>(
    wanted: bool,
    read: impl Future<Output = Result<T, CloudError>> + Send,
) -> Result<Option<T>, CloudError> {
    if wanted { read.await.map(Some) } else { Ok(None) }
}

/// Every other bucket of this region that carries the stack's mark. The second value says whose tags could
/// not be read.
async fn owned(
    cloud: &Cloud,
    request: &SurveyRequest<'_>,
) -> Result<(Vec<Present>, Option<CloudError>), CloudError> {
    let mut names: Vec<String> = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let list = cloud.s3.list_buckets().bucket_region(&cloud.region).max_buckets(1000);
        let page = list.set_continuation_token(next.take()).send().await.named("s3:ListBuckets")?;
        // An endpoint that ignores the parameter names the region, if any, on each bucket.
        let here = page.buckets().iter().filter(|bucket| {
            bucket.bucket_region().is_none_or(|region| region.is_empty() || region == cloud.region)
        });
        names.extend(here.filter_map(|bucket| bucket.name().map(str::to_owned)));
        next = page.continuation_token().filter(|token| !token.is_empty()).map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    names.retain(|name| !request.wanted.iter().any(|wanted| wanted.identity == *name));
    let total = names.len();
    let reads = each(names, |name| async move {
        let all = absent(get_tags(cloud, &name).await);
        (name, all)
    });
    let (mut owned, mut unread, mut blind) = (Vec::new(), 0, None);
    for (name, all) in reads.await {
        match all {
            Ok(Some(all)) => {
                let mut fields = Fields::new();
                let mark = tags::read(&mut fields, all);
                if mark.as_ref().is_some_and(|mark| mark.stack == request.stack) {
                    owned.push(Present { identity: name, handle: None, fields, mark });
                }
            }
            Ok(None) => {}
            Err(error) => {
                unread += 1;
                blind.get_or_insert((name, error));
            }
        }
    }
    let blind = blind.map(|(name, error)| {
        let message = format!(
            "the tags of {unread} of {total} other buckets could not be read, of `{name}` because: {}",
            error.message
        );
        CloudError { message, ..error }
    });
    Ok((owned, blind))
}

async fn get_tags(cloud: &Cloud, name: &str) -> Result<BTreeMap<String, String>, CloudError> {
    let answer = cloud.s3.get_bucket_tagging().bucket(name).send().await.named("s3:GetBucketTagging");
    let answer = setting(answer, "NoSuchTagSet")?;
    let tags = answer.map(|answer| answer.tag_set).unwrap_or_default().into_iter();
    Ok(tags.map(|tag| (tag.key, tag.value)).collect())
}

/// What was read of a setting, `None` where S3 says that this very setting is not made: a bucket that is
/// not there is another answer.
fn setting<T>(answer: Result<T, CloudError>, none: &str) -> Result<Option<T>, CloudError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code.as_deref() == Some(none) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn get_block(cloud: &Cloud, name: &str) -> Result<Value, CloudError> {
    let answer = cloud.s3.get_public_access_block().bucket(name).send().await;
    let answer = setting(answer.named("s3:GetPublicAccessBlock"), "NoSuchPublicAccessBlockConfiguration")?;
    let block = answer.and_then(|answer| answer.public_access_block_configuration);
    let on = |flag: fn(&PublicAccessBlockConfiguration) -> Option<bool>| {
        Value::from(block.as_ref().and_then(flag).unwrap_or(false))
    };
    let values = [
        on(PublicAccessBlockConfiguration::block_public_acls),
        on(PublicAccessBlockConfiguration::block_public_policy),
        on(PublicAccessBlockConfiguration::ignore_public_acls),
        on(PublicAccessBlockConfiguration::restrict_public_buckets),
    ];
    Ok(Value::Map(BLOCKS.iter().map(|name| (*name).to_owned()).zip(values).collect()))
}

/// Never turned on reads as nothing, turned off as `Suspended`: both are off.
async fn get_versioning(cloud: &Cloud, name: &str) -> Result<bool, CloudError> {
    let answer = cloud.s3.get_bucket_versioning().bucket(name).send().await;
    let answer = answer.named("s3:GetBucketVersioning")?;
    Ok(answer.status() == Some(&BucketVersioningStatus::Enabled))
}

async fn get_encryption(cloud: &Cloud, name: &str) -> Result<Option<ServerSideEncryptionRule>, CloudError> {
    let answer = cloud.s3.get_bucket_encryption().bucket(name).send().await;
    let none = "ServerSideEncryptionConfigurationNotFoundError";
    let answer = setting(answer.named("s3:GetEncryptionConfiguration"), none)?;
    let configuration = answer.and_then(|answer| answer.server_side_encryption_configuration);
    Ok(configuration.and_then(|configuration| configuration.rules.into_iter().next()))
}

/// The blocked encryption types are AWS's own filling; the account's own key is what no key means.
fn canonical_encryption(rule: &ServerSideEncryptionRule, wanted_key: Option<&str>) -> Value {
    let default = rule.apply_server_side_encryption_by_default();
    let kind = default.map_or("AES256", |default| default.sse_algorithm().as_str());
    let mut map = BTreeMap::from([("type".to_owned(), Value::from(kind))]);
    let key = default.and_then(ServerSideEncryptionByDefault::kms_master_key_id);
    if let Some(key) = key.filter(|key| !key.is_empty() && !is_own_key(key)) {
        let same =
            |wanted: &&str| key.ends_with(&format!(":key/{wanted}")) || key.ends_with(&format!(":{wanted}"));
        map.insert("kms_key".to_owned(), wanted_key.filter(same).unwrap_or(key).into());
    } else if let Some(wanted) = wanted_key.filter(|wanted| kind != "AES256" && is_own_key(wanted)) {
        map.insert("kms_key".to_owned(), wanted.into());
    }
    map.insert("bucket_key".to_owned(), rule.bucket_key_enabled().unwrap_or(false).into());
    Value::Map(map)
}

fn is_own_key(key: &str) -> bool {
    key == "alias/aws/s3" || key.ends_with(":alias/aws/s3")
}

async fn get_ownership(cloud: &Cloud, name: &str) -> Result<Option<String>, CloudError> {
    let answer = cloud.s3.get_bucket_ownership_controls().bucket(name).send().await;
    let answer = setting(answer.named("s3:GetBucketOwnershipControls"), "OwnershipControlsNotFoundError")?;
    let controls = answer.and_then(|answer| answer.ownership_controls);
    let rule = controls.and_then(|controls| controls.rules.into_iter().next());
    Ok(rule.map(|rule| rule.object_ownership.as_str().to_owned()))
}

type Lifecycle = (Vec<LifecycleRule>, Option<aws_sdk_s3::types::TransitionDefaultMinimumObjectSize>);

async fn get_lifecycle(cloud: &Cloud, name: &str) -> Result<Lifecycle, CloudError> {
    let answer = cloud.s3.get_bucket_lifecycle_configuration().bucket(name).send().await;
    let answer = setting(answer.named("s3:GetLifecycleConfiguration"), "NoSuchLifecycleConfiguration")?;
    Ok(answer.map_or((Vec::new(), None), |answer| {
        (answer.rules.unwrap_or_default(), answer.transition_default_minimum_object_size)
    }))
}

/// Brings one setting to what `fields` say. `changes` are those of an update, none for a new bucket.
async fn put_setting(
    cloud: &Cloud,
    name: &str,
    field: &str,
    fields: &Fields,
    changes: &[Change],
) -> Result<(), CloudError> {
    match field {
        "versioning" => {
            put_versioning(cloud, name, fields.bool("versioning").unwrap_or(false), changes).await
        }
        "encryption" => put_encryption(cloud, name, fields).await,
        "public_access_block" => put_block(cloud, name, fields).await,
        "lifecycle" => put_lifecycle(cloud, name, fields, changes).await,
        "object_ownership" => put_ownership(cloud, name, fields).await,
        _ => Ok(()),
    }
}

/// An SDK type that lacks a required member: nothing a request could be made of.
fn unbuildable(
    operation: &'static str,
) -> impl Fn(aws_smithy_types::error::operation::BuildError) -> CloudError {
    move |error| CloudError::new(Class::Invalid, operation, error.to_string())
}

fn tag_list(all: &BTreeMap<String, String>) -> Result<Vec<Tag>, CloudError> {
    let build = |(key, value)| Tag::builder().key(key).value(value).build();
    all.iter().map(|tag| build(tag).map_err(unbuildable("s3:PutBucketTagging"))).collect()
}

async fn put_tags(cloud: &Cloud, name: &str, all: &BTreeMap<String, String>) -> Result<(), CloudError> {
    const OPERATION: &str = "s3:PutBucketTagging";
    if all.is_empty() {
        let deleted = cloud.s3.delete_bucket_tagging().bucket(name).send().await;
        return deleted.named("s3:DeleteBucketTagging").map(drop);
    }
    let tagging =
        Tagging::builder().set_tag_set(Some(tag_list(all)?)).build().map_err(unbuildable(OPERATION))?;
    cloud.s3.put_bucket_tagging().bucket(name).tagging(tagging).send().await.named(OPERATION).map(drop)
}

async fn put_versioning(cloud: &Cloud, name: &str, on: bool, changes: &[Change]) -> Result<(), CloudError> {
    // A new bucket is off: suspending it would only leave a trace.
    if !on && changes.is_empty() {
        return Ok(());
    }
    let status = if on { BucketVersioningStatus::Enabled } else { BucketVersioningStatus::Suspended };
    let configuration = VersioningConfiguration::builder().status(status).build();
    let request = cloud.s3.put_bucket_versioning().bucket(name).versioning_configuration(configuration);
    request.send().await.named("s3:PutBucketVersioning").map(drop)
}

async fn put_encryption(cloud: &Cloud, name: &str, fields: &Fields) -> Result<(), CloudError> {
    const OPERATION: &str = "s3:PutEncryptionConfiguration";
    // Put replaces the whole: what AWS filled in and the manifest does not give is put back as it is.
    let live = get_encryption(cloud, name).await?;
    let bucket_key = fields.bool("encryption.bucket_key");
    let bucket_key =
        bucket_key.or_else(|| live.as_ref().and_then(ServerSideEncryptionRule::bucket_key_enabled));
    let kind = fields.text("encryption.type").unwrap_or("AES256");
    let default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::from(kind))
        .set_kms_master_key_id(fields.text("encryption.kms_key").map(str::to_owned))
        .build()
        .map_err(unbuildable(OPERATION))?;
    let rule = ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(default)
        .set_bucket_key_enabled(bucket_key.filter(|on| !(*on && kind == "aws:kms:dsse")))
        .set_blocked_encryption_types(live.and_then(|rule| rule.blocked_encryption_types));
    let configuration = ServerSideEncryptionConfiguration::builder().rules(rule.build()).build();
    let configuration = configuration.map_err(unbuildable(OPERATION))?;
    let request = cloud.s3.put_bucket_encryption().bucket(name);
    request.server_side_encryption_configuration(configuration).send().await.named(OPERATION).map(drop)
}

async fn put_block(cloud: &Cloud, name: &str, fields: &Fields) -> Result<(), CloudError> {
    let on = |block: &str| fields.bool(&format!("public_access_block.{block}")).unwrap_or(true);
    let configuration = PublicAccessBlockConfiguration::builder()
        .block_public_acls(on("block_public_acls"))
        .block_public_policy(on("block_public_policy"))
        .ignore_public_acls(on("ignore_public_acls"))
        .restrict_public_buckets(on("restrict_public_buckets"));
    let request = cloud.s3.put_public_access_block().bucket(name);
    let request = request.public_access_block_configuration(configuration.build());
    request.send().await.named("s3:PutPublicAccessBlock").map(drop)
}

async fn put_ownership(cloud: &Cloud, name: &str, fields: &Fields) -> Result<(), CloudError> {
    const OPERATION: &str = "s3:PutBucketOwnershipControls";
    let ownership = ObjectOwnership::from(fields.text("object_ownership").unwrap_or("BucketOwnerEnforced"));
    let rule = OwnershipControlsRule::builder().object_ownership(ownership).build();
    let rule = rule.map_err(unbuildable(OPERATION))?;
    let controls = OwnershipControls::builder().rules(rule).build().map_err(unbuildable(OPERATION))?;
    let request = cloud.s3.put_bucket_ownership_controls().bucket(name).ownership_controls(controls);
    request.send().await.named(OPERATION).map(drop)
}

/// Put replaces all rules: those of others are read just now and written back, with the least object size
/// that stands beside them (its default differs by the age of the configuration).
async fn put_lifecycle(
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(kind: &str, key: Option<&str>, bucket_key: Option<bool>) -> ServerSideEncryptionRule {
        let default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(kind.into())
            .set_kms_master_key_id(key.map(str::to_owned));
        ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(default.build().unwrap())
            .set_bucket_key_enabled(bucket_key)
            .build()
    }

    fn differs(wanted: &str, live: Value) -> Vec<String> {
        let wanted = Value::from_json(&serde_json::from_str(wanted).unwrap());
        let fields = |value| Fields([("encryption".to_owned(), value)].into());
        let changes = lakeform_model::diff(&fields(wanted), &fields(live), RULES, &Managed::default());
        changes.iter().map(|change| change.path.to_string()).collect()
    }

    #[test]
    fn what_aws_fills_in_is_no_difference_of_encryption() {
        let aes = canonical_encryption(&rule("AES256", None, Some(false)), None);
        assert!(differs(r#"{"type":"AES256"}"#, aes.clone()).is_empty());
        assert_eq!(differs(r#"{"type":"aws:kms"}"#, aes), ["encryption.type"]);
        let own = rule("aws:kms", Some("arn:aws:kms:us-east-1:111122223333:alias/aws/s3"), None);
        assert!(differs(r#"{"type":"aws:kms"}"#, canonical_encryption(&own, None)).is_empty());
        let arn = "arn:aws:kms:us-east-1:111122223333:key/abc";
        let by_id = canonical_encryption(&rule("aws:kms", Some(arn), Some(true)), Some("abc"));
        assert!(differs(r#"{"type":"aws:kms","kms_key":"abc","bucket_key":true}"#, by_id).is_empty());
        let other = canonical_encryption(&rule("aws:kms", Some(arn), Some(true)), None);
        assert_eq!(differs(r#"{"type":"aws:kms"}"#, other), ["encryption.kms_key"]);
    }

    #[test]
    fn account_regional_names_are_known_by_their_ending() {
        assert!(is_account_regional("lake-111122223333-us-east-1-an"));
        assert!(is_account_regional("lake-111122223333-us-gov-west-1-an"));
        for other in ["lake-an", "lake-1111-us-east-1-an", "lake-111122223333-us-east-1", "stan"] {
            assert!(!is_account_regional(other), "{other}");
        }
    }

    #[test]
    fn a_public_access_block_is_whole_by_default() {
        let all = Value::from_json(&serde_json::from_str(ALL_BLOCKED).unwrap());
        assert_eq!(decode_block(None), all);
        let off = Node { value: NodeValue::Bool(false), ..Node::default() };
        assert!(decode_block(Some(&off)).as_map().unwrap().values().all(|on| *on == Value::Bool(false)));
    }
}
