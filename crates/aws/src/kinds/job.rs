//! Glue jobs: the definition and the script it runs. Knows nothing of runs but whether one is under way.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use aws_sdk_glue::types::{
    ConnectionsList, ExecutionClass, ExecutionProperty, Job as GlueJob, JobCommand, JobMode, JobRun,
    JobRunState, JobUpdate, NotificationProperty, WorkerType,
};
use lakeform_model::{
    Address, Change, Class, CloudError, Draft, Entry, FieldRule, Fields, Flow, Force, Holds, Inventory, Key,
    Kind, Literal, Live, Mark, Merge, Need, Node, OnChange, Place, Present, Purpose, Resource, Scope, Shape,
    Show, Survey, SurveyRequest, Target, TextRule, Value, Wanted,
};

use crate::Cloud;
use crate::contact::{Contact, each, live};
use crate::error::{Named, absent};
use crate::s3_url::{self, S3Url};
use crate::script::{self, Script};
use crate::tags::{self, TagPatch};

/// The kind `job`.
pub(crate) struct Job;

const TYPES: [&str; 4] = ["glueetl", "pythonshell", "gluestreaming", "glueray"];
/// Source: the `WorkerType` of the Glue API reference; AWS adds to them, so an unknown one is only a warning.
const WORKER_TYPES: [&str; 13] = [
    "Standard", "G.025X", "G.1X", "G.2X", "G.4X", "G.8X", "G.12X", "G.16X", "R.1X", "R.2X", "R.4X", "R.8X",
    "Z.2X",
];
const BOOKMARK: &str = "--job-bookmark-option";
const BOOKMARKS: [&str; 3] = ["enable", "disable", "pause"];
/// Arguments that Glue sets itself. Source: "Using job parameters in AWS Glue jobs", Glue developer guide.
const RESERVED: [&str; 5] = ["--JOB_NAME", "--JOB_ID", "--JOB_RUN_ID", "--debug", "--mode"];
/// Keys that become an argument: lists of S3 URLs.
const FILE_ARGUMENTS: [(&str, &str); 3] = [
    ("extra_py_files", "--extra-py-files"),
    ("extra_jars", "--extra-jars"),
    ("extra_files", "--extra-files"),
];
/// The capacity AWS gives a Spark job that names none. Source: the `MaxCapacity` of the Glue API reference.
const DEFAULT_CAPACITY: f64 = 10.0;
/// `BatchGetJobs` states no limit; its siblings take 25.
const BATCH: usize = 25;
/// The most ids of one `BatchStopJobRun`. Source: its API reference.
const STOPS: usize = 25;

const ARGUMENT: TextRule = TextRule::checked("an argument name", argument);
const ARGUMENTS: Shape = Shape::Map(ARGUMENT, &Shape::TEXT);
const URLS: Shape = Shape::List(&s3_url::SHAPE);

const WORKERS: &[Key] = &[
    Key::required("type", Shape::TEXT, "The worker type: `G.1X`, `G.2X`, …; `Z.2X` is for `glueray`."),
    Key::required("count", Shape::Int { min: 1, max: 10_000 }, "How many workers, the driver included."),
];

const KEYS: &[Key] = &[
    Key::new(
        "name",
        Shape::Text(TextRule::checked("a job name", job_name)),
        "The job's name; the key if not given.",
    ),
    Key::new(
        "description",
        Shape::Text(TextRule::checked("a description", description)),
        "What the job is for.",
    ),
    Key::new(
        "type",
        Shape::TEXT,
        "`glueetl` (the default), `pythonshell`, `gluestreaming` or `glueray`. A change replaces the job, and its run history goes.",
    ),
    Key::required(
        "script",
        Shape::TEXT,
        "The script: a file beside the manifest, which is uploaded and compared line by line, or the S3 URL of one that lakeform leaves alone.",
    ),
    Key::new(
        "script_to",
        s3_url::SHAPE,
        "Where the script goes: an S3 URL, with a final `/` a folder. Default: `scripts/` in the manifest's only bucket.",
    ),
    Key::required("role", Shape::TEXT, "The role it runs as: a key of `roles`, or the ARN of another role."),
    Key::new(
        "glue_version",
        Shape::Text(TextRule::checked("a Glue version", glue_version)),
        "The Glue version, in quotes: `\"5.0\"`. AWS's newest, and then left alone, if not given.",
    ),
    Key::new(
        "python_version",
        Shape::Word(&["2", "3", "3.9"]),
        "The Python version; for a `pythonshell` job `\"3.9\"`.",
    ),
    Key::new("runtime", Shape::TEXT, "The runtime of a `glueray` job, such as `Ray2.4`."),
    Key::new("workers", Shape::Object(WORKERS), "Type and number of workers; not with `max_capacity`."),
    Key::new(
        "max_capacity",
        Shape::Number { min: 0.0625, max: 1000.0 },
        "The capacity in DPUs; a `pythonshell` job has 0.0625 or 1. Not with `workers`.",
    ),
    Key::new(
        "timeout",
        Shape::Int { min: 1, max: 10_079 },
        "Minutes until a run is stopped; AWS's default if not given.",
    ),
    Key::new(
        "max_retries",
        Shape::Int { min: 0, max: 100 },
        "How often a failed run is tried again; 0 if not given.",
    ),
    Key::new(
        "max_concurrent_runs",
        Shape::Int { min: 1, max: 10_000 },
        "How many runs there may be at once; 1 if not given.",
    ),
    Key::new(
        "arguments",
        ARGUMENTS,
        "Default arguments of a run; names begin with `--`. Those that others added stay.",
    ),
    Key::new(
        "non_overridable_arguments",
        ARGUMENTS,
        "Arguments that a run cannot override; names begin with `--`.",
    ),
    Key::new("extra_py_files", URLS, "Python files or archives in S3; becomes `--extra-py-files`."),
    Key::new("extra_jars", URLS, "JAR files in S3; becomes `--extra-jars`."),
    Key::new("extra_files", URLS, "Other files in S3; becomes `--extra-files`."),
    Key::new("connections", Shape::TEXTS, "Names of Glue connections. Those that others added stay."),
    Key::new(
        "bookmark",
        Shape::Word(&BOOKMARKS),
        "Whether a run goes on where the last one stopped; becomes `--job-bookmark-option`.",
    ),
    Key::new(
        "execution_class",
        Shape::Word(&["STANDARD", "FLEX"]),
        "`STANDARD` (the default), or `FLEX` for spare capacity; only for `glueetl` on Glue 3.0 or later.",
    ),
    Key::new("security_configuration", Shape::TEXT, "The name of a Glue security configuration."),
    Key::new(
        "notify_delay_after",
        Shape::Int { min: 1, max: 100_000 },
        "Minutes after which a run is announced as late.",
    ),
    Key::new(
        "queuing",
        Shape::Bool,
        "Whether runs wait for free capacity instead of failing; false if not given.",
    ),
    Key::new(
        "maintenance_window",
        Shape::Text(TextRule::checked("a maintenance window", maintenance_window)),
        "When a `gluestreaming` job may be restarted: `Sun:10` is Sunday from 10:00 UTC.",
    ),
    Key::new(
        "job_mode",
        Shape::Word(&["SCRIPT", "VISUAL", "NOTEBOOK"]),
        "How Glue Studio shows it; left alone if not given.",
    ),
    Key::new(
        "reads",
        Shape::TEXTS,
        "What a run reads: tables as `database.table` keys, or S3 URLs. Puts the jobs in order.",
    ),
    Key::new("writes", Shape::TEXTS, "What a run writes, likewise."),
    tags::KEY,
];

const RULES: &[FieldRule] = &[
    FieldRule::new("description").default(Literal::Text("")),
    FieldRule::new("type").on_change(OnChange::Replace).note("the job is made anew: its run history goes"),
    FieldRule::new("script"),
    FieldRule::new("script.location"),
    FieldRule::new("script.content").show(Show::Lines),
    FieldRule::new("role"),
    FieldRule::new("glue_version").note("AWS's newest at creation, if not given"),
    FieldRule::new("python_version"),
    FieldRule::new("runtime"),
    FieldRule::new("workers"),
    FieldRule::new("max_capacity").note("AWS derives it from the workers"),
    FieldRule::new("timeout").note("AWS's default depends on the Glue version"),
    FieldRule::new("max_retries").default(Literal::Int(0)),
    FieldRule::new("max_concurrent_runs").default(Literal::Int(1)),
    FieldRule::new("arguments").merge(Merge::Keys).note("arguments that others added stay as they are"),
    FieldRule::new("non_overridable_arguments").merge(Merge::Keys),
    FieldRule::new("connections").merge(Merge::Members),
    FieldRule::new("execution_class").default(Literal::Text("STANDARD")),
    FieldRule::new("security_configuration").default(Literal::Text("")),
    FieldRule::new("notify_delay_after").absent(),
    FieldRule::new("queuing").default(Literal::Bool(false)),
    FieldRule::new("maintenance_window").absent(),
    FieldRule::new("job_mode").note("Glue Studio moves it"),
    tags::RULE,
];

fn job_name(text: &str) -> Result<(), String> {
    if text.is_empty() || text.chars().count() > 255 {
        return Err("must be 1 to 255 characters long".to_owned());
    }
    match text.chars().find(|c| c.is_control() && *c != '\t') {
        Some(c) => Err(format!("must not hold `{}`", c.escape_default())),
        None => Ok(()),
    }
}

fn description(text: &str) -> Result<(), String> {
    if text.chars().count() > 2048 { Err("must be at most 2,048 characters long".to_owned()) } else { Ok(()) }
}

/// YAML reads an unquoted 5.0 as the number 5.
fn glue_version(text: &str) -> Result<(), String> {
    let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    match text.split_once('.') {
        Some((major, minor)) if digits(major) && digits(minor) => Ok(()),
        _ => Err("must look like \"5.0\", in quotes".to_owned()),
    }
}

fn argument(text: &str) -> Result<(), String> {
    if text.len() > 2 && text.starts_with("--") {
        return Ok(());
    }
    Err(format!("must begin with `--`: did you mean `--{}`?", text.trim_start_matches('-')))
}

/// Source: the `MaintenanceWindow` pattern of the Glue API reference.
fn maintenance_window(text: &str) -> Result<(), String> {
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    let fine = text.split_once(':').is_some_and(|(day, hour)| {
        let digits = matches!(hour.len(), 1 | 2) && hour.chars().all(|c| c.is_ascii_digit());
        days.contains(&day) && digits && hour.parse::<u8>().is_ok_and(|hour| hour < 24)
    });
    if fine { Ok(()) } else { Err("must look like `Sun:10`: a day and an hour".to_owned()) }
}

/// A Glue version as numbers, for comparison.
fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn list(items: &[&str]) -> String {
    items.join(", ")
}

impl Kind for Job {
    fn name(&self) -> &'static str {
        "job"
    }

    fn place(&self) -> &'static [&'static str] {
        &["jobs"]
    }

    fn shape(&self) -> Shape {
        Shape::Object(KEYS)
    }

    fn rules(&self) -> &'static [FieldRule] {
        RULES
    }

    fn holds(&self) -> Holds {
        Holds::Configuration
    }

    fn about(&self) -> &'static str {
        "A Glue job: a Spark, Python shell, streaming or Ray script and how it is run."
    }

    fn identity(&self, entry: &Entry<'_>) -> String {
        entry.name()
    }

    fn outputs(
        &self,
        _entry: &Entry<'_>,
        identity: &str,
        scope: &Scope<'_>,
    ) -> BTreeMap<&'static str, String> {
        let (partition, region, account) = (scope.partition(), scope.region, scope.account);
        BTreeMap::from([("arn", format!("arn:{partition}:glue:{region}:{account}:job/{identity}"))])
    }
    fn needs(&self, purpose: Purpose, resource: Option<&Resource>, place: &Place<'_>) -> Vec<Need> {
        let Some(resource) = resource else {
            // With tags to filter by, it is asked of no job in particular.
            let find = Need::anywhere(["glue:ListJobs"]);
            return if purpose == Purpose::Plan { vec![find] } else { Vec::new() };
        };
        let job = [place.arn("glue", &format!("job/{}", resource.identity))];
        let script = put_location(&resource.fields).and_then(S3Url::parse);
        let script =
            script.map(|url| (place.s3(&url.bucket), place.s3(&format!("{}/{}", url.bucket, url.key))));
        let stop = resource.permissions.force_destroy.then_some("glue:BatchStopJobRun");
        match purpose {
            Purpose::Plan => {
                let read = ["glue:BatchGetJobs", "glue:GetTags", "glue:GetJobRuns"];
                let mut needs = vec![Need::new(read, job)];
                if let Some((bucket, key)) = script {
                    needs.push(Need::new(["s3:ListBucket"], [bucket]));
                    needs.push(Need::new(["s3:GetObject"], [key]));
                }
                needs
            }
            Purpose::Apply => {
                let write = [
                    "glue:GetJob",
                    "glue:CreateJob",
                    "glue:UpdateJob",
                    "glue:DeleteJob",
                    "glue:TagResource",
                    "glue:UntagResource",
                ];
                let mut needs = vec![Need::new(write.into_iter().chain(stop), job)];
                if let Some((_, key)) = script {
                    needs.push(Need::new(["s3:PutObject", "s3:DeleteObject"], [key]));
                }
                if let Some(role) = resource.fields.text("role") {
                    let role = if role.starts_with("arn:") {
                        role.to_owned()
                    } else {
                        place.iam(&format!("role/{}", role.trim_start_matches('/')))
                    };
                    let pass = Need::new(["iam:PassRole"], [role]);
                    let glue = vec!["glue.amazonaws.com".to_owned()];
                    needs.push(pass.only_if("StringEquals", "iam:PassedToService", glue));
                }
                needs
            }
            Purpose::Run => vec![Need::new(
                ["glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"],
                job,
            )],
        }
    }

    fn decode(&self, entry: &Entry<'_>, scope: &mut Scope<'_>) -> Option<Draft> {
        let node = entry.node;
        if node.some("name").is_none()
            && let Err(problem) = job_name(entry.address.key())
        {
            scope.error(entry.key, format!("the job name {problem}"));
        }
        let script = script_of(node, scope);
        let role = node.some("role").and_then(|role| role_of(role, scope));
        let command = node.text("type").unwrap_or_else(|| "glueetl".to_owned());
        check(node, &command, scope);
        let arguments = arguments_of(node, scope);
        let flow = flow_of(node, scope);

        let mut fields = Fields::new();
        let text = |key: &str| node.some(key).and_then(Node::scalar_text);
        let int = |key: &str| node.some(key).and_then(Node::as_int);
        for key in [
            "description",
            "glue_version",
            "python_version",
            "runtime",
            "execution_class",
            "security_configuration",
            "maintenance_window",
            "job_mode",
        ] {
            fields.set_some(key, text(key));
        }
        for key in ["timeout", "max_retries", "max_concurrent_runs", "notify_delay_after"] {
            fields.set_some(key, int(key));
        }
        fields.set("type", command);
        fields.set_some("queuing", node.some("queuing").and_then(Node::as_bool));
        fields.set_some("max_capacity", node.some("max_capacity").and_then(Node::as_number));
        if let Some(workers) = node.some("workers") {
            let kind = workers.text("type").map(Value::from);
            let count = workers.some("count").and_then(Node::as_int).map(Value::from);
            let pair = [("type", kind), ("count", count)];
            let pair = pair.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
            fields.set("workers", pair.collect::<BTreeMap<_, _>>());
        }
        if !arguments.is_empty() {
            fields.set("arguments", Value::text_map(arguments));
        }
        let fixed = node.get("non_overridable_arguments").map(Node::text_map).unwrap_or_default();
        if !fixed.is_empty() {
            fields.set("non_overridable_arguments", Value::text_map(fixed));
        }
        let connections: BTreeSet<String> =
            node.get("connections").map(Node::texts).unwrap_or_default().into_iter().collect();
        if !connections.is_empty() {
            fields.set("connections", Value::texts(connections));
        }
        fields.set_some("tags", tags::desired(entry, scope));
        fields.set("script", script?);
        fields.set("role", role?);
        Some(Draft { fields, files: BTreeMap::new(), flow })
    }
}

/// The script's place, and its text where lakeform puts it there.
fn script_of(node: &Node, scope: &mut Scope<'_>) -> Option<BTreeMap<String, Value>> {
    let script = node.some("script")?;
    let name = script.scalar_text()?;
    let to = node.some("script_to");
    if name.starts_with("s3://") {
        if let Some(to) = to {
            scope
                .error(to, "`script_to` has no meaning for a script that is in S3 already")
                .hint("leave it out, or let `script` name a file beside the manifest");
        }
        let problem = match s3_url::check(&name) {
            Err(problem) => problem,
            Ok(()) if name.ends_with('/') || S3Url::parse(&name).is_some_and(|url| url.key.is_empty()) => {
                "must name an object, not a folder".to_owned()
            }
            Ok(()) => return Some([("location".to_owned(), s3_url::value(&name))].into()),
        };
        scope.error(script, format!("`script` {problem}"));
        return None;
    }
    let content = scope.read_plain(script).map(|(_, content)| content);
    let file = name.rsplit(['/', '\\']).next().unwrap_or(&name).to_owned();
    let location = match to.and_then(Node::scalar_text) {
        Some(to) if to.ends_with('/') => Some(format!("{to}{file}")),
        Some(to) if S3Url::parse(&to).is_some_and(|url| url.key.is_empty()) => Some(format!("{to}/{file}")),
        Some(to) => Some(to),
        None => match scope.only("bucket") {
            Some(bucket) => Some(format!("s3://{bucket}/scripts/{file}")),
            None => {
                let how_many = if scope.keys("bucket").is_empty() { "no bucket" } else { "several buckets" };
                scope
                    .error(script, format!("where should the script go? the manifest has {how_many}"))
                    .hint("say it with `script_to: s3://…/scripts/`");
                None
            }
        },
    };
    let location = location?;
    if let Err(problem) = s3_url::check(&location) {
        scope.error(to.unwrap_or(script), format!("`{location}` {problem}"));
        return None;
    }
    let parts = [("location", s3_url::value(&location)), ("content", content?.into())];
    Some(parts.map(|(key, value)| (key.to_owned(), value)).into())
}

/// The pointer at the role: the identity is its name, the text what Glue is told.
fn role_of(node: &Node, scope: &mut Scope<'_>) -> Option<Value> {
    let text = node.scalar_text()?;
    if text.starts_with("arn:") {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let name = match parts.as_slice() {
            [_, _, "iam", _, _, resource] => resource.strip_prefix("role/").map(role_name),
            _ => None,
        };
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            scope
                .error(node, format!("`{}` is not the ARN of a role", text.escape_debug()))
                .hint("it looks like `arn:aws:iam::111122223333:role/name`");
            return None;
        };
        return Some(Value::pointer("role", name, text.as_str()));
    }
    let name = scope.reference("role", node)?;
    Some(Value::pointer("role", name.as_str(), role_name(&name)))
}

/// A role's name without its path or the ARN before it.
fn role_name(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

/// The default arguments, those that keys of their own stand for among them.
fn arguments_of(node: &Node, scope: &mut Scope<'_>) -> BTreeMap<String, String> {
    let mut arguments = node.get("arguments").map(Node::text_map).unwrap_or_default();
    let bookmark = node.some("bookmark").and_then(|at| {
        let word = at.scalar_text()?;
        Some((at, "bookmark", BOOKMARK, format!("job-bookmark-{word}")))
    });
    let files = FILE_ARGUMENTS.iter().filter_map(|(key, argument)| {
        let at = node.some(key)?;
        Some((at, *key, *argument, at.texts().join(",")))
    });
    for (at, key, argument, value) in bookmark.into_iter().chain(files) {
        if arguments.insert(argument.to_owned(), value).is_some() {
            scope
                .error(at, format!("`{key}` and the argument `{argument}` are the same"))
                .hint("give one of them");
        }
    }
    if node.some("bookmark").is_none()
        && let Some(value) = node.get("arguments").and_then(|arguments| arguments.get(BOOKMARK))
        && let Some(text) = value.scalar_text()
    {
        let words = BOOKMARKS.map(|word| format!("job-bookmark-{word}"));
        if !words.contains(&text) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            scope
                .error(value, format!("`{BOOKMARK}` cannot be `{}`", text.escape_debug()))
                .hint(format!("one of: {}", list(&words)))
                .suggest(&text, words.iter().copied());
        }
    }
    for section in ["arguments", "non_overridable_arguments"] {
        for (key, _) in node.get(section).map(Node::entries).unwrap_or_default() {
            let name = key.as_text().unwrap_or_default();
            if RESERVED.contains(&name) {
                scope
                    .diagnostics
                    .warning(Some(key.span), format!("Glue sets the argument `{name}` itself"))
                    .hint("leave it out");
            }
            if section != "arguments" && arguments.contains_key(name) {
                scope
                    .error(key, format!("`{name}` is in `arguments`, too"))
                    .hint("an argument is a default, or not overridable");
            }
        }
    }
    arguments
}

/// What a run reads and writes: each table by the name it has in the catalog.
fn flow_of(node: &Node, scope: &mut Scope<'_>) -> Option<Flow> {
    let mut sides = ["reads", "writes"].map(|key| {
        let items = node.get(key).map(Node::items).unwrap_or_default();
        let mut names = Vec::new();
        for item in items {
            let text = item.scalar_text().unwrap_or_default();
            if text.starts_with("s3://") {
                match s3_url::check(&text) {
                    Ok(()) => names.push(text),
                    Err(problem) => drop(scope.error(item, format!("`{}` {problem}", text.escape_debug()))),
                }
            } else {
                names.extend(scope.reference("table", item).map(|identity| identity.replacen('/', ".", 1)));
            }
        }
        names
    });
    let flow = Flow { reads: std::mem::take(&mut sides[0]), writes: std::mem::take(&mut sides[1]) };
    (flow != Flow::default()).then_some(flow)
}

/// What AWS refuses in combination, and what is likely a mistake.
fn check(node: &Node, command: &str, scope: &mut Scope<'_>) {
    if let Some(at) = node.some("type")
        && !TYPES.contains(&command)
    {
        let message = format!("lakeform knows no job type `{}`", command.escape_debug());
        let warning = scope.diagnostics.warning(Some(at.span), message);
        warning.hint(format!("known: {}", list(&TYPES))).suggest(command, TYPES);
    }
    let glue = node.text("glue_version").as_deref().and_then(version);
    check_capacity(node, command, glue, scope);
    if let Some(at) = node.some("execution_class")
        && node.text("execution_class").as_deref() == Some("FLEX")
    {
        if command != "glueetl" {
            scope.error(at, format!("`FLEX` is for `glueetl` jobs only, not for `{command}`"));
        } else if glue.is_some_and(|glue| glue < (3, 0)) {
            scope.error(at, "`FLEX` needs Glue 3.0 or later").hint("raise `glue_version`");
        }
    }
    if let Some(at) = node.some("maintenance_window")
        && command != "gluestreaming"
    {
        scope
            .error(at, format!("only a `gluestreaming` job has a maintenance window, not a `{command}` one"));
    }
    if let Some(at) = node.some("runtime")
        && command != "glueray"
    {
        scope.diagnostics.warning(Some(at.span), "`runtime` has a meaning for `glueray` jobs only");
    }
    if command == "pythonshell" && matches!(node.text("python_version").as_deref(), None | Some("2")) {
        let at = node.some("python_version").or(node.some("type")).unwrap_or(node);
        scope
            .diagnostics
            .warning(
                Some(at.span),
                "a Python shell job without a version gets Python 2, which AWS no longer runs",
            )
            .hint("give `python_version: \"3.9\"`");
    }
}

fn check_capacity(node: &Node, command: &str, glue: Option<(u32, u32)>, scope: &mut Scope<'_>) {
    let (workers, capacity) = (node.some("workers"), node.some("max_capacity"));
    if let (Some(_), Some(at)) = (workers, capacity) {
        scope
            .error(at, "`max_capacity` cannot stand beside `workers`")
            .hint("workers say the capacity: leave one of them out");
        return;
    }
    if let Some(workers) = workers {
        if command == "pythonshell" {
            scope
                .error(workers, "a `pythonshell` job has no workers")
                .hint("give `max_capacity: 0.0625` or `1`, or leave it out");
            return;
        }
        let (Some(at), Some(kind)) = (workers.some("type"), workers.text("type")) else { return };
        if !WORKER_TYPES.contains(&kind.as_str()) {
            let message = format!("lakeform knows no worker type `{}`", kind.escape_debug());
            let warning = scope.diagnostics.warning(Some(at.span), message);
            warning.hint(format!("known: {}", list(&WORKER_TYPES))).suggest(&kind, WORKER_TYPES);
        }
        // Source: the WorkerType of the Glue API reference.
        if (kind == "Z.2X") != (command == "glueray") {
            scope
                .error(at, format!("a `{command}` job cannot have workers of type `{kind}`"))
                .hint("`Z.2X` is the type of `glueray` jobs, and theirs only");
        }
        if kind == "G.025X" && command != "gluestreaming" {
            scope.error(at, "`G.025X` is for `gluestreaming` jobs only");
        }
        if let Some(at) = workers.some("count")
            && at.as_int() == Some(1)
            && command != "glueray"
        {
            scope.diagnostics.warning(Some(at.span), "one worker is the driver's: Spark needs 2 or more");
        }
    }
    let Some(at) = capacity else { return };
    #[expect(clippy::float_cmp, reason = "both are exact in binary")]
    let shell = at.as_number().is_some_and(|number| number == 0.0625 || number == 1.0);
    match command {
        "pythonshell" if !shell => drop(scope.error(at, "a `pythonshell` job has 0.0625 or 1 DPU")),
        "glueray" => {
            scope.error(at, "a `glueray` job has workers, no capacity").hint("give `workers`");
        }
        "glueetl" | "gluestreaming" if at.as_number().is_some_and(|number| number < 2.0) => {
            scope.error(at, "a Spark job has 2 DPUs or more");
        }
        "glueetl" | "gluestreaming" if glue.is_none_or(|glue| glue >= (2, 0)) => {
            scope
                .diagnostics
                .warning(Some(at.span), "from Glue 2.0 on AWS wants `workers` instead of `max_capacity`");
        }
        _ => {}
    }
}

#[async_trait]
impl Contact for Job {
    async fn survey(&self, cloud: &Cloud, request: SurveyRequest<'_>) -> Survey {
        let wanted: BTreeSet<&str> = request.wanted.iter().map(|wanted| wanted.identity.as_str()).collect();
        let (found, others) = futures_util::join!(read_wanted(cloud, request.wanted), async {
            if request.find_owned { owned(cloud, request.stack, &wanted).await } else { Ok(Vec::new()) }
        });
        let (owned, blind) = match others {
            Ok(owned) => (owned, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        Survey { found, owned, blind }
    }

    async fn inventory(&self, cloud: &Cloud, present: &Present) -> Result<Inventory, CloudError> {
        let runs = first_runs(cloud, &present.identity).await?;
        let active: Vec<&str> = runs.iter().filter(|run| is_active(run)).filter_map(JobRun::id).collect();
        let mut lines = Vec::new();
        if !active.is_empty() {
            let what = if active.len() == 1 { "run" } else { "runs" };
            lines.push(format!("{} {what} under way ({})", active.len(), active.join(", ")));
        }
        if !runs.is_empty() {
            let what = if runs.len() == 1 { "run" } else { "runs" };
            let more = if runs.len() >= 200 { " or more" } else { "" };
            lines.push(format!("the history of {}{more} {what}", runs.len()));
        }
        Ok(Inventory { lines, needs_permission: !active.is_empty() })
    }

    /// `CreateJob` takes the mark with it, and goes first: killed before the script is written, the next apply
    /// finds a job of ours without its script and writes that. A script written first would be left behind
    /// by a destroy that finds no job. The script need not exist for `CreateJob`.
    async fn create(&self, cloud: &Cloud, target: &Target) -> Result<(), CloudError> {
        let script = script_to_put(target, None);
        let need = match &script {
            Some(script) => script.need(cloud).await?,
            None => script::Need::Nothing,
        };
        let mut draft = JobUpdate::builder().build();
        apply_all(&mut draft, &target.fields);
        let JobUpdate { role, command, description, .. } = draft.clone();
        let created = cloud
            .glue
            .create_job()
            .name(&target.identity)
            .set_role(role)
            .set_command(command)
            .set_description(description)
            .set_glue_version(draft.glue_version)
            .set_worker_type(draft.worker_type)
            .set_number_of_workers(draft.number_of_workers)
            .set_max_capacity(draft.max_capacity)
            .set_timeout(draft.timeout)
            .set_max_retries(target.fields.get("max_retries").map(|_| draft.max_retries))
            .set_execution_property(draft.execution_property)
            .set_default_arguments(draft.default_arguments)
            .set_non_overridable_arguments(draft.non_overridable_arguments)
            .set_connections(draft.connections)
            .set_execution_class(draft.execution_class)
            .set_security_configuration(draft.security_configuration)
            .set_notification_property(draft.notification_property)
            .set_job_run_queuing_enabled(draft.job_run_queuing_enabled)
            .set_maintenance_window(draft.maintenance_window)
            .set_job_mode(draft.job_mode)
            .set_tags(Some(tags::for_create(target).into_iter().collect()))
            .send()
            .await;
        created.named("glue:CreateJob").map_err(spreading)?;
        match script {
            Some(script) if need == script::Need::Put => script.put(cloud).await,
            _ => Ok(()),
        }
    }

    /// The script before the job, the job before its tags: with the mark written last, a key that the manifest
    /// dropped is still known as ours until it is gone.
    async fn update(
        &self,
        cloud: &Cloud,
        target: &Target,
        live: &Present,
        changes: &[Change],
    ) -> Result<(), CloudError> {
        let renamed = address_of(live).is_some_and(|address| *address != target.address);
        let touches = |path: &str| changes.iter().any(|change| change.path.is_within(path));
        if (touches("script") || renamed)
            && let Some(script) = script_to_put(target, Some(live))
            && script.need(cloud).await? == script::Need::Put
        {
            script.put(cloud).await?;
        }
        let of_the_job =
            |change: &&Change| change.path.field() != "tags" && !change.path.is_within("script.content");
        let of_the_job: Vec<&Change> = changes.iter().filter(of_the_job).collect();
        if !of_the_job.is_empty() {
            let got = cloud.glue.get_job().job_name(&target.identity).send().await.named("glue:GetJob")?;
            let job = got.job.ok_or_else(|| silent("glue:GetJob", &target.identity))?;
            let update = updated(job, target, &of_the_job);
            let sent = cloud.glue.update_job().job_name(&target.identity).job_update(update).send().await;
            sent.named("glue:UpdateJob").map_err(spreading)?;
        }
        if touches("script.location")
            && let (Some(mark), Some(old)) = (&live.mark, live.fields.text("script.location"))
        {
            let keep = target.fields.text("script.location");
            let _turn = SCRIPTS.lock().await;
            leave_script(cloud, &target.identity, old, mark, keep).await?;
        }
        let patch = TagPatch::of(target, live, changes);
        if !patch.is_empty() {
            write_tags(cloud, &target.identity, patch).await?;
        }
        Ok(())
    }

    /// The script before the job: killed in between, the job still tells whose the rest is.
    async fn delete(&self, cloud: &Cloud, present: &Present, force: Force) -> Result<(), CloudError> {
        let name = &present.identity;
        let runs = first_runs(cloud, name).await?;
        let active: Vec<&str> = runs.iter().filter(|run| is_active(run)).filter_map(JobRun::id).collect();
        if !active.is_empty() {
            if force == Force::No {
                let message = format!("`{name}` is running ({}): wait, or permit it", active.join(", "));
                return Err(CloudError::new(Class::Invalid, "glue:DeleteJob", message));
            }
            stop(cloud, name, &runs).await?;
        }
        let _turn = SCRIPTS.lock().await;
        if let (Some(mark), Some(location)) = (&present.mark, present.fields.text("script.location")) {
            leave_script(cloud, name, location, mark, None).await?;
        }
        // Deleting a missing job succeeds. Source: the DeleteJob API reference.
        absent(cloud.glue.delete_job().job_name(name).send().await.named("glue:DeleteJob"))?;
        Ok(())
    }
}

/// Glue words one refusal of a role that has not spread like a lack of permission, under the code of any invalid
/// input. Source: observed texts.
fn spreading(mut error: CloudError) -> CloudError {
    let invalid = error.code.as_deref() == Some("InvalidInputException");
    if invalid && error.message.contains("is not authorized") {
        error.class = Class::Propagating;
    }
    error
}

fn silent(operation: &str, name: &str) -> CloudError {
    CloudError::new(Class::Unknown, operation, format!("the answer says nothing of `{name}`"))
}

fn address_of(live: &Present) -> Option<&Address> {
    live.mark.as_ref().map(|mark| &mark.address)
}

/// Held by a job that leaves its script: two that go at once would each leave it to the other.
static SCRIPTS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Takes away the script that the job `name` no longer runs, or leaves it to another job of the stack that does.
async fn leave_script(
    cloud: &Cloud,
    name: &str,
    location: &str,
    mark: &Mark,
    keep: Option<&str>,
) -> Result<(), CloudError> {
    match heir(cloud, &mark.stack, name, location).await? {
        Some(heir) => script::hand_over(cloud, location, mark, &heir).await,
        None => script::remove(cloud, location, mark, keep).await,
    }
}

/// The address of another job of the stack that runs the script at `location`.
async fn heir(cloud: &Cloud, stack: &str, name: &str, location: &str) -> Result<Option<Address>, CloudError> {
    let names = owned_names(cloud, stack).await?;
    let names: Vec<&str> = names.iter().map(String::as_str).filter(|other| *other != name).collect();
    for (other, job) in get(cloud, &names).await {
        let runs_it = |job: &GlueJob| {
            job.command().and_then(JobCommand::script_location).is_some_and(|script| script == location)
        };
        if job?.as_ref().is_some_and(runs_it)
            && let Some(mark) = Mark::split(read_tags(cloud, &other).await?).0
        {
            return Ok(Some(mark.address));
        }
    }
    Ok(None)
}

/// The script that the target's fields hold; none for one that lakeform leaves alone, or a released job's.
fn script_to_put<'a>(target: &'a Target, live: Option<&'a Present>) -> Option<Script<'a>> {
    let location = target.fields.text("script.location")?;
    let content = target.fields.text("script.content")?;
    let mark = target.mark.as_ref()?;
    let before = live.and_then(|live| live.fields.text("script.location"));
    Some(Script {
        location,
        content,
        mark,
        former: before.filter(|before| *before != location),
        may_overwrite: before == Some(location),
        renamed_from: live.and_then(address_of).filter(|address| **address != target.address),
    })
}

async fn read_wanted(cloud: &Cloud, wanted: &[Wanted]) -> Vec<Live> {
    let names: Vec<&str> = wanted.iter().map(|wanted| wanted.identity.as_str()).collect();
    let (jobs, etags) = futures_util::join!(get(cloud, &names), known_etags(cloud, wanted));
    let mut places: HashMap<&str, Vec<&Wanted>> = HashMap::new();
    for wanted in wanted {
        if let Some(location) = put_location(&wanted.fields) {
            places.entry(location).or_default().push(wanted);
        }
    }
    let (jobs, etags, places) = (&jobs, &etags, &places);
    let reads = each(wanted, |wanted| async move {
        match jobs.get(&wanted.identity) {
            Some(Ok(Some(job))) => live(read_one(cloud, job, Some(wanted), etags).await.map(Some)),
            Some(Ok(None)) => clash(wanted, places).unwrap_or(Live::Absent),
            Some(Err(error)) => Live::Unreadable(error.clone()),
            None => Live::Unreadable(silent("glue:BatchGetJobs", &wanted.identity)),
        }
    });
    reads.await
}

/// Where a job's script is put; none for one that is left alone.
fn put_location(fields: &Fields) -> Option<&str> {
    fields.get("script.content")?;
    fields.text("script.location")
}

/// Two jobs that put different scripts to one place would overwrite each other for ever. Only a job that is
/// not there is refused for it, so that one that is can still be destroyed.
fn clash(wanted: &Wanted, places: &HashMap<&str, Vec<&Wanted>>) -> Option<Live> {
    let location = put_location(&wanted.fields)?;
    let content = wanted.fields.text("script.content");
    let other = places.get(location)?.iter().find(|other| other.fields.text("script.content") != content)?;
    Some(Live::Conflict {
        reason: format!("`{}` puts another script to `{location}`", other.address),
        hint: Some("give one of them another `script_to`".to_owned()),
    })
}

/// The definitions of jobs by name: `None` where AWS said that there is none. A name is left out where AWS said
/// nothing of it.
async fn get(cloud: &Cloud, names: &[&str]) -> HashMap<String, Result<Option<GlueJob>, CloudError>> {
    let chunks = each(names.chunks(BATCH), |chunk| async move {
        let request = cloud.glue.batch_get_jobs().set_job_names(Some(to_owned(chunk)));
        (chunk, request.send().await.named("glue:BatchGetJobs"))
    });
    let mut jobs = HashMap::new();
    for (chunk, answer) in chunks.await {
        match answer {
            Ok(answer) => {
                for name in answer.jobs_not_found.unwrap_or_default() {
                    jobs.insert(name, Ok(None));
                }
                for job in answer.jobs.unwrap_or_default() {
                    jobs.insert(job.name().unwrap_or_default().to_owned(), Ok(Some(job)));
                }
            }
            Err(error) => jobs.extend(chunk.iter().map(|name| ((*name).to_owned(), Err(error.clone())))),
        }
    }
    jobs
}

fn to_owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The `ETag`s of the wanted scripts by location, from one list call for each folder that holds several of them.
/// A script of its own is cheaper to ask for, and so is one in a folder that may not be listed.
async fn known_etags(cloud: &Cloud, wanted: &[Wanted]) -> HashMap<String, Option<String>> {
    let mut folders: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for url in wanted.iter().filter_map(|wanted| S3Url::parse(put_location(&wanted.fields)?)) {
        let folder = url.key.rfind('/').map_or("", |at| &url.key[..=at]).to_owned();
        folders.entry((url.bucket, folder)).or_default().insert(url.key);
    }
    folders.retain(|_, keys| keys.len() > 1);
    let listed = each(&folders, |((bucket, folder), keys)| async move {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        match script::etags(cloud, bucket, folder, &keys).await {
            Ok(etags) => (bucket, etags),
            Err(error) => {
                tracing::debug!(%bucket, %folder, %error, "the scripts' folder cannot be listed");
                (bucket, BTreeMap::new())
            }
        }
    });
    let mut known = HashMap::new();
    for (bucket, etags) in listed.await {
        known.extend(etags.into_iter().map(|(key, etag)| (format!("s3://{bucket}/{key}"), etag)));
    }
    known
}

async fn read_tags(cloud: &Cloud, name: &str) -> Result<BTreeMap<String, String>, CloudError> {
    let arn = cloud.arn("glue", &format!("job/{name}"));
    let answer = cloud.glue.get_tags().resource_arn(arn).send().await.named("glue:GetTags")?;
    Ok(answer.tags.unwrap_or_default().into_iter().collect())
}

/// A job with its mark, and with its script's text where the manifest gives one.
async fn read_one(
    cloud: &Cloud,
    job: &GlueJob,
    wanted: Option<&Wanted>,
    etags: &HashMap<String, Option<String>>,
) -> Result<Present, CloudError> {
    let name = job.name().unwrap_or_default();
    let tags = read_tags(cloud, name).await?;
    let mut fields = fields_of(job, wanted.map(|wanted| &wanted.fields), &cloud.account);
    let mark = tags::read(&mut fields, tags);
    // Not the manifest's script but the one the job has: an edit of both is one of both.
    if let Some(wanted) = wanted.and_then(|wanted| wanted.fields.text("script.content"))
        && let Some(location) = fields.text("script.location").map(str::to_owned)
        && let Some(url) = S3Url::parse(&location).filter(|url| !url.key.is_empty())
    {
        let etag = match etags.get(&location) {
            Some(known) => known.clone(),
            None => script::etag(cloud, &url).await?,
        };
        if let Some(content) = script::content(cloud, &url, etag.as_deref(), wanted).await?
            && let Some(Value::Map(script)) = fields.0.get_mut("script")
        {
            script.insert("content".to_owned(), content.into());
        }
    }
    Ok(Present { identity: name.to_owned(), handle: None, fields, mark })
}

/// The names of the jobs that carry the stack's mark; of all jobs at an endpoint that ignores the filter.
async fn owned_names(cloud: &Cloud, stack: &str) -> Result<BTreeSet<String>, CloudError> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut token = None;
    loop {
        let request = cloud.glue.list_jobs().tags("lakeform:stack", stack).max_results(1000);
        let page = request.set_next_token(token).send().await.named("glue:ListJobs")?;
        names.extend(page.job_names.unwrap_or_default());
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(names);
        }
    }
}

/// Everything else that carries the stack's mark.
async fn owned(cloud: &Cloud, stack: &str, wanted: &BTreeSet<&str>) -> Result<Vec<Present>, CloudError> {
    let names = owned_names(cloud, stack).await?;
    let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| !wanted.contains(name)).collect();
    let none = HashMap::new();
    let (jobs, none) = (get(cloud, &names).await, &none);
    let reads = each(jobs.into_values(), |job| async move {
        match job? {
            Some(job) => read_one(cloud, &job, None, none).await.map(Some),
            None => Ok(None),
        }
    });
    let mut owned = Vec::new();
    for read in reads.await {
        // Gone since the list, or an endpoint that ignores the filter.
        match absent(read)?.flatten() {
            Some(present) if present.mark.as_ref().is_some_and(|mark| mark.stack == stack) => {
                owned.push(present);
            }
            _ => {}
        }
    }
    owned.sort_by(|left, right| left.identity.cmp(&right.identity));
    Ok(owned)
}

/// The canonical fields of a live job. What AWS or others move is in them only where the manifest gives it, so
/// that it is neither a difference nor a reason to refuse a planned step.
fn fields_of(job: &GlueJob, wanted: Option<&Fields>, account: &str) -> Fields {
    let asked = |field: &str| wanted.is_some_and(|wanted| wanted.get(field).is_some());
    let mut fields = Fields::new();
    let command = job.command();
    fields.set("type", command.and_then(JobCommand::name).unwrap_or("glueetl"));
    let location = command.and_then(JobCommand::script_location).unwrap_or_default();
    fields.set("script", BTreeMap::from([("location".to_owned(), s3_url::value(location))]));
    if let Some(role) = job.role() {
        fields.set("role", live_role(role, wanted.and_then(|wanted| wanted.get("role")), account));
    }
    fields.set_some("description", job.description().filter(|text| !text.is_empty()));
    fields.set_some("security_configuration", job.security_configuration().filter(|name| !name.is_empty()));
    fields.set("max_retries", job.max_retries());
    fields.set_some(
        "max_concurrent_runs",
        // The SDK reads an absent member as 0, which is never a limit.
        job.execution_property().map(ExecutionProperty::max_concurrent_runs).filter(|most| *most > 0),
    );
    fields.set_some("execution_class", job.execution_class().map(ExecutionClass::as_str));
    fields.set_some("queuing", job.job_run_queuing_enabled());
    fields.set_some("maintenance_window", job.maintenance_window().filter(|window| !window.is_empty()));
    let delay = job.notification_property().and_then(NotificationProperty::notify_delay_after);
    fields.set_some("notify_delay_after", delay.filter(|minutes| *minutes > 0));
    for (field, map) in [
        ("arguments", job.default_arguments()),
        ("non_overridable_arguments", job.non_overridable_arguments()),
    ] {
        if let Some(map) = map.filter(|map| !map.is_empty()) {
            fields.set(field, Value::text_map(map));
        }
    }
    let connections = job.connections().map(ConnectionsList::connections).unwrap_or_default();
    if !connections.is_empty() {
        fields.set("connections", Value::texts(connections));
    }
    let unmanaged: [(&str, Option<Value>); 6] = [
        ("glue_version", job.glue_version().map(Value::from)),
        ("python_version", command.and_then(JobCommand::python_version).map(Value::from)),
        ("runtime", command.and_then(JobCommand::runtime).map(Value::from)),
        ("timeout", job.timeout().map(Value::from)),
        ("max_capacity", job.max_capacity().map(Value::from)),
        ("job_mode", job.job_mode().map(|mode| mode.as_str().into())),
    ];
    for (field, value) in unmanaged {
        fields.set_some(field, value.filter(|_| asked(field)));
    }
    if asked("workers")
        && let Some(kind) = job.worker_type()
    {
        let mut workers = BTreeMap::from([("type".to_owned(), Value::from(kind.as_str()))]);
        if let Some(count) = job.number_of_workers() {
            workers.insert("count".to_owned(), count.into());
        }
        fields.set("workers", workers);
    }
    fields
}

/// The live role, as the manifest spells it where both are the same: Glue gives back what it was told, a name
/// or an ARN.
fn live_role(live: &str, wanted: Option<&Value>, account: &str) -> Value {
    // A name is a role of this account.
    let owner = |role: &str| role.split(':').nth(4).unwrap_or(account).to_owned();
    if let Some(Value::Pointer(wanted)) = wanted
        && owner(&wanted.text) == owner(live)
        && role_name(&wanted.text) == role_name(live)
    {
        return Value::Pointer(wanted.clone());
    }
    Value::pointer("role", role_name(live), live)
}

/// A definition with every field set that the manifest gives.
fn apply_all(update: &mut JobUpdate, fields: &Fields) {
    for field in fields.0.keys() {
        set(update, field, fields);
    }
}

/// The live definition with these changes and no others.
///
/// `UpdateJob` replaces the whole: what is left out is removed or set to AWS's default, all but the Glue version.
/// Source: the `JobUpdate` of the Glue API reference.
fn updated(live: GlueJob, target: &Target, changes: &[&Change]) -> JobUpdate {
    let mut update = from_live(live);
    // A capacity that AWS made up comes back by itself; sent, it is refused beside workers, and by recent versions.
    let shell = update.command.as_ref().and_then(JobCommand::name) == Some("pythonshell");
    let made_up =
        update.max_capacity == Some(DEFAULT_CAPACITY) && target.fields.get("max_capacity").is_none();
    if update.worker_type.is_some() || (made_up && !shell) {
        update.max_capacity = None;
    }
    for change in changes {
        match change.path.field() {
            "arguments" => patch(&mut update.default_arguments, change),
            "non_overridable_arguments" => patch(&mut update.non_overridable_arguments, change),
            "connections" => {
                let names = change.to.as_ref().map(Value::to_texts).unwrap_or_default();
                update.connections = connections(names);
            }
            field => set(&mut update, field, &target.fields),
        }
    }
    update
}

fn from_live(live: GlueJob) -> JobUpdate {
    JobUpdate::builder()
        .set_job_mode(live.job_mode)
        .set_job_run_queuing_enabled(live.job_run_queuing_enabled)
        .set_description(live.description)
        .set_log_uri(live.log_uri)
        .set_role(live.role)
        .set_execution_property(live.execution_property)
        .set_command(live.command)
        .set_default_arguments(live.default_arguments)
        .set_non_overridable_arguments(live.non_overridable_arguments)
        .set_connections(live.connections)
        .max_retries(live.max_retries)
        .set_timeout(live.timeout)
        .set_max_capacity(live.max_capacity)
        .set_worker_type(live.worker_type)
        .set_number_of_workers(live.number_of_workers)
        .set_security_configuration(live.security_configuration)
        .set_notification_property(live.notification_property)
        .set_glue_version(live.glue_version)
        .set_code_gen_configuration_nodes(live.code_gen_configuration_nodes)
        .set_execution_class(live.execution_class)
        .set_source_control_details(live.source_control_details)
        .set_maintenance_window(live.maintenance_window)
        .build()
}

fn patch(arguments: &mut Option<HashMap<String, String>>, change: &Change) {
    let arguments = arguments.get_or_insert_default();
    match change.to.as_ref().and_then(Value::as_text) {
        Some(value) => arguments.insert(change.path.last().to_owned(), value.to_owned()),
        None => arguments.remove(change.path.last()),
    };
}

fn connections(names: Vec<String>) -> Option<ConnectionsList> {
    (!names.is_empty()).then(|| ConnectionsList::builder().set_connections(Some(names)).build())
}

/// Sets one field as the manifest wants it; a field that it does not give gets AWS's default.
fn set(update: &mut JobUpdate, field: &str, fields: &Fields) {
    let text = |field: &str| fields.text(field).map(str::to_owned);
    let int = |field: &str| fields.int(field).and_then(|value| i32::try_from(value).ok());
    match field {
        "description" => update.description = text(field),
        "role" => update.role = text(field),
        "type" | "script" | "python_version" | "runtime" => set_command(update, field, fields),
        "glue_version" => update.glue_version = text(field),
        "workers" => {
            update.worker_type = text("workers.type").map(|kind| WorkerType::from(kind.as_str()));
            update.number_of_workers = int("workers.count");
            update.max_capacity = None;
        }
        "max_capacity" => {
            update.max_capacity = fields.get(field).and_then(Value::as_number);
            (update.worker_type, update.number_of_workers) = (None, None);
        }
        "timeout" => update.timeout = int(field),
        "max_retries" => update.max_retries = int(field).unwrap_or(0),
        "max_concurrent_runs" => {
            let most = int(field).unwrap_or(1);
            update.execution_property = Some(ExecutionProperty::builder().max_concurrent_runs(most).build());
        }
        "arguments" => update.default_arguments = Some(fields.text_map(field).into_iter().collect()),
        "non_overridable_arguments" => {
            update.non_overridable_arguments = Some(fields.text_map(field).into_iter().collect());
        }
        "connections" => update.connections = connections(fields.texts(field)),
        "execution_class" => {
            update.execution_class = text(field).map(|class| ExecutionClass::from(class.as_str()));
        }
        "security_configuration" => {
            update.security_configuration = text(field).filter(|name| !name.is_empty());
        }
        "notify_delay_after" => {
            update.notification_property =
                int(field).map(|minutes| NotificationProperty::builder().notify_delay_after(minutes).build());
        }
        "queuing" => update.job_run_queuing_enabled = fields.bool(field),
        "maintenance_window" => update.maintenance_window = text(field),
        "job_mode" => update.job_mode = text(field).map(|mode| JobMode::from(mode.as_str())),
        _ => {}
    }
}

fn set_command(update: &mut JobUpdate, field: &str, fields: &Fields) {
    let mut command = update.command.take().unwrap_or_else(|| JobCommand::builder().build());
    match field {
        "type" => command.name = fields.text("type").map(str::to_owned),
        "script" => command.script_location = fields.text("script.location").map(str::to_owned),
        "python_version" => command.python_version = fields.text("python_version").map(str::to_owned),
        _ => command.runtime = fields.text("runtime").map(str::to_owned),
    }
    update.command = Some(command);
}

/// Removes before it writes: killed in between, a dropped tag is gone before the mark forgets that it was ours.
async fn write_tags(cloud: &Cloud, name: &str, patch: TagPatch) -> Result<(), CloudError> {
    let arn = cloud.arn("glue", &format!("job/{name}"));
    if !patch.remove.is_empty() {
        let request = cloud.glue.untag_resource().resource_arn(&arn).set_tags_to_remove(Some(patch.remove));
        request.send().await.named("glue:UntagResource")?;
    }
    if !patch.set.is_empty() {
        let tags = patch.set.into_iter().collect();
        let request = cloud.glue.tag_resource().resource_arn(&arn).set_tags_to_add(Some(tags));
        request.send().await.named("glue:TagResource")?;
    }
    Ok(())
}

/// The latest runs; none of a job that is gone.
async fn first_runs(cloud: &Cloud, name: &str) -> Result<Vec<JobRun>, CloudError> {
    let request = cloud.glue.get_job_runs().job_name(name).max_results(200);
    let page = absent(request.send().await.named("glue:GetJobRuns"))?;
    Ok(page.and_then(|page| page.job_runs).unwrap_or_default())
}

fn is_active(run: &JobRun) -> bool {
    use JobRunState::{Running, Starting, Stopping, Waiting};
    matches!(run.job_run_state(), Some(Running | Starting | Stopping | Waiting))
}

async fn stop(cloud: &Cloud, name: &str, runs: &[JobRun]) -> Result<(), CloudError> {
    let stoppable = |run: &&JobRun| is_active(run) && run.job_run_state() != Some(&JobRunState::Stopping);
    let ids: Vec<&str> = runs.iter().filter(stoppable).filter_map(JobRun::id).collect();
    let mut refused = Vec::new();
    for chunk in ids.chunks(STOPS) {
        let request = cloud.glue.batch_stop_job_run().job_name(name).set_job_run_ids(Some(to_owned(chunk)));
        let answer = request.send().await.named("glue:BatchStopJobRun")?;
        refused.extend(answer.errors.unwrap_or_default());
    }
    if refused.is_empty() {
        return Ok(());
    }
    // A run that ended by itself in the meantime cannot be stopped, and need not be.
    let now = first_runs(cloud, name).await?;
    let still: BTreeSet<&str> = now.iter().filter(stoppable).filter_map(JobRun::id).collect();
    let left = refused.iter().find(|error| error.job_run_id().is_some_and(|id| still.contains(id)));
    let Some(left) = left else { return Ok(()) };
    let detail = left.error_detail().and_then(|detail| detail.error_message()).unwrap_or("no reason given");
    let message = format!("the run {} cannot be stopped: {detail}", left.job_run_id().unwrap_or_default());
    Err(CloudError::new(Class::Moved, "glue:BatchStopJobRun", message))
}

#[cfg(test)]
mod tests {
    use lakeform_model::{Address, Managed, diff};

    use super::*;

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
        let target =
            Target { address, identity: "j".into(), fields: wanted, files: BTreeMap::new(), mark: None };
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
        assert_eq!(
            (update.worker_type, update.number_of_workers, update.max_capacity),
            (None, None, Some(4.0))
        );
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
}
