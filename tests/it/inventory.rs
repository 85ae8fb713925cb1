//! What a destroy says before it asks: what would be lost, what of it is others', and what permits it.

use aws_sdk_glue::types::{PartitionInput, TableInput};
use lakeform_model::{Inventory, Plan};
use lakeform_planner::PlanOptions;

use lakeform_tests::lab::{Lab, On};

const MANIFEST: &str = "
lakeform: 1
stack: lost
region: us-east-1
buckets:
  lake: { name: NAME, versioning: true }
athena:
  workgroups:
    questions: { results: 's3://${bucket.lake}/athena/' }
databases:
  stedi:
    tables:
      ours:
        location: 's3://${bucket.lake}/ours/'
        format: parquet
        columns: [{ name: a, type: int }]
        partition_keys: [{ name: day, type: string }]
";

async fn fill(lab: &Lab, bucket: &str) {
    let s3 = lab.cloud.s3();
    for (key, body) in [("a", "12345"), ("a", "1234567"), ("b", "1")] {
        let put = s3.put_object().bucket(bucket).key(key).body(body.as_bytes().to_vec().into());
        put.send().await.expect("an object");
    }
    s3.delete_object().bucket(bucket).key("b").send().await.expect("a delete marker");
    let table = TableInput::builder().name("theirs").build().expect("a table");
    let create = lab.cloud.glue().create_table().database_name("stedi").table_input(table);
    create.send().await.expect("a table of others");
    for day in ["monday", "tuesday"] {
        let partition = PartitionInput::builder().values(day).build();
        let create = lab.cloud.glue().create_partition().database_name("stedi").table_name("ours");
        create.partition_input(partition).send().await.expect("a partition");
    }
    let query = lab.cloud.athena().create_named_query().name("theirs").database("stedi");
    let query = query.query_string("select 1").work_group("questions");
    query.send().await.expect("a saved query of others");
}

fn lines(plan: &Plan, address: &str) -> (Vec<String>, bool) {
    let found = plan.inventories.iter().find(|(known, _)| known.to_string() == address);
    let (_, Inventory { lines, needs_permission }) = found.expect("an inventory");
    (lines.clone(), *needs_permission)
}

fn denied(plan: &Plan) -> Vec<(String, String)> {
    plan.denials().map(|denial| (denial.address.to_string(), denial.code.clone())).collect()
}

#[tokio::test]
async fn a_destroy_counts_what_would_be_lost_and_wants_a_word_for_each_of_it() {
    let lab = Lab::new(On::Ministack).await;
    let bucket = format!("lost-{}", lab.cloud.account);
    let manifest = MANIFEST.replace("NAME", &bucket);
    let desired = lab.load(&manifest);
    lab.settle(&desired).await;
    let mut destroy = PlanOptions { destroy: true, ..PlanOptions::default() };
    let plan = lab.plan(&desired, &destroy).await;
    assert_eq!(denied(&plan), [], "nothing of others is in it, and nothing at all in the bucket");

    fill(&lab, &bucket).await;
    let plan = lab.plan(&desired, &destroy).await;
    let (said, needs) = lines(&plan, "bucket.lake");
    assert_eq!(said, ["1 object, 13 bytes", "2 older versions", "1 delete marker"]);
    assert!(needs);
    let (said, needs) = lines(&plan, "database.stedi");
    assert_eq!(said, ["1 table that this stack did not make: `theirs`"]);
    assert!(needs);
    let kept = "2 registered partitions; the files stay in S3 and can be registered again";
    let (said, needs) = lines(&plan, "table.stedi.ours");
    assert_eq!((said, needs), (vec![kept.to_owned()], false));
    let (said, needs) = lines(&plan, "workgroup.questions");
    assert_eq!(said, ["1 saved query of others: `theirs`"]);
    assert!(needs);
    let all = ["bucket.lake", "database.stedi", "workgroup.questions"];
    assert_eq!(denied(&plan), all.map(|address| (address.to_owned(), "data-loss".to_owned())));
    for denial in plan.denials() {
        let hint = denial.hint.clone().expect("a hint");
        assert!(hint.contains(&format!("--allow-data-loss {}", denial.address)), "{hint}");
    }

    // Each needs its own word.
    destroy.allow.insert("bucket.lake".to_owned());
    let plan = lab.plan(&desired, &destroy).await;
    assert_eq!(denied(&plan).len(), 2);
    destroy.allow.extend(all.map(str::to_owned));
    assert_eq!(denied(&lab.plan(&desired, &destroy).await), []);

    // `protect` is not for words to undo.
    let protected = lab.load(&manifest.replace("versioning: true", "versioning: true, protect: true"));
    let plan = lab.plan(&protected, &destroy).await;
    assert_eq!(denied(&plan), [("bucket.lake".to_owned(), "protected".to_owned())]);

    let desired = lab.load(&manifest);
    let plan = lab.plan(&desired, &destroy).await;
    let summary = lab.apply(&plan).await;
    assert!(summary.is_success(), "{:#?}", summary.outcomes);
    assert!(lab.cloud.s3().head_bucket().bucket(&bucket).send().await.is_err(), "the bucket is gone");
}
