//! An error of AWS, and how each service puts it on the wire. Decides the form only; who refuses what is the
//! rules' knowledge.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use super::call::{Answer, Content};
use super::recognise::Service;
use super::upstream::BoxError;

/// What AWS answers instead of doing what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) status: StatusCode,
}

impl Refusal {
    /// A refusal with the status its code has on AWS.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), status: usual_status(code) }
    }

    /// The emulator did not answer, with every cause: a port that is taken, a process that is gone.
    pub(crate) fn unreachable(error: &BoxError) -> Self {
        let first: &dyn std::error::Error = error.as_ref();
        let causes = std::iter::successors(Some(first), |error| error.source());
        let causes: Vec<String> = causes.map(ToString::to_string).collect();
        Self::new("ServiceUnavailable", format!("the emulator cannot be reached: {}", causes.join(": ")))
            .with_status(StatusCode::SERVICE_UNAVAILABLE)
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The refusal as the service would send it.
    pub(crate) fn answer(&self, service: Service) -> Answer {
        let mut headers = HeaderMap::new();
        let json = service.speaks_json();
        let kind = if json { "application/x-amz-json-1.1" } else { "text/xml" };
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if json && let Ok(code) = HeaderValue::from_str(&self.code) {
            headers.insert("x-amzn-errortype", code);
        }
        let content = if json {
            Content::Json(json!({ "__type": self.code, "message": self.message }))
        } else {
            Content::Bytes(Bytes::from(self.xml(service)))
        };
        Answer { status: self.status, headers, content }
    }

    fn xml(&self, service: Service) -> String {
        let code = quick_xml::escape::escape(self.code.as_str());
        let message = quick_xml::escape::escape(self.message.as_str());
        let start = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
        match service {
            Service::S3 => format!(
                "{start}<Error><Code>{code}</Code><Message>{message}</Message><RequestId>sandbox</RequestId></Error>"
            ),
            Service::Ec2 => format!(
                "{start}<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
                 <RequestID>sandbox</RequestID></Response>"
            ),
            _ => format!(
                "{start}<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>\
                 </Error><RequestId>sandbox</RequestId></ErrorResponse>"
            ),
        }
    }
}

/// Most of AWS's errors are 400; these are not.
fn usual_status(code: &str) -> StatusCode {
    match code {
        "AccessDenied" | "UnauthorizedOperation" => StatusCode::FORBIDDEN,
        "NoSuchBucket" | "NoSuchKey" | "NoSuchEntity" => StatusCode::NOT_FOUND,
        "BucketAlreadyOwnedByYou"
        | "BucketAlreadyExists"
        | "OperationAborted"
        | "ConcurrentModification"
        | "DeleteConflict"
        | "EntityAlreadyExists" => StatusCode::CONFLICT,
        "InternalError"
        | "InternalFailure"
        | "InternalServiceException"
        | "InternalServerException"
        | "ServiceFailure" => StatusCode::INTERNAL_SERVER_ERROR,
        "SlowDown" | "ServiceUnavailable" | "RequestLimitExceeded" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// The code an answer carries when it is an error, from its header or its body.
pub(crate) fn error_code(answer: &Answer) -> Option<String> {
    if answer.status.as_u16() < 400 {
        return None;
    }
    if let Some(code) = answer.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok()) {
        return Some(code.split(':').next().unwrap_or(code).to_owned());
    }
    match &answer.content {
        Content::Json(value) => {
            value["__type"].as_str().map(|code| code.rsplit('#').next().unwrap_or(code).to_owned())
        }
        Content::Bytes(_) => tagged(&answer.text(), "Code"),
    }
}

/// The message an error answer carries.
pub(crate) fn error_message(answer: &Answer) -> String {
    match &answer.content {
        Content::Json(value) => {
            value["message"].as_str().or(value["Message"].as_str()).unwrap_or_default().to_owned()
        }
        Content::Bytes(_) => tagged(&answer.text(), "Message").unwrap_or_default(),
    }
}

fn tagged(text: &str, tag: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{tag}>"))?;
    rest.split_once(&format!("</{tag}>")).map(|(code, _)| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_carries_code_and_message_in_its_own_form() {
        let refusal = Refusal::new("AccessDenied", "no <way>");
        for service in [Service::S3, Service::Ec2, Service::Iam, Service::Glue, Service::Athena] {
            let answer = refusal.answer(service);
            assert_eq!(error_code(&answer).as_deref(), Some("AccessDenied"), "{service:?}");
            assert_eq!(answer.status, StatusCode::FORBIDDEN);
        }
        assert!(refusal.answer(Service::S3).text().contains("no &lt;way&gt;"));
        assert_eq!(error_message(&refusal.answer(Service::Glue)), "no <way>");
    }
}
