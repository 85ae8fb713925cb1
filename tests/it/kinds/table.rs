//! Tables: both ways to describe one, keys of others, pages, stale versions and Iceberg.

use aws_sdk_glue::types::{Table, TableInput};
use lakeform_model::Action;
use lakeform_planner::PlanOptions;

use lakeform_tests::lab::{Lab, On, outline};

const HEAD: &str = "lakeform: 1\nstack: tables\ndatabases:\n  shop:\n    tables:\n";

async fn table(lab: &Lab, name: &str) -> Table {
    let get = lab.cloud.glue().get_table().database_name("shop").name(name);
    get.send().await.expect("the emulator answers").table.expect("the emulator answers")
}

/// What somebody else does to a table: everything it is, and one change.
async fn rewrite(lab: &Lab, name: &str, change: impl FnOnce(&mut TableInput)) {
    let table = table(lab, name).await;
    let mut input = TableInput::builder().name(name).build().expect("the emulator answers");
    input.storage_descriptor = table.storage_descriptor;
    input.parameters = table.parameters;
    input.partition_keys = table.partition_keys;
    input.table_type = table.table_type;
    change(&mut input);
    lab.cloud
        .glue()
        .update_table()
        .database_name("shop")
        .table_input(input)
        .send()
        .await
        .expect("the emulator answers");
}

#[tokio::test]
async fn a_statement_and_columns_give_the_same_table() {
    let lab = Lab::new(On::Ministack).await;
    lab.write(
        "t.sql",
        "CREATE EXTERNAL TABLE IF NOT EXISTS shop.other (a int) LOCATION 's3://lake/o/';\n\
         CREATE EXTERNAL TABLE by_ddl (`Id` BIGINT COMMENT 'no', kind array<struct<A: int>>)\n\
         COMMENT 'c' PARTITIONED BY (day string) ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'\n\
         WITH SERDEPROPERTIES ('ignore.malformed.json' = 'true')\n\
         LOCATION 's3://lake/t/' TBLPROPERTIES ('k' = 'v');",
    );
    let desired = lab.load(&format!(
        "{HEAD}      by_ddl: {{ ddl: t.sql }}\n      by_columns:\n        description: c\n        format: json\n        \
         columns: [{{ name: ID, type: bigint, comment: 'no' }}, {{ name: kind, type: 'array<struct<a:int>>' }}]\n        \
         partition_keys: {{ day: string }}\n        serde_parameters: {{ ignore.malformed.json: true }}\n        \
         location: s3://lake/t/\n        parameters: {{ k: v }}\n"
    ));
    lab.settle(&desired).await;
    let (mut one, mut other) = (table(&lab, "by_ddl").await, table(&lab, "by_columns").await);
    for table in [&mut one, &mut other] {
        let address = table.parameters.as_mut().unwrap().remove("lakeform:address");
        assert!(address.is_some(), "the mark is in the parameters");
        table.name.clear();
        (table.create_time, table.update_time) = (None, None);
    }
    assert_eq!(one, other);
    assert_eq!(one.parameters.unwrap().get("classification").map(String::as_str), Some("json"));
    lab.destroy(&desired).await;
}

#[tokio::test]
async fn keys_of_others_stay_and_a_dropped_one_goes() {
    let lab = Lab::new(On::Ministack).await;
    let with = |more: &str| {
        format!(
            "{HEAD}      t: {{ location: 's3://lake/t/', format: csv, columns: {{ a: string }}{more} }}\n"
        )
    };
    lab.settle(&lab.load(&with(", parameters: { skip.header.line.count: 1, b: '2' }"))).await;
    rewrite(&lab, "t", |input| {
        let parameters = input.parameters.get_or_insert_default();
        parameters.insert("recordCount".to_owned(), "7".to_owned());
        parameters.insert("theirs".to_owned(), "x".to_owned());
    })
    .await;
    let dropped = lab.load(&with(", parameters: { b: '2' }, description: d"));
    let plan = lab.settle(&dropped).await;
    let paths: Vec<String> = plan.steps[0].changes.iter().map(|change| change.path.to_string()).collect();
    assert_eq!(paths, ["description", "parameters.skip.header.line.count"]);
    let parameters = table(&lab, "t").await.parameters.unwrap();
    assert_eq!(parameters.get("theirs").map(String::as_str), Some("x"));
    assert_eq!(parameters.get("recordCount").map(String::as_str), Some("7"));
    assert!(!parameters.contains_key("skip.header.line.count"));
}

#[tokio::test]
async fn many_tables_are_read_a_hundred_at_a_time() {
    let lab = Lab::new(On::Ministack).await;
    let tables = (0..250)
        .map(|n| {
            format!("      t{n}: {{ location: 's3://lake/t{n}/', format: parquet, columns: {{ a: int }} }}\n")
        })
        .collect::<Vec<_>>()
        .concat();
    let desired = lab.load(&format!("{HEAD}{tables}"));
    lab.settle(&desired).await;
    let before = lab.cloud.calls.by_operation();
    let plan = lab.plan(&desired, &PlanOptions::default()).await;
    assert!(plan.is_empty(), "{}", outline(&plan));
    let after = lab.cloud.calls.by_operation();
    let made = |operation: &str| {
        after.get(operation).copied().unwrap_or_default() - before.get(operation).copied().unwrap_or_default()
    };
    assert_eq!((made("glue:GetTables"), made("glue:GetTable")), (3, 0));
    // One table that left the manifest is found by its mark, and with it a table of nobody stays.
    let fewer = lab.load(&format!("{HEAD}{}", tables.lines().skip(1).collect::<Vec<_>>().join("\n")));
    let plan = lab.settle(&fewer).await;
    assert_eq!(outline(&plan), "Delete Whole table.shop.t0");
}

#[tokio::test]
async fn the_columns_of_an_iceberg_table_are_refused_and_its_pointer_survives() {
    let lab = Lab::new(On::Ministack).await;
    let with = |columns: &str, more: &str| {
        format!("{HEAD}      t: {{ location: 's3://lake/t/', format: iceberg, columns: {columns}{more} }}\n")
    };
    lab.settle(&lab.load(&with("{ id: bigint, n: smallint }", ""))).await;
    rewrite(&lab, "t", |input| {
        // What a writer's commit does, and what the derived columns look like.
        let parameters = input.parameters.get_or_insert_default();
        let first = parameters
            .insert("metadata_location".into(), "s3://lake/t/metadata/00001-x.metadata.json".into());
        parameters.insert("previous_metadata_location".into(), first.unwrap_or_default());
        for column in input.storage_descriptor.iter_mut().flat_map(|all| all.columns.iter_mut().flatten()) {
            if column.name == "n" {
                column.r#type = Some("int".to_owned());
            }
        }
    })
    .await;
    lab.settle(&lab.load(&with("{ id: bigint, n: smallint }", ", description: d"))).await;
    let parameters = table(&lab, "t").await.parameters.unwrap();
    assert_eq!(
        parameters.get("metadata_location").map(String::as_str),
        Some("s3://lake/t/metadata/00001-x.metadata.json")
    );
    let changed = lab.load(&with("{ id: bigint, n: string }", ", description: d"));
    let plan = lab.plan(&changed, &PlanOptions::default()).await;
    let denials: Vec<&str> = plan.denials().map(|finding| finding.text.as_str()).collect();
    assert!(denials.len() == 1 && denials[0].contains("ALTER TABLE"), "{denials:?}");
    // Another format would lose its rows.
    let other = lab.load(&with("{ id: bigint }", "").replace("iceberg", "parquet"));
    let plan = lab.plan(&other, &PlanOptions::default()).await;
    assert_eq!(plan.steps.iter().filter(|step| step.action == Action::Replace).count(), 2);
    assert!(plan.denials().any(|finding| finding.code == "data-loss"), "{:?}", plan.findings);
}

#[tokio::test]
async fn a_database_that_is_not_there_has_no_tables() {
    let lab = Lab::new(On::Ministack).await;
    let desired = lab.load(&format!(
        "{HEAD}      t: {{ location: 's3://lake/t/', format: orc, columns: {{ a: int }} }}\n"
    ));
    let plan = lab.plan(&desired, &PlanOptions::default()).await;
    assert!(plan.steps.iter().all(|step| step.action == Action::Create), "{}", outline(&plan));
    assert_eq!(plan.steps.len(), 2);
}
