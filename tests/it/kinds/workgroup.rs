//! Workgroups: every setting, the tags of others, saved queries of others, and `primary`.

use aws_sdk_athena::types::{Tag, WorkGroup};
use lakeform_planner::PlanOptions;

use super::stage::{Stage, adopting};

fn athena(group: &str) -> String {
    format!("athena:\n  workgroups:\n    w: {group}\n")
}

impl Stage {
    async fn group(&self, name: &str) -> Option<WorkGroup> {
        let answer = self.cloud.athena().get_work_group().work_group(name).send().await;
        answer.ok().and_then(|answer| answer.work_group)
    }

    async fn group_tags(&self, name: &str) -> Vec<String> {
        let arn = self.cloud.arn("athena", &format!("workgroup/{name}"));
        let answer = self.cloud.athena().list_tags_for_resource().resource_arn(arn).send().await.unwrap();
        answer.tags().iter().filter_map(|tag| tag.key().map(str::to_owned)).collect()
    }
}

#[tokio::test]
async fn a_workgroup_changes_field_by_field() {
    let stage = Stage::sandbox().await;
    let bring = async |group: &str| stage.bring(&stage.wants(&athena(group))).await;
    assert_eq!(bring("{}").await, ["create workgroup.w"]);
    let arn = stage.cloud.arn("athena", "workgroup/w");
    let theirs = Tag::builder().key("theirs").value("1").build();
    stage.cloud.athena().tag_resource().resource_arn(arn).tags(theirs).send().await.unwrap();
    for (setting, path) in [
        ("description: what for", "description"),
        ("state: DISABLED", "state"),
        ("results: s3://lake-of-w/athena/", "results"),
        ("enforce: false", "enforce"),
        ("encryption: { type: SSE_KMS, kms_key: 'arn:aws:kms:us-east-1:111122223333:key/1' }", "encryption"),
        ("expected_bucket_owner: '111122223333'", "expected_bucket_owner"),
        ("acl: BUCKET_OWNER_FULL_CONTROL", "acl"),
        ("bytes_scanned_cutoff: 10000000", "bytes_scanned_cutoff"),
        ("publish_metrics: false", "publish_metrics"),
        ("requester_pays: true", "requester_pays"),
        ("tags: { team: data }", "tags.team"),
    ] {
        let update = [format!("update workgroup.w: {path}")];
        assert_eq!(bring(&format!("{{ {setting} }}")).await, update, "set");
        assert_eq!(bring("{}").await, update, "unset");
    }
    // Unmanaged when it is not given.
    let engine = "{ engine_version: Athena engine version 3 }";
    assert_eq!(bring(engine).await, ["update workgroup.w: engine_version"]);
    assert_eq!(bring("{}").await, Vec::<String>::new());
    // A member of the encryption, alone.
    bring("{ results: s3://lake-of-w/a/, encryption: { type: SSE_S3 } }").await;
    let kms = "{ results: s3://lake-of-w/a, encryption: { type: CSE_KMS, kms_key: k } }";
    assert_eq!(bring(kms).await, ["update workgroup.w: encryption.kms_key, encryption.type"]);
    assert!(stage.group_tags("w").await.contains(&"theirs".to_owned()));

    let last = stage.wants("");
    assert_eq!(stage.bring(&last).await, ["delete workgroup.w"]);
    assert!(stage.group("w").await.is_none());
}

#[tokio::test]
async fn a_workgroup_is_made_with_everything_at_once() {
    let stage = Stage::sandbox().await;
    let all = "{ name: All.of-it_1, description: d, state: DISABLED, results: 's3://lake-of-w/', enforce: false, encryption: { type: SSE_S3 }, bytes_scanned_cutoff: 20000000, engine_version: AUTO, publish_metrics: false, requester_pays: true, tags: { a: b } }";
    let wanted = stage.wants(&athena(all));
    assert_eq!(stage.bring(&wanted).await, ["create workgroup.w"]);
    assert_eq!(stage.group("All.of-it_1").await.unwrap().state().unwrap().as_str(), "DISABLED");
    assert_eq!(stage.destroy(&wanted).await, ["delete workgroup.w"]);
}

#[tokio::test]
async fn saved_queries_of_others_need_a_permission_and_history_does_not() {
    let stage = Stage::sandbox().await;
    let wanted = stage.wants(&athena("{}"));
    stage.bring(&wanted).await;
    let query = stage.cloud.athena().create_named_query().work_group("w").name("theirs").database("d");
    let id = query.query_string("select 1").send().await.unwrap().named_query_id.unwrap();
    let destroy = PlanOptions { destroy: true, ..PlanOptions::default() };
    let plan = stage.plan(&wanted, &destroy).await;
    let said: Vec<&str> = plan.denials().map(|finding| finding.text.as_str()).collect();
    assert!(said.len() == 1 && said[0].contains("`theirs`"), "{said:?}");
    stage.cloud.athena().delete_named_query().named_query_id(id).send().await.unwrap();
    let run = stage.cloud.athena().start_query_execution().work_group("w").query_string("select 1");
    let results = aws_sdk_athena::types::ResultConfiguration::builder().output_location("s3://history-of-w/");
    run.result_configuration(results.build()).send().await.unwrap();
    stage.destroy(&wanted).await;
    assert!(stage.group("w").await.is_none());
}

#[tokio::test]
async fn primary_is_adopted_changed_and_let_go() {
    let stage = Stage::sandbox().await;
    // The emulator describes it in words of its own.
    let words = stage.group("primary").await.unwrap().description.unwrap_or_default();
    let group = format!("{{ name: primary, requester_pays: true, description: '{words}' }}");
    let wanted = stage.wants(&athena(&group));
    assert_eq!(stage.bring_with(&wanted, &adopting()).await, ["adopt workgroup.w: requester_pays"]);
    let all = PlanOptions { destroy: true, include_adopted: true, ..PlanOptions::default() };
    stage.bring_with(&wanted, &all).await;
    assert!(stage.group("primary").await.is_some());
    assert_eq!(stage.group_tags("primary").await, Vec::<String>::new());
}
