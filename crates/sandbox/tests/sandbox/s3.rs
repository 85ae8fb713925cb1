//! Buckets as AWS keeps them.

use http::Method;

use crate::client::{Client, client, first, new_account, proxy};

fn bucket(aws: &Client) -> String {
    format!("/lake-{}", aws.account)
}

#[tokio::test]
async fn a_new_bucket_blocks_public_access_until_that_is_taken_off() {
    let aws = client();
    let bucket = bucket(&aws);
    aws.s3(Method::PUT, &bucket, "").await.unwrap();
    let block = format!("{bucket}?publicAccessBlock");
    let read = aws.s3(Method::GET, &block, "").await.unwrap();
    assert_eq!(read.matches(">true<").count(), 4, "{read}");
    aws.s3(Method::DELETE, &block, "").await.unwrap();
    let gone = aws.s3(Method::GET, &block, "").await.unwrap_err();
    assert_eq!(gone.code, "NoSuchPublicAccessBlockConfiguration");
    aws.s3(Method::PUT, &bucket, "").await.unwrap();
    assert!(aws.s3(Method::GET, &block, "").await.is_err(), "creating it again changes no setting");
}

#[tokio::test]
async fn creating_ones_own_bucket_again_fails_outside_the_first_region() {
    let aws = Client::new(proxy().endpoint(), &new_account()).in_region("eu-west-1");
    let body = "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";
    aws.s3(Method::PUT, &bucket(&aws), body).await.unwrap();
    let again = aws.s3(Method::PUT, &bucket(&aws), body).await.unwrap_err();
    assert_eq!((again.code.as_str(), again.status), ("BucketAlreadyOwnedByYou", 409));
}

#[tokio::test]
async fn lifecycle_rules_are_checked_and_given_an_id() {
    let aws = client();
    let bucket = bucket(&aws);
    aws.s3(Method::PUT, &bucket, "").await.unwrap();
    let lifecycle = format!("{bucket}?lifecycle");
    let rule = "<Rule><Status>Enabled</Status><Filter><Prefix>a/</Prefix></Filter><Expiration><Days>3</Days></Expiration></Rule>";
    let wrap = |rule: &str| {
        format!(
            "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{rule}</LifecycleConfiguration>"
        )
    };
    let bad = aws.s3(Method::PUT, &lifecycle, &wrap(&rule.replace("Enabled", "Maybe"))).await.unwrap_err();
    assert_eq!(bad.code, "MalformedXML");
    aws.s3(Method::PUT, &lifecycle, &wrap(rule)).await.unwrap();
    let read = aws.s3(Method::GET, &lifecycle, "").await.unwrap();
    assert!(!first(&read, "ID").unwrap().is_empty());
    assert_eq!(first(&read, "Prefix").as_deref(), Some("a/"));
}

#[tokio::test]
async fn a_buckets_tags_are_no_tags_of_awss_own() {
    let aws = client();
    aws.s3(Method::PUT, &bucket(&aws), "").await.unwrap();
    let tagging = format!("{}?tagging", bucket(&aws));
    let tags = |key: &str| {
        format!("<Tagging><TagSet><Tag><Key>{key}</Key><Value>v</Value></Tag></TagSet></Tagging>")
    };
    assert_eq!(aws.s3(Method::PUT, &tagging, &tags("aws:x")).await.unwrap_err().code, "InvalidTag");
    aws.s3(Method::PUT, &tagging, &tags("team")).await.unwrap();
    assert_eq!(first(&aws.s3(Method::GET, &tagging, "").await.unwrap(), "Key").as_deref(), Some("team"));
}

#[tokio::test]
async fn default_encryption_reads_as_on_aws() {
    let aws = client();
    aws.s3(Method::PUT, &bucket(&aws), "").await.unwrap();
    let read = aws.s3(Method::GET, &format!("{}?encryption", bucket(&aws)), "").await.unwrap();
    assert_eq!(first(&read, "SSEAlgorithm").as_deref(), Some("AES256"));
    assert_eq!(first(&read, "EncryptionType").as_deref(), Some("SSE-C"));
}

#[tokio::test]
async fn calls_are_logged_by_operation_with_their_outcome() {
    let aws = client();
    let bucket = bucket(&aws);
    aws.s3(Method::PUT, &bucket, "").await.unwrap();
    aws.s3(Method::PUT, &format!("{bucket}/a/b"), "hello").await.unwrap();
    assert_eq!(aws.s3(Method::GET, &format!("{bucket}/a/b"), "").await.unwrap(), "hello");
    aws.s3(Method::GET, &format!("{bucket}/nope"), "").await.unwrap_err();
    let calls = proxy().calls_of(&aws.account);
    let seen: Vec<(String, u16, bool, Option<&str>)> =
        calls.iter().map(|call| (call.name(), call.status, call.mutating, call.error.as_deref())).collect();
    assert_eq!(
        seen,
        [
            ("s3:CreateBucket".into(), 200, true, None),
            ("s3:PutObject".into(), 200, true, None),
            ("s3:GetObject".into(), 200, false, None),
            ("s3:GetObject".into(), 404, false, Some("NoSuchKey")),
        ]
    );
    assert_eq!(calls[1].resource.as_deref(), Some(format!("{}/a/b", &bucket[1..]).as_str()));
}

#[tokio::test]
async fn a_bucket_with_objects_or_versions_is_not_deleted() {
    let aws = client();
    let bucket = bucket(&aws);
    aws.s3(Method::PUT, &bucket, "").await.unwrap();
    aws.s3(Method::PUT, &format!("{bucket}/a"), "hello").await.unwrap();
    let refused = aws.s3(Method::DELETE, &bucket, "").await.unwrap_err();
    assert_eq!((refused.code.as_str(), refused.status), ("BucketNotEmpty", 409));
    aws.s3(Method::DELETE, &format!("{bucket}/a"), "").await.unwrap();
    aws.s3(Method::DELETE, &bucket, "").await.unwrap();

    let on = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    aws.s3(Method::PUT, &bucket, "").await.unwrap();
    aws.s3(Method::PUT, &format!("{bucket}?versioning"), on).await.unwrap();
    aws.s3(Method::PUT, &format!("{bucket}/a"), "hello").await.unwrap();
    aws.s3(Method::DELETE, &format!("{bucket}/a"), "").await.unwrap();
    assert_eq!(aws.s3(Method::DELETE, &bucket, "").await.unwrap_err().code, "BucketNotEmpty");
}

#[tokio::test]
async fn no_more_than_a_thousand_objects_go_at_once() {
    let aws = client();
    let bucket = bucket(&aws);
    aws.s3(Method::PUT, &bucket, "").await.unwrap();
    let delete = |count: usize| {
        let keys: Vec<String> = (0..count).map(|n| format!("<Object><Key>k{n}</Key></Object>")).collect();
        let keys = keys.concat();
        format!("<Delete><Quiet>true</Quiet>{keys}</Delete>")
    };
    aws.s3(Method::POST, &format!("{bucket}?delete"), &delete(1000)).await.unwrap();
    let refused = aws.s3(Method::POST, &format!("{bucket}?delete"), &delete(1001)).await.unwrap_err();
    assert_eq!(refused.code, "MalformedXML");
}

#[tokio::test]
async fn an_object_is_written_only_on_its_condition() {
    let aws = client();
    let target = format!("{}/a", bucket(&aws));
    aws.s3(Method::PUT, &bucket(&aws), "").await.unwrap();
    let put = |header: (&'static str, String), body: &'static str| {
        let (aws, target) = (&aws, &target);
        async move {
            let headers = [(header.0, header.1.as_str())];
            aws.send(Method::PUT, target, "s3", &headers, body).await.unwrap().0.as_u16()
        }
    };
    assert_eq!(put(("if-none-match", "*".into()), "one").await, 200);
    assert_eq!(put(("if-none-match", "*".into()), "two").await, 412);
    assert_eq!(put(("if-match", "\"0123\"".into()), "two").await, 412);
    assert_eq!(aws.s3(Method::GET, &target, "").await.unwrap(), "one");
}
