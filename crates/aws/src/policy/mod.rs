//! IAM policy documents: when two mean the same, and what AWS would refuse in one. Knows nothing of the
//! resources that carry them.

mod check;
mod equality;
mod presets;

use lakeform_model::{Level, Node, Scope};
use percent_encoding::percent_decode_str;
use serde_json::Value;

pub(crate) use check::{INLINE_QUOTA, Problem, check_document, size};
pub(crate) use equality::equivalent;
pub(crate) use presets::{glue_service, s3_access, trust_of};

/// What a document is for: this decides which elements it must and must not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PolicyUse {
    /// Who may assume a role.
    Trust,
    /// What a role may do.
    Identity,
    /// What may be done through a VPC endpoint.
    Endpoint,
}

/// Reads a document as AWS answers it: IAM percent-encodes it (RFC 3986, a `+` is no space), and some endpoints
/// do not, so plain JSON comes first. Source: the `GetRole` and `GetRolePolicy` API references.
pub(crate) fn parse_document(text: &str) -> Option<Value> {
    let plain = serde_json::from_str(text).ok();
    plain.or_else(|| serde_json::from_str(&percent_decode_str(text).decode_utf8().ok()?).ok())
}

/// Tells the manifest's diagnostics everything that is wrong with a document; `what` names it. True when AWS
/// would take it.
pub(crate) fn report(
    scope: &mut Scope<'_>,
    at: &Node,
    what: &str,
    document: &Value,
    use_: PolicyUse,
) -> bool {
    let problems = check_document(document, use_);
    let fine = problems.iter().all(|problem| problem.level == Level::Warning);
    for Problem { level, message, hint } in problems {
        let message = format!("{what} {message}");
        let diagnostic = match level {
            Level::Error => scope.error(at, message),
            Level::Warning => scope.diagnostics.warning(Some(at.span), message),
        };
        diagnostic.hint = hint;
    }
    fine
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_read_plain_and_encoded() {
        let document = json!({ "Version": "2012-10-17", "Id": "a+b c%20é" });
        let plain = document.to_string();
        let encoded = percent_encoding::utf8_percent_encode(&plain, percent_encoding::NON_ALPHANUMERIC);
        assert_eq!(parse_document(&plain), Some(document.clone()));
        assert_eq!(parse_document(&encoded.to_string()), Some(document));
    }

    #[test]
    fn what_is_no_document_is_none() {
        for text in ["", "%7B", "%FF%FE", "{", "not json"] {
            assert_eq!(parse_document(text), None, "{text:?}");
        }
    }
}
