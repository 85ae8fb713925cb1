//! The tags of a bucket, the mark among them.

use std::collections::BTreeMap;

use aws_sdk_s3::types::{Tag, Tagging};
use lakeform_model::CloudError;

use super::settings::{setting, unbuildable};
use crate::Cloud;
use crate::error::Named;

pub(super) async fn get_tags(cloud: &Cloud, name: &str) -> Result<BTreeMap<String, String>, CloudError> {
    let answer = cloud.s3.get_bucket_tagging().bucket(name).send().await.named("s3:GetBucketTagging");
    let answer = setting(answer, "NoSuchTagSet")?;
    let tags = answer.map(|answer| answer.tag_set).unwrap_or_default().into_iter();
    Ok(tags.map(|tag| (tag.key, tag.value)).collect())
}

pub(super) fn tag_list(all: &BTreeMap<String, String>) -> Result<Vec<Tag>, CloudError> {
    let build = |(key, value)| Tag::builder().key(key).value(value).build();
    all.iter().map(|tag| build(tag).map_err(unbuildable("s3:PutBucketTagging"))).collect()
}

pub(super) async fn put_tags(
    cloud: &Cloud,
    name: &str,
    all: &BTreeMap<String, String>,
) -> Result<(), CloudError> {
    const OPERATION: &str = "s3:PutBucketTagging";
    if all.is_empty() {
        let deleted = cloud.s3.delete_bucket_tagging().bucket(name).send().await;
        return deleted.named("s3:DeleteBucketTagging").map(drop);
    }
    let tagging =
        Tagging::builder().set_tag_set(Some(tag_list(all)?)).build().map_err(unbuildable(OPERATION))?;
    cloud.s3.put_bucket_tagging().bucket(name).tagging(tagging).send().await.named(OPERATION).map(drop)
}
