//! A plain HTTP client that speaks AWS's protocols, and the emulator and proxy that the tests share.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lakeform_sandbox::{Emulator, Proxy, ProxyConfig, ProxyHandle, environment};
use serde_json::Value;

/// An error as AWS would send it.
#[derive(Debug, PartialEq)]
pub(crate) struct AwsError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

/// One account's view of an endpoint.
pub(crate) struct Client {
    endpoint: String,
    pub(crate) account: String,
    region: String,
    http: HttpClient<HttpConnector, Full<Bytes>>,
}

/// The emulator of this test binary; it ends with the binary.
pub(crate) fn emulator() -> &'static Emulator {
    static EMULATOR: OnceLock<Emulator> = OnceLock::new();
    EMULATOR.get_or_init(|| {
        let environment = environment::for_tests().unwrap();
        let log = std::env::temp_dir().join(format!("lakeform-test-emulator-{}.log", std::process::id()));
        let emulator = Emulator::start(&environment, &log).unwrap();
        std::fs::remove_file(&log).unwrap();
        emulator
    })
}

/// The mending proxy that most tests share.
pub(crate) fn proxy() -> &'static ProxyHandle {
    static PROXY: OnceLock<ProxyHandle> = OnceLock::new();
    PROXY.get_or_init(|| Proxy::start(emulator().endpoint(), ProxyConfig::default()).unwrap())
}

/// An account nobody else has.
pub(crate) fn new_account() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{:012}", 700_000_000_000 + NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A client of the shared proxy with an account of its own.
pub(crate) fn client() -> Client {
    Client::new(proxy().endpoint(), &new_account())
}

impl Client {
    pub(crate) fn new(endpoint: &str, account: &str) -> Self {
        let http = HttpClient::builder(TokioExecutor::new()).build_http();
        Self {
            endpoint: endpoint.to_owned(),
            account: account.to_owned(),
            region: "us-east-1".to_owned(),
            http,
        }
    }

    pub(crate) fn in_region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// A request as it is; `Err` is a broken connection.
    pub(crate) async fn send(
        &self,
        method: Method,
        target: &str,
        service: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<(StatusCode, Bytes), String> {
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/{}/{service}/aws4_request, SignedHeaders=host, Signature=0",
            self.account, self.region
        );
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{target}", self.endpoint))
            .header("authorization", credential)
            .header("x-amz-date", "20260101T000000Z");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let response = self.http.request(request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|error| error.to_string())?;
        Ok((status, body.to_bytes()))
    }

    async fn json(&self, service: &str, target: &str, parameters: Value) -> Result<Value, AwsError> {
        let headers = [("x-amz-target", target), ("content-type", "application/x-amz-json-1.1")];
        let (status, body) =
            self.send(Method::POST, "/", service, &headers, parameters.to_string()).await.unwrap();
        let value: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(value);
        }
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        Err(AwsError { status: status.as_u16(), code: text("__type"), message: text("message") })
    }

    pub(crate) async fn glue(&self, operation: &str, parameters: Value) -> Result<Value, AwsError> {
        self.json("glue", &format!("AWSGlue.{operation}"), parameters).await
    }

    pub(crate) async fn athena(&self, operation: &str, parameters: Value) -> Result<Value, AwsError> {
        self.json("athena", &format!("AmazonAthena.{operation}"), parameters).await
    }

    async fn form(
        &self,
        service: &str,
        version: &str,
        action: &str,
        fields: &[(&str, &str)],
    ) -> Result<String, AwsError> {
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        let mut body = format!("Action={action}&Version={version}");
        for (name, value) in fields {
            body.push('&');
            body.push_str(name);
            body.push('=');
            body.push_str(&encode(value));
        }
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let (status, body) = self.send(Method::POST, "/", service, &headers, body).await.unwrap();
        xml(status, &body)
    }

    pub(crate) async fn ec2(&self, action: &str, fields: &[(&str, &str)]) -> Result<String, AwsError> {
        self.form("ec2", "2016-11-15", action, fields).await
    }

    pub(crate) async fn iam(&self, action: &str, fields: &[(&str, &str)]) -> Result<String, AwsError> {
        self.form("iam", "2010-05-08", action, fields).await
    }

    pub(crate) async fn s3(&self, method: Method, target: &str, body: &str) -> Result<String, AwsError> {
        let (status, body) = self.send(method, target, "s3", &[], body.to_owned()).await.unwrap();
        xml(status, &body)
    }

    /// A role that Glue may assume.
    pub(crate) async fn glue_role(&self, name: &str) -> Result<String, AwsError> {
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"glue.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        self.iam("CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", trust)]).await
    }
}

fn xml(status: StatusCode, body: &[u8]) -> Result<String, AwsError> {
    let text = String::from_utf8_lossy(body).into_owned();
    if status.is_success() {
        return Ok(text);
    }
    let (code, message) =
        (first(&text, "Code").unwrap_or_default(), first(&text, "Message").unwrap_or_default());
    Err(AwsError { status: status.as_u16(), code, message })
}

/// The text of every element of a name.
pub(crate) fn all(text: &str, tag: &str) -> Vec<String> {
    text.split(&format!("<{tag}>"))
        .skip(1)
        .filter_map(|rest| rest.split_once(&format!("</{tag}>")).map(|(inner, _)| inner.to_owned()))
        .collect()
}

/// The text of the first element of a name.
pub(crate) fn first(text: &str, tag: &str) -> Option<String> {
    all(text, tag).into_iter().next()
}
