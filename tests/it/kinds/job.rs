//! Jobs from their first apply to their end.

mod stage;

use std::fmt::Write as _;
use std::sync::Arc;

use aws_sdk_glue::types::{Job, JobUpdate};
use lakeform_aws::kinds::KINDS;
use lakeform_executor::{ApplyOptions, Stop, apply};
use lakeform_model::{Account, Action, Address, BlockedBy};
use lakeform_planner::PlanOptions;
use lakeform_sandbox::ProxyConfig;
use stage::Stage;

use lakeform_tests::lab::{Lab, On};

/// Fields of a Spark job, in the manifest's order.
const FULL: &[(&str, &str)] = &[
    ("description", "all of it"),
    ("script", "main.py"),
    ("role", "glue"),
    ("glue_version", "\"4.0\""),
    ("python_version", "\"3\""),
    ("workers", "{ type: G.1X, count: 2 }"),
    ("timeout", "10"),
    ("max_retries", "1"),
    ("max_concurrent_runs", "2"),
    ("arguments", "{ --a: x, --b: y }"),
    ("non_overridable_arguments", "{ --c: z }"),
    ("connections", "[one]"),
    ("bookmark", "enable"),
    ("execution_class", "STANDARD"),
    ("security_configuration", "secure"),
    ("notify_delay_after", "5"),
    ("queuing", "false"),
    ("job_mode", "SCRIPT"),
    ("tags", "{ team: data }"),
];

/// Another value of each field, and the change it is; no value leaves the field out.
const OTHERS: &[(&str, Option<&str>, &[&str])] = &[
    ("description", Some("less"), &["description"]),
    ("description", None, &["description"]),
    ("script_to", Some("s3://BUCKET/elsewhere/"), &["script.location"]),
    ("script_to", None, &["script.location"]),
    ("role", Some("other"), &["role"]),
    ("glue_version", Some("\"5.0\""), &["glue_version"]),
    ("python_version", Some("\"2\""), &["python_version"]),
    ("workers", Some("{ type: G.1X, count: 3 }"), &["workers.count"]),
    ("workers", Some("{ type: G.2X, count: 3 }"), &["workers.type"]),
    ("timeout", Some("11"), &["timeout"]),
    ("timeout", None, &[]),
    ("max_retries", None, &["max_retries"]),
    ("max_concurrent_runs", None, &["max_concurrent_runs"]),
    ("arguments", Some("{ --a: other, --b: y }"), &["arguments.--a"]),
    ("arguments", Some("{ --b: y, --d: new }"), &["arguments.--a", "arguments.--d"]),
    ("non_overridable_arguments", None, &["non_overridable_arguments.--c"]),
    ("connections", Some("[one, two]"), &["connections"]),
    ("connections", None, &["connections"]),
    ("bookmark", Some("pause"), &["arguments.--job-bookmark-option"]),
    ("bookmark", None, &["arguments.--job-bookmark-option"]),
    ("extra_py_files", Some("[s3://lib/a.zip]"), &["arguments.--extra-py-files"]),
    ("execution_class", Some("FLEX"), &["execution_class"]),
    ("execution_class", None, &["execution_class"]),
    ("security_configuration", None, &["security_configuration"]),
    ("notify_delay_after", Some("6"), &["notify_delay_after"]),
    ("notify_delay_after", None, &["notify_delay_after"]),
    ("queuing", Some("true"), &["queuing"]),
    ("queuing", None, &["queuing"]),
    ("job_mode", Some("VISUAL"), &["job_mode"]),
    ("tags", Some("{ team: red }"), &["tags.team"]),
    ("tags", None, &["tags.team"]),
    ("workers", None, &[]),
    ("max_capacity", Some("4"), &["max_capacity"]),
];

/// A manifest of jobs that have these fields.
fn manifest(names: &[&str], fields: &[(String, String)]) -> String {
    let mut text = String::new();
    for name in names {
        writeln!(text, "{name}:").unwrap();
        for (field, value) in fields {
            writeln!(text, "  {field}: {value}").unwrap();
        }
    }
    text
}

fn full() -> Vec<(String, String)> {
    FULL.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())).collect()
}

/// A bare job of a type.
fn bare(kind: &str) -> String {
    format!("one: {{ type: {kind}, script: main.py, role: glue }}\n")
}

#[tokio::test]
async fn every_field_is_changed_alone_and_settles() {
    let stage = Stage::new(ProxyConfig::default()).await;
    let mut fields = full();
    stage.settle(&manifest(&["one"], &fields)).await;
    for (field, value, expected) in OTHERS {
        fields.retain(|(name, _)| name != field);
        if let Some(value) = value {
            fields.push(((*field).to_owned(), value.replace("BUCKET", &stage.bucket)));
        }
        let jobs = manifest(&["one"], &fields);
        assert_eq!(stage.changes(&jobs).await, *expected, "{field} {value:?}");
        stage.settle(&jobs).await;
    }
    assert_eq!(stage.keys().await, ["scripts/main.py"], "a script that moved leaves nothing behind");
}

#[tokio::test]
async fn an_edited_script_is_a_change_and_so_is_a_missing_one() {
    let stage = Stage::new(ProxyConfig::default()).await;
    let jobs = bare("glueetl");
    stage.settle(&jobs).await;
    stage.write("main.py", "print('two')\n");
    let plan = stage.plan(&stage.desired(&jobs), &PlanOptions::default()).await;
    let change = &plan.steps[0].changes[0];
    assert_eq!((plan.steps.len(), change.path.to_string().as_str()), (1, "script.content"));
    assert_eq!(change.from.as_ref().unwrap().as_text(), Some("print('one')\n"));
    stage.settle(&jobs).await;
    stage.cloud.s3().delete_object().bucket(&stage.bucket).key("scripts/main.py").send().await.unwrap();
    assert_eq!(stage.changes(&jobs).await, ["script.content"]);
    stage.settle(&jobs).await;
    // Somebody copies another file over it: the object has lost our metadata, and is the job's still.
    let put = stage.cloud.s3().put_object().bucket(&stage.bucket).key("scripts/main.py");
    put.body(b"theirs".to_vec().into()).send().await.unwrap();
    assert_eq!(stage.changes(&jobs).await, ["script.content"]);
    stage.settle(&jobs).await;
}

#[tokio::test]
async fn what_others_added_survives_and_what_the_manifest_dropped_goes() {
    let stage = Stage::new(ProxyConfig::default()).await;
    let mut fields = full();
    stage.settle(&manifest(&["one"], &fields)).await;
    let glue = stage.cloud.glue();
    let job = glue.get_job().job_name("one").send().await.unwrap().job.unwrap();
    let mut arguments = job.default_arguments.clone().unwrap();
    arguments.insert("--theirs".to_owned(), "1".to_owned());
    let mut theirs = as_update(&job);
    theirs.default_arguments = Some(arguments);
    theirs.log_uri = Some("s3://logs/here/".to_owned());
    glue.update_job().job_name("one").job_update(theirs).send().await.unwrap();

    fields.retain(|(field, _)| field != "arguments");
    fields.push(("arguments".to_owned(), "{ --b: other }".to_owned()));
    let jobs = manifest(&["one"], &fields);
    assert_eq!(stage.changes(&jobs).await, ["arguments.--a", "arguments.--b"]);
    stage.settle(&jobs).await;
    let job = glue.get_job().job_name("one").send().await.unwrap().job.unwrap();
    let arguments = job.default_arguments.unwrap();
    let mut names: Vec<&str> = arguments.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["--b", "--job-bookmark-option", "--theirs"]);
    assert_eq!(job.log_uri.as_deref(), Some("s3://logs/here/"));
}

fn as_update(job: &Job) -> JobUpdate {
    JobUpdate::builder()
        .set_role(job.role.clone())
        .set_command(job.command.clone())
        .set_description(job.description.clone())
        .set_execution_property(job.execution_property.clone())
        .set_non_overridable_arguments(job.non_overridable_arguments.clone())
        .set_connections(job.connections.clone())
        .max_retries(job.max_retries)
        .set_timeout(job.timeout)
        .set_worker_type(job.worker_type.clone())
        .set_number_of_workers(job.number_of_workers)
        .set_security_configuration(job.security_configuration.clone())
        .set_notification_property(job.notification_property.clone())
        .set_glue_version(job.glue_version.clone())
        .build()
}

#[tokio::test]
async fn a_bare_job_of_each_type_settles() {
    for kind in ["glueetl", "pythonshell", "gluestreaming"] {
        let stage = Stage::new(ProxyConfig::default()).await;
        stage.settle(&bare(kind)).await;
        // An update fills in the workers of a job that has none.
        let described =
            format!("{}\n", bare(kind).trim().replace(" }", ", description: a, max_retries: 1 }"));
        assert_eq!(stage.changes(&described).await, ["description", "max_retries"], "{kind}");
        stage.settle(&described).await;
    }
}

#[tokio::test]
async fn another_type_is_another_job() {
    let stage = Stage::new(ProxyConfig::default()).await;
    stage.settle(&bare("glueetl")).await;
    let plan = stage.plan(&stage.desired(&bare("gluestreaming")), &PlanOptions::default()).await;
    assert!(plan.steps.iter().all(|step| step.action == Action::Replace));
    let noted = plan.steps.iter().flat_map(|step| &step.changes).any(|c| c.note.contains("run history"));
    assert!(noted, "the plan says what goes");
    stage.settle(&bare("gluestreaming")).await;
    assert_eq!(stage.keys().await, ["scripts/main.py"]);
}

#[tokio::test]
async fn five_jobs_cost_one_call_each_and_three_for_all() {
    let stage = Stage::new(ProxyConfig::default()).await;
    for n in 1..=5 {
        stage.write(&format!("job{n}.py"), &format!("print({n})\n"));
    }
    let entries = (1..=5).map(|n| format!("job{n}: {{ script: job{n}.py, role: glue }}"));
    let jobs = entries.collect::<Vec<_>>().join("\n");
    stage.settle(&jobs).await;
    stage.proxy.as_ref().unwrap().forget_calls();
    assert_eq!(stage.changes(&jobs).await, Vec::<String>::new());
    let counts = stage.counts();
    let expected = [("glue:GetJobs", 1), ("glue:GetTags", 5), ("glue:ListJobs", 1), ("s3:ListObjectsV2", 1)];
    assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)).into());
}

#[tokio::test]
async fn a_job_that_left_the_manifest_goes_with_its_script_and_destroy_leaves_nothing() {
    let stage = Stage::new(ProxyConfig::default()).await;
    stage.write("two.py", "print(2)\n");
    let one = bare("glueetl");
    let both = format!("{one}two: {{ script: two.py, role: glue }}\n");
    stage.settle(&both).await;
    assert_eq!(stage.keys().await, ["scripts/main.py", "scripts/two.py"]);
    stage.settle(&one).await;
    assert_eq!(stage.keys().await, ["scripts/main.py"]);
    let (_, summary) = stage.destroy(&one, &[]).await;
    assert!(summary.is_success());
    assert_eq!(stage.keys().await, Vec::<String>::new());
    let left = stage.cloud.glue().list_jobs().send().await.unwrap();
    assert_eq!(left.job_names(), Vec::<String>::new());
}

#[tokio::test]
async fn a_role_that_has_not_spread_is_waited_for() {
    let stage = Stage::new(ProxyConfig { role_refusals: 2, ..ProxyConfig::default() }).await;
    let desired = stage.desired(&bare("glueetl"));
    let plan = stage.plan(&desired, &PlanOptions::default()).await;
    let (summary, retries) = stage.run(&plan).await;
    assert!(summary.is_success(), "{summary:?}");
    assert_eq!(retries, 2);
}

#[tokio::test]
async fn a_running_job_is_deleted_only_by_permission() {
    let stage = Stage::new(ProxyConfig::default()).await;
    stage.write("main.py", "import time\ntime.sleep(20)\n");
    let jobs = "one: { type: pythonshell, python_version: \"3.9\", script: main.py, role: glue }\n";
    stage.settle(jobs).await;
    let run = stage.cloud.glue().start_job_run().job_name("one").send().await.unwrap();
    let (plan, _) = stage.destroy(jobs, &[]).await;
    let inventory = plan.inventories.get(&Address::new("job", ["one"])).unwrap();
    assert!(inventory.needs_permission);
    assert_eq!(inventory.lines[0], format!("1 run under way ({})", run.job_run_id().unwrap()));
    assert_eq!(plan.findings[0].code, "data-loss");
    let there = stage.cloud.glue().get_job().job_name("one").send().await;
    assert!(there.is_ok(), "without the permission it stays");
    assert_eq!(stage.keys().await, ["scripts/main.py"], "and so does its script");
    let (_, summary) = stage.destroy(jobs, &["job.one"]).await;
    assert!(summary.is_success(), "{summary:?}");
    assert!(stage.cloud.glue().get_job().job_name("one").send().await.is_err());
    assert_eq!(stage.counts().get("glue:BatchStopJobRun"), Some(&1));
}

#[tokio::test]
async fn a_file_of_somebody_else_is_not_overwritten() {
    let stage = Stage::new(ProxyConfig::default()).await;
    let put = stage.cloud.s3().put_object().bucket(&stage.bucket).key("scripts/main.py");
    put.body(b"theirs".to_vec().into()).send().await.unwrap();
    let plan = stage.plan(&stage.desired(&bare("glueetl")), &PlanOptions::default()).await;
    let (summary, _) = stage.run(&plan).await;
    assert!(!summary.is_success());
    assert!(stage.cloud.glue().get_job().job_name("one").send().await.is_err(), "nothing was made");
}

#[tokio::test]
async fn two_scripts_for_one_place_are_a_conflict() {
    let stage = Stage::new(ProxyConfig::default()).await;
    stage.write("other/main.py", "print('other')\n");
    let jobs = "one: { script: main.py, role: glue }\ntwo: { script: other/main.py, role: glue }\n";
    let plan = stage.plan(&stage.desired(jobs), &PlanOptions::default()).await;
    assert_eq!((plan.steps.len(), plan.blocked.len()), (0, 2));
    assert!(matches!(&plan.blocked[0].by, BlockedBy::Conflict { reason, .. } if reason.contains("job.two")));
    // The same script twice is no conflict, and goes with the job that brought it.
    let shared = "one: { script: main.py, role: glue }\ntwo: { script: main.py, role: glue }\n";
    stage.settle(shared).await;
    let (_, summary) = stage.destroy(shared, &[]).await;
    assert!(summary.is_success());
    assert_eq!(stage.keys().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_script_outlives_one_of_the_jobs_that_share_it() {
    let stage = Stage::new(ProxyConfig::default()).await;
    let job = |name: &str| format!("{name}: {{ script: main.py, role: glue }}\n");
    stage.settle(&(job("one") + &job("two"))).await;
    stage.settle(&job("one")).await;
    stage.settle(&(job("one") + &job("two"))).await;
    stage.settle(&job("two")).await;
    // A renamed job: the old one goes when the new one has come.
    for n in 0..5 {
        stage.settle(&job(&format!("next{n}"))).await;
        assert_eq!(stage.keys().await, ["scripts/main.py"]);
    }
    let (_, summary) = stage.destroy(&job("next4"), &[]).await;
    assert!(summary.is_success());
    assert_eq!(stage.keys().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_an_upload_of_the_stack_put_there_is_not_overwritten() {
    let stage = Stage::new(ProxyConfig::default()).await;
    let put = stage.cloud.s3().put_object().bucket(&stage.bucket).key("scripts/main.py");
    let put = put.metadata("lakeform-stack", "demo").metadata("lakeform-address", "upload.scripts");
    put.body(b"theirs".to_vec().into()).send().await.unwrap();
    let plan = stage.plan(&stage.desired(&bare("glueetl")), &PlanOptions::default()).await;
    let (summary, _) = stage.run(&plan).await;
    assert!(format!("{summary:?}").contains("belongs to `upload.scripts`"), "{summary:?}");
}

#[tokio::test]
async fn a_job_of_somebody_else_is_adopted_and_released() {
    let stage = Stage::new(ProxyConfig::default()).await;
    stage.settle(&bare("glueetl")).await;
    let arn = stage.cloud.arn("glue", "job/one");
    let tags = stage.cloud.glue().get_tags().resource_arn(&arn).send().await.unwrap().tags.unwrap();
    let untag = stage.cloud.glue().untag_resource().resource_arn(&arn);
    untag.set_tags_to_remove(Some(tags.keys().cloned().collect())).send().await.unwrap();
    let desired = stage.desired(&bare("glueetl"));
    let plan = stage.plan(&desired, &PlanOptions { adopt: true, ..PlanOptions::default() }).await;
    assert_eq!(plan.steps[0].action, Action::Adopt);
    assert!(stage.run(&plan).await.0.is_success());
    assert!(stage.changes(&bare("glueetl")).await.is_empty());
    let (_, summary) = stage.destroy(&bare("glueetl"), &[]).await;
    assert!(summary.is_success());
    let tags = stage.cloud.glue().get_tags().resource_arn(&arn).send().await.unwrap().tags.unwrap();
    assert!(tags.keys().all(|key| !key.starts_with("lakeform:")), "{tags:?}");
}

#[tokio::test]
async fn a_denied_read_is_no_absence() {
    use lakeform_sandbox::{Effect, Fault, Faults};
    let stage = Stage::new(ProxyConfig::default()).await;
    let jobs = bare("glueetl");
    stage.settle(&jobs).await;
    for call in ["glue:GetJob", "glue:GetTags", "s3:HeadObject"] {
        let faults = Faults { seed: 0, faults: vec![Fault::on(call, Effect::Denied)] };
        stage.proxy.as_ref().unwrap().set_faults(faults);
        let plan = stage.plan(&stage.desired(&jobs), &PlanOptions::default()).await;
        assert!(plan.steps.is_empty(), "{call}");
        assert!(matches!(plan.blocked[0].by, BlockedBy::Unreadable(_)), "{call}");
    }
    let faults = Faults { seed: 0, faults: vec![Fault::on("glue:ListJobs", Effect::Denied)] };
    stage.proxy.as_ref().unwrap().set_faults(faults);
    let plan = stage.plan(&stage.desired(&jobs), &PlanOptions::default()).await;
    assert!(plan.steps.is_empty() && plan.blocked.is_empty() && plan.blind.contains_key("job"));
}

/// moto keeps a job's members by itself, all but the mode; it has no `UpdateJob`.
#[tokio::test]
async fn a_whole_job_settles_on_the_second_emulator() {
    let stage = Stage::moto().await;
    let kept: Vec<_> = full().into_iter().filter(|(field, _)| field != "job_mode").collect();
    stage.settle(&manifest(&["one", "two"], &kept)).await;
    stage.settle("three: { script: main.py, role: glue }\n").await;
    let (_, summary) = stage.destroy("three: { script: main.py, role: glue }\n", &[]).await;
    assert!(summary.is_success(), "{summary:?}");
    assert_eq!(stage.keys().await, Vec::<String>::new());
}

#[tokio::test]
async fn mistakes_are_told_before_any_call() {
    let stage = Stage::new(ProxyConfig::default()).await;
    let cases: &[(&str, &str)] = &[
        (
            "workers: { type: G.1X, count: 2 }, max_capacity: 2",
            "error: `max_capacity` cannot stand beside `workers` (workers say the capacity: leave one of them out)",
        ),
        (
            "type: pythonshell, python_version: 3.9, workers: { type: G.1X, count: 2 }",
            "error: a `pythonshell` job has no workers (give `max_capacity: 0.0625` or `1`, or leave it out)",
        ),
        (
            "type: pythonshell, python_version: 3.9, max_capacity: 2",
            "error: a `pythonshell` job has 0.0625 or 1 DPU",
        ),
        (
            "execution_class: FLEX, glue_version: \"2.0\"",
            "error: `FLEX` needs Glue 3.0 or later (raise `glue_version`)",
        ),
        (
            "execution_class: FLEX, type: gluestreaming",
            "error: `FLEX` is for `glueetl` jobs only, not for `gluestreaming`",
        ),
        (
            "workers: { type: G.3X, count: 2 }",
            "warning: lakeform knows no worker type `G.3X` (did you mean `G.1X`?)",
        ),
        ("glue_version: 5", "error: `glue_version` must look like \"5.0\", in quotes"),
        (
            "arguments: { database: x }",
            "error: the key `database` of `arguments` must begin with `--`: did you mean `--database`?",
        ),
        (
            "arguments: { --JOB_NAME: x }",
            "warning: Glue sets the argument `--JOB_NAME` itself (leave it out)",
        ),
        (
            "bookmark: enable, arguments: { --job-bookmark-option: job-bookmark-pause }",
            "error: `bookmark` and the argument `--job-bookmark-option` are the same (give one of them)",
        ),
        (
            "arguments: { --job-bookmark-option: enable }",
            "error: `--job-bookmark-option` cannot be `enable` (one of: job-bookmark-enable, job-bookmark-disable, job-bookmark-pause)",
        ),
        ("timeout: 10080", "error: `timeout` must be from 1 to 10079"),
        (
            "reads: [stedi.customer_landin]",
            "error: there is no table `stedi.customer_landin` (did you mean `stedi.customer_landing`?)",
        ),
        (
            "maintenance_window: \"Sun:10\"",
            "error: only a `gluestreaming` job has a maintenance window, not a `glueetl` one",
        ),
        ("typ: x", "error: `job.one` has no key `typ` (did you mean `type`?)"),
    ];
    for (fields, expected) in cases {
        let (_, problems) = stage.decode(&format!("one: {{ script: main.py, role: glue, {fields} }}\n"));
        assert_eq!(problems, [*expected], "{fields}");
    }
    let wrong = |fields: &str| stage.decode(&format!("one: {{ {fields} }}\n")).1;
    assert_eq!(wrong("script: main.py, role: glu"), ["error: there is no role `glu` (did you mean `glue`?)"]);
    assert_eq!(
        wrong("script: main.py, role: \"arn:aws:iam::1:user/x\"")[0],
        "error: `arn:aws:iam::1:user/x` is not the ARN of a role (it looks like `arn:aws:iam::111122223333:role/name`)"
    );
    assert_eq!(wrong("script: gone.py, role: glue").len(), 1);
    assert_eq!(wrong("script: \"s3://lake/scripts/\", role: glue").len(), 1);
}

#[tokio::test]
async fn reads_and_writes_are_the_flow_of_a_run() {
    let stage = Stage::new(ProxyConfig::default()).await;
    let desired = stage.desired(
        "one: { script: main.py, role: glue, reads: [stedi.customer_landing, \"s3://lake/in/\"], writes: [stedi.customer_trusted] }\n",
    );
    let flow = desired.resources.values().next().unwrap().flow.clone().unwrap();
    assert_eq!(flow.reads, ["stedi_db.customer_landing", "s3://lake/in/"]);
    assert_eq!(flow.writes, ["stedi_db.customer_trusted"]);
}

#[tokio::test]
async fn jobs_that_share_a_script_all_get_the_new_one() {
    let lab = Lab::new(On::Ministack).await;
    let job = |name: &str| format!("  {name}: {{ script: shared.py, role: glue, description: NOTE }}\n");
    let manifest = format!(
        "lakeform: 1\nstack: demo\nregion: us-east-1\nbuckets: {{ lake: {{ name: shared-{}, force_destroy: true }} }}\n\
        roles: {{ glue: {{ name: shared, trust: glue.amazonaws.com }} }}\njobs:\n{}{}",
        lab.cloud.account,
        job("one"),
        job("two")
    );
    lab.write("shared.py", "print(1)");
    lab.settle(&lab.load(&manifest.replace("NOTE", "before"))).await;
    lab.write("shared.py", "print(2)");
    let desired = lab.load(&manifest.replace("NOTE", "after"));
    let plan = lab.plan(&desired, &PlanOptions::default()).await;
    assert_eq!(plan.steps.len(), 2);
    // One after the other: the second job finds the script as the first has just brought it.
    let options = ApplyOptions { parallelism: 1, ..ApplyOptions::default() };
    let account: Arc<dyn Account> = Arc::clone(&lab.cloud) as _;
    let summary = apply(&plan, account, KINDS, &options, &Stop::new(), &mut |_| {}).await;
    assert!(summary.is_success(), "{summary:#?}");
    assert!(lab.plan(&desired, &PlanOptions::default()).await.is_empty());
}
