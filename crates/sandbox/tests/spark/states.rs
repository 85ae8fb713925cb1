//! The states a run goes through, and what is left of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Client, new_account};
use crate::jobs::{Account, code, config, processes, proxy, start};

const HELLO: &str = "import sys\nfrom awsglue.utils import getResolvedOptions\n\
    args = getResolvedOptions(sys.argv, ['JOB_NAME', 'who'])\nprint('hello', args['who'], 'from', args['JOB_NAME'])\n";
const FOREVER: &str = "import time\nprint('here', flush=True)\nwhile True: time.sleep(0.1)\n";
/// A Spark job that never ends, with a Python worker beside the JVM.
const SPARK_FOREVER: &str = "import time\nfrom pyspark.context import SparkContext\n\
    sc = SparkContext.getOrCreate()\nprint('here', flush=True)\n\
    sc.parallelize(range(2), 2).map(lambda n: time.sleep(600)).count()\n";

#[tokio::test]
#[ignore = "needs Spark: make spark-tests"]
async fn a_python_shell_job_succeeds_with_its_arguments_overlaid() {
    let account = Account::new().await;
    account.job("hello", "pythonshell", HELLO, json!({ "DefaultArguments": { "--who": "nobody" } })).await;
    let run = account.run_with("hello", json!({ "Arguments": { "--who": "you & me" } })).await;
    assert!(run.len() == 67 && run.starts_with("jr_"), "{run}");
    let ended = account.ended("hello", &run).await;
    assert_eq!(ended["JobRunState"], "SUCCEEDED", "{ended:#}");
    assert_eq!(account.log("hello", &run, "output.log"), "hello you & me from hello\n");
    assert_eq!(
        (&ended["Id"], &ended["JobName"], &ended["Attempt"]),
        (&json!(run), &json!("hello"), &json!(0))
    );
    assert_eq!((&ended["LogGroupName"], &ended["GlueVersion"]), (&json!("/aws-glue/jobs"), &json!("5.0")));
    assert_eq!(ended["Arguments"], json!({ "--who": "you & me" }));
    assert!(ended["CompletedOn"].as_f64().unwrap() >= ended["StartedOn"].as_f64().unwrap());
    assert!(ended.get("ErrorMessage").is_none());
    let again = account.succeed("hello").await;
    assert_eq!(again, "hello nobody from hello\n");
    let all = account.aws.glue("GetJobRuns", json!({ "JobName": "hello", "MaxResults": 1 })).await.unwrap();
    assert_eq!(all["JobRuns"].as_array().unwrap().len(), 1);
    let rest = json!({ "JobName": "hello", "NextToken": all["NextToken"] });
    let rest = account.aws.glue("GetJobRuns", rest).await.unwrap();
    assert_eq!(rest["JobRuns"][0]["Id"], json!(run), "the newest comes first");

    let other = Client::new(proxy().endpoint(), &new_account());
    let there = other.glue("GetJobRun", json!({ "JobName": "hello", "RunId": run })).await;
    assert_eq!(code(there), "EntityNotFoundException", "another account sees nothing");
    account.aws.glue("DeleteJob", json!({ "JobName": "hello" })).await.unwrap();
    let gone = account.aws.glue("GetJobRun", json!({ "JobName": "hello", "RunId": run })).await;
    assert_eq!(code(gone), "EntityNotFoundException", "a deleted job takes its runs along");
}

#[tokio::test]
#[ignore = "needs Spark: make spark-tests"]
async fn a_failing_script_ends_with_its_tracebacks_last_line_and_is_tried_again() {
    let account = Account::new().await;
    let script = "def f():\n    return {}['absent']\nprint('before')\nf()\n";
    account.job("broken", "pythonshell", script, json!({ "MaxRetries": 1 })).await;
    let run = account.run("broken").await;
    let ended = account.ended("broken", &run).await;
    assert_eq!(
        (&ended["JobRunState"], &ended["ErrorMessage"]),
        (&json!("FAILED"), &json!("KeyError: 'absent'"))
    );
    let error = account.log("broken", &run, "error.log");
    assert!(error.contains("Traceback") && error.contains("broken.py\", line 2, in f"), "{error}");
    assert!(!error.contains("runpy"), "the traceback begins in the script: {error}");
    let second = format!("{run}_attempt_1");
    let retried = account.ended("broken", &second).await;
    assert_eq!((&retried["Attempt"], &retried["PreviousRunId"]), (&json!(1), &json!(run)));
    for (name, script, message) in [
        ("exits", "import sys\nsys.exit(3)\n", "SystemExit: 3"),
        ("typo", "def f(:\n", "SyntaxError: invalid syntax (typo.py, line 1)"),
        (
            "dies",
            "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n",
            "the job's process ended early",
        ),
    ] {
        account.job(name, "pythonshell", script, json!({})).await;
        let run = account.run(name).await;
        let ended = account.ended(name, &run).await;
        assert_eq!(ended["JobRunState"], "FAILED");
        assert!(ended["ErrorMessage"].as_str().unwrap().starts_with(message), "{ended:#}");
    }
    account.job("fine", "pythonshell", "import sys\nsys.exit(0)\n", json!({})).await;
    account.succeed("fine").await;
}

#[tokio::test]
#[ignore = "needs Spark: make spark-tests"]
async fn what_cannot_run_says_why() {
    let account = Account::new().await;
    let missing = account.aws.glue("StartJobRun", json!({ "JobName": "none" })).await;
    assert_eq!(code(missing), "EntityNotFoundException");
    account.job("gone", "pythonshell", "", json!({})).await;
    account.aws.s3(http::Method::DELETE, &format!("/{}/scripts/gone.py", account.bucket), "").await.unwrap();
    account.job("stream", "gluestreaming", "", json!({})).await;
    for (job, message) in [("gone", "LAUNCH ERROR"), ("stream", "the sandbox runs `glueetl`")] {
        let run = account.run(job).await;
        let ended = account.ended(job, &run).await;
        assert_eq!(ended["JobRunState"], "FAILED");
        assert!(ended["ErrorMessage"].as_str().unwrap().contains(message), "{ended:#}");
        assert!(account.log(job, &run, "error.log").contains(message));
    }
    let half = account.aws.glue("StartJobRun", json!({ "JobName": "gone", "Timeout": 0 })).await;
    assert_eq!(code(half), "InvalidInputException");

    let folder = tempfile::tempdir().unwrap();
    let mut bare = config(folder.path());
    bare.environment = folder.path().join("empty");
    let bare = start(bare);
    let mut no_java = config(folder.path());
    no_java.java = Some("/no/such/java".into());
    let no_java = start(no_java);
    for (proxy, message) in [(&bare, "lakeform sandbox up --spark"), (&no_java, "install Java 17")] {
        let account = Account::on(proxy).await;
        account.job("j", "glueetl", "", json!({})).await;
        let run = account.run("j").await;
        let ended = account.ended("j", &run).await;
        assert_eq!(ended["JobRunState"], "FAILED");
        assert!(ended["ErrorMessage"].as_str().unwrap().contains(message), "{ended:#}");
    }
}

#[tokio::test]
#[ignore = "needs Spark: make spark-tests"]
async fn a_stopped_run_leaves_no_process_and_a_full_job_takes_no_other() {
    let account = Account::new().await;
    account.job("forever", "glueetl", SPARK_FOREVER, json!({})).await;
    let run = account.run("forever").await;
    while !account.log("forever", &run, "output.log").contains("here") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(account.read("forever", &run).await["JobRunState"], "RUNNING");
    // The script's Python, Java, and Python's workers.
    while processes(&run) < 3 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let second = account.aws.glue("StartJobRun", json!({ "JobName": "forever" })).await;
    assert_eq!(code(second), "ConcurrentRunsExceededException");
    let stop = json!({ "JobName": "forever", "JobRunIds": [run, "jr_none"] });
    let answer = account.aws.glue("BatchStopJobRun", stop).await.unwrap();
    assert_eq!(answer["SuccessfulSubmissions"], json!([{ "JobName": "forever", "JobRunId": run }]));
    assert_eq!(answer["Errors"][0]["ErrorDetail"]["ErrorCode"], "EntityNotFoundException");
    let ended = account.ended("forever", &run).await;
    assert_eq!(ended["JobRunState"], "STOPPED");
    assert_eq!(processes(&run), 0);
    let stop = json!({ "JobName": "forever", "JobRunIds": [run] });
    let answer = account.aws.glue("BatchStopJobRun", stop).await.unwrap();
    assert_eq!(answer["Errors"].as_array().unwrap().len(), 1, "it has ended");
}

#[tokio::test]
#[ignore = "needs Spark: make spark-tests"]
async fn a_run_ends_at_its_timeout_and_what_waits_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let mut runs = config(folder.path());
    runs.minute = Duration::from_millis(700);
    runs.simultaneous = 1;
    let proxy = start(runs);
    let account = Account::on(&proxy).await;
    account.job("slow", "pythonshell", FOREVER, json!({ "Timeout": 3 })).await;
    account.job("next", "pythonshell", FOREVER, json!({ "Timeout": 9 })).await;
    let run = account.run("slow").await;
    account.until("slow", &run, &["RUNNING"]).await;
    let waiting = account.run("next").await;
    assert_eq!(account.read("next", &waiting).await["JobRunState"], "STARTING");
    let stop = json!({ "JobName": "next", "JobRunIds": [waiting] });
    account.aws.glue("BatchStopJobRun", stop).await.unwrap();
    assert_eq!(account.ended("next", &waiting).await["JobRunState"], "STOPPED");
    let ended = account.ended("slow", &run).await;
    assert_eq!((&ended["JobRunState"], &ended["Timeout"]), (&json!("TIMEOUT"), &json!(3)));
    assert!(ended["ExecutionTime"].as_i64().unwrap() >= 2, "{ended:#}");
    assert_eq!(processes(&run), 0);
}

#[tokio::test]
#[ignore = "needs Spark: make spark-tests"]
async fn the_proxys_end_is_the_runs_end_and_the_next_proxy_knows() {
    let folder = tempfile::tempdir().unwrap();
    let memory = folder.path().join("memory.json");
    let start = || {
        let runs = Some(config(folder.path()));
        let config =
            lakeform_sandbox::ProxyConfig { memory: Some(memory.clone()), runs, ..Default::default() };
        lakeform_sandbox::Proxy::start(crate::client::emulator().endpoint(), config).unwrap()
    };
    let proxy = start();
    let account = Account::on(&proxy).await;
    account.job("forever", "pythonshell", FOREVER, json!({})).await;
    let run = account.run("forever").await;
    account.until("forever", &run, &["RUNNING"]).await;
    while processes(&run) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    proxy.shutdown();
    while processes(&run) > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let again = start();
    let aws = Client::new(again.endpoint(), &account.aws.account);
    let read = aws.glue("GetJobRun", json!({ "JobName": "forever", "RunId": run })).await.unwrap();
    let read: &Value = &read["JobRun"];
    assert_eq!(read["JobRunState"], "FAILED");
    assert!(read["ErrorMessage"].as_str().unwrap().contains("the sandbox ended"), "{read:#}");
}
