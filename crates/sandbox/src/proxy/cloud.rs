//! What a rule may use: the emulator behind the proxy, the memory, the settings, and one lock per account and
//! service so that look-then-act is safe. Calls made here are the proxy's own and are not logged.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::Value;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::ProxyConfig;
use super::call::{Answer, Content, form_body};
use super::memory::Memory;
use super::recognise::{Scope, Service};
use super::refusal::{Refusal, error_code, error_message};
use super::xml::Element;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Body = BoxBody<Bytes, BoxError>;

pub(crate) fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

/// Headers of one connection only, which a proxy must not pass on; the length is counted anew.
const HOP_HEADERS: [&str; 7] =
    ["connection", "keep-alive", "transfer-encoding", "content-length", "expect", "te", "upgrade"];

type Locks = HashMap<(Scope, Service), Arc<AsyncMutex<()>>>;

pub(crate) struct Cloud {
    client: Client<HttpConnector, Body>,
    upstream: String,
    pub(crate) memory: Memory,
    pub(crate) config: ProxyConfig,
    locks: Mutex<Locks>,
}

impl Cloud {
    pub(crate) fn new(upstream: &str, config: ProxyConfig) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // Below the emulator's own 75 seconds, so that it never closes what we are about to use.
            .pool_idle_timeout(Duration::from_secs(30))
            .build(connector);
        let memory = Memory::open(config.memory.as_deref());
        let upstream = upstream.trim_end_matches('/').to_owned();
        Self { client, upstream, memory, config, locks: Mutex::default() }
    }

    /// Holds every other change of this service in this account until dropped.
    pub(crate) async fn serial(&self, scope: &Scope, service: Service) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            locks.entry((scope.clone(), service)).or_default().clone()
        };
        lock.lock_owned().await
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
            Request::builder().method(method).uri(format!("{}{target}", self.upstream)).body(body)?;
        *request.headers_mut() = passed_on(headers);
        request.headers_mut().remove(http::header::HOST);
        if let Some(length) = length {
            request.headers_mut().insert(http::header::CONTENT_LENGTH, length);
        }
        Ok(self.client.request(request).await?)
    }

    /// A call of a JSON service on a caller's behalf.
    pub(crate) async fn json(
        &self,
        scope: &Scope,
        service: Service,
        operation: &str,
        parameters: Value,
    ) -> Result<Value, Refusal> {
        let prefix = if service == Service::Athena { "AmazonAthena" } else { "AWSGlue" };
        let mut headers = signed(scope, service);
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
        headers.insert("x-amz-target", header(&format!("{prefix}.{operation}")));
        let answer =
            self.ask(&Method::POST, "/", &headers, Bytes::from(parameters.to_string()), service).await?;
        match answer.content {
            Content::Json(value) => Ok(value),
            Content::Bytes(_) => Ok(Value::Null),
        }
    }

    /// A call of a form service on a caller's behalf.
    pub(crate) async fn form(
        &self,
        scope: &Scope,
        service: Service,
        operation: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Element, Refusal> {
        let version = match service {
            Service::Iam => "2010-05-08",
            Service::Sts => "2011-06-15",
            _ => "2016-11-15",
        };
        let mut form =
            vec![("Action".to_owned(), operation.to_owned()), ("Version".to_owned(), version.to_owned())];
        form.extend(parameters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let mut headers = signed(scope, service);
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(http::header::CONTENT_TYPE, kind);
        let answer = self.ask(&Method::POST, "/", &headers, Bytes::from(form_body(&form)), service).await?;
        Element::parse(&answer.text())
            .ok_or_else(|| Refusal::new("InternalFailure", "the emulator's answer is no XML"))
    }

    /// A request to S3 on a caller's behalf; an error status is an answer here, not a refusal.
    pub(crate) async fn s3(
        &self,
        scope: &Scope,
        method: Method,
        target: &str,
        body: &str,
    ) -> Result<StatusCode, Refusal> {
        let headers = signed(scope, Service::S3);
        let body = Bytes::copy_from_slice(body.as_bytes());
        self.fetch(&method, target, &headers, body, Service::S3).await.map(|answer| answer.status)
    }

    async fn ask(
        &self,
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        body: Bytes,
        service: Service,
    ) -> Result<Answer, Refusal> {
        let answer = self.fetch(method, target, headers, body, service).await?;
        match error_code(&answer) {
            None if answer.ok() => Ok(answer),
            code => Err(Refusal {
                code: code.unwrap_or_else(|| "InternalFailure".to_owned()),
                message: error_message(&answer),
                status: answer.status,
            }),
        }
    }

    /// Sends a small request and reads the whole answer.
    pub(crate) async fn fetch(
        &self,
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        body: Bytes,
        service: Service,
    ) -> Result<Answer, Refusal> {
        let unreachable = |error: BoxError| {
            Refusal::new("ServiceUnavailable", format!("the emulator cannot be reached: {error}"))
                .with_status(StatusCode::SERVICE_UNAVAILABLE)
        };
        let response = self.send(method, target, headers, full(body), None).await.map_err(unreachable)?;
        collect(response, service).await.map_err(unreachable)
    }
}

fn signed(scope: &Scope, service: Service) -> HeaderMap {
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

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
