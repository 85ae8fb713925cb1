//! The mark of an upload: a small object beside what was uploaded, as objects have no common tags.

use std::collections::BTreeMap;

use aws_sdk_s3::primitives::ByteStream;
use lakeform_model::{Address, Class, CloudError, Fields, Mark, Present, SurveyRequest, Wanted};

use super::place::Place;
use crate::contact::each;
use crate::error::{Named, absent};
use crate::s3_url::S3Url;
use crate::sending::spreading;
use crate::{Cloud, objects, s3_url};

/// Where the marks of all uploads into a bucket lie. Athena and Spark skip names that start with a dot.
pub(super) const MARKS: &str = ".lakeform/";

/// A mark found in a bucket.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) mark: Mark,
}

pub(super) fn mark_key(stack: &str, address: &Address) -> String {
    format!("{MARKS}{stack}/{address}")
}

/// The mark object at a key; `None` where there is none, or none that reads.
pub(super) async fn get_mark(cloud: &Cloud, bucket: &str, key: &str) -> Result<Option<Found>, CloudError> {
    const OPERATION: &str = "s3:GetObject";
    let answer = cloud.s3.get_object().bucket(bucket).key(key).send().await.named(OPERATION);
    let Some(answer) = absent(answer)? else { return Ok(None) };
    let body = answer.body.collect().await;
    let body = body.map_err(|error| CloudError::new(Class::Unavailable, OPERATION, error.to_string()))?;
    Ok(read_mark(bucket, &body.into_bytes()))
}

pub(super) fn read_mark(bucket: &str, body: &[u8]) -> Option<Found> {
    let mut tags: BTreeMap<String, String> = serde_json::from_slice(body).ok()?;
    let url = S3Url::parse(&tags.remove("to")?)?;
    let (mark, _) = Mark::split(tags);
    // A mark copied from another bucket says nothing of this one.
    (url.bucket == bucket).then_some(Found { place: Place::at(&url.bucket, &url.key), mark: mark? })
}

pub(super) async fn put_mark(cloud: &Cloud, place: &Place, mark: &Mark) -> Result<(), CloudError> {
    let mut tags = mark.to_tags();
    tags.insert("to".to_owned(), place.url());
    let body = serde_json::to_vec_pretty(&tags)
        .map_err(|error| CloudError::new(Class::Invalid, "s3:PutObject", error.to_string()))?;
    let request = cloud.s3.put_object().bucket(&place.bucket).key(mark_key(&mark.stack, &mark.address));
    let request = request.content_type("application/json").body(ByteStream::from(body));
    request.send().await.named("s3:PutObject").map(drop).map_err(spreading)
}

pub(super) async fn delete_mark(cloud: &Cloud, place: &Place, mark: &Mark) -> Result<(), CloudError> {
    let key = mark_key(&mark.stack, &mark.address);
    let deleted = cloud.s3.delete_object().bucket(&place.bucket).key(key).send().await;
    absent(deleted.named("s3:DeleteObject")).map(drop)
}

/// Every mark below a prefix; a bucket that is not there has none.
pub(super) async fn all_marks(cloud: &Cloud, bucket: &str, prefix: &str) -> Result<Vec<Found>, CloudError> {
    let keys = absent(objects::list(cloud, bucket, prefix).await)?.unwrap_or_default();
    let reads = each(keys, |object| async move { get_mark(cloud, bucket, &object.key).await }).await;
    let found: Result<Vec<Option<Found>>, CloudError> = reads.into_iter().collect();
    Ok(found?.into_iter().flatten().collect())
}

/// A marked upload that is not wanted under its identity.
pub(super) fn left(found: &Found, request: SurveyRequest<'_>) -> Option<Present> {
    let identity = found.place.identity();
    if found.mark.stack != request.stack || request.wanted.iter().any(|wanted| wanted.identity == identity) {
        return None;
    }
    let mut fields = Fields::new();
    fields.set("to", s3_url::value(&found.place.url()));
    Some(Present { identity, handle: None, fields, mark: Some(found.mark.clone()) })
}

/// The mark of a wanted upload: its own, or one that another key of the manifest left at the same place.
pub(super) async fn find_mark(
    cloud: &Cloud,
    stack: &str,
    wanted: &Wanted,
    place: &Place,
    known: Option<&Result<Vec<Found>, CloudError>>,
) -> Result<Option<Mark>, CloudError> {
    let here = |found: &Found| found.place == *place;
    let mut all = match known {
        Some(known) => known.clone()?,
        None => {
            let own = get_mark(cloud, &place.bucket, &mark_key(stack, &wanted.address)).await?;
            match own {
                Some(own) if here(&own) => return Ok(Some(own.mark)),
                _ => all_marks(cloud, &place.bucket, &format!("{MARKS}{stack}/")).await?,
            }
        }
    };
    all.retain(here);
    let own = all.iter().position(|found| found.mark.address == wanted.address).unwrap_or(0);
    Ok((!all.is_empty()).then(|| all.swap_remove(own).mark))
}
