//! Which operation of which service a request asks for, from what is on the wire alone. Knows the four
//! protocols of the six services; knows nothing of what an operation does.

use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

/// The services the sandbox stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Service {
    /// Object storage, REST with XML.
    S3,
    /// Identities, form requests with XML answers.
    Iam,
    /// Who am I, form requests with XML answers.
    Sts,
    /// Networks, form requests with XML answers.
    Ec2,
    /// The catalogue and the jobs, JSON.
    Glue,
    /// Queries, JSON.
    Athena,
    /// Anything else; passed on untouched.
    Other,
}

impl Service {
    /// The name in logs, faults and counts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Iam => "iam",
            Self::Sts => "sts",
            Self::Ec2 => "ec2",
            Self::Glue => "glue",
            Self::Athena => "athena",
            Self::Other => "other",
        }
    }

    pub(crate) fn speaks_json(self) -> bool {
        matches!(self, Self::Glue | Self::Athena)
    }

    pub(crate) fn speaks_forms(self) -> bool {
        matches!(self, Self::Ec2 | Self::Iam | Self::Sts)
    }

    fn named(scope: &str) -> Self {
        match scope {
            "s3" => Self::S3,
            "iam" => Self::Iam,
            "sts" => Self::Sts,
            "ec2" => Self::Ec2,
            "glue" => Self::Glue,
            "athena" => Self::Athena,
            _ => Self::Other,
        }
    }
}

/// The account and region a request is signed for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    /// Twelve digits; the emulator takes a twelve-digit access key id for the account.
    pub(crate) account: String,
    /// The region of the signature.
    pub(crate) region: String,
}

/// What the signature says.
#[derive(Debug, Clone)]
pub(crate) struct Signature {
    pub(crate) scope: Scope,
    service: String,
}

/// The emulator's account for keys that are no account themselves.
const DEFAULT_ACCOUNT: &str = "000000000000";

pub(crate) fn signature(headers: &HeaderMap, query: &[(String, String)]) -> Signature {
    let credential = headers
        .get(http::header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split("Credential=").nth(1))
        .and_then(|rest| rest.split([',', ' ']).next())
        .map(str::to_owned)
        .or_else(|| value_of(query, "X-Amz-Credential").map(str::to_owned))
        .unwrap_or_default();
    let mut parts = credential.split('/');
    let access_key = parts.next().unwrap_or_default();
    let region = parts.nth(1).unwrap_or("us-east-1").to_owned();
    let service = parts.next().unwrap_or_default().to_owned();
    let is_account = access_key.len() == 12 && access_key.bytes().all(|b| b.is_ascii_digit());
    let account = if is_account { access_key } else { DEFAULT_ACCOUNT }.to_owned();
    Signature { scope: Scope { account, region }, service }
}

/// The operation a request asks for, and for S3 what it asks it of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recognised {
    pub(crate) service: Service,
    pub(crate) operation: String,
    pub(crate) bucket: Option<String>,
    pub(crate) key: Option<String>,
    /// Set where the bucket came from the host: the same request in path style.
    pub(crate) path_style: Option<String>,
}

impl Recognised {
    fn plain(service: Service, operation: &str) -> Self {
        Self { service, operation: operation.to_owned(), bucket: None, key: None, path_style: None }
    }
}

/// Recognises everything that needs no body; a form request is recognised by [`form_operation`].
pub(crate) fn recognise(
    method: &Method,
    path: &str,
    query: &[(String, String)],
    headers: &HeaderMap,
    signature: &Signature,
) -> Option<Recognised> {
    if let Some(target) = headers.get("x-amz-target").and_then(|value| value.to_str().ok()) {
        let (prefix, operation) = target.split_once('.').unwrap_or((target, ""));
        let service = match prefix {
            "AWSGlue" => Service::Glue,
            "AmazonAthena" => Service::Athena,
            _ => Service::Other,
        };
        return Some(Recognised::plain(service, operation));
    }
    let form = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("x-www-form-urlencoded"));
    if form && method == Method::POST && path == "/" {
        return None;
    }
    if let Some(action) = value_of(query, "Action") {
        return Some(form_operation(action, value_of(query, "Version"), signature));
    }
    match Service::named(&signature.service) {
        Service::Other if !signature.service.is_empty() => Some(Recognised::plain(Service::Other, "")),
        _ => Some(s3(method, path, query, headers)),
    }
}

/// Recognises a form request by the API version it names, else by what it is signed for.
pub(crate) fn form_operation(action: &str, version: Option<&str>, signature: &Signature) -> Recognised {
    let service = match version {
        Some("2016-11-15") => Service::Ec2,
        Some("2010-05-08") => Service::Iam,
        Some("2011-06-15") => Service::Sts,
        _ => Service::named(&signature.service),
    };
    Recognised::plain(service, action)
}

/// Whether an operation can change anything.
pub(crate) fn mutates(service: Service, operation: &str) -> bool {
    const READS: [&str; 7] = ["Get", "List", "Describe", "Head", "BatchGet", "Search", "Select"];
    if service == Service::Sts {
        return false;
    }
    !READS.iter().any(|verb| operation.starts_with(verb))
}

fn s3(method: &Method, path: &str, query: &[(String, String)], headers: &HeaderMap) -> Recognised {
    let host = headers.get(http::header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let from_host = bucket_of_host(host);
    let trimmed = path.trim_start_matches('/');
    let (bucket, key) = match &from_host {
        Some(bucket) => (bucket.as_str(), trimmed),
        None => trimmed.split_once('/').unwrap_or((trimmed, "")),
    };
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let operation = s3_operation(method, !bucket.is_empty(), !key.is_empty(), query);
    Recognised {
        service: Service::S3,
        operation: operation.to_owned(),
        path_style: from_host.as_ref().map(|bucket| format!("/{bucket}{path}")),
        bucket: (!bucket.is_empty()).then(|| decoded(bucket)),
        key: (!key.is_empty()).then(|| decoded(key)),
    }
}

/// `bucket.s3.…` and `bucket.localhost`; a bare host or address has no bucket.
fn bucket_of_host(host: &str) -> Option<String> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let at = [".s3.", ".s3-", ".localhost"].iter().filter_map(|mark| name.find(mark)).min()?;
    (at > 0).then(|| name[..at].to_owned())
}

/// Sub-resources of a bucket, as they stand in the query string and in operation names.
const BUCKET_SUBRESOURCES: [(&str, &str); 14] = [
    ("tagging", "BucketTagging"),
    ("versioning", "BucketVersioning"),
    ("encryption", "BucketEncryption"),
    ("lifecycle", "BucketLifecycleConfiguration"),
    ("publicAccessBlock", "PublicAccessBlock"),
    ("policy", "BucketPolicy"),
    ("ownershipControls", "BucketOwnershipControls"),
    ("location", "BucketLocation"),
    ("acl", "BucketAcl"),
    ("logging", "BucketLogging"),
    ("notification", "BucketNotificationConfiguration"),
    ("cors", "BucketCors"),
    ("website", "BucketWebsite"),
    ("object-lock", "ObjectLockConfiguration"),
];

fn s3_operation(method: &Method, bucket: bool, key: bool, query: &[(String, String)]) -> &'static str {
    let has = |name: &str| query.iter().any(|(k, _)| k == name);
    if !bucket {
        return "ListBuckets";
    }
    if key {
        return s3_object_operation(method, &has);
    }
    if let Some((_, noun)) = BUCKET_SUBRESOURCES.iter().find(|(sub, _)| has(sub)) {
        return subresource_operation(method, noun);
    }
    match *method {
        Method::HEAD => "HeadBucket",
        Method::PUT => "CreateBucket",
        Method::DELETE => "DeleteBucket",
        Method::POST if has("delete") => "DeleteObjects",
        _ if has("versions") => "ListObjectVersions",
        _ if has("uploads") => "ListMultipartUploads",
        _ if has("list-type") => "ListObjectsV2",
        _ => "ListObjects",
    }
}

fn s3_object_operation(method: &Method, has: &dyn Fn(&str) -> bool) -> &'static str {
    match *method {
        Method::HEAD => "HeadObject",
        Method::PUT if has("partNumber") => "UploadPart",
        Method::PUT if has("tagging") => "PutObjectTagging",
        Method::PUT if has("retention") => "PutObjectRetention",
        Method::PUT if has("legal-hold") => "PutObjectLegalHold",
        Method::PUT => "PutObject",
        Method::POST if has("uploads") => "CreateMultipartUpload",
        Method::POST => "CompleteMultipartUpload",
        Method::DELETE if has("uploadId") => "AbortMultipartUpload",
        Method::DELETE if has("tagging") => "DeleteObjectTagging",
        Method::DELETE => "DeleteObject",
        _ if has("tagging") => "GetObjectTagging",
        _ if has("attributes") => "GetObjectAttributes",
        _ if has("uploadId") => "ListParts",
        _ if has("retention") => "GetObjectRetention",
        _ if has("legal-hold") => "GetObjectLegalHold",
        _ => "GetObject",
    }
}

/// The three verbs on a sub-resource, spelled out so that operation names stay static.
fn subresource_operation(method: &Method, noun: &str) -> &'static str {
    macro_rules! verbs {
        ($($noun:literal),+) => {
            match (method.as_str(), noun) {
                $( ("PUT", $noun) => concat!("Put", $noun), ("DELETE", $noun) => concat!("Delete", $noun),
                   (_, $noun) => concat!("Get", $noun), )+
                _ => "",
            }
        };
    }
    verbs!(
        "BucketTagging",
        "BucketVersioning",
        "BucketEncryption",
        "BucketLifecycleConfiguration",
        "PublicAccessBlock",
        "BucketPolicy",
        "BucketOwnershipControls",
        "BucketLocation",
        "BucketAcl",
        "BucketLogging",
        "BucketNotificationConfiguration",
        "BucketCors",
        "BucketWebsite",
        "ObjectLockConfiguration"
    )
}

/// A query string or form body as pairs, decoded.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    let decoded = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (decoded(key), decoded(value))
        })
        .collect()
}

pub(crate) fn value_of<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(method: &str, url: &str, headers: &[(&str, &str)]) -> (Service, String, Option<String>) {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        let query = pairs(query);
        let signature = signature(&map, &query);
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let found = recognise(&method, path, &query, &map, &signature).unwrap();
        (found.service, found.operation, found.key)
    }

    #[test]
    fn every_s3_request_is_named_by_method_path_and_query() {
        let rows = [
            ("GET", "/", "ListBuckets"),
            ("HEAD", "/b", "HeadBucket"),
            ("PUT", "/b", "CreateBucket"),
            ("PUT", "/b/", "CreateBucket"),
            ("DELETE", "/b", "DeleteBucket"),
            ("GET", "/b?list-type=2&prefix=a%2F", "ListObjectsV2"),
            ("GET", "/b", "ListObjects"),
            ("GET", "/b?versions", "ListObjectVersions"),
            ("GET", "/b?uploads", "ListMultipartUploads"),
            ("POST", "/b?delete", "DeleteObjects"),
            ("GET", "/b?publicAccessBlock", "GetPublicAccessBlock"),
            ("PUT", "/b?lifecycle", "PutBucketLifecycleConfiguration"),
            ("DELETE", "/b?tagging", "DeleteBucketTagging"),
            ("GET", "/b?location", "GetBucketLocation"),
            ("PUT", "/b/k", "PutObject"),
            ("PUT", "/b/k?partNumber=1&uploadId=u", "UploadPart"),
            ("POST", "/b/k?uploads", "CreateMultipartUpload"),
            ("POST", "/b/k?uploadId=u", "CompleteMultipartUpload"),
            ("DELETE", "/b/k?uploadId=u", "AbortMultipartUpload"),
            ("GET", "/b/k?versionId=v", "GetObject"),
            ("HEAD", "/b/k", "HeadObject"),
            ("GET", "/b/k?tagging", "GetObjectTagging"),
            ("DELETE", "/b/k", "DeleteObject"),
        ];
        for (method, url, wanted) in rows {
            let (service, name, _) = operation(method, url, &[]);
            assert_eq!((service, name.as_str()), (Service::S3, wanted), "{method} {url}");
        }
    }

    #[test]
    fn a_bucket_in_the_host_is_found_and_put_into_the_path() {
        let mut headers = HeaderMap::new();
        headers.insert("host", "lake.s3.us-east-1.amazonaws.com".parse().unwrap());
        let signature = signature(&headers, &[]);
        let found = recognise(&Method::GET, "/a/b%20c", &[], &headers, &signature).unwrap();
        assert_eq!(found.bucket.as_deref(), Some("lake"));
        assert_eq!(found.key.as_deref(), Some("a/b c"));
        assert_eq!(found.path_style.as_deref(), Some("/lake/a/b%20c"));
        assert_eq!(bucket_of_host("127.0.0.1:4566"), None);
        assert_eq!(bucket_of_host("localhost:4566"), None);
        assert_eq!(bucket_of_host("lake.localhost:4566").as_deref(), Some("lake"));
    }

    #[test]
    fn json_services_are_named_by_their_target() {
        let (service, name, _) = operation("POST", "/", &[("x-amz-target", "AWSGlue.GetTables")]);
        assert_eq!((service, name.as_str()), (Service::Glue, "GetTables"));
        let (service, name, _) = operation("POST", "/", &[("x-amz-target", "AmazonAthena.GetWorkGroup")]);
        assert_eq!((service, name.as_str()), (Service::Athena, "GetWorkGroup"));
        let (service, name, _) = operation("POST", "/", &[("x-amz-target", "DynamoDB_20120810.ListTables")]);
        assert_eq!((service, name.as_str()), (Service::Other, "ListTables"));
    }

    #[test]
    fn form_requests_are_named_by_version_then_by_signature() {
        let none = signature(&HeaderMap::new(), &[]);
        assert_eq!(form_operation("DescribeVpcs", Some("2016-11-15"), &none).service, Service::Ec2);
        assert_eq!(form_operation("GetRole", Some("2010-05-08"), &none).service, Service::Iam);
        assert_eq!(form_operation("GetCallerIdentity", Some("2011-06-15"), &none).service, Service::Sts);
        let mut headers = HeaderMap::new();
        let value = "AWS4-HMAC-SHA256 Credential=111122223333/20260101/eu-west-1/iam/aws4_request, SignedHeaders=host";
        headers.insert("authorization", value.parse().unwrap());
        let signed = signature(&headers, &[]);
        assert_eq!(form_operation("GetRole", None, &signed).service, Service::Iam);
        assert_eq!(signed.scope, Scope { account: "111122223333".into(), region: "eu-west-1".into() });
    }

    #[test]
    fn keys_that_are_no_account_share_the_default_account() {
        let mut headers = HeaderMap::new();
        let value =
            "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/us-east-1/s3/aws4_request, SignedHeaders=host";
        headers.insert("authorization", value.parse().unwrap());
        assert_eq!(signature(&headers, &[]).scope.account, DEFAULT_ACCOUNT);
    }

    #[test]
    fn reads_are_told_from_changes() {
        for read in ["GetTables", "ListJobs", "DescribeVpcs", "HeadObject", "BatchGetJobs"] {
            assert!(!mutates(Service::Glue, read), "{read}");
        }
        for change in ["CreateTable", "BatchDeleteTable", "PutObject", "StartQueryExecution", "DeleteObjects"]
        {
            assert!(mutates(Service::Glue, change), "{change}");
        }
        assert!(!mutates(Service::Sts, "GetCallerIdentity"));
    }

    #[test]
    fn form_bodies_are_decoded() {
        assert_eq!(pairs("A=x+y%2Bz&B="), [("A".into(), "x y+z".into()), ("B".into(), String::new())]);
    }
}
