//! The settings of a bucket that are calls of their own: how each is read and written.

use std::collections::BTreeMap;

use aws_sdk_s3::types::{
    BucketVersioningStatus, ObjectOwnership, OwnershipControls, OwnershipControlsRule,
    PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, VersioningConfiguration,
};
use lakeform_model::{Change, Class, CloudError, Fields, Value};

use super::BLOCKS;
use super::rules::put_lifecycle;
use crate::Cloud;
use crate::error::Named;

/// What was read of a setting, `None` where S3 says that this very setting is not made: a bucket that is
/// not there is another answer.
pub(super) fn setting<T>(answer: Result<T, CloudError>, none: &str) -> Result<Option<T>, CloudError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code.as_deref() == Some(none) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) async fn get_block(cloud: &Cloud, name: &str) -> Result<Value, CloudError> {
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
pub(super) async fn get_versioning(cloud: &Cloud, name: &str) -> Result<bool, CloudError> {
    let answer = cloud.s3.get_bucket_versioning().bucket(name).send().await;
    let answer = answer.named("s3:GetBucketVersioning")?;
    Ok(answer.status() == Some(&BucketVersioningStatus::Enabled))
}

pub(super) async fn get_encryption(
    cloud: &Cloud,
    name: &str,
) -> Result<Option<ServerSideEncryptionRule>, CloudError> {
    let answer = cloud.s3.get_bucket_encryption().bucket(name).send().await;
    let none = "ServerSideEncryptionConfigurationNotFoundError";
    let answer = setting(answer.named("s3:GetEncryptionConfiguration"), none)?;
    let configuration = answer.and_then(|answer| answer.server_side_encryption_configuration);
    Ok(configuration.and_then(|configuration| configuration.rules.into_iter().next()))
}

/// The blocked encryption types are AWS's own filling; the account's own key is what no key means.
pub(super) fn canonical_encryption(rule: &ServerSideEncryptionRule, wanted_key: Option<&str>) -> Value {
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

pub(super) fn is_own_key(key: &str) -> bool {
    key == "alias/aws/s3" || key.ends_with(":alias/aws/s3")
}

pub(super) async fn get_ownership(cloud: &Cloud, name: &str) -> Result<Option<String>, CloudError> {
    let answer = cloud.s3.get_bucket_ownership_controls().bucket(name).send().await;
    let answer = setting(answer.named("s3:GetBucketOwnershipControls"), "OwnershipControlsNotFoundError")?;
    let controls = answer.and_then(|answer| answer.ownership_controls);
    let rule = controls.and_then(|controls| controls.rules.into_iter().next());
    Ok(rule.map(|rule| rule.object_ownership.as_str().to_owned()))
}

/// Brings one setting to what `fields` say. `changes` are those of an update, none for a new bucket.
pub(super) async fn put_setting(
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
pub(super) fn unbuildable(
    operation: &'static str,
) -> impl Fn(aws_smithy_types::error::operation::BuildError) -> CloudError {
    move |error| CloudError::new(Class::Invalid, operation, error.to_string())
}

pub(super) async fn put_versioning(
    cloud: &Cloud,
    name: &str,
    on: bool,
    changes: &[Change],
) -> Result<(), CloudError> {
    // A new bucket is off: suspending it would only leave a trace.
    if !on && changes.is_empty() {
        return Ok(());
    }
    let status = if on { BucketVersioningStatus::Enabled } else { BucketVersioningStatus::Suspended };
    let configuration = VersioningConfiguration::builder().status(status).build();
    let request = cloud.s3.put_bucket_versioning().bucket(name).versioning_configuration(configuration);
    request.send().await.named("s3:PutBucketVersioning").map(drop)
}

pub(super) async fn put_encryption(cloud: &Cloud, name: &str, fields: &Fields) -> Result<(), CloudError> {
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

pub(super) async fn put_block(cloud: &Cloud, name: &str, fields: &Fields) -> Result<(), CloudError> {
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

pub(super) async fn put_ownership(cloud: &Cloud, name: &str, fields: &Fields) -> Result<(), CloudError> {
    const OPERATION: &str = "s3:PutBucketOwnershipControls";
    let ownership = ObjectOwnership::from(fields.text("object_ownership").unwrap_or("BucketOwnerEnforced"));
    let rule = OwnershipControlsRule::builder().object_ownership(ownership).build();
    let rule = rule.map_err(unbuildable(OPERATION))?;
    let controls = OwnershipControls::builder().rules(rule).build().map_err(unbuildable(OPERATION))?;
    let request = cloud.s3.put_bucket_ownership_controls().bucket(name).ownership_controls(controls);
    request.send().await.named(OPERATION).map(drop)
}
