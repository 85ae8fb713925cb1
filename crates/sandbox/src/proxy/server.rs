//! The connections: reads a request, lets rules and faults at it, forwards it, answers. Bodies of objects
//! stream through in both directions; only the control plane's small ones are held.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::ProxyConfig;
use super::call::{Answer, Call};
use super::cloud::Cloud;
use super::faults::{Effect, Faults, Player};
use super::iam_actions::{Asked, asks};
use super::journal::{CallRecord, Journal};
use super::policy::{self, Policy};
use super::recognise::{
    Recognised, Service, Signature, form_operation, mutates, pairs, recognise, signature, value_of,
};
use super::refusal::{Refusal, error_code};
use super::rules;
use super::upstream::{Body, BoxError, collect, full, passed_on};

/// More than any control-plane body of AWS.
const LARGEST_HELD: usize = 32 << 20;
/// How often the memory is written, when it changed.
const FLUSH_EVERY: std::time::Duration = std::time::Duration::from_millis(100);
/// The paths of the proxy's own few requests; no bucket may start with an underscore.
const OWN_PATHS: &str = "/_lakeform/";

pub(super) struct Server {
    cloud: Cloud,
    pub(super) journal: Journal,
    faults: RwLock<Arc<Player>>,
    policy: RwLock<Option<Arc<Policy>>>,
}

/// The connection is to be reset instead of answered.
#[derive(Debug, thiserror::Error)]
#[error("the connection is reset on purpose")]
struct Cut;

impl Server {
    pub(super) fn new(upstream: &str, endpoint: &str, config: ProxyConfig) -> std::io::Result<Self> {
        let journal = Journal::open(config.log.as_deref(), config.keep_calls)?;
        let faults = RwLock::new(Arc::new(Player::new(config.faults.clone())));
        let policy = RwLock::new(config.policy.clone().map(Arc::new));
        Ok(Self { cloud: Cloud::new(upstream, endpoint, config), journal, faults, policy })
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Player::new(faults));
    }

    pub(super) fn hits(&self) -> Vec<u64> {
        self.player().hits()
    }

    pub(super) fn set_policy(&self, policy: Option<Policy>) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = policy.map(Arc::new);
    }

    /// Why the policy refuses a call, if it does; the record learns what was asked for.
    fn judged(&self, asked: &Asked<'_>, record: &mut CallRecord) -> Option<Refusal> {
        let policy = self.policy.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        record.asks = asks(asked);
        let refused = policy.refused(&record.asks)?;
        Some(policy::refusal(asked.service, &asked.scope.account, refused))
    }

    /// Ends every process of a job; the last thing the proxy does.
    pub(super) fn end_runs(&self) {
        if let Some(runs) = &self.cloud.runs {
            runs.end_all();
        }
        self.cloud.memory.flush();
    }

    fn player(&self) -> Arc<Player> {
        Arc::clone(&self.faults.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Accepts connections until told to stop.
pub(super) async fn run(
    listener: std::net::TcpListener,
    server: Arc<Server>,
    mut stopped: oneshot::Receiver<()>,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the proxy cannot listen"),
    };
    let mut flush = tokio::time::interval(FLUSH_EVERY);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { tokio::spawn(connection(stream, Arc::clone(&server))); }
                Err(error) => {
                    // Out of file descriptors, most likely: give the others time to end.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(FLUSH_EVERY).await;
                }
            },
            _ = flush.tick() => server.cloud.memory.flush(),
            _ = &mut stopped => break,
        }
    }
    server.cloud.memory.flush();
}

async fn connection(stream: TcpStream, server: Arc<Server>) {
    // Small answers must not wait for more to send.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let server = Arc::clone(&server);
        Box::pin(async move { respond(&server, request).await })
    });
    let mut connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    let ended = std::future::poll_fn(|context| connection.poll_without_shutdown(context)).await;
    if ended.is_err() {
        // Without lingering the kernel sends a reset, which is what a broken network looks like.
        let stream = connection.into_parts().io.into_inner();
        let _ = stream.set_zero_linger();
    }
}

async fn respond(server: &Server, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
    if request.uri().path().starts_with(OWN_PATHS) {
        return Ok(own(server, request).await);
    }
    let began = Instant::now();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let t = (since.as_secs_f64() * 1000.0).round() / 1000.0;
    let (found, signature, request) = match read(request).await {
        Ok(read) => read,
        Err(error) => {
            tracing::debug!(%error, "a request could not be read");
            return Err(Cut);
        }
    };
    let mutating = mutates(found.service, &found.operation);
    let name = format!("{}:{}", found.service.name(), found.operation);
    let mut record = CallRecord {
        t,
        ms: 0.0,
        service: found.service.name().to_owned(),
        operation: found.operation.clone(),
        account: signature.scope.account.clone(),
        region: signature.scope.region.clone(),
        resource: found.bucket.as_ref().map(|bucket| match &found.key {
            Some(key) => format!("{bucket}/{key}"),
            None => bucket.clone(),
        }),
        status: 0,
        mutating,
        error: None,
        asks: Vec::new(),
        fault: None,
    };
    let player = server.player();
    let verdict = player.judge(&name, &signature.scope.account, mutating);
    if !verdict.latency.is_zero() {
        tokio::time::sleep(verdict.latency).await;
    }
    record.fault = verdict.effect.as_ref().map(Effect::label);
    let outcome = act(server, found, signature, request, verdict.effect.as_ref(), &mut record).await;
    record.ms = (began.elapsed().as_secs_f64() * 10_000.0).round() / 10.0;
    // A call whose answer is lost has acted all the same.
    let lost = matches!(verdict.effect, Some(Effect::Lost));
    if lost || outcome.as_ref().is_ok_and(|(response, _)| response.status().is_success()) {
        player.succeeded(&name, &record.account);
    }
    if let Ok((response, error)) = &outcome {
        record.status = response.status().as_u16();
        record.error.clone_from(error);
    }
    tracing::debug!(call = %name, status = record.status, error = record.error.as_deref(), "call");
    server.journal.add(record);
    outcome.map(|(response, _)| response)
}

/// A request whose head is understood: its body is held, or still to come.
struct Pending {
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Pouch,
}

enum Pouch {
    Held(Bytes),
    Stream(Incoming),
}

async fn read(request: Request<Incoming>) -> Result<(Recognised, Signature, Pending), BoxError> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let query = pairs(parts.uri.query().unwrap_or_default());
    let target = parts.uri.path_and_query().map_or_else(|| path.clone(), ToString::to_string);
    let signature = signature(&parts.headers, &query);
    let known = recognise(&parts.method, &path, &query, &parts.headers, &signature);
    let streams = known.as_ref().is_some_and(|found| found.key.is_some() || found.service == Service::Other);
    let body = if streams {
        Pouch::Stream(body)
    } else {
        Pouch::Held(Limited::new(body, LARGEST_HELD).collect().await?.to_bytes())
    };
    let found = match (known, &body) {
        (Some(found), _) => found,
        (None, Pouch::Held(bytes)) => {
            let form = pairs(&String::from_utf8_lossy(bytes));
            let action = value_of(&form, "Action").unwrap_or_default();
            form_operation(action, value_of(&form, "Version"), &signature)
        }
        (None, Pouch::Stream(_)) => form_operation("", None, &signature),
    };
    Ok((found, signature, Pending { method: parts.method, target, headers: parts.headers, body }))
}

type Outcome = Result<(Response<Body>, Option<String>), Cut>;

async fn act(
    server: &Server,
    found: Recognised,
    signature: Signature,
    pending: Pending,
    effect: Option<&Effect>,
    record: &mut CallRecord,
) -> Outcome {
    let service = found.service;
    let name = record.name();
    if let Some(effect) = effect {
        if matches!(effect, Effect::Reset) {
            return Err(Cut);
        }
        if let Some(refusal) = effect.refusal(service, &name) {
            drain(pending.body).await;
            return Ok(finish(&refusal.answer(service)));
        }
    }
    let outcome = match pending.body {
        Pouch::Stream(body) => {
            let asked = Asked {
                service,
                operation: &found.operation,
                scope: &signature.scope,
                bucket: found.bucket.as_deref(),
                key: found.key.as_deref(),
                headers: &pending.headers,
                json: &serde_json::Value::Null,
                form: &[],
                body: &[],
            };
            if let Some(refusal) = server.judged(&asked, record) {
                drain(Pouch::Stream(body)).await;
                return Ok(finish(&refusal.answer(service)));
            }
            let target = found.path_style.unwrap_or(pending.target);
            stream(server, service, &pending.method, &target, &pending.headers, body).await
        }
        Pouch::Held(body) => {
            let scope = signature.scope;
            let mut call = Call::new(found, scope, pending.method, pending.target, pending.headers, body);
            let asked = Asked {
                service,
                operation: &call.operation,
                scope: &call.scope,
                bucket: call.bucket.as_deref(),
                key: None,
                headers: &call.headers,
                json: &call.json,
                form: &call.form,
                body: &call.body,
            };
            if let Some(refusal) = server.judged(&asked, record) {
                return Ok(finish(&refusal.answer(service)));
            }
            Ok(finish(&ruled(server, &mut call).await))
        }
    };
    match effect {
        Some(Effect::Lost) => {
            if let Ok((response, _)) = outcome {
                // The answer is read to its end, so that the call has surely acted.
                let _ = response.into_body().collect().await;
            }
            Err(Cut)
        }
        Some(effect @ (Effect::Cut | Effect::Stall)) => match outcome {
            Ok((response, error)) => Ok((halved(response, effect).await, error)),
            Err(cut) => Err(cut),
        },
        _ => outcome,
    }
}

/// Reads what the client still sends, so that it gets to read the answer.
async fn drain(body: Pouch) {
    if let Pouch::Stream(body) = body {
        let mut frames = http_body_util::BodyStream::new(body);
        while let Some(Ok(_)) = frames.next().await {}
    }
}

/// Passes an object's call on, both bodies streaming.
async fn stream(
    server: &Server,
    service: Service,
    method: &Method,
    target: &str,
    headers: &HeaderMap,
    body: Incoming,
) -> Outcome {
    let length = headers.get(http::header::CONTENT_LENGTH).cloned();
    let body = body.map_err(BoxError::from).boxed();
    match server.cloud.send(method, target, headers, body, length).await {
        Ok(response) => {
            let (mut parts, body) = response.into_parts();
            // A small error is read for its code; everything else streams on.
            if parts.status.as_u16() >= 400 && method != Method::HEAD {
                return match collect(Response::from_parts(parts, body), service).await {
                    Ok(answer) => Ok(finish(&answer)),
                    Err(_) => Err(Cut),
                };
            }
            let length = parts.headers.get(http::header::CONTENT_LENGTH).cloned();
            parts.headers = passed_on(&parts.headers);
            if let Some(length) = length {
                parts.headers.insert(http::header::CONTENT_LENGTH, length);
            }
            Ok((Response::from_parts(parts, body.map_err(BoxError::from).boxed()), None))
        }
        Err(error) => Ok(finish(&Refusal::unreachable(&error).answer(service))),
    }
}

/// Takes a control-plane call through its rules and the emulator.
async fn ruled(server: &Server, call: &mut Call) -> Answer {
    let cloud = &server.cloud;
    let rules = if cloud.config.transparent { Vec::new() } else { rules::of(call.service, &call.operation) };
    let looks_first = !rules.is_empty() && mutates(call.service, &call.operation);
    let _alone = if looks_first { Some(cloud.serial(&call.scope, call.service).await) } else { None };
    let mut made = None;
    for rule in &rules {
        match rule.request(call, cloud).await {
            Ok(None) => {}
            Ok(Some(answer)) => {
                made = Some(answer);
                break;
            }
            Err(refusal) => return refusal.answer(call.service),
        }
    }
    let mut answer = if let Some(answer) = made {
        answer
    } else {
        let body = if rules.is_empty() { call.body.clone() } else { call.outgoing() };
        match cloud.fetch(&call.method, &call.target, &call.headers, body, call.service).await {
            Ok(answer) => answer,
            Err(refusal) => return refusal.answer(call.service),
        }
    };
    for rule in &rules {
        if let Err(refusal) = rule.answer(call, &mut answer, cloud).await {
            return refusal.answer(call.service);
        }
    }
    answer
}

fn finish(answer: &Answer) -> (Response<Body>, Option<String>) {
    let error = error_code(answer);
    let mut response = Response::new(full(answer.bytes()));
    *response.status_mut() = answer.status;
    *response.headers_mut() = passed_on(&answer.headers);
    (response, error)
}

/// The beginning of an answer's body, then a broken connection, or silence.
async fn halved(response: Response<Body>, effect: &Effect) -> Response<Body> {
    let (mut parts, mut body) = response.into_parts();
    let data = match body.frame().await {
        Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    };
    let first = Ok(Frame::data(data.slice(..data.len() / 2)));
    let stalls = matches!(effect, Effect::Stall);
    let pieces = futures_util::stream::iter([first]).chain(futures_util::stream::once(async move {
        if stalls {
            std::future::pending::<()>().await;
        }
        Err(BoxError::from(Cut))
    }));
    if !parts.headers.contains_key(http::header::CONTENT_LENGTH) {
        // Any length beyond what comes: the client must wait for more.
        parts.headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from_static("1048576"));
    }
    Response::from_parts(parts, BodyExt::boxed(StreamBody::new(pieces)))
}

async fn own(server: &Server, request: Request<Incoming>) -> Response<Body> {
    let what = request.uri().path().trim_start_matches(OWN_PATHS).to_owned();
    let reply = |status: StatusCode, value: serde_json::Value| {
        let mut response = Response::new(full(Bytes::from(value.to_string())));
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    };
    match (request.method(), what.as_str()) {
        (&Method::GET, "health") => {
            reply(StatusCode::OK, json!({ "lakeform": env!("CARGO_PKG_VERSION"), "pid": std::process::id() }))
        }
        (&Method::GET, "calls") => reply(StatusCode::OK, json!(server.journal.calls())),
        (&Method::DELETE, "calls") => {
            server.journal.forget();
            reply(StatusCode::OK, json!({}))
        }
        (&Method::PUT, "faults") => {
            let body = Limited::new(request.into_body(), LARGEST_HELD).collect().await;
            let bytes = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            match serde_json::from_slice::<Faults>(&bytes) {
                Ok(faults) => {
                    server.set_faults(faults);
                    reply(StatusCode::OK, json!({}))
                }
                Err(error) => reply(StatusCode::BAD_REQUEST, json!({ "message": error.to_string() })),
            }
        }
        (&Method::POST, what) if what.starts_with("runs/") => {
            let mut words = what.split('/').skip(1);
            let (id, verb) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let done = match &server.cloud.runs {
                Some(runs) => runs.synchronise(id, verb).await,
                None => Ok(false),
            };
            match done {
                Ok(true) => reply(StatusCode::OK, json!({})),
                Ok(false) => reply(StatusCode::NOT_FOUND, json!({ "message": "no such run" })),
                Err(message) => reply(StatusCode::BAD_GATEWAY, json!({ "message": message })),
            }
        }
        _ => reply(StatusCode::NOT_FOUND, json!({ "message": "no such request" })),
    }
}
