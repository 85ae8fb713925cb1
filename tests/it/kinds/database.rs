//! Databases: what others wrote stays, and what others put inside is not taken along.

use lakeform_planner::PlanOptions;

use lakeform_tests::lab::{Lab, On};

const MANIFEST: &str =
    "lakeform: 1\nstack: db\ndatabases:\n  Shop: { description: d, parameters: { a: '1' } }\n";

#[tokio::test]
async fn keys_of_others_survive_an_update() {
    let lab = Lab::new(On::Ministack).await;
    let desired = lab.load(MANIFEST);
    lab.settle(&desired).await;
    let glue = lab.cloud.glue();
    let before = glue.get_database().name("shop").send().await.unwrap().database.unwrap();
    let mut input = aws_sdk_glue::types::DatabaseInput::builder().name("shop").description("theirs");
    for (key, value) in before.parameters.iter().flatten() {
        input = input.parameters(key, value);
    }
    let input = input.parameters("theirs", "x").build().unwrap();
    glue.update_database().name("shop").database_input(input).send().await.unwrap();
    let plan = lab.settle(&desired).await;
    assert_eq!(plan.steps.len(), 1);
    lab.settle(&lab.load("lakeform: 1\nstack: db\ndatabases:\n  Shop: { description: d }\n")).await;
    let after = glue.get_database().name("shop").send().await.unwrap().database.unwrap();
    let parameters = after.parameters.unwrap();
    assert_eq!(parameters.get("theirs").map(String::as_str), Some("x"));
    assert!(!parameters.contains_key("a"), "{parameters:?}");
    assert_eq!(after.description.as_deref(), Some("d"));
}

#[tokio::test]
async fn a_database_with_tables_of_others_is_not_deleted_without_permission() {
    let lab = Lab::new(On::Ministack).await;
    let desired = lab.load(MANIFEST);
    lab.settle(&desired).await;
    let table = aws_sdk_glue::types::TableInput::builder().name("theirs").build().unwrap();
    lab.cloud.glue().create_table().database_name("shop").table_input(table).send().await.unwrap();
    let options = PlanOptions { destroy: true, ..PlanOptions::default() };
    let plan = lab.plan(&desired, &options).await;
    let denials: Vec<String> = plan.denials().map(|finding| finding.text.clone()).collect();
    assert_eq!(denials.len(), 1, "{denials:?}");
    assert!(denials[0].contains("`theirs`"), "{denials:?}");
    let allowed = PlanOptions { allow: ["database.Shop".to_owned()].into(), ..options };
    let plan = lab.plan(&desired, &allowed).await;
    assert!(lab.apply(&plan).await.is_success());
}
