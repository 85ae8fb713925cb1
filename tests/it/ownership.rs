//! Whose a resource is, kind by kind: what carries nobody's mark is adopted on request only, what carries another
//! stack's is nobody's to take.

use std::collections::BTreeSet;

use aws_sdk_glue::types::JobCommand;
use lakeform_aws::kinds::KINDS;
use lakeform_model::{Action, BlockedBy, Desired, Plan};
use lakeform_planner::PlanOptions;
use serde_json::{Value, json};

use crate::binary::{at, said};
use crate::import::{DDL, make_by_hand};
use lakeform_tests::lab::{Lab, On, outline, proxy};

/// One resource of each kind, and where it stands in the manifest.
const RESOURCES: [(&str, &str); 9] = [
    ("bucket.lake", "/buckets/lake"),
    ("upload.landing", "/uploads/landing"),
    ("gateway_endpoint.s3", "/network/gateway_endpoints/s3"),
    ("role.glue", "/roles/glue"),
    ("workgroup.questions", "/athena/workgroups/questions"),
    ("query.customers", "/queries/customers"),
    ("database.stedi", "/databases/stedi"),
    ("table.stedi.customer_landing", "/databases/stedi/tables/customer_landing"),
    ("job.clean", "/jobs/clean"),
];

fn manifest(stack: &str, bucket: &str) -> Value {
    json!({
        "lakeform": 1, "stack": stack, "region": "us-east-1",
        "buckets": { "lake": { "name": bucket } },
        "uploads": { "landing": { "from": "data", "to": format!("s3://{bucket}/customer/landing/") } },
        "network": { "gateway_endpoints": { "s3": { "service": "s3", "route_tables": "main" } } },
        "roles": { "glue": {
            "name": "my-glue-service-role", "trust": "glue.amazonaws.com",
            "policies": {
                "S3Access": { "preset": "s3-access", "buckets": ["lake"] },
                "GlueAccess": { "preset": "glue-service" },
            },
        } },
        "athena": { "workgroups": { "questions": { "results": format!("s3://{bucket}/athena/") } } },
        "queries": { "customers": { "sql": "select 1", "database": "stedi", "workgroup": "questions" } },
        "databases": { "stedi": { "tables": { "customer_landing": { "ddl": "customer_landing.sql" } } } },
        "jobs": { "clean": {
            "script": format!("s3://{bucket}/clean.py"), "role": "glue", "glue_version": "5.0",
            "workers": { "type": "G.1X", "count": 2 },
        } },
    })
}

/// The walk-through's lakehouse, and what of the other kinds people make in the console.
async fn make_all_by_hand(lab: &Lab, bucket: &str) {
    make_by_hand(lab, bucket).await;
    let results = aws_sdk_athena::types::ResultConfiguration::builder()
        .output_location(format!("s3://{bucket}/athena/"))
        .build();
    let configuration =
        aws_sdk_athena::types::WorkGroupConfiguration::builder().result_configuration(results).build();
    let athena = lab.cloud.athena();
    let group = athena.create_work_group().name("questions").configuration(configuration);
    group.send().await.expect("a workgroup");
    let query = athena.create_named_query().name("customers").database("stedi").work_group("questions");
    query.query_string("select 1").send().await.expect("a saved query");
    let command = JobCommand::builder()
        .name("glueetl")
        .python_version("3")
        .script_location(format!("s3://{bucket}/clean.py"))
        .build();
    let job = lab.cloud.glue().create_job().name("clean").role("my-glue-service-role").command(command);
    let job = job.glue_version("5.0").worker_type("G.1X".into()).number_of_workers(2);
    job.send().await.expect("a job");
}

async fn stage() -> (Lab, String) {
    let lab = Lab::new(On::Ministack).await;
    let bucket = format!("whose-{}", lab.cloud.account);
    lab.write("customer_landing.sql", DDL);
    lab.write("data/a.json", "{}\n");
    make_all_by_hand(&lab, &bucket).await;
    (lab, bucket)
}

fn load(lab: &Lab, manifest: &Value) -> Desired {
    lab.load(&serde_yaml::to_string(manifest).expect("YAML"))
}

fn changes(lab: &Lab) -> usize {
    proxy().calls_of(&lab.cloud.account).iter().filter(|call| call.mutating).count()
}

/// What the binary says of the manifest that was loaded last; it must fail and must have changed nothing.
fn refused(lab: &Lab, arguments: &[&str]) -> String {
    let before = changes(lab);
    let mut lakeform = at(lab.folder.path(), proxy().endpoint(), &lab.cloud.account);
    let output = lakeform.args(arguments).output().expect("the binary runs");
    let told = said(&output);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}\n{told}");
    assert_eq!(changes(lab), before, "{arguments:?} changed something\n{told}");
    told
}

fn denied(plan: &Plan) -> BTreeSet<String> {
    plan.denials()
        .filter(|denial| denial.code == "adoption")
        .map(|denial| denial.address.to_string())
        .collect()
}

fn all() -> BTreeSet<String> {
    RESOURCES.iter().map(|(address, _)| (*address).to_owned()).collect()
}

#[test]
fn every_kind_is_here() {
    let here: BTreeSet<&str> =
        RESOURCES.iter().filter_map(|(address, _)| Some(address.split_once('.')?.0)).collect();
    let kinds: BTreeSet<&str> = KINDS.0.iter().map(|kind| kind.name()).collect();
    assert_eq!(here, kinds);
}

#[tokio::test]
async fn what_carries_no_mark_is_adopted_on_request_only_and_left_in_place() {
    let (lab, bucket) = stage().await;
    let bare = manifest("ours", &bucket);
    let desired = load(&lab, &bare);
    let plan = lab.plan(&desired, &PlanOptions::default()).await;
    assert!(plan.steps.iter().all(|step| step.action == Action::Adopt), "{}", outline(&plan));
    assert_eq!(denied(&plan), all());
    let told = refused(&lab, &["apply", "--yes"]);

    // The word of one resource is for that one alone.
    for (address, place) in RESOURCES {
        assert!(told.contains(address), "{told}");
        let mut worded = bare.clone();
        worded.pointer_mut(place).expect("its place")["adopt"] = true.into();
        let mut others = all();
        others.remove(address);
        let plan = lab.plan(&load(&lab, &worded), &PlanOptions::default()).await;
        assert_eq!(denied(&plan), others, "with `adopt: true` on {address}");
        refused(&lab, &["apply", "--yes"]);
    }

    // All adopted: marked so, settled, and a destroy only lets go of them.
    let desired = load(&lab, &bare);
    let adopt = PlanOptions { adopt: true, ..PlanOptions::default() };
    let plan = lab.plan(&desired, &adopt).await;
    assert!(lab.apply(&plan).await.is_success(), "{}", outline(&plan));
    let again = lab.plan(&desired, &PlanOptions::default()).await;
    assert!(again.is_empty(), "{}", outline(&again));
    let gone = lab.destroy(&desired).await;
    assert_eq!(gone.steps.len(), RESOURCES.len());
    assert!(gone.steps.iter().all(|step| step.action != Action::Delete), "{}", outline(&gone));
    let after = lab.plan(&desired, &PlanOptions::default()).await;
    assert_eq!(denied(&after), all(), "all are in place, and nobody's");
}

#[tokio::test]
async fn what_carries_another_stacks_mark_is_a_conflict_and_never_touched() {
    let (lab, bucket) = stage().await;
    let desired = load(&lab, &manifest("theirs", &bucket));
    let adopt = PlanOptions { adopt: true, ..PlanOptions::default() };
    let plan = lab.plan(&desired, &adopt).await;
    assert!(lab.apply(&plan).await.is_success(), "{}", outline(&plan));

    let ours = load(&lab, &manifest("ours", &bucket));
    let plan = lab.plan(&ours, &adopt).await;
    assert_eq!(plan.steps, [], "{}", outline(&plan));
    let conflicts = plan.blocked.iter().filter(|blocked| {
        matches!(&blocked.by, BlockedBy::Conflict { reason, .. } if reason.contains("the stack `theirs`"))
    });
    let conflicts: BTreeSet<String> = conflicts.map(|blocked| blocked.address.to_string()).collect();
    // Saved queries of one name may stand side by side: this one only waits for its database.
    let mut wanted = all();
    wanted.remove("query.customers");
    assert_eq!(conflicts, wanted, "{:#?}", plan.blocked);
    assert_eq!(plan.blocked.len(), RESOURCES.len());
    refused(&lab, &["apply", "--yes", "--adopt"]);

    // Destroying ours finds nothing of ours.
    let before = changes(&lab);
    let mut lakeform = at(lab.folder.path(), proxy().endpoint(), &lab.cloud.account);
    let output = lakeform.args(["destroy", "--yes", "--include-adopted"]).output().unwrap();
    assert_eq!(changes(&lab), before, "{}", said(&output));
    let desired = load(&lab, &manifest("theirs", &bucket));
    let untouched = lab.plan(&desired, &PlanOptions::default()).await;
    assert!(untouched.is_empty(), "{}", outline(&untouched));
}

#[tokio::test]
async fn a_saved_query_of_another_stack_is_left_beside_ours() {
    let lab = Lab::new(On::Ministack).await;
    let manifest = |stack: &str| {
        json!({ "lakeform": 1, "stack": stack, "region": "us-east-1",
            "queries": { "customers": { "sql": format!("select '{stack}'"), "database": "d" } } })
    };
    let saved = async || {
        let athena = lab.cloud.athena();
        let ids = athena.list_named_queries().work_group("primary").send().await.unwrap().named_query_ids;
        let Some(ids) = ids.filter(|ids| !ids.is_empty()) else { return Vec::new() };
        let all = athena.batch_get_named_query().set_named_query_ids(Some(ids)).send().await.unwrap();
        let mut texts: Vec<String> =
            all.named_queries().iter().map(|query| query.query_string().to_owned()).collect();
        texts.sort();
        texts
    };
    lab.settle(&load(&lab, &manifest("theirs"))).await;
    let plan = lab.settle(&load(&lab, &manifest("ours"))).await;
    assert_eq!(plan.steps.iter().map(|step| step.action).collect::<Vec<_>>(), [Action::Create]);
    assert_eq!(saved().await, ["select 'ours'", "select 'theirs'"]);
    lab.destroy(&load(&lab, &manifest("ours"))).await;
    assert_eq!(saved().await, ["select 'theirs'"]);
}
