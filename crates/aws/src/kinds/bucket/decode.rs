//! From a manifest's entry to the canonical fields of a bucket: names, encryption, public access.

use std::collections::BTreeMap;

use lakeform_model::{Entry, Node, NodeValue, Scope, Value};

use super::BLOCKS;
use crate::s3_url;

pub(super) fn check_name(entry: &Entry<'_>, scope: &mut Scope<'_>) {
    let (name, given) = (entry.name(), entry.node.some("name"));
    let at = given.unwrap_or(entry.key).clone();
    if let Err(problem) = s3_url::bucket_name(&name)
        // A given name was held against its shape already.
        && given.is_none()
    {
        scope.error(&at, format!("the bucket name `{}` {problem}", name.escape_debug())).hint("give `name`");
    }
    if is_account_regional(&name) {
        scope
            .error(&at, format!("`{name}` is a name of the account-regional namespace"))
            .hint("lakeform makes buckets of the global namespace: choose a name that does not end this way");
    } else if name.contains('.') {
        let message = format!("`{name}` holds a dot: its HTTPS address does not match S3's certificate");
        scope.diagnostics.warning(Some(at.span), message).hint("use `-` instead");
    }
}

/// `<prefix>-<account>-<region>-an`. Source: the `BucketNamespace` header of the `CreateBucket` API reference.
pub(super) fn is_account_regional(name: &str) -> bool {
    let Some(rest) = name.strip_suffix("-an") else { return false };
    let parts: Vec<&str> = rest.split('-').collect();
    // A region has three parts or four (`us-gov-west-1`).
    [4, 5].iter().any(|back| {
        let account = parts.len().checked_sub(*back).and_then(|at| parts.get(at));
        account.is_some_and(|part| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

pub(super) fn decode_encryption(node: &Node, scope: &mut Scope<'_>) -> Value {
    let kind = node.text("type").unwrap_or_default();
    let mut map = BTreeMap::from([("type".to_owned(), Value::from(kind.as_str()))]);
    if let Some(key) = node.some("kms_key") {
        if kind == "AES256" {
            scope.error(key, "`kms_key` needs `type: aws:kms`").hint("`AES256` uses keys of S3's own");
        }
        map.insert("kms_key".to_owned(), key.scalar_text().unwrap_or_default().into());
    }
    if let Some(bucket_key) = node.get("bucket_key").and_then(Node::as_bool) {
        if bucket_key && kind == "aws:kms:dsse" {
            scope.error(node.get("bucket_key").unwrap_or(node), "`aws:kms:dsse` has no bucket keys");
        }
        map.insert("bucket_key".to_owned(), bucket_key.into());
    }
    Value::Map(map)
}

pub(super) fn decode_block(node: Option<&Node>) -> Value {
    let all = node.and_then(Node::as_bool).unwrap_or(true);
    let one = |name: &str| {
        let given = node.filter(|node| matches!(node.value, NodeValue::Map(_)));
        given.and_then(|node| node.get(name)).and_then(Node::as_bool).unwrap_or(all)
    };
    Value::Map(BLOCKS.iter().map(|name| ((*name).to_owned(), one(name).into())).collect())
}
