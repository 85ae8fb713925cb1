use lakeform_model::{Address, Managed, diff};

use super::decode::*;
use super::live::*;
use super::update::*;
use super::*;
use crate::s3_url;
use aws_sdk_glue::types::{ExecutionProperty, JobMode, WorkerType};

const ACCOUNT: &str = "111122223333";

fn wanted(kind: &str, more: &[(&str, Value)]) -> Fields {
    let mut fields = Fields::new();
    fields.set("type", kind).set("role", Value::pointer("role", "etl", "etl"));
    fields.set("script", BTreeMap::from([("location".to_owned(), s3_url::value("s3://lake/x.py"))]));
    for (field, value) in more {
        fields.set(field, value.clone());
    }
    fields
}

/// A job as AWS reads back one that named no more than role and command.
fn filled_in(kind: &str) -> GlueJob {
    let command = JobCommand::builder().name(kind).script_location("s3://lake/x.py").python_version("2");
    GlueJob::builder()
        .name("j")
        .role("arn:aws:iam::111122223333:role/service-role/etl")
        .command(command.build())
        .max_retries(0)
        .job_mode(JobMode::Script)
        .job_run_queuing_enabled(false)
        .glue_version("5.1")
        .execution_property(ExecutionProperty::builder().max_concurrent_runs(1).build())
        .max_capacity(DEFAULT_CAPACITY)
        .build()
}

fn paths(wanted: &Fields, job: &GlueJob) -> Vec<String> {
    let live = fields_of(job, Some(wanted), ACCOUNT);
    let changes = diff(wanted, &live, RULES, &Managed::default());
    changes.iter().map(|change| change.path.to_string()).collect()
}

#[test]
fn what_aws_fills_in_is_no_difference() {
    let mut spark = filled_in("glueetl");
    assert_eq!(paths(&wanted("glueetl", &[]), &spark), Vec::<String>::new());
    // After an update it has workers, too.
    (spark.worker_type, spark.number_of_workers) = (Some(WorkerType::G1X), Some(10));
    spark.timeout = Some(480);
    assert_eq!(paths(&wanted("glueetl", &[]), &spark), Vec::<String>::new());
    assert_eq!(paths(&wanted("gluestreaming", &[]), &filled_in("gluestreaming")), Vec::<String>::new());
    let mut shell = filled_in("pythonshell");
    (shell.max_capacity, shell.timeout) = (Some(0.0625), Some(2880));
    let capacity = [("max_capacity", Value::from(0.0625))];
    assert_eq!(paths(&wanted("pythonshell", &capacity), &shell), Vec::<String>::new());
    assert_eq!(paths(&wanted("pythonshell", &[]), &shell), Vec::<String>::new());
}

#[test]
fn a_given_field_is_compared() {
    let workers = BTreeMap::from([("type".to_owned(), "G.1X".into()), ("count".to_owned(), 2.into())]);
    let given = [("timeout", 10.into()), ("glue_version", "5.0".into()), ("workers", workers.into())];
    let job = filled_in("glueetl");
    assert_eq!(paths(&wanted("glueetl", &given), &job), ["glue_version", "timeout", "workers"]);
}

#[test]
fn a_role_is_its_name_in_this_account() {
    let name = Value::pointer("role", "etl", "etl");
    let arn = Value::pointer("role", "etl", "arn:aws:iam::111122223333:role/etl");
    assert_eq!(live_role("arn:aws:iam::111122223333:role/p/etl", Some(&name), ACCOUNT), name);
    assert_eq!(live_role("etl", Some(&arn), ACCOUNT), arn);
    assert_ne!(live_role("arn:aws:iam::999999999999:role/etl", Some(&name), ACCOUNT), name);
    assert_ne!(live_role("other", Some(&name), ACCOUNT), name);
    let theirs = Value::pointer("role", "etl", "arn:aws:iam::999999999999:role/etl");
    assert_ne!(live_role("etl", Some(&theirs), ACCOUNT), theirs);
    assert_eq!(live_role("arn:aws:iam::999999999999:role/etl", Some(&theirs), ACCOUNT), theirs);
}

fn update_of(job: GlueJob, wanted: Fields) -> JobUpdate {
    let live = fields_of(&job, Some(&wanted), ACCOUNT);
    let changes = diff(&wanted, &live, RULES, &Managed::default());
    let address = Address::new("job", ["j"]);
    let target = Target { address, identity: "j".into(), fields: wanted, files: BTreeMap::new(), mark: None };
    updated(job, &target, &changes.iter().collect::<Vec<_>>())
}

#[test]
fn an_update_keeps_what_it_does_not_name() {
    let mut job = filled_in("glueetl");
    job.default_arguments = Some([("--theirs".to_owned(), "1".to_owned())].into());
    job.log_uri = Some("s3://logs/".to_owned());
    job.timeout = Some(480);
    let arguments = [("arguments", Value::text_map([("--ours", "2")]))];
    let update = update_of(job, wanted("glueetl", &arguments));
    assert_eq!(update.default_arguments.unwrap().len(), 2);
    assert_eq!((update.log_uri.as_deref(), update.timeout), (Some("s3://logs/"), Some(480)));
    assert_eq!(update.glue_version.as_deref(), Some("5.1"));
    assert_eq!(update.max_capacity, None, "AWS made it up, and will again");
}

#[test]
fn capacity_and_workers_exclude_each_other() {
    let mut job = filled_in("glueetl");
    (job.worker_type, job.number_of_workers) = (Some(WorkerType::G1X), Some(10));
    let update = update_of(job, wanted("glueetl", &[("max_capacity", 4.0.into())]));
    assert_eq!((update.worker_type, update.number_of_workers, update.max_capacity), (None, None, Some(4.0)));
    let workers = BTreeMap::from([("type".to_owned(), "G.2X".into()), ("count".to_owned(), 3.into())]);
    let update = update_of(filled_in("glueetl"), wanted("glueetl", &[("workers", workers.into())]));
    assert_eq!((update.number_of_workers, update.max_capacity), (Some(3), None));
    let mut shell = filled_in("pythonshell");
    shell.max_capacity = Some(1.0);
    let update = update_of(shell, wanted("pythonshell", &[("description", "x".into())]));
    assert_eq!(update.max_capacity, Some(1.0));
}

#[test]
fn texts_are_held_against_awss_rules() {
    assert!(maintenance_window("Sun:10").is_ok() && maintenance_window("Sunday:1").is_err());
    assert!(maintenance_window("Mon:24").is_err() && maintenance_window("Mon:+1").is_err());
    assert!(glue_version("5.0").is_ok() && glue_version("5").is_err() && glue_version("x.y").is_err());
    assert!(argument("--a").is_ok() && argument("a").is_err() && argument("--").is_err());
    assert!(job_name(&"x".repeat(255)).is_ok() && job_name(&"x".repeat(256)).is_err());
}
