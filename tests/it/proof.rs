//! The proof: the STEDI lakehouse through the binary, its jobs run on a real Spark, and every table counted through
//! Athena. `make spark-tests` runs these, and installs Spark where it is missing.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;

use lakeform_sandbox::{Proxy, ProxyConfig, ProxyHandle, RunsConfig, environment, spark};
use serde_json::{Value, json};

use crate::binary::{at, said};
use crate::life::{copy, stedi};
use lakeform_tests::lab::{emulator, new_account};

/// A proxy that runs jobs.
fn proxy() -> &'static ProxyHandle {
    static PROXY: OnceLock<ProxyHandle> = OnceLock::new();
    PROXY.get_or_init(|| {
        environment::for_tests().expect("the emulator is installed");
        spark::for_tests().expect("Spark is installed");
        let folder = environment::test_directory().join("proof");
        let _ = std::fs::remove_dir_all(&folder);
        let runs = RunsConfig::new(folder, environment::test_directory());
        let config = ProxyConfig { runs: Some(runs), ..ProxyConfig::default() };
        Proxy::start(emulator().endpoint(), config).expect("a proxy")
    })
}

/// A manifest's folder and an account of its own.
struct Stack {
    folder: PathBuf,
    account: String,
    more: Vec<String>,
}

impl Stack {
    fn new(folder: &Path, more: &[&str]) -> Self {
        let account = new_account();
        let more = more.iter().map(|word| (*word).to_owned());
        let more = ["--var".to_owned(), format!("bucket=proof-{account}")].into_iter().chain(more).collect();
        Self { folder: folder.to_owned(), account, more }
    }

    fn run(&self, arguments: &[&str], wanted: i32) -> Output {
        let mut command = at(&self.folder, proxy().endpoint(), &self.account);
        let output = command.args(arguments).args(&self.more).output().unwrap();
        assert_eq!(output.status.code(), Some(wanted), "{arguments:?}\n{}", said(&output));
        output
    }

    fn count(&self, sql: &str) -> Value {
        let answer = self.run(&["query", "--format", "json", sql], 0).stdout;
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        answer["rows"][0]["n"].clone()
    }
}

/// From nothing to proven data, and to nothing again.
fn is_proven(data: &[&str], expected: &Value) {
    let stack = Stack::new(&stedi(), data);
    let built = said(&stack.run(&["apply", "--yes", "--run", "--check"], 0));
    assert!(built.contains("14 passed"), "{built}");
    for (table, rows) in expected.as_object().unwrap() {
        assert_eq!(stack.count(&format!("select count(*) as n from {table}")), *rows, "{table}");
    }
    // The promise: exactly those who consented, also where a customer came twice.
    let consented = "select email from customer_landing where coalesce(sharewithresearchasofdate, 0) <> 0";
    let trusted = "select email from customer_trusted";
    for (these, those) in [(consented, trusted), (trusted, consented)] {
        let sql = format!("select count(*) as n from ({these} except {those}) as differ");
        assert_eq!(stack.count(&sql), json!(0), "{sql}");
    }
    let settled = said(&stack.run(&["plan", "--detailed-exitcode"], 0));
    assert!(settled.contains("No changes"), "{settled}");
    stack.run(&["destroy", "--yes"], 0);
}

#[test]
#[ignore = "needs Spark: make spark-tests"]
fn the_sample_is_proven() {
    let expected = std::fs::read(stedi().join("expected.json")).unwrap();
    is_proven(&[], &serde_json::from_slice(&expected).unwrap());
}

/// With the original data set at hand: `LAKEFORM_STEDI_DATA` names the folder that holds `customer/landing`.
#[test]
#[ignore = "needs Spark: make spark-tests"]
fn the_original_data_is_proven() {
    let Some(data) = std::env::var_os("LAKEFORM_STEDI_DATA") else {
        eprintln!("LAKEFORM_STEDI_DATA names no folder: the original data is not at hand");
        return;
    };
    let data = format!("data={}", data.to_string_lossy());
    let expected = json!({
        "customer_landing": 956,
        "accelerometer_landing": 81_273,
        "step_trainer_landing": 28_680,
        "customer_trusted": 482,
        "accelerometer_trusted": 40_981,
        "customers_curated": 482,
        "step_trainer_trusted": 14_460,
        "machine_learning_curated": 43_681,
    });
    is_proven(&["--var", &data], &expected);
}

/// Its message and its log are told, those that read what it writes are skipped, the others run, and the checks
/// then fail.
#[test]
#[ignore = "needs Spark: make spark-tests"]
fn a_broken_script_stops_its_dependants_only() {
    let folder = tempfile::tempdir().unwrap();
    copy(&stedi(), folder.path());
    let script = folder.path().join("scripts/customer_trusted_to_curated.py");
    std::fs::write(&script, "raise ValueError('the third column is missing')\n").unwrap();
    let stack = Stack::new(folder.path(), &[]);
    stack.run(&["apply", "--yes"], 0);
    let runs = said(&stack.run(&["run", "--all"], 1));
    assert!(runs.contains("ValueError: the third column is missing"), "{runs}");
    let checks = said(&stack.run(&["check"], 1));
    assert!(checks.contains("failed"), "{checks}");
    let state = |job: &str| {
        let line = runs.lines().find(|line| line.split_whitespace().next() == Some(job));
        line.unwrap_or_default().split_whitespace().nth(1).unwrap_or_default()
    };
    for (job, wanted) in [
        ("customer_landing_to_trusted", "succeeded"),
        ("accelerometer_landing_to_trusted_zone", "succeeded"),
        ("customer_trusted_to_curated", "failed"),
        ("step_trainer_landing_to_trusted", "skipped"),
        ("trainer_trusted_to_curated", "skipped"),
    ] {
        assert_eq!(state(job), wanted, "{job}\n{runs}");
    }
    stack.run(&["destroy", "--yes"], 0);
}

/// A column that a job added to the catalog is drift, and the plan says whose.
#[test]
#[ignore = "needs Spark: make spark-tests"]
fn a_column_that_a_job_added_is_drift_with_its_writer() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("lakeform.yaml"), ENRICH).unwrap();
    std::fs::write(folder.path().join("enrich.py"), ENRICH_SCRIPT).unwrap();
    let stack = Stack::new(folder.path(), &[]);
    stack.run(&["apply", "--yes", "--run"], 0);
    let drift = said(&stack.run(&["plan", "--detailed-exitcode"], 2));
    assert!(drift.contains("last written by the job `enrich`"), "{drift}");
    assert!(drift.contains("[id bigint, vip boolean] -> [id bigint]"), "{drift}");
    assert_eq!(stack.count("select count(*) as n from orders where vip"), json!(1));
    stack.run(&["destroy", "--yes"], 0);
}

const ENRICH: &str = "\
lakeform: 1
stack: enrich
region: us-east-1
variables: { bucket: {} }
buckets:
  lake: { name: \"${var.bucket}\", force_destroy: true }
roles:
  etl: { name: enrich-etl, trust: glue.amazonaws.com }
athena:
  workgroups:
    enrich: { results: \"s3://${bucket.lake}/athena/\" }
databases:
  shop:
    tables:
      orders: { location: \"s3://${bucket.lake}/orders/\", format: parquet, columns: { id: bigint } }
jobs:
  enrich:
    script: enrich.py
    role: etl
    glue_version: \"5.0\"
    arguments: { \"--target\": \"s3://${bucket.lake}/orders/\" }
    writes: [shop.orders]
";

const ENRICH_SCRIPT: &str = "\
import sys
from awsglue.context import GlueContext
from awsglue.dynamicframe import DynamicFrame
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext

args = getResolvedOptions(sys.argv, ['JOB_NAME', 'target'])
glue = GlueContext(SparkContext.getOrCreate())
job = Job(glue)
job.init(args['JOB_NAME'], args)
frame = glue.spark_session.createDataFrame([(1, True), (2, False)], 'id bigint, vip boolean')
orders = DynamicFrame.fromDF(frame, glue, 'orders')
sink = glue.getSink(connection_type='s3', path=args['target'], enableUpdateCatalog=True)
sink.setCatalogInfo(catalogDatabase='shop', catalogTableName='orders')
sink.setFormat('glueparquet')
sink.writeFrame(orders)
job.commit()
";
