//! IAM policy documents: when two mean the same, and what AWS would refuse in one. Knows nothing of the
//! resources that carry them.

mod check;
mod equality;
mod presets;

use percent_encoding::percent_decode_str;
use serde_json::Value;

pub(crate) use check::{INLINE_QUOTA, check_document, report, size};
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
