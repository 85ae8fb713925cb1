//! What the manifest says of a job: its keys, what AWS refuses in combination, and the canonical parts.

use std::collections::BTreeMap;

use lakeform_model::{Flow, Key, Node, Scope, Shape, TextRule, Value};

use crate::s3_url::S3Url;
use crate::{s3_url, tags};

pub(super) const TYPES: [&str; 4] = ["glueetl", "pythonshell", "gluestreaming", "glueray"];
/// Source: the `WorkerType` of the Glue API reference; AWS adds to them, so an unknown one is only a warning.
pub(super) const WORKER_TYPES: [&str; 13] = [
    "Standard", "G.025X", "G.1X", "G.2X", "G.4X", "G.8X", "G.12X", "G.16X", "R.1X", "R.2X", "R.4X", "R.8X",
    "Z.2X",
];
pub(super) const BOOKMARK: &str = "--job-bookmark-option";
pub(super) const BOOKMARKS: [&str; 3] = ["enable", "disable", "pause"];
/// Arguments that Glue sets itself. Source: "Using job parameters in AWS Glue jobs", Glue developer guide.
pub(super) const RESERVED: [&str; 5] = ["--JOB_NAME", "--JOB_ID", "--JOB_RUN_ID", "--debug", "--mode"];
/// Keys that become an argument: lists of S3 URLs.
pub(super) const FILE_ARGUMENTS: [(&str, &str); 3] = [
    ("extra_py_files", "--extra-py-files"),
    ("extra_jars", "--extra-jars"),
    ("extra_files", "--extra-files"),
];
/// The capacity AWS gives a Spark job that names none. Source: the `MaxCapacity` of the Glue API reference.
pub(super) const DEFAULT_CAPACITY: f64 = 10.0;
/// The most jobs of one page of `GetJobs` and `ListJobs`. Source: their API reference.
pub(super) const PAGE: i32 = 1000;
/// The most ids of one `BatchStopJobRun`. Source: its API reference.
pub(super) const STOPS: usize = 25;

pub(super) const ARGUMENT: TextRule = TextRule::checked("an argument name", argument);
pub(super) const ARGUMENTS: Shape = Shape::Map(ARGUMENT, &Shape::TEXT);
pub(super) const URLS: Shape = Shape::List(&s3_url::SHAPE);

pub(super) const WORKERS: &[Key] = &[
    Key::required("type", Shape::TEXT, "The worker type: `G.1X`, `G.2X`, …; `Z.2X` is for `glueray`."),
    Key::required("count", Shape::Int { min: 1, max: 10_000 }, "How many workers, the driver included."),
];

pub(super) const KEYS: &[Key] = &[
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

pub(super) fn job_name(text: &str) -> Result<(), String> {
    if text.is_empty() || text.chars().count() > 255 {
        return Err("must be 1 to 255 characters long".to_owned());
    }
    match text.chars().find(|c| c.is_control() && *c != '\t') {
        Some(c) => Err(format!("must not hold `{}`", c.escape_default())),
        None => Ok(()),
    }
}

pub(super) fn description(text: &str) -> Result<(), String> {
    if text.chars().count() > 2048 { Err("must be at most 2,048 characters long".to_owned()) } else { Ok(()) }
}

/// YAML reads an unquoted 5.0 as the number 5.
pub(super) fn glue_version(text: &str) -> Result<(), String> {
    let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    match text.split_once('.') {
        Some((major, minor)) if digits(major) && digits(minor) => Ok(()),
        _ => Err("must look like \"5.0\", in quotes".to_owned()),
    }
}

pub(super) fn argument(text: &str) -> Result<(), String> {
    if text.len() > 2 && text.starts_with("--") {
        return Ok(());
    }
    Err(format!("must begin with `--`: did you mean `--{}`?", text.trim_start_matches('-')))
}

/// Source: the `MaintenanceWindow` pattern of the Glue API reference.
pub(super) fn maintenance_window(text: &str) -> Result<(), String> {
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    let fine = text.split_once(':').is_some_and(|(day, hour)| {
        let digits = matches!(hour.len(), 1 | 2) && hour.chars().all(|c| c.is_ascii_digit());
        days.contains(&day) && digits && hour.parse::<u8>().is_ok_and(|hour| hour < 24)
    });
    if fine { Ok(()) } else { Err("must look like `Sun:10`: a day and an hour".to_owned()) }
}

/// A Glue version as numbers, for comparison.
pub(super) fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

pub(super) fn list(items: &[&str]) -> String {
    items.join(", ")
}

/// The script's place, and its text where lakeform puts it there.
pub(super) fn script_of(node: &Node, scope: &mut Scope<'_>) -> Option<BTreeMap<String, Value>> {
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
                let how_many = if scope.has_any("bucket") { "several buckets" } else { "no bucket" };
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
pub(super) fn role_of(node: &Node, scope: &mut Scope<'_>) -> Option<Value> {
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
pub(super) fn role_name(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

/// The default arguments, those that keys of their own stand for among them.
pub(super) fn arguments_of(node: &Node, scope: &mut Scope<'_>) -> BTreeMap<String, String> {
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
pub(super) fn flow_of(node: &Node, scope: &mut Scope<'_>) -> Option<Flow> {
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
pub(super) fn check(node: &Node, command: &str, scope: &mut Scope<'_>) {
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

pub(super) fn check_capacity(node: &Node, command: &str, glue: Option<(u32, u32)>, scope: &mut Scope<'_>) {
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
