//! A bucket's lifecycle rules: as the manifest spells them, in canonical form, and as S3 takes them.
//!
//! The canonical form is a map by rule id, so that rules of others stay and rules that the manifest dropped
//! go. A rule without an id is known by its filter: S3 would invent an id that no manifest can know.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleAndOperator, LifecycleRuleFilter, NoncurrentVersionExpiration, NoncurrentVersionTransition,
    Tag, Transition, TransitionStorageClass,
};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use lakeform_model::{Class, CloudError, Key, Node, Scope, Shape, TextRule, Value, hex};
use sha2::{Digest, Sha256};

type Map = BTreeMap<String, Value>;

/// Source: the `Rules` member of `BucketLifecycleConfiguration` in the S3 API reference.
const MOST_RULES: usize = 1000;
/// Source: the `ID` member of `LifecycleRule` in the S3 API reference.
const LONGEST_ID: usize = 255;
const MIDNIGHT: &str = "T00:00:00Z";

const DAYS: Shape = Shape::Int { min: 0, max: 1_000_000 };
const WHOLE_DAYS: Shape = Shape::Int { min: 1, max: 1_000_000 };
const BYTES: Shape = Shape::Int { min: 0, max: i64::MAX };
const VERSIONS: Shape = Shape::Int { min: 1, max: 100 };
const DATE: Shape = Shape::Text(TextRule::checked("a date such as `2027-01-31`", |text| {
    date(text).map(drop).ok_or_else(|| "must be a date such as `2027-01-31`: S3 acts at midnight UTC".into())
}));
const CLASS: Shape = Shape::Word(&[
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
]);

const FILTER: &[Key] = &[
    Key::new("prefix", Shape::TEXT, "Only objects whose key starts with this."),
    Key::new("tags", Shape::TEXT_MAP, "Only objects that carry all of these tags."),
    Key::new("object_size_greater_than", BYTES, "Only objects larger than this, in bytes."),
    Key::new("object_size_less_than", BYTES, "Only objects smaller than this, in bytes."),
];
const TRANSITION: &[Key] = &[
    Key::new("days", DAYS, "Days after creation; from 30 for the infrequent access classes."),
    Key::new("date", DATE, "The day from which on, instead of `days`."),
    Key::required("storage_class", CLASS, "The storage class to move to."),
];
const EXPIRATION: &[Key] = &[
    Key::new("days", WHOLE_DAYS, "Days after creation."),
    Key::new("date", DATE, "The day from which on, instead of `days`."),
    Key::new(
        "expired_object_delete_marker",
        Shape::Bool,
        "Whether delete markers without versions go; excludes `days` and `date`.",
    ),
];
const NONCURRENT_TRANSITION: &[Key] = &[
    Key::required("noncurrent_days", DAYS, "Days after a version became noncurrent."),
    Key::new("newer_noncurrent_versions", VERSIONS, "How many newer noncurrent versions stay as they are."),
    Key::required("storage_class", CLASS, "The storage class to move to."),
];
const NONCURRENT_EXPIRATION: &[Key] = &[
    Key::required("noncurrent_days", WHOLE_DAYS, "Days after a version became noncurrent."),
    Key::new("newer_noncurrent_versions", VERSIONS, "How many newer noncurrent versions stay."),
];
const RULE: &[Key] = &[
    Key::new(
        "id",
        Shape::Text(TextRule::checked("a rule's id", |text| {
            if (1..=LONGEST_ID).contains(&text.chars().count()) {
                Ok(())
            } else {
                Err("must be 1 to 255 characters long".to_owned())
            }
        })),
        "The rule's id; without one, its filter names it.",
    ),
    Key::new("enabled", Shape::Bool, "Whether the rule acts; true by default."),
    Key::new("prefix", Shape::TEXT, "Only objects whose key starts with this: short for `filter`."),
    Key::new("filter", Shape::Object(FILTER), "Which objects the rule is for; without it, all."),
    Key::new("transitions", Shape::List(&Shape::Object(TRANSITION)), "Moves to other storage classes."),
    Key::new("expiration", Shape::Object(EXPIRATION), "When objects are deleted."),
    Key::new(
        "noncurrent_version_transitions",
        Shape::List(&Shape::Object(NONCURRENT_TRANSITION)),
        "Moves of noncurrent versions.",
    ),
    Key::new(
        "noncurrent_version_expiration",
        Shape::Object(NONCURRENT_EXPIRATION),
        "When noncurrent versions are deleted.",
    ),
    Key::new(
        "abort_incomplete_multipart_days",
        WHOLE_DAYS,
        "Days after which an upload that was never finished is aborted.",
    ),
];

/// The shape of a bucket's `lifecycle`.
pub(crate) const SHAPE: Shape = Shape::List(&Shape::Object(RULE));

const ACTIONS: [&str; 5] = [
    "transitions",
    "expiration",
    "noncurrent_version_transitions",
    "noncurrent_version_expiration",
    "abort_incomplete_multipart_days",
];

/// The canonical rules of the manifest's list; what S3 would refuse goes to the scope.
pub(crate) fn decode(node: &Node, scope: &mut Scope<'_>) -> Value {
    let mut rules = Map::new();
    if node.items().len() > MOST_RULES {
        scope.error(node, format!("`lifecycle` holds more than {MOST_RULES} rules"));
    }
    let given: BTreeSet<String> = node.items().iter().filter_map(|rule| rule.text("id")).collect();
    for item in node.items() {
        let rule = canonical(item, scope);
        let id = match item.text("id") {
            Some(id) => {
                if rules.contains_key(&id) {
                    let message = format!("two rules have the id `{}`", id.escape_debug());
                    scope.error(item.get("id").unwrap_or(item), message);
                }
                id
            }
            None => own_id(&rule, |id| rules.contains_key(id) || given.contains(id)),
        };
        rules.insert(id, Value::Map(rule));
    }
    Value::Map(rules)
}

/// Names a rule by its filter; the first free one of `logs/`, `logs/ 2`, ….
fn own_id(rule: &Map, taken: impl Fn(&str) -> bool) -> String {
    let filter = rule.get("filter").and_then(Value::as_map);
    let parts = filter.into_iter().flatten().flat_map(|(name, value)| match (name.as_str(), value) {
        ("tags", Value::Map(tags)) => tags.iter().map(|(key, value)| format!("{key}={value}")).collect(),
        ("object_size_greater_than", size) => vec![format!(">{size}")],
        ("object_size_less_than", size) => vec![format!("<{size}")],
        (_, prefix) => vec![prefix.to_string()],
    });
    let mut id = parts.collect::<Vec<String>>().join(" ");
    if id.is_empty() {
        "all".clone_into(&mut id);
    } else if id.chars().count() > LONGEST_ID - 8 {
        let digest = Sha256::digest(id.as_bytes());
        id = format!("filter-{}", hex(&digest[..8]));
    }
    let numbered = (2..).map(|number| format!("{id} {number}"));
    let mut candidates = std::iter::once(id.clone()).chain(numbered);
    candidates.find(|candidate| !taken(candidate)).unwrap_or(id)
}

fn canonical(item: &Node, scope: &mut Scope<'_>) -> Map {
    let mut rule = Map::from([("enabled".to_owned(), Value::Bool(true))]);
    if let Some(enabled) = item.get("enabled").and_then(Node::as_bool) {
        rule.insert("enabled".to_owned(), enabled.into());
    }
    let mut filter = item.some("filter").map(fields_of).unwrap_or_default();
    if let Some(prefix) = item.some("prefix") {
        if filter.contains_key("prefix") {
            scope.error(prefix, "`prefix` is given here and in `filter`").hint("leave one out");
        }
        filter.insert("prefix".to_owned(), prefix.scalar_text().unwrap_or_default().into());
    }
    // S3 reads an empty prefix, no tag and a least size of nothing as "all".
    filter.retain(|_, value| !is_nothing(value));
    check_filter(item, &filter, scope);
    if !filter.is_empty() {
        rule.insert("filter".to_owned(), Value::Map(filter));
    }
    for action in ACTIONS {
        let Some(node) = item.some(action) else { continue };
        let value = match node.items() {
            [] if action.ends_with("days") => node.as_int().map(Value::Int),
            [] if action.ends_with("transitions") => None,
            [] => Some(Value::Map(fields_of(node))),
            items => Some(Value::List(items.iter().map(|item| Value::Map(fields_of(item))).collect())),
        };
        rule.extend(value.map(|value| (action.to_owned(), value)));
    }
    check_actions(item, &rule, scope);
    rule
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.is_empty(),
        Value::Map(map) => map.is_empty(),
        Value::Int(number) => *number == 0,
        Value::Bool(_) | Value::Float(_) | Value::List(_) | Value::Pointer(_) => false,
    }
}

/// A mapping of scalars, dates and tags in canonical form.
fn fields_of(node: &Node) -> Map {
    let fields = node.entries().iter().filter_map(|(key, node)| {
        let key = key.as_text()?;
        let value = match key {
            "tags" => Value::text_map(node.text_map()),
            "date" => date(&node.scalar_text()?)?.into(),
            "prefix" | "storage_class" => node.scalar_text()?.into(),
            _ => node.as_bool().map(Value::Bool).or_else(|| node.as_int().map(Value::Int))?,
        };
        Some((key.to_owned(), value))
    });
    fields.collect()
}

/// A day as S3 takes it: `2027-01-31`, with midnight UTC or without.
fn date(text: &str) -> Option<String> {
    let day = text.strip_suffix(MIDNIGHT).or_else(|| text.strip_suffix("T00:00:00.000Z")).unwrap_or(text);
    (day.len() == 10 && instant(day).is_some()).then(|| day.to_owned())
}

fn instant(day: &str) -> Option<DateTime> {
    DateTime::from_str(&format!("{day}{MIDNIGHT}"), Format::DateTime).ok()
}

fn check_filter(item: &Node, filter: &Map, scope: &mut Scope<'_>) {
    let size = |name: &str| filter.get(name).and_then(Value::as_int);
    if let (Some(more), Some(less)) = (size("object_size_greater_than"), size("object_size_less_than"))
        && more >= less
    {
        let at = item.get("filter").unwrap_or(item);
        scope.error(at, "`object_size_greater_than` must be below `object_size_less_than`");
    }
}

/// What S3 refuses in a rule. Source: the lifecycle configuration elements of the S3 user guide.
fn check_actions(item: &Node, rule: &Map, scope: &mut Scope<'_>) {
    if !ACTIONS.iter().any(|action| rule.contains_key(*action)) {
        scope.error(item, "the rule does nothing").hint(format!("give one of: {}", ACTIONS.join(", ")));
    }
    let of = |map: &Map, name: &str| map.get(name).cloned();
    let maps = |name: &str| -> Vec<Map> {
        let items = rule.get(name).and_then(Value::as_list).unwrap_or_default();
        items.iter().filter_map(|item| item.as_map().cloned()).collect()
    };
    let at = |name: &str| item.get(name).unwrap_or(item).clone();
    let (mut by_days, mut by_date, mut latest) = (false, false, None);
    let mut classes: Vec<Value> = Vec::new();
    for transition in maps("transitions") {
        let (days, date) = (of(&transition, "days"), of(&transition, "date"));
        if days.is_some() == date.is_some() {
            scope.error(&at("transitions"), "a transition takes one of `days` and `date`");
        }
        by_days |= days.is_some();
        by_date |= date.is_some();
        let days = days.and_then(|days| days.as_int());
        latest = latest.max(days);
        let class = of(&transition, "storage_class").unwrap_or_else(|| "".into());
        if matches!(class.as_text(), Some("STANDARD_IA" | "ONEZONE_IA")) && days.is_some_and(|days| days < 30)
        {
            scope.error(&at("transitions"), format!("S3 moves objects to {class} after 30 days or more"));
        }
        if classes.contains(&class) {
            scope.error(&at("transitions"), format!("two transitions to {class}"));
        }
        classes.push(class);
    }
    let expiration = rule.get("expiration").and_then(Value::as_map);
    if let Some(expiration) = expiration {
        if expiration.len() != 1 {
            let message = "`expiration` takes one of `days`, `date` and `expired_object_delete_marker`";
            scope.error(&at("expiration"), message);
        }
        by_days |= expiration.contains_key("days");
        by_date |= expiration.contains_key("date");
        let days = expiration.get("days").and_then(Value::as_int);
        if days.is_some_and(|days| latest.is_some_and(|latest| latest >= days)) {
            scope.error(&at("expiration"), "objects must expire later than they move");
        }
    }
    if by_days && by_date {
        scope.error(item, "a rule goes by `days` or by `date`, not by both");
    }
    let filter = rule.get("filter").and_then(Value::as_map).cloned().unwrap_or_default();
    let more_than_prefix = filter.keys().any(|key| key != "prefix");
    if more_than_prefix && rule.contains_key("abort_incomplete_multipart_days") {
        let message = "`abort_incomplete_multipart_days` cannot be filtered by tags or size";
        scope.error(&at("abort_incomplete_multipart_days"), message).hint("give it a rule of its own");
    }
    let markers =
        expiration.is_some_and(|expiration| expiration.contains_key("expired_object_delete_marker"));
    if markers && filter.contains_key("tags") {
        scope.error(&at("expiration"), "delete markers have no tags to filter by");
    }
}

/// The canonical form of what S3 has, by id.
pub(crate) fn read(rules: &[LifecycleRule]) -> Map {
    rules.iter().map(|rule| (rule.id().unwrap_or_default().to_owned(), read_rule(rule))).collect()
}

fn read_rule(rule: &LifecycleRule) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Option<Value>| map.extend(value.map(|value| (key.to_owned(), value)));
    put("enabled", Some((*rule.status() == ExpirationStatus::Enabled).into()));
    let filter = read_filter(rule);
    put("filter", (!filter.is_empty()).then_some(Value::Map(filter)));
    let transitions = rule.transitions().iter().map(|transition| {
        entries([
            ("days", transition.days().map(Value::from)),
            ("date", transition.date().and_then(read_date)),
            ("storage_class", transition.storage_class().map(|class| class.as_str().into())),
        ])
    });
    put("transitions", list(transitions));
    let expiration = rule.expiration().map(|expiration| {
        entries([
            ("days", expiration.days().filter(|days| *days > 0).map(Value::from)),
            ("date", expiration.date().and_then(read_date)),
            (
                "expired_object_delete_marker",
                // S3 fills in false beside days and dates.
                expiration.expired_object_delete_marker().filter(|marker| *marker).map(Value::from),
            ),
        ])
    });
    put("expiration", expiration);
    let transitions = rule.noncurrent_version_transitions().iter().map(|transition| {
        entries([
            ("noncurrent_days", transition.noncurrent_days().map(Value::from)),
            ("newer_noncurrent_versions", transition.newer_noncurrent_versions().map(Value::from)),
            ("storage_class", transition.storage_class().map(|class| class.as_str().into())),
        ])
    });
    put("noncurrent_version_transitions", list(transitions));
    let expiration = rule.noncurrent_version_expiration().map(|expiration| {
        entries([
            ("noncurrent_days", expiration.noncurrent_days().map(Value::from)),
            ("newer_noncurrent_versions", expiration.newer_noncurrent_versions().map(Value::from)),
        ])
    });
    put("noncurrent_version_expiration", expiration);
    let abort = rule
        .abort_incomplete_multipart_upload()
        .and_then(AbortIncompleteMultipartUpload::days_after_initiation);
    put("abort_incomplete_multipart_days", abort.map(Value::from));
    Value::Map(map)
}

fn entries<const N: usize>(entries: [(&str, Option<Value>); N]) -> Value {
    let given = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Map(given.collect())
}

fn list(items: impl Iterator<Item = Value>) -> Option<Value> {
    let items: Vec<Value> = items.collect();
    (!items.is_empty()).then_some(Value::List(items))
}

fn read_date(date: &DateTime) -> Option<Value> {
    let text = date.fmt(Format::DateTime).ok()?;
    Some(text.strip_suffix(MIDNIGHT).unwrap_or(&text).into())
}

/// The filter of either form: the old one is a prefix beside the rule.
fn read_filter(rule: &LifecycleRule) -> Map {
    #[expect(deprecated, reason = "S3 reads rules of the old form back as they were sent")]
    let old = rule.prefix();
    let filter = rule.filter();
    let and = filter.and_then(LifecycleRuleFilter::and);
    let one = filter.and_then(LifecycleRuleFilter::tag);
    let tags: BTreeMap<String, String> = and
        .map(LifecycleRuleAndOperator::tags)
        .unwrap_or_default()
        .iter()
        .chain(one)
        .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
        .collect();
    let prefix = filter.and_then(LifecycleRuleFilter::prefix).or(and.and_then(|and| and.prefix())).or(old);
    let more = filter
        .and_then(LifecycleRuleFilter::object_size_greater_than)
        .or(and.and_then(LifecycleRuleAndOperator::object_size_greater_than));
    let less = filter
        .and_then(LifecycleRuleFilter::object_size_less_than)
        .or(and.and_then(LifecycleRuleAndOperator::object_size_less_than));
    let mut map = Map::new();
    map.insert("prefix".to_owned(), prefix.unwrap_or_default().into());
    map.insert("tags".to_owned(), Value::text_map(tags));
    map.insert("object_size_greater_than".to_owned(), more.unwrap_or_default().into());
    map.insert("object_size_less_than".to_owned(), less.unwrap_or_default().into());
    map.retain(|_, value| !is_nothing(value));
    map
}

/// A canonical rule as S3 takes it.
pub(crate) fn write(id: &str, rule: &Value) -> Result<LifecycleRule, CloudError> {
    let none = Map::new();
    let rule = rule.as_map().unwrap_or(&none);
    let enabled = rule.get("enabled").and_then(Value::as_bool).unwrap_or(true);
    let status = if enabled { ExpirationStatus::Enabled } else { ExpirationStatus::Disabled };
    let filter = rule.get("filter").and_then(Value::as_map).unwrap_or(&none);
    let mut builder = LifecycleRule::builder().id(id).status(status).filter(write_filter(filter)?);
    for item in maps(rule, "transitions") {
        let transition = Transition::builder()
            .set_days(number(item, "days"))
            .set_date(write_date(item))
            .set_storage_class(class(item));
        builder = builder.transitions(transition.build());
    }
    if let Some(expiration) = rule.get("expiration").and_then(Value::as_map) {
        let expired = expiration.get("expired_object_delete_marker").and_then(Value::as_bool);
        let expiration = LifecycleExpiration::builder()
            .set_days(number(expiration, "days"))
            .set_date(write_date(expiration))
            .set_expired_object_delete_marker(expired);
        builder = builder.expiration(expiration.build());
    }
    for item in maps(rule, "noncurrent_version_transitions") {
        let transition = NoncurrentVersionTransition::builder()
            .set_noncurrent_days(number(item, "noncurrent_days"))
            .set_newer_noncurrent_versions(number(item, "newer_noncurrent_versions"))
            .set_storage_class(class(item));
        builder = builder.noncurrent_version_transitions(transition.build());
    }
    if let Some(expiration) = rule.get("noncurrent_version_expiration").and_then(Value::as_map) {
        let expiration = NoncurrentVersionExpiration::builder()
            .set_noncurrent_days(number(expiration, "noncurrent_days"))
            .set_newer_noncurrent_versions(number(expiration, "newer_noncurrent_versions"));
        builder = builder.noncurrent_version_expiration(expiration.build());
    }
    if let Some(days) = number(rule, "abort_incomplete_multipart_days") {
        let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(days);
        builder = builder.abort_incomplete_multipart_upload(abort.build());
    }
    builder.build().map_err(unbuildable)
}

/// A rule of others for a Put that holds ours, too: S3 refuses rules of the old and the new form together.
pub(crate) fn in_new_form(mut rule: LifecycleRule) -> LifecycleRule {
    if rule.filter.is_none() {
        #[expect(deprecated, reason = "this is what takes the old form away")]
        let prefix = rule.prefix.take().unwrap_or_default();
        rule.filter = Some(LifecycleRuleFilter::builder().prefix(prefix).build());
    }
    rule
}

fn maps<'a>(rule: &'a Map, name: &str) -> impl Iterator<Item = &'a Map> {
    rule.get(name).and_then(Value::as_list).unwrap_or_default().iter().filter_map(Value::as_map)
}

fn number(map: &Map, name: &str) -> Option<i32> {
    map.get(name).and_then(Value::as_int).and_then(|number| i32::try_from(number).ok())
}

fn write_date(map: &Map) -> Option<DateTime> {
    map.get("date").and_then(Value::as_text).and_then(instant)
}

fn class(map: &Map) -> Option<TransitionStorageClass> {
    map.get("storage_class").and_then(Value::as_text).map(TransitionStorageClass::from)
}

fn unbuildable(error: impl std::fmt::Display) -> CloudError {
    CloudError::new(Class::Invalid, "s3:PutBucketLifecycleConfiguration", error.to_string())
}

/// S3 takes exactly one condition, or several inside `And`.
fn write_filter(filter: &Map) -> Result<LifecycleRuleFilter, CloudError> {
    let prefix = filter.get("prefix").and_then(Value::as_text).map(str::to_owned);
    let more = filter.get("object_size_greater_than").and_then(Value::as_int);
    let less = filter.get("object_size_less_than").and_then(Value::as_int);
    let tags: Result<Vec<Tag>, CloudError> = filter
        .get("tags")
        .map(Value::to_text_map)
        .unwrap_or_default()
        .into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build().map_err(unbuildable))
        .collect();
    let mut tags = tags?;
    let conditions =
        tags.len() + [prefix.is_some(), more.is_some(), less.is_some()].into_iter().filter(|on| *on).count();
    if conditions > 1 {
        let and = LifecycleRuleAndOperator::builder()
            .set_prefix(prefix)
            .set_tags((!tags.is_empty()).then_some(tags))
            .set_object_size_greater_than(more)
            .set_object_size_less_than(less);
        return Ok(LifecycleRuleFilter::builder().and(and.build()).build());
    }
    let prefix = prefix.or_else(|| (conditions == 0).then(String::new));
    let builder = LifecycleRuleFilter::builder().set_prefix(prefix).set_tag(tags.pop());
    Ok(builder.set_object_size_greater_than(more).set_object_size_less_than(less).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(json: &str) -> Value {
        Value::from_json(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn every_rule_survives_its_way_to_s3() {
        for json in [
            r#"{"enabled":true,"expiration":{"days":730}}"#,
            r#"{"enabled":false,"filter":{"prefix":"a/"},"transitions":[{"days":30,"storage_class":"STANDARD_IA"}]}"#,
            r#"{"enabled":true,"filter":{"tags":{"a":"b"}},"expiration":{"date":"2027-01-01"}}"#,
            r#"{"enabled":true,"filter":{"prefix":"a","tags":{"a":"b","c":"d"},"object_size_less_than":5},"expiration":{"days":1}}"#,
            r#"{"enabled":true,"filter":{"object_size_greater_than":5},"expiration":{"days":1}}"#,
            r#"{"enabled":true,"expiration":{"expired_object_delete_marker":true},"abort_incomplete_multipart_days":7}"#,
            r#"{"enabled":true,"noncurrent_version_expiration":{"noncurrent_days":9,"newer_noncurrent_versions":2},
                "noncurrent_version_transitions":[{"noncurrent_days":3,"storage_class":"GLACIER"}]}"#,
        ] {
            let canonical = rule(json);
            let written = write("x", &canonical).unwrap();
            assert_eq!(read(&[written])["x"], canonical, "{json}");
        }
    }

    #[test]
    fn the_old_form_means_the_same_as_the_new_one() {
        #[expect(deprecated, reason = "S3 reads rules of the old form back as they were sent")]
        let old = LifecycleRule::builder()
            .id("a")
            .prefix("archive/")
            .status(ExpirationStatus::Enabled)
            .expiration(LifecycleExpiration::builder().days(3).build())
            .build()
            .unwrap();
        let new = rule(r#"{"enabled":true,"filter":{"prefix":"archive/"},"expiration":{"days":3}}"#);
        assert_eq!(read(std::slice::from_ref(&old))["a"], new);
        assert_eq!(read(&[in_new_form(old)])["a"], new);
    }

    #[test]
    fn a_rule_without_an_id_is_named_by_its_filter() {
        let named =
            |json: &str, taken: &[&str]| own_id(rule(json).as_map().unwrap(), |id| taken.contains(&id));
        assert_eq!(named("{}", &[]), "all");
        assert_eq!(named("{}", &["all", "all 2"]), "all 3");
        assert_eq!(named(r#"{"filter":{"prefix":"logs/","tags":{"a":"b"}}}"#, &[]), "logs/ a=b");
    }

    #[test]
    fn a_date_is_a_day() {
        assert_eq!(date("2027-01-01T00:00:00Z").as_deref(), Some("2027-01-01"));
        assert_eq!(date("2027-01-01").as_deref(), Some("2027-01-01"));
        for bad in ["2027-13-01", "2027-01-01T10:00:00Z", "tomorrow", ""] {
            assert_eq!(date(bad), None, "{bad}");
        }
    }
}
