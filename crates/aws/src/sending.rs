//! Sending local files to S3, whole or in parts, and only what was planned: a file that changed since is
//! refused before anything of it stands in the bucket.

use std::collections::BTreeMap;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, StorageClass};
use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use lakeform_model::{Class, CloudError, LocalFile, PART_SIZE, hex};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Semaphore;

use crate::Cloud;
use crate::error::{Named, absent};

/// The content hash that every object of ours carries: the `ETag` is none under KMS.
pub(crate) const SHA256: &str = "lakeform-sha256";

/// How many bodies are held and sent at once in the whole process: each is at most [`PART_SIZE`] long.
static BODIES: Semaphore = Semaphore::const_new(8);

/// What must be true of the object in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// There is none.
    Absent,
    /// It has this `ETag`.
    Etag(String),
    /// Whatever it is, it is to be replaced.
    Any,
}

/// One file on its way.
#[derive(Clone, Debug)]
pub(crate) struct Parcel<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) key: String,
    pub(crate) file: &'a LocalFile,
    pub(crate) content_type: &'a str,
    pub(crate) storage_class: Option<&'a str>,
    /// Metadata besides the content hash.
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) before: Before,
}

/// Sends a file. A bucket that is not there is [`Class::Propagating`]: the plan has seen to it just before.
pub(crate) async fn send(cloud: &Cloud, parcel: Parcel<'_>) -> Result<(), CloudError> {
    let result = if parcel.file.size > PART_SIZE {
        in_parts(cloud, &parcel).await
    } else {
        whole(cloud, &parcel).await
    };
    match result {
        Err(error) if is_refused_condition(&error) => judge(cloud, &parcel, error).await,
        other => other.map_err(spreading),
    }
}

/// A bucket that a step before has made or read may not be visible everywhere yet.
pub(crate) fn spreading(mut error: CloudError) -> CloudError {
    if error.code.as_deref() == Some("NoSuchBucket") {
        error.class = Class::Propagating;
    }
    error
}

fn is_refused_condition(error: &CloudError) -> bool {
    error.status == Some(412)
}

/// A condition failed. A repeated request fails on what its own first try wrote; anything else in the way
/// came after planning and is not overwritten unseen.
async fn judge(cloud: &Cloud, parcel: &Parcel<'_>, error: CloudError) -> Result<(), CloudError> {
    let head = cloud.s3.head_object().bucket(parcel.bucket).key(&parcel.key).send().await;
    let head = absent(head.named("s3:HeadObject"))?;
    let sha256 = head.as_ref().and_then(|head| head.metadata()?.get(SHA256));
    if sha256 == Some(&parcel.file.sha256) {
        return Ok(());
    }
    let what = if parcel.before == Before::Absent { "appeared" } else { "changed" };
    let message = format!("`{}` {what} since it was planned: plan again", parcel.key);
    Err(CloudError { class: Class::Invalid, message, ..error })
}

fn conditions(before: &Before) -> (Option<String>, Option<String>) {
    match before {
        Before::Absent => (None, Some("*".to_owned())),
        Before::Etag(etag) => (Some(format!("\"{etag}\"")), None),
        Before::Any => (None, None),
    }
}

fn metadata(parcel: &Parcel<'_>) -> std::collections::HashMap<String, String> {
    let mut metadata: std::collections::HashMap<_, _> = parcel.metadata.clone().into_iter().collect();
    metadata.insert(SHA256.to_owned(), parcel.file.sha256.clone());
    metadata
}

fn local(file: &LocalFile, what: impl std::fmt::Display) -> CloudError {
    CloudError::new(Class::Local, "s3:PutObject", format!("`{}` {what}", file.path.display()))
}

fn changed(file: &LocalFile) -> CloudError {
    local(file, "changed since it was planned: plan again")
}

async fn open(file: &LocalFile) -> Result<tokio::fs::File, CloudError> {
    // Opening a FIFO that took the file's place would wait for a writer.
    let metadata = tokio::fs::metadata(&file.path).await;
    if metadata.is_ok_and(|metadata| !metadata.is_file()) {
        return Err(local(file, "is no file any more: plan again"));
    }
    tokio::fs::File::open(&file.path).await.map_err(|error| local(file, format!("cannot be read: {error}")))
}

/// Reads up to `limit` bytes.
async fn read(
    file: &LocalFile,
    source: &mut (impl tokio::io::AsyncRead + Unpin),
    limit: u64,
) -> Result<Bytes, CloudError> {
    let mut body = Vec::new();
    let read = source.take(limit).read_to_end(&mut body).await;
    read.map_err(|error| local(file, format!("cannot be read: {error}")))?;
    Ok(body.into())
}

async fn whole(cloud: &Cloud, parcel: &Parcel<'_>) -> Result<(), CloudError> {
    let file = parcel.file;
    let _room = BODIES.acquire().await.map_err(|error| local(file, error))?;
    // One byte more than planned is enough to see that it grew.
    let body = read(file, &mut open(file).await?, file.size + 1).await?;
    if hex(&Sha256::digest(&body)) != file.sha256 {
        return Err(changed(file));
    }
    let (if_match, if_none_match) = conditions(&parcel.before);
    let request = cloud
        .s3
        .put_object()
        .bucket(parcel.bucket)
        .key(&parcel.key)
        .content_type(parcel.content_type)
        .set_storage_class(parcel.storage_class.map(StorageClass::from))
        .set_metadata(Some(metadata(parcel)))
        .set_if_match(if_match)
        .set_if_none_match(if_none_match)
        .body(ByteStream::from(body));
    request.send().await.named("s3:PutObject").map(drop)
}

async fn in_parts(cloud: &Cloud, parcel: &Parcel<'_>) -> Result<(), CloudError> {
    let started = cloud
        .s3
        .create_multipart_upload()
        .bucket(parcel.bucket)
        .key(&parcel.key)
        .content_type(parcel.content_type)
        .set_storage_class(parcel.storage_class.map(StorageClass::from))
        .set_metadata(Some(metadata(parcel)))
        .send()
        .await
        .named("s3:CreateMultipartUpload")?;
    let id = started.upload_id().unwrap_or_default();
    let result = match parts(cloud, parcel, id).await {
        Ok(parts) => complete(cloud, parcel, id, parts).await,
        Err(error) => Err(error),
    };
    if result.is_err() {
        let abort = cloud.s3.abort_multipart_upload().bucket(parcel.bucket).key(&parcel.key).upload_id(id);
        // The first failure is the one to report; what is left of the upload is aborted with the bucket's,
        // or by the delete of the resource.
        if let Err(error) = abort.send().await.named("s3:AbortMultipartUpload") {
            tracing::warn!(key = %parcel.key, %error, "an unfinished upload could not be aborted");
        }
    }
    result
}

/// Sends the parts while the file is read and hashed; nothing becomes an object before the hash is right.
async fn parts(cloud: &Cloud, parcel: &Parcel<'_>, id: &str) -> Result<Vec<CompletedPart>, CloudError> {
    let file = parcel.file;
    let (mut source, mut digest) = (open(file).await?, Sha256::new());
    let (mut running, mut done) = (FuturesUnordered::new(), Vec::new());
    for number in 1.. {
        // A part that waits for room must not keep those under way from being driven to their end.
        let room = loop {
            tokio::select! {
                room = BODIES.acquire() => break room.map_err(|error| local(file, error))?,
                Some(part) = running.next(), if !running.is_empty() => done.push(part?),
            }
        };
        let body = read(file, &mut source, PART_SIZE).await?;
        if body.is_empty() {
            break;
        }
        digest.update(&body);
        running.push(async move {
            let request = cloud.s3.upload_part().bucket(parcel.bucket).key(&parcel.key).upload_id(id);
            let answer = request.part_number(number).body(ByteStream::from(body)).send().await;
            let answer = answer.named("s3:UploadPart")?;
            drop(room);
            // The checksums that the SDK computed belong to the part: S3 asks for them again.
            Ok::<_, CloudError>(
                CompletedPart::builder()
                    .part_number(number)
                    .set_e_tag(answer.e_tag)
                    .set_checksum_crc32(answer.checksum_crc32)
                    .set_checksum_crc64_nvme(answer.checksum_crc64_nvme)
                    .build(),
            )
        });
    }
    while let Some(part) = running.next().await {
        done.push(part?);
    }
    if hex(&digest.finalize()) != file.sha256 {
        return Err(changed(file));
    }
    done.sort_by_key(CompletedPart::part_number);
    Ok(done)
}

async fn complete(
    cloud: &Cloud,
    parcel: &Parcel<'_>,
    id: &str,
    parts: Vec<CompletedPart>,
) -> Result<(), CloudError> {
    let (if_match, if_none_match) = conditions(&parcel.before);
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let request = cloud
        .s3
        .complete_multipart_upload()
        .bucket(parcel.bucket)
        .key(&parcel.key)
        .upload_id(id)
        .multipart_upload(parts)
        .set_if_match(if_match)
        .set_if_none_match(if_none_match);
    request.send().await.named("s3:CompleteMultipartUpload").map(drop)
}

/// The content type by a name's ending: data formats of a lakehouse and what stands beside them.
pub(crate) fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref() {
        Some("json" | "jsonl" | "ndjson") => "application/json",
        Some("csv") => "text/csv",
        Some("tsv") => "text/tab-separated-values",
        Some("parquet") => "application/vnd.apache.parquet",
        Some("avro") => "application/avro",
        Some("txt" | "log" | "md") => "text/plain",
        Some("py") => "text/x-python",
        Some("sql") => "application/sql",
        Some("xml") => "application/xml",
        Some("yaml" | "yml") => "application/yaml",
        Some("html" | "htm") => "text/html",
        Some("gz") => "application/gzip",
        Some("zip" | "whl" | "egg") => "application/zip",
        Some("jar") => "application/java-archive",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("pdf") => "application/pdf",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_content_type() {
        assert_eq!(content_type("customer/landing/a.JSON"), "application/json");
        assert_eq!(content_type("part-0.snappy.parquet"), "application/vnd.apache.parquet");
        assert_eq!(content_type("_SUCCESS"), "application/octet-stream");
    }

    #[test]
    fn conditions_say_what_may_be_replaced() {
        assert_eq!(conditions(&Before::Absent), (None, Some("*".into())));
        assert_eq!(conditions(&Before::Etag("ab".into())), (Some("\"ab\"".into()), None));
        assert_eq!(conditions(&Before::Any), (None, None));
    }
}
