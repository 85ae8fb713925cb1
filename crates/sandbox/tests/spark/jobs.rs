//! What the tests of runs share: a proxy that runs jobs, and an account with a bucket, a role and jobs.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use http::Method;
use lakeform_sandbox::{Proxy, ProxyConfig, ProxyHandle, RunsConfig, environment, run_logs, spark};
use serde_json::{Value, json};

use crate::client::{AwsError, Client, emulator, new_account};

/// A folder for a proxy's runs, with both environments installed.
pub(crate) fn config(directory: &Path) -> RunsConfig {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        environment::for_tests().unwrap();
        spark::for_tests().unwrap();
    });
    RunsConfig::new(directory, environment::test_directory())
}

pub(crate) fn start(runs: RunsConfig) -> ProxyHandle {
    Proxy::start(emulator().endpoint(), ProxyConfig { runs: Some(runs), ..ProxyConfig::default() }).unwrap()
}

/// The folder of the shared proxy.
pub(crate) fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let folder = environment::test_directory().join("spark-tests");
        let _ = std::fs::remove_dir_all(&folder);
        folder
    })
}

/// The proxy that most tests share.
pub(crate) fn proxy() -> &'static ProxyHandle {
    static PROXY: OnceLock<ProxyHandle> = OnceLock::new();
    PROXY.get_or_init(|| start(config(directory())))
}

/// An account with a bucket and a role.
pub(crate) struct Account {
    pub(crate) aws: Client,
    pub(crate) bucket: String,
}

impl Account {
    pub(crate) async fn new() -> Self {
        Self::on(proxy()).await
    }

    pub(crate) async fn on(proxy: &ProxyHandle) -> Self {
        let aws = Client::new(proxy.endpoint(), &new_account());
        let bucket = format!("lake-{}", aws.account);
        aws.s3(Method::PUT, &format!("/{bucket}"), "").await.unwrap();
        aws.glue_role("etl").await.unwrap();
        Self { aws, bucket }
    }

    pub(crate) async fn put(&self, key: &str, body: &str) {
        self.aws.s3(Method::PUT, &format!("/{}/{key}", self.bucket), body).await.unwrap();
    }

    pub(crate) async fn get(&self, key: &str) -> Result<String, AwsError> {
        self.aws.s3(Method::GET, &format!("/{}/{key}", self.bucket), "").await
    }

    pub(crate) async fn keys(&self, prefix: &str) -> Vec<String> {
        let listed = self
            .aws
            .s3(Method::GET, &format!("/{}?list-type=2&prefix={prefix}", self.bucket), "")
            .await
            .unwrap();
        crate::client::all(&listed, "Key")
    }

    /// A job over a script; `extra` adds to its definition or changes it.
    pub(crate) async fn job(&self, name: &str, kind: &str, script: &str, extra: Value) {
        let key = format!("scripts/{name}.py");
        self.put(&key, script).await;
        let mut job = json!({
            "Name": name,
            "Role": "etl",
            "GlueVersion": "5.0",
            "Command": { "Name": kind, "ScriptLocation": format!("s3://{}/{key}", self.bucket), "PythonVersion": "3" },
        });
        for (member, value) in extra.as_object().unwrap() {
            job[member] = value.clone();
        }
        self.aws.glue("CreateJob", job).await.unwrap();
    }

    pub(crate) async fn run(&self, name: &str) -> String {
        self.run_with(name, json!({})).await
    }

    pub(crate) async fn run_with(&self, name: &str, mut request: Value) -> String {
        request["JobName"] = json!(name);
        let started = self.aws.glue("StartJobRun", request).await.unwrap();
        started["JobRunId"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn read(&self, name: &str, run: &str) -> Value {
        let parameters = json!({ "JobName": name, "RunId": run }).to_string();
        let headers = [("x-amz-target", "AWSGlue.GetJobRun"), ("content-type", "application/x-amz-json-1.1")];
        // On a machine out of breath a kept connection may have been closed meanwhile: a read is asked again.
        for _ in 0..3 {
            if let Ok((status, body)) =
                self.aws.send(Method::POST, "/", "glue", &headers, parameters.clone()).await
            {
                assert!(status.is_success(), "{status}");
                return serde_json::from_slice::<Value>(&body).unwrap()["JobRun"].take();
            }
        }
        panic!("the proxy does not answer")
    }

    /// Waits until the run is in one of the states.
    pub(crate) async fn until(&self, name: &str, run: &str, states: &[&str]) -> Value {
        loop {
            let read = self.read(name, run).await;
            if states.contains(&read["JobRunState"].as_str().unwrap()) {
                return read;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The run at its end.
    pub(crate) async fn ended(&self, name: &str, run: &str) -> Value {
        self.until(name, run, &["SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT"]).await
    }

    /// Runs a job that must succeed; tells what it printed.
    pub(crate) async fn succeed(&self, name: &str) -> String {
        let run = self.run(name).await;
        let ended = self.ended(name, &run).await;
        let error = self.log(name, &run, "error.log");
        assert_eq!(ended["JobRunState"], "SUCCEEDED", "{ended:#}\n{error}");
        self.log(name, &run, "output.log")
    }

    pub(crate) fn log(&self, name: &str, run: &str, file: &str) -> String {
        let logs = run_logs(directory(), &self.aws.account, name, run);
        std::fs::read_to_string(logs.join(file)).unwrap_or_default()
    }

    /// The only value of a query's only row.
    pub(crate) async fn ask(&self, database: &str, sql: &str) -> String {
        let start = json!({
            "QueryString": sql, "QueryExecutionContext": { "Database": database },
            "ResultConfiguration": { "OutputLocation": format!("s3://{}/athena/", self.bucket) },
        });
        let id = self.aws.athena("StartQueryExecution", start).await.unwrap()["QueryExecutionId"].clone();
        loop {
            let read = self.aws.athena("GetQueryExecution", json!({ "QueryExecutionId": id })).await.unwrap();
            let status = &read["QueryExecution"]["Status"];
            match status["State"].as_str().unwrap() {
                "SUCCEEDED" => break,
                "QUEUED" | "RUNNING" => tokio::time::sleep(Duration::from_millis(50)).await,
                _ => panic!("{sql}: {status}"),
            }
        }
        let results = self.aws.athena("GetQueryResults", json!({ "QueryExecutionId": id })).await.unwrap();
        results["ResultSet"]["Rows"][1]["Data"][0]["VarCharValue"].as_str().unwrap_or_default().to_owned()
    }

    /// A table over a prefix of the bucket.
    pub(crate) async fn table(&self, database: &str, name: &str, format: &str, columns: &[(&str, &str)]) {
        let (library, input, output) = match format {
            "json" => (
                "org.openx.data.jsonserde.JsonSerDe",
                "org.apache.hadoop.mapred.TextInputFormat",
                "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            ),
            _ => (
                "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
                "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            ),
        };
        let columns: Vec<Value> =
            columns.iter().map(|(name, kind)| json!({ "Name": name, "Type": kind })).collect();
        let input = json!({
            "Name": name, "TableType": "EXTERNAL_TABLE", "Parameters": { "classification": format },
            "StorageDescriptor": {
                "Columns": columns, "Location": format!("s3://{}/{name}/", self.bucket),
                "InputFormat": input, "OutputFormat": output,
                "SerdeInfo": { "SerializationLibrary": library },
            },
        });
        let _ = self.aws.glue("CreateDatabase", json!({ "DatabaseInput": { "Name": database } })).await;
        self.aws.glue("CreateTable", json!({ "DatabaseName": database, "TableInput": input })).await.unwrap();
    }
}

/// The error's code of a call that must fail.
pub(crate) fn code(answer: Result<Value, AwsError>) -> String {
    answer.unwrap_err().code
}

/// The processes that carry a run's mark.
pub(crate) fn processes(run: &str) -> usize {
    let mark = format!("LAKEFORM_JOB_RUN={run}");
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| {
            std::fs::read(entry.path().join("environ"))
                .is_ok_and(|all| all.split(|byte| *byte == 0).any(|one| one == mark.as_bytes()))
        })
        .count()
}
