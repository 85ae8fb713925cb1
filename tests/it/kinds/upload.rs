//! Uploads: only what changed is sent, only what is ours goes.

use lakeform_executor::Outcome;
use lakeform_model::{Action, Class, Effect, Plan};
use lakeform_planner::PlanOptions;

use super::bucket::{name, put};
use lakeform_tests::lab::{Lab, On, outline, proxy};

/// A bucket that no manifest knows, and a manifest of one upload into it.
async fn lab() -> Lab {
    let lab = Lab::new(On::Ministack).await;
    lab.cloud.s3().create_bucket().bucket(name(&lab)).send().await.unwrap();
    lab
}

fn manifest(lab: &Lab, more: &str) -> String {
    format!(
        "lakeform: 1\nstack: demo\nregion: us-east-1\nuploads:\n  data: {{ from: data, to: s3://{}/in/{more} }}\n",
        name(lab)
    )
}

async fn keys(lab: &Lab) -> Vec<String> {
    let answer = lab.cloud.s3().list_objects_v2().bucket(name(lab)).send().await.unwrap();
    answer.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect()
}

fn changes(plan: &Plan) -> Vec<String> {
    let changes = plan.steps.iter().flat_map(|step| &step.changes);
    changes.map(|change| format!("{}{}", if change.to.is_some() { "" } else { "-" }, change.path)).collect()
}

fn calls(lab: &Lab, operation: &str) -> usize {
    let calls = proxy().calls_of(&lab.cloud.account);
    calls.iter().filter(|call| call.operation == operation).count()
}

#[tokio::test]
async fn only_changed_files_are_sent_and_what_others_put_there_survives() {
    let lab = lab().await;
    for number in 0..300 {
        lab.write(&format!("data/part={}/{number}.json", number % 7), number.to_string());
    }
    lab.settle(&lab.load(&manifest(&lab, ""))).await;
    put(&lab, &name(&lab), "in/theirs.json", "x").await;
    let before = calls(&lab, "PutObject");
    lab.write("data/part=3/3.json", "changed");
    std::fs::remove_file(lab.folder.path().join("data/part=4/4.json")).unwrap();
    let desired = lab.load(&manifest(&lab, ""));
    let plan = lab.settle(&desired).await;
    assert_eq!(changes(&plan), ["objects.part=3/3.json", "-objects.part=4/4.json"]);
    // The one file, and the mark once what it does not manage any more is gone.
    assert_eq!(calls(&lab, "PutObject") - before, 2);
    let reads = calls(&lab, "ListObjectsV2") + calls(&lab, "GetObject") + calls(&lab, "HeadObject");
    assert!(lab.plan(&desired, &PlanOptions::default()).await.is_empty());
    let after = calls(&lab, "ListObjectsV2") + calls(&lab, "GetObject") + calls(&lab, "HeadObject");
    assert_eq!(after - reads, 3, "a plan lists the marks, reads one and lists the objects");
    lab.destroy(&desired).await;
    assert_eq!(keys(&lab).await, ["in/theirs.json"]);
}

#[tokio::test]
async fn a_large_file_goes_in_parts_and_is_known_again() {
    let lab = lab().await;
    let mut body: Vec<u8> = (0..40_u32 << 18).flat_map(u32::to_le_bytes).collect();
    lab.write("data/big.bin", &body);
    let desired = lab.load(&manifest(&lab, ""));
    lab.settle(&desired).await;
    assert_eq!(calls(&lab, "UploadPart"), 3);
    body.truncate(20 << 20);
    lab.write("data/big.bin", &body);
    let desired = lab.load(&manifest(&lab, ""));
    assert_eq!(changes(&lab.settle(&desired).await), ["objects.big.bin"]);
    lab.destroy(&desired).await;
    assert!(keys(&lab).await.is_empty());
}

#[tokio::test]
async fn prune_plans_and_deletes_what_is_not_uploaded() {
    let lab = lab().await;
    lab.write("data/a.json", "1");
    lab.settle(&lab.load(&manifest(&lab, ""))).await;
    put(&lab, &name(&lab), "in/theirs.json", "x").await;
    put(&lab, &name(&lab), "elsewhere", "x").await;
    let desired = lab.load(&manifest(&lab, ", prune: true"));
    assert_eq!(changes(&lab.settle(&desired).await), ["-others.theirs.json"]);
    assert_eq!(keys(&lab).await, [".lakeform/demo/upload.data", "elsewhere", "in/a.json"]);
    lab.destroy(&desired).await;
    assert_eq!(keys(&lab).await, ["elsewhere"]);
}

#[tokio::test]
async fn objects_in_the_way_are_adopted_only_on_request() {
    let lab = lab().await;
    lab.write("data/a.json", "1");
    lab.write("data/b.json", "1");
    put(&lab, &name(&lab), "in/a.json", "theirs").await;
    let plan = lab.plan(&lab.load(&manifest(&lab, "")), &PlanOptions::default()).await;
    assert_eq!(plan.steps[0].action, Action::Adopt, "{}", outline(&plan));
    assert_eq!(plan.denials().count(), 1);
    let desired = lab.load(&manifest(&lab, ", adopt: true"));
    assert_eq!(changes(&lab.settle(&desired).await), ["objects.a.json", "objects.b.json"]);
    lab.destroy(&desired).await;
    assert_eq!(keys(&lab).await, ["in/a.json", "in/b.json"]);
}

#[tokio::test]
async fn another_stacks_upload_is_a_conflict() {
    let lab = lab().await;
    lab.write("data/a.json", "1");
    let desired = lab.load(&manifest(&lab, ""));
    lab.settle(&desired).await;
    let other = lab.load(&manifest(&lab, "").replace("stack: demo", "stack: other"));
    let plan = lab.plan(&other, &PlanOptions::default()).await;
    assert_eq!(plan.blocked.len(), 1, "{}", outline(&plan));
    lab.destroy(&lab.load(&manifest(&lab, ""))).await;
}

#[tokio::test]
async fn a_file_that_changed_since_it_was_planned_is_not_sent() {
    let lab = lab().await;
    lab.write("data/a.json", "1");
    lab.write("data/big.bin", vec![7; 17 << 20]);
    let desired = lab.load(&manifest(&lab, ""));
    let plan = lab.plan(&desired, &PlanOptions::default()).await;
    lab.write("data/a.json", "2");
    lab.write("data/big.bin", vec![8; 17 << 20]);
    let summary = lab.apply(&plan).await;
    assert!(
        matches!(&summary.outcomes[0], Outcome::Failed(error) if error.class == Class::Local),
        "{summary:?}"
    );
    assert_eq!(keys(&lab).await, [".lakeform/demo/upload.data"]);
    assert_eq!(calls(&lab, "AbortMultipartUpload"), 1);
    lab.settle(&lab.load(&manifest(&lab, ""))).await;
    lab.destroy(&desired).await;
}

#[tokio::test]
async fn an_object_that_appeared_since_it_was_planned_is_not_overwritten() {
    let lab = lab().await;
    lab.write("data/a.json", "1");
    lab.settle(&lab.load(&manifest(&lab, ""))).await;
    lab.write("data/b.json", "2");
    let desired = lab.load(&manifest(&lab, ""));
    let plan = lab.plan(&desired, &PlanOptions::default()).await;
    put(&lab, &name(&lab), "in/b.json", "theirs").await;
    let summary = lab.apply(&plan).await;
    assert!(!summary.is_success(), "{summary:?}");
    let read = lab.cloud.s3().get_object().bucket(name(&lab)).key("in/b.json").send().await.unwrap();
    assert_eq!(read.body.collect().await.unwrap().into_bytes().as_ref(), b"theirs");
}

#[tokio::test]
async fn an_upload_follows_its_key_and_its_place() {
    let lab = lab().await;
    lab.write("data/a.json", "1");
    lab.settle(&lab.load(&manifest(&lab, ""))).await;
    let plan = lab.settle(&lab.load(&manifest(&lab, "").replace("  data:", "  other:"))).await;
    assert_eq!(plan.steps.len(), 1, "{}", outline(&plan));
    assert_eq!(plan.steps[0].action, Action::Update);
    assert_eq!(keys(&lab).await, [".lakeform/demo/upload.other", "in/a.json"]);
    let moved = manifest(&lab, "").replace("  data:", "  other:").replace("/in/", "/out");
    lab.settle(&lab.load(&moved)).await;
    assert_eq!(keys(&lab).await, [".lakeform/demo/upload.other", "out/a.json"]);
    let empty = lab.load(&format!(
        "lakeform: 1\nstack: demo\nregion: us-east-1\nbuckets:\n  lake: {{ name: {}, adopt: true }}\n",
        name(&lab)
    ));
    let plan = lab.settle(&empty).await;
    assert!(plan.steps.iter().any(|step| step.action == Action::Delete), "{}", outline(&plan));
    assert!(keys(&lab).await.is_empty());
}

#[tokio::test]
async fn an_upload_into_a_bucket_of_the_manifest_waits_for_it() {
    let lab = Lab::new(On::Ministack).await;
    lab.write("data/a.json", "1");
    let text = format!(
        "lakeform: 1\nstack: demo\nregion: us-east-1\nbuckets:\n  lake: {{ name: {}, force_destroy: true, encryption: {{ type: 'aws:kms' }} }}\nuploads:\n  one: {{ from: data/a.json, to: 's3://${{bucket.lake}}/in/b.json' }}\n  many: {{ from: data, to: 's3://${{bucket.lake}}/many' }}\n",
        name(&lab)
    );
    let desired = lab.load(&text);
    let plan = lab.settle(&desired).await;
    assert!(plan.steps.iter().all(|step| step.changes.iter().all(|change| change.effect == Effect::InPlace)));
    let keys = keys(&lab).await;
    assert_eq!(keys, [".lakeform/demo/upload.many", ".lakeform/demo/upload.one", "in/b.json", "many/a.json"]);
    lab.destroy(&desired).await;
}
