//! An S3 bucket with the settings of a data lake's: versioning, encryption, public access, lifecycle.
//!
//! The mark stands in its tags, given with the very call that creates it.

mod decode;
mod marks;
mod rules;
mod settings;
mod survey;

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use lakeform_model::{
    Change, Class, CloudError, Draft, Entry, Facts, FieldRule, Fields, Force, Holds, Inventory, Key, Kind,
    Literal, Merge, Need, Node, Place, Present, Purpose, Resource, Scope, Shape, Survey, SurveyRequest,
    Target, TextRule,
};

use self::decode::{check_name, decode_block, decode_encryption};
use self::marks::{get_tags, put_tags, tag_list};
use self::settings::{is_own_key, put_setting};
use self::survey::{owned, read};
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

#[cfg(test)]
mod tests {
    use aws_sdk_s3::types::{ServerSideEncryptionByDefault, ServerSideEncryptionRule};
    use lakeform_model::{Managed, NodeValue, Value};

    use super::decode::is_account_regional;
    use super::settings::canonical_encryption;
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
