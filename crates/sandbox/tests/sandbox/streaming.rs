//! Objects pass the proxy without being held in it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, BodyStream, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::{TokioExecutor, TokioIo};
use lakeform_sandbox::{Proxy, ProxyConfig};

const PIECE: usize = 64 << 10;
const PIECES: usize = 4096;
const TOTAL: u64 = (PIECE * PIECES) as u64;

type Body = BoxBody<Bytes, Infallible>;

/// An upstream that counts the bytes of each body it gets, and gives as many to a GET. A key that starts with
/// `small` gets a small body.
pub(crate) struct Upstream {
    pub(crate) endpoint: String,
    pub(crate) received: Arc<AtomicU64>,
    pub(crate) requests: Arc<AtomicU64>,
}

fn large() -> Body {
    let piece = Bytes::from(vec![b'x'; PIECE]);
    let pieces = stream::repeat(piece).take(PIECES).map(|piece| Ok(Frame::data(piece)));
    BodyExt::boxed(StreamBody::new(pieces))
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (received, requests) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let counters = (Arc::clone(&received), Arc::clone(&requests));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (received, requests) = counters.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let (received, requests) = (Arc::clone(&received), Arc::clone(&requests));
                    async move {
                        requests.fetch_add(1, Ordering::SeqCst);
                        let gives =
                            request.method() == Method::GET && !request.uri().path().contains("/small");
                        let mut frames = BodyStream::new(request.into_body());
                        while let Some(Ok(frame)) = frames.next().await {
                            let size = frame.data_ref().map_or(0, Bytes::len);
                            received.fetch_add(size as u64, Ordering::SeqCst);
                        }
                        let body = if gives {
                            large()
                        } else {
                            Full::new(Bytes::from_static(b"{\"a\": 1}")).boxed()
                        };
                        Ok::<_, Infallible>(Response::new(body))
                    }
                });
                let serve = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(serve);
            }
        });
        Self { endpoint, received, requests }
    }
}

/// The most memory this process ever held, in bytes.
#[cfg(target_os = "linux")]
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_quarter_of_a_gigabyte_passes_both_ways_without_being_held() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream.endpoint, ProxyConfig::default()).unwrap();
    let http = HttpClient::builder(TokioExecutor::new()).build_http::<Body>();
    let before = peak_memory();
    let url = format!("{}/bucket/large", proxy.endpoint());
    let put = Request::put(&url).header("content-length", TOTAL).body(large()).unwrap();
    assert!(http.request(put).await.unwrap().status().is_success());
    assert_eq!(upstream.received.load(Ordering::SeqCst), TOTAL);
    let get = Request::get(&url).body(Full::default().boxed()).unwrap();
    let mut frames = BodyStream::new(http.request(get).await.unwrap().into_body());
    let mut got = 0;
    while let Some(frame) = frames.next().await {
        got += frame.unwrap().data_ref().map_or(0, Bytes::len) as u64;
    }
    assert_eq!(got, TOTAL);
    let grown = peak_memory() - before;
    assert!(grown < TOTAL / 4, "the process grew by {grown} bytes");
    let operations: Vec<String> = proxy.calls().iter().map(lakeform_sandbox::CallRecord::name).collect();
    assert_eq!(operations, ["s3:PutObject", "s3:GetObject"]);
}
