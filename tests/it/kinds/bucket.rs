//! Buckets: whose they are, what others wrote on them, and what it takes to delete one.

use std::collections::BTreeMap;

use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, BucketLocationConstraint, CreateBucketConfiguration, ExpirationStatus,
    LifecycleExpiration, LifecycleRule, Tag, Tagging,
};
use lakeform_executor::Outcome;
use lakeform_model::{Action, BlockedBy, Class};
use lakeform_planner::PlanOptions;

use lakeform_tests::lab::{Lab, On, outline};

/// A bucket of the account's own: names are global on the emulator, too.
pub(super) fn name(lab: &Lab) -> String {
    format!("lake-{}", lab.cloud.account)
}

fn manifest(lab: &Lab, settings: &str) -> String {
    let name = name(lab);
    format!(
        "lakeform: 1\nstack: demo\nregion: us-east-1\nbuckets:\n  lake:\n    name: {name}\n{settings}tags: {{ project: x }}\n"
    )
}

pub(super) async fn put(lab: &Lab, bucket: &str, key: &str, body: &str) {
    let body = body.as_bytes().to_vec().into();
    lab.cloud.s3().put_object().bucket(bucket).key(key).body(body).send().await.unwrap();
}

pub(super) async fn exists(lab: &Lab, bucket: &str) -> bool {
    lab.cloud.s3().head_bucket().bucket(bucket).send().await.is_ok()
}

async fn tags(lab: &Lab) -> BTreeMap<String, String> {
    let answer = lab.cloud.s3().get_bucket_tagging().bucket(name(lab)).send().await.unwrap();
    answer.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

async fn put_tags(lab: &Lab, all: &BTreeMap<String, String>) {
    let tags = all.iter().map(|(key, value)| Tag::builder().key(key).value(value).build().unwrap());
    let tagging = Tagging::builder().set_tag_set(Some(tags.collect())).build().unwrap();
    lab.cloud.s3().put_bucket_tagging().bucket(name(lab)).tagging(tagging).send().await.unwrap();
}

#[tokio::test]
async fn a_bucket_with_versions_is_emptied_and_gone() {
    let lab = Lab::new(On::Ministack).await;
    let desired = lab.load(&manifest(&lab, "    force_destroy: true\n    versioning: true\n"));
    lab.settle(&desired).await;
    let name = name(&lab);
    for number in 0..30 {
        put(&lab, &name, &format!("a/{}", number % 10), &number.to_string()).await;
    }
    lab.cloud.s3().delete_object().bucket(&name).key("a/1").send().await.unwrap();
    lab.cloud.s3().create_multipart_upload().bucket(&name).key("big").send().await.unwrap();
    let plan = lab.destroy(&desired).await;
    let lines = &plan.inventories.values().next().unwrap().lines;
    assert_eq!(lines.join("; "), "9 objects, 50 bytes; 21 older versions; 1 delete marker");
    assert!(!exists(&lab, &name).await);
}

#[tokio::test]
async fn a_bucket_that_holds_something_needs_a_permission() {
    let lab = Lab::new(On::Ministack).await;
    let desired = lab.load(&manifest(&lab, ""));
    lab.settle(&desired).await;
    put(&lab, &name(&lab), "a", "b").await;
    let options = PlanOptions { destroy: true, ..PlanOptions::default() };
    let plan = lab.plan(&desired, &options).await;
    let codes: Vec<&str> = plan.denials().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["data-loss"]);
    // Were the guard passed over, the kind itself would refuse.
    let summary = lab.apply(&plan).await;
    assert!(
        matches!(&summary.outcomes[0], Outcome::Failed(error) if error.class == Class::Invalid),
        "{summary:?}"
    );
    lab.cloud.s3().delete_object().bucket(name(&lab)).key("a").send().await.unwrap();
    lab.destroy(&desired).await;
}

#[tokio::test]
async fn tags_of_others_survive_and_dropped_ones_go() {
    let lab = Lab::new(On::Ministack).await;
    lab.settle(&lab.load(&manifest(&lab, "    tags: { team: data, old: yes }\n"))).await;
    let mut all = tags(&lab).await;
    assert_eq!(all.get("lakeform:stack").map(String::as_str), Some("demo"));
    all.insert("theirs".into(), "1".into());
    put_tags(&lab, &all).await;
    let desired = lab.load(&manifest(&lab, "    tags: { team: ops }\n"));
    let plan = lab.settle(&desired).await;
    let changes: Vec<String> = plan.steps[0].changes.iter().map(|change| change.path.to_string()).collect();
    assert_eq!(changes, ["tags.old", "tags.team"]);
    let all = tags(&lab).await;
    assert_eq!(all.get("theirs").map(String::as_str), Some("1"));
    assert_eq!(all.get("team").map(String::as_str), Some("ops"));
    assert!(!all.contains_key("old"), "{all:?}");
    lab.destroy(&desired).await;
}

#[tokio::test]
async fn lifecycle_rules_of_others_survive_and_dropped_ones_go() {
    let lab = Lab::new(On::Ministack).await;
    let rules = "    lifecycle:\n      - { prefix: tmp/, expiration: { days: 3 } }\n      - { id: all, abort_incomplete_multipart_days: 7 }\n";
    lab.settle(&lab.load(&manifest(&lab, rules))).await;
    let s3 = lab.cloud.s3();
    let read = || async {
        let answer = s3.get_bucket_lifecycle_configuration().bucket(name(&lab)).send().await.unwrap();
        answer.rules.unwrap_or_default()
    };
    let mut all = read().await;
    let theirs = LifecycleRule::builder()
        .id("theirs")
        .filter(aws_sdk_s3::types::LifecycleRuleFilter::builder().prefix("x/").build())
        .status(ExpirationStatus::Enabled)
        .expiration(LifecycleExpiration::builder().days(9).build());
    all.push(theirs.build().unwrap());
    let configuration = BucketLifecycleConfiguration::builder().set_rules(Some(all)).build().unwrap();
    let put = s3.put_bucket_lifecycle_configuration().bucket(name(&lab));
    put.lifecycle_configuration(configuration).send().await.unwrap();
    let desired = lab.load(&manifest(&lab, ""));
    let plan = lab.settle(&desired).await;
    assert_eq!(plan.steps[0].changes.len(), 2, "{}", outline(&plan));
    let ids: Vec<String> = read().await.into_iter().filter_map(|rule| rule.id).collect();
    assert_eq!(ids, ["theirs"]);
    lab.destroy(&desired).await;
}

#[tokio::test]
async fn a_bucket_that_left_the_manifest_is_found_by_its_mark() {
    let lab = Lab::new(On::Ministack).await;
    lab.settle(&lab.load(&manifest(&lab, ""))).await;
    let plan = lab.settle(&lab.load("lakeform: 1\nstack: demo\nregion: us-east-1\n")).await;
    assert_eq!(plan.steps[0].action, Action::Delete);
    assert!(!exists(&lab, &name(&lab)).await);
}

#[tokio::test]
async fn an_unmarked_bucket_is_adopted_only_on_request_and_released_in_the_end() {
    let lab = Lab::new(On::Ministack).await;
    lab.cloud.s3().create_bucket().bucket(name(&lab)).send().await.unwrap();
    let plan = lab.plan(&lab.load(&manifest(&lab, "")), &PlanOptions::default()).await;
    assert_eq!(plan.steps[0].action, Action::Adopt);
    assert_eq!(plan.denials().count(), 1);
    let desired = lab.load(&manifest(&lab, "    adopt: true\n    versioning: true\n"));
    lab.settle(&desired).await;
    lab.destroy(&desired).await;
    assert!(exists(&lab, &name(&lab)).await);
    assert!(!tags(&lab).await.keys().any(|key| key.starts_with("lakeform:")));
}

#[tokio::test]
async fn a_bucket_elsewhere_or_of_another_account_is_no_absence() {
    let lab = Lab::new(On::Ministack).await;
    let other = Lab::new(On::Ministack).await;
    other.cloud.s3().create_bucket().bucket(name(&lab)).send().await.unwrap();
    let desired = lab.load(&manifest(&lab, ""));
    let plan = lab.plan(&desired, &PlanOptions::default()).await;
    assert!(plan.steps.is_empty(), "{}", outline(&plan));
    assert!(
        matches!(&plan.blocked[0].by, BlockedBy::Unreadable(error) if error.message.contains("another account"))
    );

    let far = Lab::new(On::Ministack).await;
    let configuration =
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::EuWest1);
    let create = far.cloud.s3().create_bucket().bucket(name(&far));
    create.create_bucket_configuration(configuration.build()).send().await.unwrap();
    let plan = far.plan(&far.load(&manifest(&far, "")), &PlanOptions::default()).await;
    assert!(plan.steps.is_empty(), "{}", outline(&plan));
    assert!(
        matches!(&plan.blocked[0].by, BlockedBy::Conflict { reason, .. } if reason.contains("`eu-west-1`")),
        "{:#?}",
        plan.blocked
    );
}
