//! What the manifest says of a role: its keys, names as IAM takes them, and its policy documents.

use std::collections::{BTreeMap, BTreeSet};

use lakeform_model::{Diagnostics, Key, Node, NodeValue, Scope, Shape, TextRule, Value};
use serde_json::Value as Json;

use super::live::AWS_PATHS;
use crate::policy::PolicyUse;
use crate::{policy, s3_url, tags};

pub(super) const SERVICE: Shape =
    Shape::Text(TextRule::checked("a service such as glue.amazonaws.com", service));
pub(super) const MANAGED: Shape =
    Shape::Text(TextRule::checked("a managed policy's ARN or AWS's name of it", managed_policy));

pub(super) const TRUST: &[Key] = &[
    Key::new("document", Shape::Free, "The trust policy, as a mapping or as JSON in a text."),
    Key::new("file", Shape::TEXT, "A JSON file that holds the trust policy."),
    Key::new("Version", Shape::TEXT, "The policy language, where the trust policy stands here itself."),
    Key::new("Id", Shape::TEXT, "An id of the policy, where it stands here itself."),
    Key::new("Statement", Shape::Free, "The statements, where the trust policy stands here itself."),
];

pub(super) const POLICY: &[Key] = &[
    Key::new(
        "preset",
        Shape::Word(&["s3-access", "glue-service"]),
        "A ready-made policy: `s3-access` to list `buckets` and do all with their objects, `glue-service` for what Glue itself needs.",
    ),
    Key::new(
        "buckets",
        Shape::Any(&[Shape::TEXT, Shape::TEXTS]),
        "The buckets of `s3-access`: keys of this manifest's buckets, or names of others.",
    ),
    Key::new("document", Shape::Free, "The policy, as a mapping or as JSON in a text."),
    Key::new(
        "file",
        Shape::TEXT,
        "A JSON file that holds the policy; write `$${aws:username}` for a policy variable.",
    ),
];

pub(super) const SHAPE: Shape = Shape::Object(&[
    Key::new(
        "name",
        Shape::Text(TextRule::checked("a role name", role_name)),
        "The role's name, by default the key; unique in the account, whatever its case.",
    ),
    Key::new(
        "path",
        Shape::Text(TextRule::checked("a path", path)),
        "The path in its ARN, such as `/lakehouse/`; by default `/`.",
    ),
    Key::new(
        "description",
        Shape::Text(TextRule::checked("a description", description)),
        "What it is for; at most 1,000 characters of Latin-1.",
    ),
    Key::new(
        "max_session_duration",
        Shape::Int { min: 3600, max: 43200 },
        "How long a session may last, in seconds; by default 3600.",
    ),
    Key::required(
        "trust",
        Shape::Any(&[SERVICE, Shape::List(&SERVICE), Shape::Object(TRUST)]),
        "Who may assume it: a service such as `glue.amazonaws.com`, a list of services, or a trust policy as `document: {…}`, `file: trust.json` or in place.",
    ),
    Key::new(
        "policies",
        Shape::Map(TextRule::checked("a policy name", policy_name), &Shape::Object(POLICY)),
        "Inline policies by name; each is a `preset`, a `document` or a `file`.",
    ),
    Key::new(
        "managed_policies",
        Shape::List(&MANAGED),
        "Managed policies to attach: ARNs, or AWS's names such as `AmazonAthenaFullAccess` or `service-role/AWSGlueServiceRole`.",
    ),
    Key::new(
        "permissions_boundary",
        MANAGED,
        "The managed policy that bounds what the role may do; without one, there is meant to be none.",
    ),
    tags::KEY,
]);

/// Managed policies of AWS that have a path; everybody knows them by their last part alone.
pub(super) const WITH_PATH: [&str; 3] =
    ["AWSGlueServiceRole", "AWSGlueServiceNotebookRole", "AWSLambdaBasicExecutionRole"];

pub(super) fn decode_trust(node: &Node, scope: &mut Scope<'_>) -> Option<Json> {
    let what = "the trust policy";
    let document = if let NodeValue::Map(_) = node.value {
        let beside = ["Version", "Id", "Statement"].iter().any(|key| node.some(key).is_some());
        let elsewhere = node.some("document").or_else(|| node.some("file")).is_some();
        match (beside, elsewhere) {
            (true, false) => node.to_json(),
            (false, true) => document_of(node, what, scope)?,
            (true, true) => {
                scope.error(node, "the trust policy stands here, and again in `document` or `file`");
                return None;
            }
            (false, false) => {
                scope
                    .error(node, "`trust` names nobody")
                    .hint("give a service such as `glue.amazonaws.com`, or `document: {…}`");
                return None;
            }
        }
    } else {
        let mut services: Vec<String> = Vec::new();
        for service in node.texts() {
            if !services.contains(&service) {
                services.push(service);
            }
        }
        if services.is_empty() {
            scope
                .error(node, "`trust` names nobody, so nobody could assume the role")
                .hint("give a service such as `glue.amazonaws.com`");
            return None;
        }
        policy::trust_of(&services)
    };
    policy::report(scope, node, what, &document, PolicyUse::Trust).then_some(document)
}

/// The policy that a `document` or a `file` gives.
pub(super) fn document_of(node: &Node, what: &str, scope: &mut Scope<'_>) -> Option<Json> {
    let (at, text) = match (node.some("document"), node.some("file")) {
        (Some(document), None) => match document.as_text() {
            Some(text) => (document, text.to_owned()),
            None => return Some(document.to_json()),
        },
        (None, Some(file)) => (file, scope.read_text(file)?.1),
        (Some(_), Some(second)) => {
            scope.error(second, format!("{what} has both `document` and `file`")).hint("give one of them");
            return None;
        }
        (None, None) => {
            scope.error(node, format!("{what} is empty")).hint("give `document: {…}` or `file: policy.json`");
            return None;
        }
    };
    // Editors on Windows put a byte order mark before a text.
    match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
        Ok(document) => Some(document),
        Err(error) => {
            scope.error(at, format!("{what} is not JSON: {error}"));
            None
        }
    }
}

pub(super) fn decode_policies(node: &Node, scope: &mut Scope<'_>) -> BTreeMap<String, Value> {
    let mut policies = BTreeMap::new();
    let mut size = 0;
    for (name, entry) in node.entries() {
        let name = name.as_text().unwrap_or_default();
        let what = format!("the policy `{name}`");
        let Some((document, buckets)) = decode_policy(entry, &what, scope) else { continue };
        if !policy::report(scope, entry, &what, &document, PolicyUse::Identity) {
            continue;
        }
        size += policy::size(&document);
        let value = with_pointers(Value::from_json(&document), scope.partition(), &buckets);
        policies.insert(name.to_owned(), value);
    }
    let quota = policy::INLINE_QUOTA;
    if size > quota {
        scope
            .error(node, format!("the inline policies have {size} characters without white space: at most {quota} fit in a role"))
            .hint("move some of them to managed policies, and attach these by `managed_policies`");
    }
    policies
}

/// The document of one inline policy, and the buckets its preset names.
pub(super) fn decode_policy(node: &Node, what: &str, scope: &mut Scope<'_>) -> Option<(Json, Vec<String>)> {
    let preset = node.some("preset");
    let elsewhere = node.some("document").or_else(|| node.some("file"));
    let buckets = node.some("buckets");
    if let (Some(_), Some(second)) = (preset, elsewhere) {
        scope
            .error(second, format!("{what} has a `preset` and a document of its own"))
            .hint("give one of them");
        return None;
    }
    match preset.and_then(Node::as_text) {
        Some("s3-access") => {
            let named = buckets.map(|buckets| decode_buckets(buckets, scope)).unwrap_or_default();
            if named.is_empty() {
                // Buckets that are none were told already.
                if buckets.is_none_or(|buckets| buckets.texts().is_empty()) {
                    let at = buckets.unwrap_or(node);
                    scope.error(at, format!("{what} names no bucket")).hint("give `buckets: [key]`");
                }
                return None;
            }
            Some((policy::s3_access(scope.partition(), &named), named))
        }
        preset => {
            if let Some(buckets) = buckets {
                scope
                    .error(buckets, format!("{what} has `buckets`, which only the preset `s3-access` takes"))
                    .hint("name them in the document's resources");
                return None;
            }
            match preset {
                Some(_) => Some((policy::glue_service(scope.partition()), Vec::new())),
                None if elsewhere.is_none() => {
                    scope
                        .error(node, format!("{what} is empty"))
                        .hint("give `preset`, `document: {…}` or `file: policy.json`");
                    None
                }
                None => Some((document_of(node, what, scope)?, Vec::new())),
            }
        }
    }
}

/// The names of buckets that are given by key or by name.
pub(super) fn decode_buckets(node: &Node, scope: &mut Scope<'_>) -> Vec<String> {
    let one = std::slice::from_ref(node);
    let items = if let NodeValue::List(items) = &node.value { items.as_slice() } else { one };
    let keys = scope.some_keys("bucket");
    let (mut names, mut seen) = (Vec::new(), BTreeSet::new());
    for item in items {
        let Some(text) = item.scalar_text() else { continue };
        let name = if scope.has("bucket", &text) {
            scope.reference("bucket", item)
        } else {
            match s3_url::bucket_name(&text) {
                Ok(()) => {
                    warn_of_typing_error(item, &text, &keys, scope);
                    Some(text)
                }
                // Neither: say which keys there are.
                Err(_) => scope.reference("bucket", item),
            }
        };
        names.extend(name.filter(|name| seen.insert(name.clone())));
    }
    names
}

/// A name close to a key is more likely that key than a bucket elsewhere.
pub(super) fn warn_of_typing_error(at: &Node, text: &str, keys: &[String], scope: &mut Scope<'_>) {
    let mut probe = Diagnostics::default();
    probe.error(None, "").suggest(text, keys.iter().map(String::as_str));
    let hint = probe.0.into_iter().next().and_then(|diagnostic| diagnostic.hint);
    if let Some(hint) = hint.filter(|_| at.references.is_empty()) {
        let message = format!("`{text}` is no bucket of this manifest, so it is taken for one elsewhere");
        scope.diagnostics.warning(Some(at.span), message).hint(hint);
    }
}

/// Makes the resources that are these buckets point at them, so that the role goes before they do.
pub(super) fn with_pointers(value: Value, partition: &str, buckets: &[String]) -> Value {
    match value {
        Value::Text(text) => {
            let resource = text.strip_prefix(&format!("arn:{partition}:s3:::"));
            let resource = resource.map(|name| name.strip_suffix("/*").unwrap_or(name).to_owned());
            match resource.filter(|name| buckets.contains(name)) {
                Some(bucket) => Value::pointer("bucket", bucket, text),
                None => Value::Text(text),
            }
        }
        Value::List(items) => {
            Value::List(items.into_iter().map(|item| with_pointers(item, partition, buckets)).collect())
        }
        Value::Map(map) => Value::Map(
            map.into_iter().map(|(key, value)| (key, with_pointers(value, partition, buckets))).collect(),
        ),
        other => other,
    }
}

pub(super) fn decode_managed(node: &Node, scope: &mut Scope<'_>) -> Vec<String> {
    let (mut arns, mut seen): (Vec<String>, _) = (Vec::new(), BTreeSet::new());
    for item in node.items() {
        let Some(text) = item.scalar_text() else { continue };
        let arn = policy_arn(&text, scope.partition());
        if seen.insert(arn.clone()) {
            arns.push(arn);
        } else {
            scope.error(item, format!("`{text}` is there twice"));
        }
    }
    // Source: the IAM quotas in the IAM user guide; AWS raises it on request.
    if arns.len() > 10 {
        let message = format!("{} managed policies: 10 can be attached in most accounts", arns.len());
        scope.diagnostics.warning(Some(node.span), message).hint("ask AWS for a higher quota");
    }
    arns
}

/// The ARN of a managed policy that is given by ARN, or by AWS's name of it.
pub(super) fn policy_arn(text: &str, partition: &str) -> String {
    if text.starts_with("arn:") {
        text.to_owned()
    } else if WITH_PATH.contains(&text) {
        format!("arn:{partition}:iam::aws:policy/service-role/{text}")
    } else {
        format!("arn:{partition}:iam::aws:policy/{text}")
    }
}

/// The characters of IAM names besides letters and digits. Source: the `roleNameType` shape of the IAM API.
pub(super) fn name_of(text: &str, most: usize) -> Result<(), String> {
    if text.is_empty() || text.chars().count() > most {
        return Err(format!("must be 1 to {most} characters long"));
    }
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || "_+=,.@-".contains(*c))) {
        Some(c) => Err(format!("must not hold `{}`: only letters, digits and `_+=,.@-`", c.escape_default())),
        None => Ok(()),
    }
}

pub(super) fn role_name(text: &str) -> Result<(), String> {
    if text.contains("${") {
        return Ok(());
    }
    name_of(text, 64)
}

pub(super) fn policy_name(text: &str) -> Result<(), String> {
    if text.contains("${") {
        return Ok(());
    }
    name_of(text, 128)
}

/// Source: the `pathType` shape of the IAM API.
pub(super) fn path(text: &str) -> Result<(), String> {
    if text.contains("${") {
        return Ok(());
    }
    if let Some(own) = AWS_PATHS.iter().find(|own| text.starts_with(**own)) {
        return Err(format!("must not begin with `{own}`: AWS keeps it for itself"));
    }
    if text.len() > 512 {
        return Err("must be at most 512 characters long".to_owned());
    }
    if !(text.starts_with('/') && text.ends_with('/')) {
        return Err("must begin and end with `/`".to_owned());
    }
    match text.chars().find(|c| !c.is_ascii_graphic()) {
        Some(c) => Err(format!("must not hold `{}`", c.escape_default())),
        None => Ok(()),
    }
}

/// Source: the `roleDescriptionType` shape of the IAM API.
pub(super) fn description(text: &str) -> Result<(), String> {
    if text.chars().count() > 1000 {
        return Err("must be at most 1,000 characters long".to_owned());
    }
    let fine = |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}');
    match text.chars().find(|c| !fine(c)) {
        Some(c) => Err(format!("must not hold `{}`: IAM takes only Latin-1", c.escape_debug())),
        None => Ok(()),
    }
}

pub(super) fn service(text: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    if text.contains("${") {
        return Ok(());
    }
    if text.starts_with("arn:") || text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(
            "must be a service such as `glue.amazonaws.com`; write `document: {…}` for accounts and roles"
                .to_owned(),
        );
    }
    if !text.contains('.') || !text.chars().all(plain) {
        return Err("must look like `glue.amazonaws.com`".to_owned());
    }
    Ok(())
}

pub(super) fn managed_policy(text: &str) -> Result<(), String> {
    if text.contains("${") {
        return Ok(());
    }
    let name = if text.starts_with("arn:") {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let account =
            |id: &str| id == "aws" || (id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit()));
        match parts[..] {
            [_, partition, "iam", "", id, resource] if partition.starts_with("aws") && account(id) => {
                resource
                    .strip_prefix("policy/")
                    .ok_or("must be the ARN of a policy: `arn:aws:iam::…:policy/…`")?
            }
            _ => return Err("must be an ARN such as `arn:aws:iam::111122223333:policy/name`".to_owned()),
        }
    } else {
        text
    };
    name_of(name.rsplit('/').next().unwrap_or_default(), 128)
}
