//! Objects of one account, straight from the emulator: listed, fetched to files, put from files, removed. The
//! proxy's faults and logs are for callers; a run's own copying passes them by.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body_util::{BodyExt as _, BodyStream, StreamBody};
use hyper::body::{Frame, Incoming};
use percent_encoding::{AsciiSet, utf8_percent_encode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::proxy::call::ENCODED;
use crate::proxy::recognise::{Scope, Service};
use crate::proxy::upstream::{Body, BoxError, Upstream, full, signed};
use crate::proxy::xml::Element;

const KEY: &AsciiSet = &ENCODED.remove(b'/');
/// Files are read in pieces of so many bytes.
const PIECE: usize = 256 << 10;

/// Why objects could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum ObjectError {
    #[error("{operation} s3://{place}: {detail}")]
    Refused { operation: &'static str, place: String, detail: String },
    #[error("`{path}`: {source}")]
    File { path: String, source: std::io::Error },
}

impl ObjectError {
    pub(super) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { path, source }
    }
}

/// An object in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) key: String,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) modified: Option<SystemTime>,
}

/// An account's objects.
#[derive(Clone)]
pub(super) struct Objects {
    upstream: Arc<Upstream>,
    scope: Scope,
}

impl Objects {
    pub(super) fn new(upstream: Arc<Upstream>, scope: Scope) -> Self {
        Self { upstream, scope }
    }

    async fn ask(
        &self,
        operation: &'static str,
        method: &Method,
        (bucket, key): (&str, &str),
        query: &str,
        body: Body,
        length: Option<u64>,
    ) -> Result<Response<Incoming>, ObjectError> {
        let place = if key.is_empty() { bucket.to_owned() } else { format!("{bucket}/{key}") };
        let target = format!("/{}{query}", utf8_percent_encode(&place, KEY));
        let refused = |detail: String| ObjectError::Refused { operation, place: place.clone(), detail };
        let headers: HeaderMap = signed(&self.scope, Service::S3);
        let response = self
            .upstream
            .send(method, &target, &headers, body, length.map(HeaderValue::from))
            .await
            .map_err(|error| refused(error.to_string()))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.into_body().collect().await.map(http_body_util::Collected::to_bytes);
        let text = String::from_utf8_lossy(&text.unwrap_or_default()).into_owned();
        let detail = Element::parse(&text)
            .map(|root| format!("{}: {}", root.value("Code"), root.value("Message")))
            .unwrap_or(status.to_string());
        Err(refused(detail))
    }

    async fn document(
        &self,
        operation: &'static str,
        bucket: &str,
        query: &str,
    ) -> Result<Element, ObjectError> {
        let response =
            self.ask(operation, &Method::GET, (bucket, ""), query, full(Bytes::new()), None).await?;
        let refused = |detail: String| ObjectError::Refused { operation, place: bucket.to_owned(), detail };
        let bytes =
            response.into_body().collect().await.map_err(|error| refused(error.to_string()))?.to_bytes();
        Element::parse(&String::from_utf8_lossy(&bytes))
            .ok_or_else(|| refused("the answer is no XML".to_owned()))
    }

    /// The names of all buckets.
    pub(super) async fn buckets(&self) -> Result<Vec<String>, ObjectError> {
        let root = self.document("ListBuckets", "", "").await?;
        Ok(root.items("Buckets").iter().map(|bucket| bucket.value("Name").to_owned()).collect())
    }

    /// Every object of a bucket.
    pub(super) async fn list(&self, bucket: &str) -> Result<Vec<Object>, ObjectError> {
        let mut objects = Vec::new();
        let mut token = String::new();
        loop {
            let mut query = "?list-type=2".to_owned();
            if !token.is_empty() {
                let _ = write!(query, "&continuation-token={}", utf8_percent_encode(&token, ENCODED));
            }
            let page = self.document("ListObjectsV2", bucket, &query).await?;
            objects.extend(page.children.iter().filter(|child| child.name == "Contents").map(|item| {
                Object {
                    key: item.value("Key").to_owned(),
                    size: item.value("Size").parse().unwrap_or(0),
                    etag: item.value("ETag").trim_matches('"').to_owned(),
                    modified: humantime::parse_rfc3339_weak(item.value("LastModified")).ok(),
                }
            }));
            let next = page.value("NextContinuationToken");
            if page.value("IsTruncated") != "true" || next.is_empty() {
                return Ok(objects);
            }
            next.clone_into(&mut token);
        }
    }

    /// Fetches an object into a file.
    pub(super) async fn download(&self, bucket: &str, key: &str, path: &Path) -> Result<(), ObjectError> {
        let operation = "GetObject";
        let response = self.ask(operation, &Method::GET, (bucket, key), "", full(Bytes::new()), None).await?;
        let mut file = tokio::fs::File::create(path).await.map_err(ObjectError::file(path))?;
        let mut frames = BodyStream::new(response.into_body());
        while let Some(frame) = frames.next().await {
            let frame = frame.map_err(|error| ObjectError::Refused {
                operation,
                place: format!("{bucket}/{key}"),
                detail: error.to_string(),
            })?;
            if let Ok(data) = frame.into_data() {
                file.write_all(&data).await.map_err(ObjectError::file(path))?;
            }
        }
        file.flush().await.map_err(ObjectError::file(path))
    }

    /// Puts a file's content; tells the new object's `ETag`.
    pub(super) async fn upload(&self, bucket: &str, key: &str, path: &Path) -> Result<String, ObjectError> {
        let file = tokio::fs::File::open(path).await.map_err(ObjectError::file(path))?;
        let length = file.metadata().await.map_err(ObjectError::file(path))?.len();
        let pieces = futures_util::stream::unfold(file, |mut file| async move {
            let mut piece = vec![0; PIECE];
            match file.read(&mut piece).await {
                Ok(0) => None,
                Ok(read) => {
                    piece.truncate(read);
                    Some((Ok(Frame::data(Bytes::from(piece))), file))
                }
                Err(error) => Some((Err(BoxError::from(error)), file)),
            }
        });
        let body: Body = if length == 0 {
            full(Bytes::new())
        } else {
            http_body_util::BodyExt::boxed(StreamBody::new(Box::pin(pieces)))
        };
        let response = self.ask("PutObject", &Method::PUT, (bucket, key), "", body, Some(length)).await?;
        let etag = response.headers().get(http::header::ETAG).and_then(|etag| etag.to_str().ok());
        Ok(etag.unwrap_or_default().trim_matches('"').to_owned())
    }

    /// Removes an object; one that is not there is no error.
    pub(super) async fn remove(&self, bucket: &str, key: &str) -> Result<(), ObjectError> {
        let empty = full(Bytes::new());
        self.ask("DeleteObject", &Method::DELETE, (bucket, key), "", empty, None).await.map(|_| ())
    }
}

/// Bucket and key of an `s3://` location, in any of its spellings.
pub(super) fn location(text: &str) -> Option<(&str, &str)> {
    let rest = ["s3://", "s3a://", "s3n://"].iter().find_map(|scheme| text.strip_prefix(scheme))?;
    let (bucket, key) = rest.split_once('/')?;
    (!bucket.is_empty() && !key.is_empty()).then_some((bucket, key))
}
