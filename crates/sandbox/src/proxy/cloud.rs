//! What a rule may use: the emulator behind the proxy, the memory, the settings, and one lock per account and
//! service so that look-then-act is safe. Calls made here are the proxy's own and are not logged.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::Value;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::ProxyConfig;
use super::call::{Answer, Content, form_body};
use super::memory::Memory;
use super::recognise::{Scope, Service};
use super::refusal::{Refusal, error_code, error_message};
use super::upstream::{Body, BoxError, Upstream, collect, full, header, signed};
use super::xml::Element;
use crate::runs::Runs;

type Locks = HashMap<(Scope, Service), Arc<AsyncMutex<()>>>;

pub(crate) struct Cloud {
    upstream: Arc<Upstream>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) config: ProxyConfig,
    /// Who runs jobs; without it the emulator answers for runs.
    pub(crate) runs: Option<Arc<Runs>>,
    locks: Mutex<Locks>,
}

impl Cloud {
    /// `endpoint` is the proxy's own address.
    pub(crate) fn new(upstream: &str, endpoint: &str, config: ProxyConfig) -> Self {
        let upstream = Arc::new(Upstream::new(upstream));
        let memory = Arc::new(Memory::open(config.memory.as_deref()));
        let runs = config.runs.clone().map(|runs| {
            Arc::new(Runs::new(runs, Arc::clone(&upstream), Arc::clone(&memory), endpoint.to_owned()))
        });
        Self { upstream, memory, config, runs, locks: Mutex::default() }
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
        self.upstream.send(method, target, headers, body, length).await
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
        let unreachable = |error: BoxError| Refusal::unreachable(&error);
        let response = self.send(method, target, headers, full(body), None).await.map_err(unreachable)?;
        collect(response, service).await.map_err(unreachable)
    }
}
