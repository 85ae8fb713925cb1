//! The STEDI lakehouse through the real binary, from nothing to nothing, and the count of a plan's calls.

use std::path::{Path, PathBuf};
use std::process::Output;

use lakeform_planner::PlanOptions;

use crate::binary::{at, said};
use lakeform_tests::lab::{Lab, On, emulator, new_account, proxy};

pub(crate) fn stedi() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("manifests/stedi")
}

/// An account at an endpoint, and what every command on it is given besides.
struct Life<'a> {
    endpoint: &'a str,
    account: &'a str,
    more: Vec<String>,
}

impl<'a> Life<'a> {
    fn new(endpoint: &'a str, account: &'a str, more: &[&str]) -> Self {
        // A bucket's name is unique in all accounts.
        let bucket = format!("bucket=stedi-{account}");
        let more = ["--var", &bucket].iter().chain(more).map(|word| (*word).to_owned()).collect();
        Self { endpoint, account, more }
    }

    /// Runs the binary on the STEDI manifest; the exit code must be the wanted one.
    fn run(&self, arguments: &[&str], wanted: i32) -> Output {
        let mut command = at(&stedi(), self.endpoint, self.account);
        let output = command.args(arguments).args(&self.more).output().unwrap();
        assert_eq!(output.status.code(), Some(wanted), "{arguments:?}\n{}", said(&output));
        output
    }

    /// The last line of the answer of a query, as CSV.
    fn value(&self, sql: &str) -> String {
        let output = self.run(&["query", "--format", "csv", sql], 0);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().last().unwrap_or_default().trim_matches('"').to_owned()
    }

    fn is_settled(&self) {
        let plan = self.run(&["plan", "--detailed-exitcode"], 0);
        assert!(String::from_utf8_lossy(&plan.stdout).contains("No changes"), "{}", said(&plan));
    }

    fn is_gone(&self) {
        let plan = self.run(&["plan", "--json"], 0);
        let plan: serde_json::Value = serde_json::from_slice(&plan.stdout).unwrap();
        assert_eq!(plan["tally"]["create"], 21, "everything is gone");
    }
}

fn changes(account: &str) -> Vec<String> {
    let calls = proxy().calls_of(account);
    // Athena writes a query's result, which is no change of a resource.
    let mutating = calls.iter().filter(|call| call.mutating && call.service != "athena");
    mutating.map(lakeform_sandbox::CallRecord::name).collect()
}

fn lives(data: &[&str], landing: [u64; 3]) {
    let account = new_account();
    let life = Life::new(proxy().endpoint(), &account, data);
    life.run(&["plan", "--detailed-exitcode"], 2);
    assert_eq!(changes(&account), Vec::<String>::new(), "a plan changes nothing");
    life.run(&["apply", "--yes"], 0);
    let before = changes(&account).len();
    life.is_settled();
    assert_eq!(changes(&account).len(), before, "a plan of what is there changes nothing");
    for (table, rows) in ["customer", "accelerometer", "step_trainer"].into_iter().zip(landing) {
        assert_eq!(life.value(&format!("select count(*) from {table}_landing")), rows.to_string(), "{table}");
    }
    life.run(&["destroy", "--yes"], 0);
    life.is_gone();
}

#[test]
fn the_stedi_lakehouse_lives_on_its_sample() {
    let counts = std::fs::read_to_string(stedi().join("expected.json")).unwrap();
    let counts: serde_json::Value = serde_json::from_str(&counts).unwrap();
    let rows = |table: &str| counts[table].as_u64().unwrap();
    lives(&[], [rows("customer_landing"), rows("accelerometer_landing"), rows("step_trainer_landing")]);
}

/// With the original data set at hand: `LAKEFORM_STEDI_DATA` names the folder that holds `customer/landing`.
#[test]
fn the_stedi_lakehouse_lives_on_the_original_data() {
    let Some(data) = std::env::var_os("LAKEFORM_STEDI_DATA") else {
        eprintln!("LAKEFORM_STEDI_DATA names no folder: the original data is not at hand");
        return;
    };
    let data = format!("data={}", data.to_string_lossy());
    lives(&["--var", &data], [956, 81_273, 28_680]);
}

/// On the emulator itself, without the proxy that mends it.
#[test]
fn the_stedi_lakehouse_lives_on_the_bare_emulator() {
    let account = new_account();
    let life = Life::new(emulator().endpoint(), &account, &[]);
    life.run(&["apply", "--yes"], 0);
    life.is_settled();
    life.run(&["destroy", "--yes"], 0);
    life.is_gone();
}

/// On the second emulator as well, but for what it lacks: that is named.
#[tokio::test]
async fn the_stedi_lakehouse_lives_on_moto() {
    let lab = Lab::new(On::Moto).await;
    let life = Life::new(&lab.endpoint, "testing", &[]);
    life.run(&["apply", "--yes"], 0);
    life.is_settled();

    let glue = lab.cloud.glue();
    let job = glue.get_job().job_name("customer_landing_to_trusted").send().await.unwrap();
    assert_eq!(job.job.unwrap().glue_version.as_deref(), Some("5.0"));
    let folder = tempfile::tempdir().unwrap();
    copy(&stedi(), folder.path());
    let manifest = folder.path().join("lakeform.yaml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replacen("glue_version: \"5.0\"", "glue_version: \"4.0\"", 1)).unwrap();
    let mut changed = at(folder.path(), &lab.endpoint, "testing");
    let output = changed.args(["apply", "--yes"]).args(&life.more).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("`glue:UpdateJob`"), "{}", said(&output));
    assert!(said(&output).contains("the endpoint does not implement this call"), "{}", said(&output));

    life.run(&["destroy", "--yes"], 0);
    life.is_gone();
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
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
    let lab = Lab::at(emulator().endpoint(), &account, None).await;
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
