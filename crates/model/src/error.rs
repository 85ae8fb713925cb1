//! An AWS failure, classified once by its code.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of failure it is: this alone decides retry, absence and hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// AWS says that it is not there.
    NotFound,
    /// Not allowed.
    Denied,
    /// Too many requests: retry.
    Throttled,
    /// A server error or a lost connection: retry.
    Unavailable,
    /// Somebody changed it in between: reread, then retry.
    Moved,
    /// It exists already: reread and compare.
    Exists,
    /// Something it needs is not visible everywhere yet, such as a new role: retry for a while.
    Propagating,
    /// The request is not valid, or its state forbids it: never retry.
    Invalid,
    /// A quota is used up.
    Limit,
    /// The endpoint (an emulator) does not implement the operation.
    Unimplemented,
    /// No credentials, or they are wrong or expired.
    Credentials,
    /// Nothing listens at the endpoint.
    Unreachable,
    /// A local file could not be read, or changed since it was planned.
    Local,
    /// None of these.
    Unknown,
}

impl Class {
    /// Whether a later try of the same call may succeed.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Throttled | Self::Unavailable | Self::Moved | Self::Propagating)
    }
}

/// A failure of one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct CloudError {
    /// What kind of failure.
    pub class: Class,
    /// The operation, as AWS spells it with its service: `glue:CreateTable`.
    pub operation: String,
    /// AWS's code, if it answered.
    pub code: Option<String>,
    /// What it said.
    pub message: String,
    /// AWS's request id, if it answered.
    pub request_id: Option<String>,
    /// The HTTP status, if it answered.
    pub status: Option<u16>,
}

impl CloudError {
    /// A failure without an answer of AWS.
    pub fn new(class: Class, operation: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            class,
            operation: operation.into(),
            code: None,
            message: message.into(),
            request_id: None,
            status: None,
        }
    }

    /// What a user can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self.class {
            Class::Denied => {
                return Some(format!(
                    "allow `{}` for these credentials, or use others",
                    iam_action(&self.operation)
                ));
            }
            Class::Credentials => {
                "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run `aws sso login`, or use `--sandbox`"
            }
            Class::Unreachable => {
                "check AWS_ENDPOINT_URL and the network; `lakeform sandbox up` starts a local one"
            }
            Class::Throttled | Class::Unavailable => {
                "run again: what is done stays done; a lower `--parallelism` asks less of AWS"
            }
            Class::Moved => "somebody else changes it at the same time: run `lakeform plan` again",
            Class::Propagating => "AWS had not spread a new role or policy yet: run again in a minute",
            Class::Limit => "ask AWS for a higher quota, or remove what is not needed",
            Class::Unimplemented => {
                "the endpoint does not implement this call: it is an emulator that lacks it; `--sandbox` has it"
            }
            Class::NotFound | Class::Exists | Class::Invalid | Class::Local | Class::Unknown => return None,
        };
        Some(hint.to_owned())
    }
}

/// What IAM calls the permission for an operation: the operation's own name, but for these of S3.
/// Source: "Actions, resources, and condition keys for Amazon S3" in the Service Authorization Reference.
fn iam_action(operation: &str) -> &str {
    match operation {
        "s3:ListBuckets" => "s3:ListAllMyBuckets",
        "s3:HeadBucket" | "s3:ListObjectsV2" => "s3:ListBucket",
        "s3:ListObjectVersions" => "s3:ListBucketVersions",
        "s3:ListMultipartUploads" => "s3:ListBucketMultipartUploads",
        "s3:HeadObject" => "s3:GetObject",
        "s3:DeleteObjects" => "s3:DeleteObject",
        "s3:CreateMultipartUpload" | "s3:UploadPart" | "s3:CompleteMultipartUpload" => "s3:PutObject",
        "s3:GetPublicAccessBlock" => "s3:GetBucketPublicAccessBlock",
        "s3:PutPublicAccessBlock" => "s3:PutBucketPublicAccessBlock",
        "s3:DeleteBucketTagging" => "s3:PutBucketTagging",
        other => other,
    }
}

impl fmt::Display for CloudError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.operation)?;
        if let Some(code) = &self.code {
            write!(f, " answered {code}")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(request_id) = &self.request_id {
            write!(f, " (request {request_id})")?;
        }
        Ok(())
    }
}
