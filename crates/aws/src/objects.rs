//! Objects of a bucket in bulk: listing them, deleting them, and emptying a bucket of everything.

use aws_sdk_s3::types::{Delete, Error as KeyError, ObjectIdentifier};
use futures_util::stream::{FuturesUnordered, StreamExt};
use lakeform_model::{Class, CloudError};

use crate::Cloud;
use crate::error::Named;

/// The most keys of one `DeleteObjects`. Source: the `DeleteObjects` API reference.
const MOST_DELETED: usize = 1000;
/// How many deletes are under way at once while a bucket is emptied.
const DELETES_AT_ONCE: usize = 4;
/// How many pages of 1,000 are counted before the count becomes "more than".
const MOST_COUNTED: u32 = 20;
/// How many keys that would not go are named one by one.
const MOST_NAMED: usize = 20;

/// An object as a listing shows it: a listing has no metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) size: u64,
    /// Without its quotes.
    pub(crate) etag: String,
    pub(crate) class: String,
}

/// Every object whose key starts with a prefix, in the order of the keys.
pub(crate) async fn list(cloud: &Cloud, bucket: &str, prefix: &str) -> Result<Vec<Listed>, CloudError> {
    let mut found = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let request = cloud.s3.list_objects_v2().bucket(bucket).prefix(prefix);
        let page = request.set_continuation_token(next.take()).send().await.named("s3:ListObjectsV2")?;
        found.extend(page.contents().iter().map(|object| Listed {
            key: object.key().unwrap_or_default().to_owned(),
            size: object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
            etag: object.e_tag().unwrap_or_default().trim_matches('"').to_owned(),
            class: object.storage_class().map_or("STANDARD", |class| class.as_str()).to_owned(),
        }));
        next = page.next_continuation_token().map(str::to_owned);
        if next.is_none() || page.is_truncated() != Some(true) {
            return Ok(found);
        }
    }
}

/// Deletes keys, a thousand a call. What did not go is one error that names each.
pub(crate) async fn delete(cloud: &Cloud, bucket: &str, keys: Vec<String>) -> Result<(), CloudError> {
    let mut refused = Vec::new();
    let identifiers: Vec<ObjectIdentifier> = keys.iter().filter_map(|key| identifier(key, None)).collect();
    for chunk in identifiers.chunks(MOST_DELETED) {
        refused.extend(delete_chunk(cloud, bucket, chunk.to_vec()).await?);
    }
    all_gone(&refused)
}

fn identifier(key: &str, version: Option<&str>) -> Option<ObjectIdentifier> {
    // Only a missing key fails to build.
    ObjectIdentifier::builder().key(key).set_version_id(version.map(str::to_owned)).build().ok()
}

/// One `DeleteObjects`: its answer is 200 even when some keys stayed; those are given back.
async fn delete_chunk(
    cloud: &Cloud,
    bucket: &str,
    chunk: Vec<ObjectIdentifier>,
) -> Result<Vec<KeyError>, CloudError> {
    const OPERATION: &str = "s3:DeleteObjects";
    let delete = Delete::builder().set_objects(Some(chunk)).quiet(true).build();
    let delete = delete.map_err(|error| CloudError::new(Class::Invalid, OPERATION, error.to_string()))?;
    let answer = cloud.s3.delete_objects().bucket(bucket).delete(delete).send().await.named(OPERATION)?;
    let errors = answer.errors.unwrap_or_default().into_iter();
    Ok(errors.filter(|error| !matches!(error.code(), Some("NoSuchKey" | "NoSuchVersion"))).collect())
}

/// Names every key that stayed, with S3's reason: a legal hold or a retention reads as `AccessDenied`.
fn all_gone(refused: &[KeyError]) -> Result<(), CloudError> {
    let Some(first) = refused.first() else { return Ok(()) };
    let mut lines: Vec<String> = refused
        .iter()
        .take(MOST_NAMED)
        .map(|error| {
            let version = error.version_id().filter(|version| !matches!(*version, "" | "null"));
            let version = version.map(|version| format!(" (version {version})")).unwrap_or_default();
            let (code, message) = (error.code().unwrap_or("no code"), error.message().unwrap_or_default());
            format!("`{}`{version}: {code} {message}", error.key().unwrap_or_default()).trim_end().to_owned()
        })
        .collect();
    if refused.len() > MOST_NAMED {
        lines.push(format!("and {} more", refused.len() - MOST_NAMED));
    }
    let class = match first.code() {
        Some("SlowDown") => Class::Throttled,
        Some("InternalError" | "ServiceUnavailable") => Class::Unavailable,
        Some("AccessDenied") => Class::Denied,
        _ => Class::Invalid,
    };
    let noun = if refused.len() == 1 { "object" } else { "objects" };
    let message = format!("{} {noun} could not be deleted: {}", refused.len(), lines.join("; "));
    Err(CloudError { code: first.code.clone(), ..CloudError::new(class, "s3:DeleteObjects", message) })
}

/// One page of versions and delete markers, and where the next one begins.
#[derive(Debug, Default)]
struct Page {
    identifiers: Vec<ObjectIdentifier>,
    current: u64,
    older: u64,
    markers: u64,
    bytes: u64,
    next: Option<(String, Option<String>)>,
}

async fn versions(
    cloud: &Cloud,
    bucket: &str,
    from: Option<(String, Option<String>)>,
) -> Result<Page, CloudError> {
    let (key, version) = from.map_or((None, None), |(key, version)| (Some(key), version));
    let request = cloud.s3.list_object_versions().bucket(bucket);
    let request = request.set_key_marker(key).set_version_id_marker(version);
    let answer = request.send().await.named("s3:ListObjectVersions")?;
    let mut page = Page::default();
    for version in answer.versions() {
        let counter = if version.is_latest() == Some(false) { &mut page.older } else { &mut page.current };
        *counter += 1;
        page.bytes += version.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
        page.identifiers.extend(version.key().and_then(|key| identifier(key, version.version_id())));
    }
    for marker in answer.delete_markers() {
        page.markers += 1;
        page.identifiers.extend(marker.key().and_then(|key| identifier(key, marker.version_id())));
    }
    if answer.is_truncated() == Some(true) {
        let version = answer.next_version_id_marker().filter(|version| !version.is_empty());
        page.next = answer.next_key_marker().map(|key| (key.to_owned(), version.map(str::to_owned)));
    }
    Ok(page)
}

/// What is in a bucket, a line each; nothing when it is empty.
pub(crate) async fn count(cloud: &Cloud, bucket: &str) -> Result<Vec<String>, CloudError> {
    let mut total = Page::default();
    for _ in 0..MOST_COUNTED {
        let page = versions(cloud, bucket, total.next.take()).await?;
        total.current += page.current;
        total.older += page.older;
        total.markers += page.markers;
        total.bytes += page.bytes;
        total.next = page.next;
        if total.next.is_none() {
            break;
        }
    }
    let more = if total.next.is_some() { "more than " } else { "" };
    let line = |count: u64, one: &str, many: &str| {
        let noun = if count == 1 { one } else { many };
        (count > 0).then(|| format!("{more}{} {noun}", grouped(count)))
    };
    let objects = line(total.current, "object", "objects");
    let older = line(total.older, "older version", "older versions");
    let mut lines: Vec<String> = objects.into_iter().chain(older).collect();
    if let Some(first) = lines.first_mut() {
        *first = format!("{first}, {}", size(total.bytes));
    }
    lines.extend(line(total.markers, "delete marker", "delete markers"));
    Ok(lines)
}

/// Deletes every version, delete marker and unfinished upload. What would not go is one error that names
/// each; everything else is gone then.
pub(crate) async fn empty(cloud: &Cloud, bucket: &str) -> Result<(), CloudError> {
    abort_uploads(cloud, bucket, "", |_| true).await?;
    let (mut refused, mut running) = (Vec::new(), FuturesUnordered::new());
    let mut next = None;
    loop {
        // The listing goes on by key, so that what does not go cannot stop it.
        let page = versions(cloud, bucket, next.take()).await?;
        if !page.identifiers.is_empty() {
            running.push(delete_chunk(cloud, bucket, page.identifiers));
        }
        next = page.next;
        while running.len() >= DELETES_AT_ONCE || (next.is_none() && !running.is_empty()) {
            if let Some(result) = running.next().await {
                refused.extend(result?);
            }
        }
        if next.is_none() {
            return all_gone(&refused);
        }
    }
}

/// Aborts the unfinished multipart uploads below a prefix whose key is meant.
pub(crate) async fn abort_uploads(
    cloud: &Cloud,
    bucket: &str,
    prefix: &str,
    meant: impl Fn(&str) -> bool,
) -> Result<(), CloudError> {
    let (mut key_marker, mut id_marker) = (None, None);
    loop {
        let request = cloud.s3.list_multipart_uploads().bucket(bucket).prefix(prefix);
        let request = request.set_key_marker(key_marker.take()).set_upload_id_marker(id_marker.take());
        let page = request.send().await.named("s3:ListMultipartUploads")?;
        for upload in page.uploads() {
            let (Some(key), Some(id)) = (upload.key(), upload.upload_id()) else { continue };
            if meant(key) {
                let abort = cloud.s3.abort_multipart_upload().bucket(bucket).key(key).upload_id(id);
                crate::error::absent(abort.send().await.named("s3:AbortMultipartUpload"))?;
            }
        }
        if page.is_truncated() != Some(true) || page.next_key_marker().is_none() {
            return Ok(());
        }
        key_marker = page.next_key_marker().map(str::to_owned);
        id_marker = page.next_upload_id_marker().map(str::to_owned);
    }
}

/// `1,204`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `3.1 GB`, in powers of a thousand as S3's console counts storage.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    #[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
    let mut amount = bytes as f64 / 1000.0;
    let mut unit = 0;
    while amount >= 999.95 && unit + 1 < UNITS.len() {
        amount /= 1000.0;
        unit += 1;
    }
    format!("{amount:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_sizes_read_well() {
        assert_eq!([grouped(7), grouped(1204), grouped(1_000_000)], ["7", "1,204", "1,000,000"]);
        assert_eq!([size(999), size(1000), size(3_140_000_000)], ["999 bytes", "1.0 KB", "3.1 GB"]);
        assert_eq!(size(999_999), "1.0 MB");
    }

    #[test]
    fn what_stayed_is_named_one_by_one() {
        let error = |key: &str| KeyError::builder().key(key).code("AccessDenied").message("held").build();
        assert_eq!(all_gone(&[]), Ok(()));
        let said = all_gone(&[error("a"), error("b")]).unwrap_err();
        assert_eq!(said.class, Class::Denied);
        assert_eq!(
            said.message,
            "2 objects could not be deleted: `a`: AccessDenied held; `b`: AccessDenied held"
        );
    }
}
