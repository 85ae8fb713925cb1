//! Every failure of the SDK, classified once by AWS's code; messages are searched only where AWS gives
//! nothing else to go by.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use lakeform_model::{Class, CloudError};

/// The error of `operation` (`glue:CreateTable`), with code, message, status and request id kept apart.
///
/// Public so that the data plane's crate reports failures the same way.
pub fn failure<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> CloudError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let raw = error.raw_response();
    let status = raw.map(|response| response.status().as_u16());
    let request_id = raw.and_then(|response| {
        ["x-amzn-requestid", "x-amz-request-id"].iter().find_map(|name| response.headers().get(*name))
    });
    let request_id = request_id.map(str::to_owned).or_else(|| {
        let extras = error.as_service_error()?.meta();
        extras.extra("aws_request_id").map(str::to_owned)
    });
    if request_id.is_none() && raw.is_some_and(is_web_page) {
        let message = "the endpoint answered with a web page, as no service of AWS does";
        return CloudError { status, ..CloudError::new(Class::Unimplemented, operation, message) };
    }
    if let Some(service) = error.as_service_error() {
        let code = service.code().map(str::to_owned);
        let message = service.message().map_or_else(|| no_message(status), str::to_owned);
        let class = classify(operation, code.as_deref(), status, &message);
        return CloudError { class, operation: operation.to_owned(), code, message, request_id, status };
    }
    let class = match error {
        SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => Class::Unreachable,
        SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_) if is_about_credentials(error) => {
            Class::Credentials
        }
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => Class::Unavailable,
        _ => Class::Unknown,
    };
    let chain = causes(error);
    let message = match class {
        Class::Credentials if chain.iter().any(|cause| cause.contains("no credentials found")) => {
            "no credentials: none in the environment, a profile, a web identity, a container or an instance"
                .to_owned()
        }
        // The outer causes only repeat that a request could not be sent.
        Class::Unreachable => chain[chain.len().saturating_sub(2)..].join(": "),
        _ => chain.join(": "),
    };
    CloudError { class, operation: operation.to_owned(), code: None, message, request_id, status }
}

/// Whether an answer is what a web framework says for want of better: an emulator does so for a call it lacks.
/// AWS's own failures are JSON or XML and carry a request id.
fn is_web_page(response: &HttpResponse) -> bool {
    let is_html = response.headers().get("content-type").is_some_and(|kind| kind.starts_with("text/html"));
    is_html && response.status().as_u16() == 500
}

/// Names the operation of a failed call.
pub(crate) trait Named<T> {
    /// The result, its failure as the one of `operation` (`glue:GetTable`).
    fn named(self, operation: &str) -> Result<T, CloudError>;
}

impl<T, E> Named<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn named(self, operation: &str) -> Result<T, CloudError> {
        self.map_err(|error| failure(operation, &error))
    }
}

/// What was read, `None` where AWS said that it is not there. Every other failure stays one.
pub(crate) fn absent<T>(result: Result<T, CloudError>) -> Result<Option<T>, CloudError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.class == Class::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The failure that a batch operation reports for one item inside a good answer.
pub(crate) fn item_failure(operation: &str, code: Option<&str>, message: Option<&str>) -> CloudError {
    let message = message.unwrap_or("no message").to_owned();
    let class = classify(operation, code, Some(400), &message);
    let operation = operation.to_owned();
    CloudError { class, operation, code: code.map(str::to_owned), message, request_id: None, status: None }
}

fn no_message(status: Option<u16>) -> String {
    status.map_or_else(|| "no message".to_owned(), |status| format!("HTTP {status} without a message"))
}

/// What the SDK puts around a cause, and what tells a user nothing.
const WRAPPERS: [&str; 3] = ["dispatch failure", "other", "io error"];

/// The whole chain of causes, each once, from the outside in.
fn causes(error: &(dyn std::error::Error + 'static)) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !WRAPPERS.contains(&text.as_str()) && !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        next = cause.source();
    }
    parts
}

fn is_about_credentials(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        // The identity resolver has no public error type to ask.
        if cause.to_string().contains("credential") || cause.to_string().contains("no providers in chain") {
            return true;
        }
        next = cause.source();
    }
    false
}

/// Phrases of Glue's `InvalidInputException` that mean "a role or trust policy has not spread yet".
/// Source: AWS-observed texts; the code is shared with every other invalid input.
const PROPAGATION: &[&str] = &[
    "is unable to assume provided role",
    "is unable to assume the role",
    "role's TrustPolicy",
    "should be given assume role permissions",
];

/// The class of a code. Throttles are mostly HTTP 400, so the code comes before the status.
fn classify(operation: &str, code: Option<&str>, status: Option<u16>, message: &str) -> Class {
    let code = code.unwrap_or_default();
    let bare = code.trim_end_matches("Exception");
    match bare {
        "Throttling"
        | "Throttled"
        | "RequestThrottled"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "SlowDown"
        | "PriorRequestNotComplete" => Class::Throttled,
        "InternalService" | "OperationTimeout" | "ServiceFailure" | "InternalServer" | "InternalError"
        | "InternalFailure" | "ServiceUnavailable" | "RequestTimeout" => Class::Unavailable,
        "ConcurrentModification"
        | "OperationAborted"
        | "ConditionalRequestConflict"
        | "PreconditionFailed" => Class::Moved,
        "InvalidClientTokenId"
        | "UnrecognizedClient"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "InvalidToken"
        | "InvalidAccessKeyId"
        | "AuthFailure"
        | "RequestExpired"
        | "MissingAuthenticationToken"
        | "IncompleteSignature" => Class::Credentials,
        "UnauthorizedOperation" | "NotAuthorized" | "Forbidden" => Class::Denied,
        "NoSuchBucket"
        | "NoSuchKey"
        | "NoSuchEntity"
        | "EntityNotFound"
        | "NotFound"
        | "ResourceNotFound"
        | "NoSuchTagSet"
        | "NoSuchLifecycleConfiguration"
        | "NoSuchPublicAccessBlockConfiguration"
        | "NoSuchBucketPolicy"
        | "OwnershipControlsNotFoundError"
        | "NoSuchUpload"
        | "ServerSideEncryptionConfigurationNotFoundError" => Class::NotFound,
        "BucketAlreadyOwnedByYou"
        | "BucketAlreadyExists"
        | "EntityAlreadyExists"
        | "AlreadyExists"
        | "IdempotentParameterMismatch"
        | "RouteAlreadyExists" => Class::Exists,
        "ResourceNumberLimitExceeded" | "LimitExceeded" | "VpcEndpointLimitExceeded" | "TooManyBuckets" => {
            Class::Limit
        }
        "InvalidAction" | "UnsupportedOperation" | "NotImplemented" | "UnknownOperation" => {
            Class::Unimplemented
        }
        _ if bare.starts_with("AccessDenied") => Class::Denied,
        _ if bare.ends_with(".NotFound") => Class::NotFound,
        "MalformedPolicyDocument" if message.contains("Invalid principal in policy") => Class::Propagating,
        "InvalidInput" if PROPAGATION.iter().any(|phrase| message.contains(phrase)) => Class::Propagating,
        // Athena has one code for everything a request can be wrong in.
        "InvalidRequest"
            if operation.starts_with("athena:")
                && (message.contains("not found") || message.contains("does not exist")) =>
        {
            Class::NotFound
        }
        _ => match status {
            Some(404) => Class::NotFound,
            Some(403) => Class::Denied,
            Some(429) => Class::Throttled,
            Some(501) => Class::Unimplemented,
            Some(500..) => Class::Unavailable,
            Some(400..) => Class::Invalid,
            _ => Class::Unknown,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_decides_before_the_status() {
        let cases = [
            ("glue:GetTable", "ThrottlingException", 400, "Rate exceeded", Class::Throttled),
            ("iam:CreateRole", "NoSuchEntity", 404, "", Class::NotFound),
            ("iam:GetRole", "AccessDenied", 403, "", Class::Denied),
            ("glue:UpdateTable", "ConcurrentModificationException", 400, "", Class::Moved),
            ("ec2:DescribeVpcEndpoints", "InvalidVpcEndpointId.NotFound", 400, "", Class::NotFound),
            (
                "athena:GetWorkGroup",
                "InvalidRequestException",
                400,
                "WorkGroup x is not found.",
                Class::NotFound,
            ),
            ("athena:GetWorkGroup", "InvalidRequestException", 400, "WorkGroup x not found", Class::NotFound),
            ("athena:GetWorkGroup", "InvalidRequestException", 400, "no", Class::Invalid),
            (
                "glue:CreateJob",
                "InvalidInputException",
                400,
                "Service is unable to assume provided role.",
                Class::Propagating,
            ),
            ("glue:CreateJob", "InvalidInputException", 400, "bad", Class::Invalid),
            ("glue:ListJobs", "UnknownOperationException", 400, "", Class::Unimplemented),
            ("s3:PutObject", "", 503, "", Class::Unavailable),
        ];
        for (operation, code, status, message, class) in cases {
            assert_eq!(classify(operation, Some(code), Some(status), message), class, "{operation} {code}");
        }
    }
}
