//! What is read of buckets: the wanted ones, setting by setting, and those that carry the mark.

use lakeform_model::{CloudError, Fields, Live, Managed, Mark, Present, SurveyRequest, Wanted};

use super::RULES;
use super::marks::get_tags;
use super::rules::get_lifecycle;
use super::settings::{canonical_encryption, get_block, get_encryption, get_ownership, get_versioning};
use crate::contact::each;
use crate::error::{Named, absent};
use crate::sending::spreading;
use crate::{Cloud, lifecycle, tags};

pub(super) async fn read(cloud: &Cloud, wanted: &Wanted) -> Live {
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

pub(super) enum Head {
    Here,
    Absent,
    Elsewhere(String),
}

/// Whether a bucket is there, by the one call that says where it is, too.
pub(super) async fn head(cloud: &Cloud, name: &str) -> Result<Head, CloudError> {
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
pub(super) async fn read_settings(cloud: &Cloud, wanted: &Wanted) -> Result<Present, CloudError> {
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
pub(super) fn dropped_something(mark: Option<&Mark>, wanted: &Fields) -> bool {
    mark.is_some_and(|mark| mark.managed != Managed::of(wanted, RULES))
}

pub(super) async fn when<T>(
    wanted: bool,
    read: impl Future<Output = Result<T, CloudError>> + Send,
) -> Result<Option<T>, CloudError> {
    if wanted { read.await.map(Some) } else { Ok(None) }
}

/// Every other bucket of this region that carries the stack's mark. The second value says whose tags could
/// not be read.
pub(super) async fn owned(
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
