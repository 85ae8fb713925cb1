//! The connection to the emulator: pooled, with a caller's identity in place of a signature. Knows how a request
//! is sent; knows nothing of rules.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::call::{Answer, Content};
use super::recognise::{Scope, Service};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Body = BoxBody<Bytes, BoxError>;

pub(crate) fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

/// Headers of one connection only, which a proxy must not pass on; the length is counted anew.
const HOP_HEADERS: [&str; 7] =
    ["connection", "keep-alive", "transfer-encoding", "content-length", "expect", "te", "upgrade"];

/// The emulator's side of the proxy.
pub(crate) struct Upstream {
    client: Client<HttpConnector, Body>,
    address: String,
}

impl Upstream {
    pub(crate) fn new(address: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // Below the emulator's own 75 seconds, so that it never closes what we are about to use.
            .pool_idle_timeout(Duration::from_secs(30))
            .build(connector);
        Self { client, address: address.trim_end_matches('/').to_owned() }
    }

    /// Sends a request to the emulator; the body of the answer is still to be read.
    pub(crate) async fn send(
        &self,
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        body: Body,
        length: Option<HeaderValue>,
    ) -> Result<Response<Incoming>, BoxError> {
        let mut request =
            Request::builder().method(method).uri(format!("{}{target}", self.address)).body(body)?;
        *request.headers_mut() = passed_on(headers);
        request.headers_mut().remove(http::header::HOST);
        if let Some(length) = length {
            request.headers_mut().insert(http::header::CONTENT_LENGTH, length);
        }
        Ok(self.client.request(request).await?)
    }
}

pub(crate) fn signed(scope: &Scope, service: Service) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Scope { account, region } = scope;
    let credential = format!(
        "AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/{}/aws4_request, SignedHeaders=host, Signature=0",
        service.name()
    );
    headers.insert(http::header::AUTHORIZATION, header(&credential));
    headers.insert("x-amz-date", HeaderValue::from_static("20260101T000000Z"));
    headers
}

/// Reads an answer whole, as JSON where the service speaks it.
pub(crate) async fn collect(response: Response<Incoming>, service: Service) -> Result<Answer, BoxError> {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await?.to_bytes();
    let content = if service.speaks_json() {
        serde_json::from_slice(&bytes).map_or(Content::Bytes(bytes), Content::Json)
    } else {
        Content::Bytes(bytes)
    };
    Ok(Answer { status: parts.status, headers: parts.headers, content })
}

pub(crate) fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for name in HOP_HEADERS {
        kept.remove(name);
    }
    kept
}

pub(crate) fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
