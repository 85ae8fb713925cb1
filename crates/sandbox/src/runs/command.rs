//! What a run's process is: which Python, which script, which arguments and surroundings. Looks for what is missing
//! first, and says what to do about it.

use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use serde_json::{Map, Value};
use tokio::process::Command;

use super::objects::{Objects, location};
use super::record::Request;
use super::staging::Staging;
use super::{Runs, conf, process, python};
use crate::proxy::recognise::Scope;
use crate::{environment, spark};

/// The user's own AWS and Python must not leak into a job.
const FOREIGN: [&str; 14] = [
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_GLUE",
    "AWS_ENDPOINT_URL_ATHENA",
    "AWS_ROLE_ARN",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "SPARK_HOME",
    "PYSPARK_SUBMIT_ARGS",
    "PYSPARK_DRIVER_PYTHON",
    "HADOOP_CONF_DIR",
    "VIRTUAL_ENV",
];

/// A process that is ready to start.
pub(super) struct Prepared {
    pub(super) command: Command,
    /// Where its runner leaves how it ended.
    pub(super) outcome: PathBuf,
    /// What a Spark job reads and writes.
    pub(super) staging: Option<Staging>,
}

enum Kind {
    Spark,
    Shell,
}

fn kind(job: &Value, arguments: &Map<String, Value>) -> Result<Kind, String> {
    if arguments.get("--job-language").is_some_and(|language| language != "python") {
        return Err("the sandbox runs Python scripts, and this job's `--job-language` is another".to_owned());
    }
    match job["Command"]["Name"].as_str().unwrap_or("glueetl") {
        "glueetl" => Ok(Kind::Spark),
        "pythonshell" => Ok(Kind::Shell),
        other => Err(format!("the sandbox runs `glueetl` and `pythonshell` jobs, and this one is `{other}`")),
    }
}

impl Runs {
    /// Fetches and stages all that the run needs.
    pub(super) async fn prepare(
        &self,
        scope: &Scope,
        job: &Value,
        request: &Request,
        logs: &Path,
    ) -> Result<Prepared, String> {
        let arguments = request.arguments(job);
        let kind = kind(job, &arguments)?;
        let interpreter = self.interpreter(&kind)?;
        let java = match kind {
            Kind::Spark => Some(self.java()?),
            Kind::Shell => None,
        };
        let folder = self.folder(&request.id);
        let packages = self.config.directory.join("glue-python");
        let unwritable = |error: std::io::Error| format!("`{}`: {error}", folder.display());
        {
            let _alone = self.packages.lock().unwrap_or_else(PoisonError::into_inner);
            python::write(&packages).map_err(|error| format!("`{}`: {error}", packages.display()))?;
        }
        for part in ["conf", "tmp", "work", "script"] {
            std::fs::create_dir_all(folder.join(part)).map_err(unwritable)?;
        }
        std::fs::create_dir_all(logs).map_err(unwritable)?;
        let objects = Objects::new(std::sync::Arc::clone(&self.upstream), scope.clone());
        let script = fetch(&objects, job["Command"]["ScriptLocation"].as_str(), &folder.join("script"))
            .await
            .map_err(|error| format!("LAUNCH ERROR | the script cannot be read: {error}"))?;
        let mut path = vec![packages];
        path.extend(extra_files(&objects, &arguments, &folder).await?);
        let staging = match kind {
            Kind::Shell => None,
            Kind::Spark => {
                notes(job, &arguments, logs);
                let staging = Staging::make(objects, folder.join("s3"), self.config.stage_limit)
                    .await
                    .map_err(|error| error.to_string())?;
                for key in staging.skipped() {
                    process::note(logs, &format!("{key} is left out: no file can have this name"));
                }
                let own = arguments.get("--conf").and_then(Value::as_str).unwrap_or_default();
                let defaults = conf::defaults(&folder, &folder.join("s3"), &staging.buckets(), own);
                std::fs::write(folder.join("conf").join("spark-defaults.conf"), defaults)
                    .and_then(|()| {
                        std::fs::write(folder.join("conf").join("log4j2.properties"), conf::LOGGING)
                    })
                    .map_err(unwritable)?;
                Some(staging)
            }
        };
        let mut command = Command::new(&interpreter);
        command.args(["-m", "lakeform_glue.run"]).arg(script);
        for (name, value) in given(scope, request, arguments) {
            command.args([name, value]);
        }
        let open = |name: &str| {
            std::fs::File::options().create(true).append(true).open(logs.join(name)).map_err(unwritable)
        };
        command.stdout(open("output.log")?).stderr(open("error.log")?).current_dir(folder.join("work"));
        let outcome = folder.join("outcome.json");
        self.surround(&mut command, scope, request, &path, &outcome);
        if let Some(java) = java {
            surround_spark(&mut command, &folder, &interpreter, &java);
        }
        Ok(Prepared { command, outcome, staging })
    }

    fn interpreter(&self, kind: &Kind) -> Result<PathBuf, String> {
        let (found, what) = match kind {
            Kind::Spark => (
                spark::installed(&self.config.environment),
                "Spark is not installed in the sandbox: run `lakeform sandbox up --spark`",
            ),
            Kind::Shell => (
                environment::installed(&self.config.environment),
                "the sandbox's Python is not installed: run `lakeform sandbox up`",
            ),
        };
        found.map(|environment| environment.python).ok_or_else(|| what.to_owned())
    }

    fn java(&self) -> Result<PathBuf, String> {
        let found = match &self.config.java {
            Some(java) => spark::usable_java(java.clone()),
            None => spark::java(),
        };
        found.map_err(|error| match error.hint() {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        })
    }

    /// The surroundings of any job: the sandbox as its AWS.
    fn surround(
        &self,
        command: &mut Command,
        scope: &Scope,
        request: &Request,
        path: &[PathBuf],
        outcome: &Path,
    ) {
        for name in FOREIGN {
            command.env_remove(name);
        }
        command
            .env("PYTHONPATH", std::env::join_paths(path).unwrap_or_default())
            .env("PYTHONUNBUFFERED", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("TZ", "UTC")
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", &scope.account)
            .env("AWS_SECRET_ACCESS_KEY", "sandbox")
            .env("AWS_REGION", &scope.region)
            .env("AWS_DEFAULT_REGION", &scope.region)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("NO_PROXY", "127.0.0.1,localhost")
            .env("no_proxy", "127.0.0.1,localhost")
            .env("LAKEFORM_OUTCOME", outcome)
            .env("LAKEFORM_JOB_KIND", "pythonshell")
            .env("LAKEFORM_RUN_URL", format!("{}/_lakeform/runs/{}", self.endpoint, request.id));
    }
}

fn surround_spark(command: &mut Command, folder: &Path, interpreter: &Path, java: &Path) {
    command
        .env("LAKEFORM_JOB_KIND", "glueetl")
        .env("SPARK_CONF_DIR", folder.join("conf"))
        .env("SPARK_LOCAL_DIRS", folder.join("tmp"))
        .env("SPARK_LOCAL_IP", "127.0.0.1")
        .env("PYSPARK_PYTHON", interpreter)
        // Hadoop asks the system who runs it, and containers often cannot tell.
        .env("HADOOP_USER_NAME", "glue");
    if let Some(home) = java.parent().and_then(Path::parent).filter(|home| home.join("bin").exists()) {
        command.env("JAVA_HOME", home);
    }
}

/// What a user should know before the script speaks.
fn notes(job: &Value, arguments: &Map<String, Value>, logs: &Path) {
    if let Some(note) = spark::version_note(job["GlueVersion"].as_str().unwrap_or_default()) {
        process::note(logs, &note);
    }
    if let Some(modules) = arguments.get("--additional-python-modules").and_then(Value::as_str) {
        process::note(
            logs,
            &format!("`--additional-python-modules {modules}` is not installed in the sandbox"),
        );
    }
}

/// The arguments as Glue gives them: its own first, then the job's.
fn given(scope: &Scope, request: &Request, arguments: Map<String, Value>) -> Vec<(String, String)> {
    let mut all = vec![
        ("--JOB_NAME".to_owned(), request.job.clone()),
        ("--JOB_ID".to_owned(), format!("j_{}", request.id.trim_start_matches("jr_"))),
        ("--JOB_RUN_ID".to_owned(), request.id.clone()),
    ];
    if !arguments.contains_key("--TempDir") {
        let (account, region) = (&scope.account, &scope.region);
        all.push(("--TempDir".to_owned(), format!("s3://aws-glue-assets-{account}-{region}/temporary/")));
    }
    all.extend(arguments.into_iter().map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (name, value)
    }));
    all
}

/// Fetches one object into a folder, under its own name.
async fn fetch(objects: &Objects, from: Option<&str>, folder: &Path) -> Result<PathBuf, String> {
    let from = from.unwrap_or_default();
    let (bucket, key) = location(from).ok_or_else(|| format!("`{from}` is no S3 location"))?;
    let name = key.rsplit('/').next().filter(|name| !name.is_empty() && *name != "..").unwrap_or("script.py");
    let path = folder.join(name);
    objects.download(bucket, key, &path).await.map_err(|error| error.to_string())?;
    Ok(path)
}

/// The modules of `--extra-py-files`: archives by themselves, single files by their folder.
async fn extra_files(
    objects: &Objects,
    arguments: &Map<String, Value>,
    folder: &Path,
) -> Result<Vec<PathBuf>, String> {
    let named = arguments.get("--extra-py-files").and_then(Value::as_str).unwrap_or_default();
    let into = folder.join("modules");
    let mut path = Vec::new();
    for from in named.split(',').map(str::trim).filter(|from| !from.is_empty()) {
        std::fs::create_dir_all(&into).map_err(|error| error.to_string())?;
        let file = fetch(objects, Some(from), &into)
            .await
            .map_err(|error| format!("LAUNCH ERROR | `--extra-py-files` cannot be read: {error}"))?;
        let single = file.extension().is_some_and(|extension| extension == "py");
        path.push(if single { into.clone() } else { file });
    }
    path.dedup();
    Ok(path)
}
