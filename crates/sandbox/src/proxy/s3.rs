//! Settings of a bucket: a new one blocks public access, malformed lifecycle rules are refused, and AWS's
//! fillings-in of lifecycle and encryption. Objects pass by untouched.

use async_trait::async_trait;
use http::Method;
use serde_json::Value;

use super::call::{Answer, Call};
use super::cloud::Cloud;
use super::recognise::Service;
use super::refusal::Refusal;
use super::rules::Rule;
use super::xml::Element;

const PUBLIC_ACCESS_BLOCK: &str = "<PublicAccessBlockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
    <BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>\
    <BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>\
    </PublicAccessBlockConfiguration>";

/// Source: the reference of S3's `DeleteObjects`.
const MOST_DELETED: usize = 1000;

/// Bucket creation, batch deletes, lifecycle and encryption.
pub(super) struct BucketSettings;

#[async_trait]
impl Rule for BucketSettings {
    fn covers(&self, service: Service, operation: &str) -> bool {
        const OPERATIONS: [&str; 6] = [
            "CreateBucket",
            "DeleteObjects",
            "PutBucketTagging",
            "PutBucketLifecycleConfiguration",
            "GetBucketLifecycleConfiguration",
            "GetBucketEncryption",
        ];
        service == Service::S3 && OPERATIONS.contains(&operation)
    }

    async fn request(&self, call: &mut Call, cloud: &Cloud) -> Result<Option<Answer>, Refusal> {
        let bucket = call.bucket.clone().unwrap_or_default();
        match call.operation.as_str() {
            "CreateBucket" => {
                let status = cloud.s3(&call.scope, Method::HEAD, &format!("/{bucket}"), "").await?;
                if status.is_success() && call.scope.region != "us-east-1" {
                    let text =
                        "Your previous request to create the named bucket succeeded and you already own it.";
                    return Err(Refusal::new("BucketAlreadyOwnedByYou", text));
                }
                call.notes.insert("new", Value::Bool(!status.is_success()));
            }
            "DeleteObjects" => {
                let root = Element::parse(&String::from_utf8_lossy(&call.body)).ok_or_else(malformed)?;
                if root.children.iter().filter(|child| child.name == "Object").count() > MOST_DELETED {
                    return Err(malformed());
                }
            }
            "PutBucketTagging" => check_tags(&String::from_utf8_lossy(&call.body))?,
            "PutBucketLifecycleConfiguration" => check_lifecycle(&String::from_utf8_lossy(&call.body))?,
            _ => {}
        }
        Ok(None)
    }

    async fn answer(&self, call: &Call, answer: &mut Answer, cloud: &Cloud) -> Result<(), Refusal> {
        if !answer.ok() {
            return Ok(());
        }
        match call.operation.as_str() {
            "CreateBucket" if call.notes.get("new") == Some(&Value::Bool(true)) => {
                let target = format!("/{}?publicAccessBlock", call.bucket.as_deref().unwrap_or_default());
                cloud.s3(&call.scope, Method::PUT, &target, PUBLIC_ACCESS_BLOCK).await?;
            }
            "GetBucketLifecycleConfiguration" => {
                change(answer, |root| {
                    for (n, rule) in root.children.iter_mut().filter(|child| child.name == "Rule").enumerate()
                    {
                        if rule.value("ID").is_empty() {
                            rule.set("ID", &format!("aws-made-{n:04}"));
                        }
                    }
                });
            }
            "GetBucketEncryption" => {
                change(answer, |root| {
                    for rule in root.children.iter_mut().filter(|child| child.name == "Rule") {
                        if rule.child("BlockedEncryptionTypes").is_none() {
                            let blocked = Element::new("BlockedEncryptionTypes")
                                .with(Element::leaf("EncryptionType", "SSE-C"));
                            rule.children.push(blocked);
                        }
                    }
                });
            }
            _ => {}
        }
        Ok(())
    }
}

fn change(answer: &mut Answer, change: impl FnOnce(&mut Element)) {
    if let Some(mut root) = Element::parse(&answer.text()) {
        change(&mut root);
        answer.set_text(root.document());
    }
}

fn malformed() -> Refusal {
    let text = "The XML you provided was not well-formed or did not validate against our published schema";
    Refusal::new("MalformedXML", text)
}

/// The tags AWS takes: no two of a key, none of its own.
fn check_tags(body: &str) -> Result<(), Refusal> {
    let root = Element::parse(body).ok_or_else(malformed)?;
    let mut seen = std::collections::BTreeSet::new();
    for tag in root.items("TagSet") {
        let key = tag.value("Key");
        if key.starts_with("aws:") || key.is_empty() {
            return Err(Refusal::new("InvalidTag", "System tags cannot be added/updated by requester"));
        }
        if !seen.insert(key) {
            return Err(Refusal::new("InvalidTag", "Cannot provide multiple Tags with the same key"));
        }
    }
    Ok(())
}

/// The shape AWS asks of lifecycle rules.
fn check_lifecycle(body: &str) -> Result<(), Refusal> {
    let root = Element::parse(body).ok_or_else(malformed)?;
    let rules: Vec<&Element> = root.children.iter().filter(|child| child.name == "Rule").collect();
    if rules.is_empty() || rules.len() > 1000 {
        return Err(malformed());
    }
    let old_form = rules.iter().filter(|rule| rule.child("Filter").is_none()).count();
    if old_form != 0 && old_form != rules.len() {
        return Err(malformed());
    }
    let mut seen = std::collections::BTreeSet::new();
    for rule in rules {
        check_rule(rule)?;
        let id = rule.value("ID");
        if id.len() > 255 || (!id.is_empty() && !seen.insert(id)) {
            return Err(Refusal::new(
                "InvalidArgument",
                "Rule ID must be unique and at most 255 characters long.",
            ));
        }
    }
    Ok(())
}

fn check_rule(rule: &Element) -> Result<(), Refusal> {
    const ACTIONS: [&str; 6] = [
        "Expiration",
        "Transition",
        "NoncurrentVersionTransition",
        "NoncurrentVersionExpiration",
        "AbortIncompleteMultipartUpload",
        "Transitions",
    ];
    let filter = rule.child("Filter");
    let well_formed = matches!(rule.value("Status"), "Enabled" | "Disabled")
        && (filter.is_some() || rule.child("Prefix").is_some())
        && !(filter.is_some() && rule.child("Prefix").is_some())
        && filter.is_none_or(|filter| filter.children.len() <= 1);
    if !well_formed {
        return Err(malformed());
    }
    let refuse = |text: &str| Err(Refusal::new("InvalidArgument", text));
    if !rule.children.iter().any(|child| ACTIONS.contains(&child.name.as_str())) {
        return refuse("At least one action needs to be specified in a rule.");
    }
    for transition in rule.children.iter().filter(|child| child.name == "Transition") {
        let rare = matches!(transition.value("StorageClass"), "STANDARD_IA" | "ONEZONE_IA");
        if rare && transition.value("Days").parse::<u32>().is_ok_and(|days| days < 30) {
            return refuse(
                "'Days' in Transition action must be greater than or equal to 30 for this storage class.",
            );
        }
    }
    if let Some(expiration) = rule.child("Expiration") {
        if expiration.children.len() != 1 {
            return Err(malformed());
        }
        if expiration.value("Days") == "0" {
            return refuse("'Days' for Expiration action must be a positive integer.");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifecycle_rules_are_held_against_the_form_aws_asks_for() {
        let wrap = |rules: &str| format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>");
        let good = "<Rule><Status>Enabled</Status><Filter><Prefix>a/</Prefix></Filter>\
                    <Expiration><Days>3</Days></Expiration></Rule>";
        let old =
            "<Rule><Status>Enabled</Status><Prefix>a/</Prefix><Expiration><Days>3</Days></Expiration></Rule>";
        assert_eq!(check_lifecycle(&wrap(good)), Ok(()));
        assert_eq!(check_lifecycle(&wrap(old)), Ok(()));
        for bad in [
            String::new(),
            format!("{good}{old}"),
            good.replace("Enabled", "On"),
            good.replace(
                "<Prefix>a/</Prefix>",
                "<Prefix>a/</Prefix><ObjectSizeLessThan>1</ObjectSizeLessThan>",
            ),
            good.replace("<Expiration><Days>3</Days></Expiration>", ""),
            good.replace("<Days>3</Days>", "<Days>0</Days>"),
            good.replace(
                "<Days>3</Days>",
                "<Days>3</Days><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>",
            ),
            good.replace(
                "<Expiration><Days>3</Days></Expiration>",
                "<Transition><Days>3</Days><StorageClass>STANDARD_IA</StorageClass></Transition>",
            ),
        ] {
            assert!(check_lifecycle(&wrap(&bad)).is_err(), "{bad}");
        }
    }
}
