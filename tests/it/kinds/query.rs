//! Saved queries: an id of AWS's making, names that are not unique, a mark in the description.

use aws_sdk_athena::types::NamedQuery;
use lakeform_model::{BlockedBy, Desired};
use lakeform_planner::PlanOptions;
use lakeform_sandbox::{Effect, Fault, Faults, Proxy, ProxyConfig};

use super::stage::{Stage, adopting};
use lakeform_tests::lab::{Lab, emulator, new_account};

fn manifest(query: &str) -> String {
    format!("athena:\n  workgroups:\n    w: {{}}\n    v: {{}}\nqueries:\n  totals: {query}\n")
}

impl Stage {
    async fn saved(&self, group: &str) -> Vec<NamedQuery> {
        let athena = self.cloud.athena();
        let ids = athena.list_named_queries().work_group(group).send().await.unwrap();
        let Some(ids) = ids.named_query_ids.filter(|ids| !ids.is_empty()) else { return Vec::new() };
        let answer = athena.batch_get_named_query().set_named_query_ids(Some(ids)).send().await.unwrap();
        answer.named_queries.unwrap_or_default()
    }

    async fn save(&self, group: &str, name: &str) {
        let query = self.cloud.athena().create_named_query().work_group(group).name(name);
        query.database("d").query_string("select 1").send().await.unwrap();
    }

    fn totals(&self, query: &str) -> Desired {
        self.wants(&manifest(query))
    }
}

#[tokio::test]
async fn a_query_changes_in_place_and_moves_by_replacement() {
    let stage = Stage::sandbox().await;
    let bring = async |query: &str| stage.bring(&stage.totals(query)).await;
    let made = bring("{ sql: 'select 1', database: d, workgroup: w }").await;
    assert!(made.contains(&"create query.totals".to_owned()), "{made:?}");
    let id = stage.saved("w").await[0].named_query_id().unwrap().to_owned();
    let update = |field: &str| vec![format!("update query.totals: {field}")];
    assert_eq!(bring("{ sql: 'select 2', database: d, workgroup: w }").await, update("sql"));
    let described = "{ sql: 'select 2', database: d, workgroup: w, description: \"two\\nlines\" }";
    assert_eq!(bring(described).await, update("description"));
    assert!(stage.saved("w").await[0].description().unwrap().starts_with("two\nlines\n[lakeform:stack=demo"));
    assert_eq!(bring("{ sql: 'select 2', database: d, workgroup: w }").await, update("description"));
    assert_eq!(bring("{ sql: 'select 2', database: d, workgroup: w, name: Sums }").await, update("name"));
    let now = &stage.saved("w").await[0];
    assert_eq!((now.named_query_id(), now.name()), (Some(id.as_str()), "Sums"));

    let moved = bring("{ sql: 'select 2', database: e, workgroup: w, name: Sums }").await;
    assert_eq!(moved.len(), 2, "{moved:?}");
    assert_ne!(stage.saved("w").await[0].named_query_id(), Some(id.as_str()));
    bring("{ sql: 'select 2', database: e, workgroup: v, name: Sums }").await;
    assert_eq!((stage.saved("w").await.len(), stage.saved("v").await.len()), (0, 1));

    // Left out of the manifest, it goes, and those of others stay.
    stage.save("v", "Sums").await;
    let none = stage.wants("athena:\n  workgroups:\n    w: {}\n    v: {}\n");
    assert_eq!(stage.bring(&none).await, ["delete query.totals"]);
    assert_eq!(stage.saved("v").await.len(), 1);
}

#[tokio::test]
async fn a_query_of_a_stack_without_workgroups_is_in_primary_and_found_there() {
    let stage = Stage::sandbox().await;
    let wanted = stage.wants("queries:\n  totals: { sql: select 1, database: d }\n");
    assert_eq!(stage.bring(&wanted).await, ["create query.totals"]);
    assert_eq!(stage.bring(&stage.wants("")).await, ["delete query.totals"]);
    assert_eq!(stage.saved("primary").await, []);
}

#[tokio::test]
async fn destroy_takes_the_queries_and_the_workgroups() {
    let stage = Stage::sandbox().await;
    let wanted = stage.totals("{ sql: 'select 1', database: d, workgroup: w }");
    stage.bring(&wanted).await;
    let gone = stage.destroy(&wanted).await;
    assert_eq!(gone.len(), 3, "{gone:?}");
    let at = |line: &str| gone.iter().position(|one| one == line).unwrap();
    assert!(at("delete query.totals") < at("delete workgroup.w"), "{gone:?}");
}

#[tokio::test]
async fn one_unmarked_query_of_the_name_is_adopted_and_two_are_a_conflict() {
    let stage = Stage::sandbox().await;
    stage.save("primary", "totals").await;
    let wanted = stage.wants("queries:\n  totals: { sql: select 2, database: d, description: ours }\n");
    let adopted = stage.bring_with(&wanted, &adopting()).await;
    assert_eq!(adopted, ["adopt query.totals: description, sql"]);
    stage.destroy(&wanted).await;
    let left = stage.saved("primary").await;
    assert_eq!((left.len(), left[0].description()), (1, Some("ours")));
    stage.save("primary", "totals").await;
    let plan = stage.plan(&wanted, &adopting()).await;
    assert!(
        matches!(&plan.blocked[0].by, BlockedBy::Conflict { reason, .. } if reason.contains("2 saved queries")),
        "{plan:?}"
    );
}

#[tokio::test]
async fn more_queries_than_a_page_or_a_batch_holds_are_all_seen() {
    let stage = Stage::sandbox().await;
    for number in 0..60 {
        stage.save("primary", &format!("theirs-{number}")).await;
    }
    let wanted = stage.wants("queries:\n  totals: { sql: select 1, database: d }\n");
    assert_eq!(stage.bring(&wanted).await, ["create query.totals"]);
    let plan = stage.plan(&wanted, &PlanOptions::default()).await;
    assert!(plan.is_empty());
}

#[tokio::test]
async fn two_applies_at_once_make_one_query() {
    let proxy = Proxy::start(emulator().endpoint(), ProxyConfig::default()).unwrap();
    let lab = Lab::at(proxy.endpoint(), &new_account(), None).await;
    let desired = lab.load(
        "lakeform: 1\nstack: demo\nregion: us-east-1\nqueries:\n  totals: { sql: select 1, database: d }\n",
    );
    let plan = lab.plan(&desired, &PlanOptions::default()).await;
    // Both have read again, and found none, before either makes one.
    let pause = Effect::Latency { ms: 300, jitter_ms: 0 };
    proxy.set_faults(Faults { seed: 0, faults: vec![Fault::on("athena:CreateNamedQuery", pause)] });
    let (one, other) = tokio::join!(lab.apply(&plan), lab.apply(&plan));
    assert!(one.is_success() && other.is_success(), "{one:?} {other:?}");
    assert_eq!(proxy.counts()["athena:CreateNamedQuery"], 2);
    let left = lab.cloud.athena().list_named_queries().work_group("primary").send().await.unwrap();
    assert_eq!(left.named_query_ids().len(), 1);
    assert!(lab.plan(&desired, &PlanOptions::default()).await.is_empty());
}

#[tokio::test]
async fn a_query_that_goes_between_its_list_and_its_read_is_gone() {
    let proxy = Proxy::start(emulator().endpoint(), ProxyConfig::default()).unwrap();
    let lab = Lab::at(proxy.endpoint(), &new_account(), None).await;
    let athena = lab.cloud.athena();
    let theirs = athena.create_named_query().name("theirs").database("d").query_string("select 1");
    let id = theirs.send().await.unwrap().named_query_id.unwrap();
    let desired = lab.load(
        "lakeform: 1\nstack: demo\nregion: us-east-1\nqueries:\n  totals: { sql: select 1, database: d }\n",
    );
    let pause = Effect::Latency { ms: 500, jitter_ms: 0 };
    let fault = Fault::on("athena:BatchGetNamedQuery", pause).times(1);
    proxy.set_faults(Faults { seed: 0, faults: vec![fault] });
    let delete = async {
        while proxy.hits() != [1] {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        athena.delete_named_query().named_query_id(id).send().await.unwrap();
    };
    let options = PlanOptions::default();
    let (plan, ()) = tokio::join!(lab.plan(&desired, &options), delete);
    assert!(plan.blocked.is_empty(), "{:?}", plan.blocked);
    assert_eq!(plan.tally().create, 1);
}
