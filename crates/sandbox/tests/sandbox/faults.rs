//! Faults against an upstream of the test's own: what the client sees, and whether the call acted.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::Method;
use lakeform_sandbox::{Effect, Fault, Faults, Proxy, ProxyConfig, ProxyHandle};
use serde_json::json;

use crate::client::{AwsError, Client, new_account};
use crate::streaming::Upstream;

async fn with(faults: Vec<Fault>) -> (Upstream, ProxyHandle, Client) {
    let upstream = Upstream::start().await;
    let config = ProxyConfig { faults: Faults { seed: 1, faults }, ..ProxyConfig::default() };
    let proxy = Proxy::start(&upstream.endpoint, config).unwrap();
    let aws = Client::new(proxy.endpoint(), &new_account());
    (upstream, proxy, aws)
}

#[tokio::test]
async fn a_denied_operation_is_refused_in_the_services_own_words_and_never_acts() {
    let (upstream, proxy, aws) = with(vec![Fault::on("*", Effect::Denied)]).await;
    let glue = aws.glue("GetTables", json!({ "DatabaseName": "d" })).await.unwrap_err();
    assert_eq!((glue.code.as_str(), glue.status), ("AccessDeniedException", 400));
    let s3 = aws.s3(Method::PUT, "/b/k", "body").await.unwrap_err();
    assert_eq!((s3.code.as_str(), s3.status), ("AccessDenied", 403));
    let ec2 = aws.ec2("DescribeVpcs", &[]).await.unwrap_err();
    assert_eq!((ec2.code.as_str(), ec2.status), ("UnauthorizedOperation", 403));
    let iam = aws.iam("GetRole", &[("RoleName", "r")]).await.unwrap_err();
    assert_eq!((iam.code.as_str(), iam.status), ("AccessDenied", 403));
    let athena = aws.athena("GetWorkGroup", json!({ "WorkGroup": "w" })).await.unwrap_err();
    assert_eq!(athena.code, "AccessDeniedException");
    assert_eq!(upstream.requests.load(Ordering::SeqCst), 0);
    assert!(proxy.calls().iter().all(|call| call.fault.as_deref() == Some("denied") && call.error.is_some()));
}

#[tokio::test]
async fn an_object_is_throttled_twice_and_then_taken() {
    let (upstream, proxy, aws) = with(vec![Fault::on("s3:PutObject", Effect::Throttled).times(2)]).await;
    for _ in 0..2 {
        let slow: AwsError = aws.s3(Method::PUT, "/b/k", &"x".repeat(1 << 20)).await.unwrap_err();
        assert_eq!((slow.code.as_str(), slow.status), ("SlowDown", 503));
    }
    aws.s3(Method::PUT, "/b/k", "body").await.unwrap();
    assert_eq!(upstream.requests.load(Ordering::SeqCst), 1);
    assert_eq!(proxy.counts(), [("s3:PutObject".to_owned(), 3)].into());
    assert_eq!(proxy.hits(), [2]);
}

#[tokio::test]
async fn a_lost_answer_means_that_the_call_acted() {
    let (upstream, proxy, aws) = with(vec![Fault::on("s3:PutObject", Effect::Lost).times(1)]).await;
    aws.send(Method::PUT, "/b/k", "s3", &[], "hello").await.unwrap_err();
    assert_eq!(upstream.received.load(Ordering::SeqCst), 5);
    let call = &proxy.calls()[0];
    assert_eq!((call.status, call.fault.as_deref()), (0, Some("lost")));
}

#[tokio::test]
async fn a_reset_means_that_the_call_did_not_act() {
    let (upstream, _proxy, aws) = with(vec![Fault::on("athena:*", Effect::Reset)]).await;
    let headers = [("x-amz-target", "AmazonAthena.CreateWorkGroup")];
    aws.send(Method::POST, "/", "athena", &headers, "{}").await.unwrap_err();
    assert_eq!(upstream.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_cut_answer_breaks_in_the_middle_of_its_body() {
    let (_upstream, _proxy, aws) = with(vec![Fault::on("s3:GetObject", Effect::Cut)]).await;
    aws.send(Method::GET, "/b/small", "s3", &[], "").await.unwrap_err();
    aws.send(Method::GET, "/b/large", "s3", &[], "").await.unwrap_err();
}

#[tokio::test]
async fn a_stalled_answer_begins_and_never_ends() {
    let (upstream, _proxy, aws) = with(vec![Fault::on("s3:*", Effect::Stall)]).await;
    let read = aws.send(Method::GET, "/b/small", "s3", &[], "");
    let ended = tokio::time::timeout(Duration::from_millis(500), read).await;
    assert!(ended.is_err(), "{ended:?}");
    assert_eq!(upstream.requests.load(Ordering::SeqCst), 1, "the call acted");
}

#[tokio::test]
async fn a_service_is_throttled_and_fails_inside_in_its_own_words() {
    let asks = |aws: Client| async move {
        [
            aws.s3(Method::PUT, "/b/k", "body").await.unwrap_err(),
            aws.ec2("DescribeVpcs", &[]).await.unwrap_err(),
            aws.iam("GetRole", &[("RoleName", "r")]).await.unwrap_err(),
            aws.glue("GetTables", json!({ "DatabaseName": "d" })).await.unwrap_err(),
            aws.athena("GetWorkGroup", json!({ "WorkGroup": "w" })).await.unwrap_err(),
        ]
    };
    let said = |errors: [AwsError; 5]| errors.map(|error| (error.code, error.status));
    let own = |all: [(&str, u16); 5]| all.map(|(code, status)| (code.to_owned(), status));
    let (_upstream, _proxy, aws) = with(vec![Fault::on("*", Effect::Throttled)]).await;
    assert_eq!(
        said(asks(aws).await),
        own([
            ("SlowDown", 503),
            ("RequestLimitExceeded", 503),
            ("Throttling", 400),
            ("ThrottlingException", 400),
            ("TooManyRequestsException", 400),
        ])
    );
    let (_upstream, _proxy, aws) = with(vec![Fault::on("*", Effect::Internal)]).await;
    assert_eq!(
        said(asks(aws).await),
        own([
            ("InternalError", 500),
            ("InternalError", 500),
            ("ServiceFailure", 500),
            ("InternalServiceException", 500),
            ("InternalServerException", 500),
        ])
    );
    let busy = Effect::Error { code: "ServiceUnavailable".into(), message: None, status: None };
    let (upstream, _proxy, aws) = with(vec![Fault::on("*", busy)]).await;
    let five_o_three = ("ServiceUnavailable", 503);
    assert_eq!(said(asks(aws).await), own([five_o_three; 5]));
    assert_eq!(upstream.requests.load(Ordering::SeqCst), 0, "none of them acted");
}

#[tokio::test]
async fn a_new_role_is_not_seen_by_so_many_reads() {
    let unseen = Effect::Error { code: "NoSuchEntity".into(), message: None, status: Some(404) };
    let fault = Fault::on("iam:GetRole", unseen).since("iam:CreateRole").times(2);
    let faults = Faults { seed: 0, faults: vec![fault] };
    let config = ProxyConfig { faults, ..ProxyConfig::default() };
    let proxy = Proxy::start(crate::client::emulator().endpoint(), config).unwrap();
    let aws = Client::new(proxy.endpoint(), &new_account());
    aws.glue_role("etl").await.unwrap();
    for _ in 0..2 {
        let error = aws.iam("GetRole", &[("RoleName", "etl")]).await.unwrap_err();
        assert_eq!((error.code.as_str(), error.status), ("NoSuchEntity", 404));
    }
    aws.iam("GetRole", &[("RoleName", "etl")]).await.unwrap();
}

#[tokio::test]
async fn latency_delays_and_changes_nothing_else() {
    let (_upstream, _proxy, aws) = with(vec![Fault::on("*", Effect::Latency { ms: 80, jitter_ms: 0 })]).await;
    let began = Instant::now();
    aws.s3(Method::GET, "/b/small", "").await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn an_error_of_choice_hits_one_account_only_until_faults_are_lifted() {
    let (_upstream, proxy, aws) = with(Vec::new()).await;
    let conflict = Effect::Error { code: "OperationAborted".into(), message: None, status: None };
    let fault = Fault::on("s3:Put*", conflict).in_account(&aws.account).on_changes();
    proxy.set_faults(Faults { seed: 0, faults: vec![fault] });
    let hit = aws.s3(Method::PUT, "/b/k", "x").await.unwrap_err();
    assert_eq!((hit.code.as_str(), hit.status), ("OperationAborted", 409));
    Client::new(proxy.endpoint(), &new_account()).s3(Method::PUT, "/b/k", "x").await.unwrap();
    proxy.set_faults(Faults::default());
    aws.s3(Method::PUT, "/b/k", "x").await.unwrap();
}

#[tokio::test]
async fn an_upstream_that_is_gone_is_an_unavailable_service() {
    let proxy = Proxy::start("http://127.0.0.1:1", ProxyConfig::default()).unwrap();
    let aws = Client::new(proxy.endpoint(), &new_account());
    let error = aws.s3(Method::GET, "/b/k", "").await.unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("ServiceUnavailable", 503));
    let error = aws.glue("GetTables", json!({ "DatabaseName": "d" })).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("ServiceUnavailable", 503));
}

#[tokio::test]
async fn faults_and_calls_can_be_had_over_http() {
    let (_upstream, proxy, aws) = with(Vec::new()).await;
    let script = r#"{"faults": [{"on": "s3:*", "effect": "internal"}]}"#;
    let (status, _) = aws.send(Method::PUT, "/_lakeform/faults", "s3", &[], script).await.unwrap();
    assert!(status.is_success());
    assert_eq!(aws.s3(Method::GET, "/b/small", "").await.unwrap_err().code, "InternalError");
    let (status, _) = aws.send(Method::PUT, "/_lakeform/faults", "s3", &[], "{").await.unwrap();
    assert_eq!(status, 400);
    let (_, calls) = aws.send(Method::GET, "/_lakeform/calls", "s3", &[], "").await.unwrap();
    let calls: Vec<lakeform_sandbox::CallRecord> = serde_json::from_slice(&calls).unwrap();
    assert_eq!(calls, proxy.calls());
    assert_eq!(calls.len(), 1, "the proxy's own requests are no calls");
}
