//! The STEDI lakehouse through the real binary, from nothing to nothing, and the count of a plan's calls.

use std::path::{Path, PathBuf};
use std::process::Output;

use lakeform_planner::PlanOptions;

use crate::binary::{at, said};
use crate::lab::{Lab, On, new_account, proxy};

fn stedi() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("manifests/stedi")
}

/// Runs the binary on the STEDI manifest in an account; the exit code must be the wanted one.
fn lakeform(account: &str, arguments: &[&str], wanted: i32) -> Output {
    // A bucket's name is unique in all accounts.
    let bucket = format!("bucket=stedi-{account}");
    let mut command = at(&stedi(), proxy().endpoint(), account);
    let output = command.args(arguments).args(["--var", &bucket]).output().unwrap();
    assert_eq!(output.status.code(), Some(wanted), "{arguments:?}\n{}", said(&output));
    output
}

/// The last line of the answer of a query, as CSV.
fn value(account: &str, data: &[&str], sql: &str) -> String {
    let mut arguments = vec!["query", "--format", "csv", sql];
    arguments.extend(data);
    let output = lakeform(account, &arguments, 0);
    String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or_default().trim_matches('"').to_owned()
}

fn changes(account: &str) -> Vec<String> {
    let calls = proxy().calls_of(account);
    // Athena writes a query's result, which is no change of a resource.
    let mutating = calls.iter().filter(|call| call.mutating && call.service != "athena");
    mutating.map(lakeform_sandbox::CallRecord::name).collect()
}

fn lives(account: &str, data: &[&str], landing: [u64; 3]) {
    let with = |arguments: &[&'static str]| -> Vec<String> {
        arguments.iter().copied().chain(data.iter().copied()).map(str::to_owned).collect()
    };
    let run = |arguments: &[&'static str], wanted: i32| {
        let arguments = with(arguments);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        lakeform(account, &arguments, wanted)
    };
    run(&["plan", "--detailed-exitcode"], 2);
    assert_eq!(changes(account), Vec::<String>::new(), "a plan changes nothing");
    run(&["apply", "--yes"], 0);
    let before = changes(account).len();
    let second = run(&["plan", "--detailed-exitcode"], 0);
    assert!(String::from_utf8_lossy(&second.stdout).contains("No changes"), "{}", said(&second));
    assert_eq!(changes(account).len(), before, "a plan of what is there changes nothing");
    for (table, rows) in ["customer", "accelerometer", "step_trainer"].into_iter().zip(landing) {
        let sql = format!("select count(*) from {table}_landing");
        assert_eq!(value(account, data, &sql), rows.to_string(), "{table}");
    }
    run(&["destroy", "--yes"], 0);
    let gone = run(&["plan", "--json"], 0);
    let plan: serde_json::Value = serde_json::from_slice(&gone.stdout).unwrap();
    assert_eq!(plan["tally"]["create"], 21, "everything is gone");
}

#[test]
fn the_stedi_lakehouse_lives_on_its_sample() {
    let counts = std::fs::read_to_string(stedi().join("expected.json")).unwrap();
    let counts: serde_json::Value = serde_json::from_str(&counts).unwrap();
    let rows = |table: &str| counts[table].as_u64().unwrap();
    let landing = [rows("customer_landing"), rows("accelerometer_landing"), rows("step_trainer_landing")];
    lives(&new_account(), &[], landing);
}

/// With the original data set at hand: `LAKEFORM_STEDI_DATA` names the folder that holds `customer/landing`.
#[test]
fn the_stedi_lakehouse_lives_on_the_original_data() {
    let Some(data) = std::env::var_os("LAKEFORM_STEDI_DATA") else {
        eprintln!("LAKEFORM_STEDI_DATA names no folder: the original data is not at hand");
        return;
    };
    let data = format!("data={}", data.to_string_lossy());
    lives(&new_account(), &["--var", &data], [956, 81_273, 28_680]);
}

/// A manifest of one database with so many tables.
fn wide(tables: usize) -> String {
    let table = |n: usize| {
        format!("      t{n}: {{ location: 's3://lake/t{n}/', format: parquet, columns: {{ a: int }} }}\n")
    };
    let tables = (0..tables).map(table).collect::<Vec<_>>().concat();
    format!("lakeform: 1\nstack: wide\nregion: us-east-1\ndatabases:\n  wide:\n    tables:\n{tables}")
}

#[tokio::test]
async fn a_plan_over_a_thousand_tables_makes_at_most_25_calls() {
    let lab = Lab::new(On::Ministack).await;
    let desired = lab.load(&wide(1000));
    let plan = lab.plan(&desired, &PlanOptions::default()).await;
    assert!(lab.apply(&plan).await.is_success());
    let calls = || proxy().calls_of(&lab.cloud.account).len();
    let before = calls();
    let settled = lab.plan(&desired, &PlanOptions::default()).await;
    assert!(settled.is_empty());
    assert_eq!(settled.unchanged.len(), 1001);
    let made = calls() - before;
    assert!(made <= 25, "{made} calls");
}

#[tokio::test]
async fn an_endpoint_that_ignores_the_page_size_is_read_as_well() {
    let account = new_account();
    let lab = Lab::at(crate::lab::emulator().endpoint(), &account, None).await;
    let desired = lab.load(&wide(150));
    let plan = lab
        .plan(
            &desired,
            &PlanOptions { targets: vec!["database".into(), "table".into()], ..PlanOptions::default() },
        )
        .await;
    assert!(lab.apply(&plan).await.is_success());
    let again = lab.plan(&desired, &PlanOptions::default()).await;
    assert_eq!(again.tally().unchanged, 151);
}
