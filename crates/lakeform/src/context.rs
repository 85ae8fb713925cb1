//! From flags to a manifest and an account: reports every problem of the manifest before AWS is asked anything,
//! and holds the account against the manifest's guard before any other call.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use lakeform_aws::kinds::KINDS;
use lakeform_aws::{Calls, Cloud, CloudOptions};
use lakeform_engine::{Job, JobOutcome, RunSummary};
use lakeform_manifest::{Cached, Folder, LoadOptions, Loaded, load};
use lakeform_model::{Account, Class, CloudError, Desired, Kinds};
use lakeform_sandbox::{Options, Status, lifecycle, run_logs};

use crate::cli::{Global, ManifestArgs};
use crate::error::Problem;
use crate::render;
use crate::ui::Ui;

const FILE: &str = "lakeform.yaml";
/// Where the sandbox is when nobody says.
const SANDBOX_REGION: &str = "us-east-1";
/// The sandbox asks for a secret and takes any.
const SANDBOX_SECRET: &str = "sandbox";

/// What the user said beside the command.
pub(crate) struct Context {
    manifest: ManifestArgs,
    pub(crate) global: Global,
    pub(crate) kinds: Kinds,
    calls: Mutex<Vec<Calls>>,
}

/// A manifest that was read without AWS.
pub(crate) struct Offline {
    pub(crate) desired: Desired,
    pub(crate) loaded: Loaded,
    pub(crate) path: PathBuf,
    files: Cached<Folder>,
}

/// A manifest in its account and region.
pub(crate) struct Session {
    pub(crate) desired: Desired,
    pub(crate) cloud: Arc<Cloud>,
}

impl Session {
    pub(crate) fn account(&self) -> Arc<dyn Account> {
        Arc::<Cloud>::clone(&self.cloud)
    }
}

/// A failure of the first call; where nobody answers at an endpoint of the user's, it is named.
fn unreached(error: CloudError, endpoint: Option<String>) -> Problem {
    match endpoint {
        Some(endpoint) if error.class == Class::Unreachable => {
            let problem = Problem::new(format!("nothing answers at `{endpoint}`")).because(&error);
            error.hint().into_iter().fold(problem, Problem::hint)
        }
        _ => error.into(),
    }
}

impl Context {
    pub(crate) fn new(manifest: ManifestArgs, global: Global) -> Self {
        Self { manifest, global, kinds: KINDS, calls: Mutex::default() }
    }

    /// The manifest's path: the command's own flag, else the one before the command, else the default.
    pub(crate) fn path(&self, own: &ManifestArgs) -> PathBuf {
        let given = own.file.as_deref().or(self.manifest.file.as_deref());
        let path = given.unwrap_or(Path::new(FILE));
        if path.is_dir() { path.join(FILE) } else { path.to_owned() }
    }

    /// Reads the manifest; all its problems are one. Warnings are said.
    pub(crate) fn load(&self, own: &ManifestArgs, ui: &mut Ui) -> Result<Offline, Problem> {
        let path = self.path(own);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let files = Cached::new(Folder(folder.to_owned()));
        let mut loaded = load(&self.load_options(&path), self.kinds, &files);
        let Some(desired) = loaded.desired.take() else {
            return Err(Problem::new(format!("`{}` cannot be used", path.display()))
                .shown(loaded.render(ui.talks_in_color()))
                .details("diagnostics", loaded.to_json()));
        };
        ui.talk(&loaded.render(ui.talks_in_color()));
        Ok(Offline { desired, loaded, path, files })
    }

    fn load_options(&self, path: &Path) -> LoadOptions {
        LoadOptions {
            path: path.to_owned(),
            variables: self.global.variables.clone(),
            // A value that is not Unicode cannot stand in a manifest.
            environment: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            account: None,
            region: self.global.region.clone(),
        }
    }

    /// Connects, checks the account, and reads the manifest again for that account and region.
    pub(crate) async fn connect(&self, offline: Offline, ui: &mut Ui) -> Result<Session, Problem> {
        let Offline { desired, loaded: _, path, files } = offline;
        let region = Some(desired.region.clone()).filter(|region| !region.is_empty());
        guard_region(region.as_deref(), self.global.region.as_deref())?;
        let cloud = self.cloud(region).await?;
        guard_account(desired.account.as_deref(), &cloud.account)?;
        let options = LoadOptions {
            account: Some(cloud.account.clone()),
            region: Some(cloud.region.clone()),
            ..self.load_options(&path)
        };
        let mut loaded = load(&options, self.kinds, &files);
        let Some(mut desired) = loaded.desired.take() else {
            let place = format!("account {} and region {}", cloud.account, cloud.region);
            return Err(Problem::new(format!("`{}` cannot be used in {place}", path.display()))
                .shown(loaded.render(ui.talks_in_color()))
                .details("diagnostics", loaded.to_json()));
        };
        desired.region.clone_from(&cloud.region);
        Ok(Session { desired, cloud: Arc::new(cloud) })
    }

    /// Connects to AWS or to the sandbox, in this region, `--region`'s or the environment's.
    pub(crate) async fn cloud(&self, region: Option<String>) -> Result<Cloud, Problem> {
        let region = region.or_else(|| self.global.region.clone());
        let options = if self.global.sandbox {
            let status = lifecycle::status(&Options::default()).await?;
            CloudOptions {
                region: region.or_else(environment_region).or_else(|| Some(SANDBOX_REGION.to_owned())),
                endpoint: Some(sandbox_endpoint(&status)?),
                credentials: Some((self.global.sandbox_account.clone(), SANDBOX_SECRET.to_owned())),
            }
        } else {
            CloudOptions { region, ..CloudOptions::default() }
        };
        let endpoint = options.endpoint.clone().or_else(|| std::env::var("AWS_ENDPOINT_URL").ok());
        let cloud = Cloud::connect(options).await.map_err(|error| unreached(error, endpoint))?;
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(cloud.calls.clone());
        Ok(cloud)
    }

    /// Where the sandbox keeps what the jobs' last runs said, by the job's index. On AWS CloudWatch keeps it.
    pub(crate) fn run_logs(&self, jobs: &[Job], summary: &RunSummary) -> BTreeMap<usize, String> {
        let directory = self.global.sandbox.then(|| Options::default().directory().ok()).flatten();
        let Some(directory) = directory else { return BTreeMap::new() };
        let runs = jobs.iter().zip(&summary.outcomes).enumerate();
        let folder = |(index, (job, outcome)): (usize, (&Job, &JobOutcome))| {
            let run = outcome.id.as_deref()?;
            let logs = run_logs(&directory, &self.global.sandbox_account, &job.name, run);
            Some((index, logs.display().to_string()))
        };
        runs.filter_map(folder).collect()
    }

    /// The requests so far, by operation.
    pub(crate) fn calls(&self) -> BTreeMap<String, u64> {
        let mut total: BTreeMap<String, u64> = BTreeMap::new();
        for calls in self.calls.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            for (operation, number) in calls.by_operation() {
                *total.entry(operation).or_default() += number;
            }
        }
        total
    }

    /// Says the requests, if the user wants to know.
    pub(crate) fn tell_calls(&self, ui: &mut Ui) {
        if self.global.calls {
            ui.talk(&format!("\n{}", render::calls::calls(&self.calls())));
        }
    }
}

fn environment_region() -> Option<String> {
    ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .filter(|it| !it.is_empty())
}

fn sandbox_endpoint(status: &Status) -> Result<String, Problem> {
    match status {
        Status::Running(sandbox) => Ok(sandbox.endpoint.clone()),
        Status::Stopped => {
            Err(Problem::new("no sandbox is running").hint("start one with `lakeform sandbox up`"))
        }
        Status::Stale { why, .. } => Err(Problem::new("the sandbox is not whole")
            .because(why)
            .hint("mend it with `lakeform sandbox up`, or end it with `lakeform sandbox down`")),
    }
}

/// Refuses a region on the command line that is not the manifest's: its names and ARNs are made for one.
fn guard_region(wanted: Option<&str>, asked: Option<&str>) -> Result<(), Problem> {
    match (wanted, asked) {
        (Some(wanted), Some(asked)) if wanted != asked => {
            Err(Problem::new(format!("the manifest is for region {wanted}, `--region` says {asked}"))
                .hint("leave `region:` out of the manifest, or make it a variable: `region: ${var.region}`"))
        }
        (_, _) => Ok(()),
    }
}

/// Refuses any account but the manifest's.
pub(crate) fn guard_account(wanted: Option<&str>, found: &str) -> Result<(), Problem> {
    match wanted {
        Some(wanted) if wanted != found => Err(Problem::new(format!(
            "the manifest is for account {wanted}, these credentials are of {found}"
        ))
        .hint("choose others with AWS_PROFILE, or change `account:` in the manifest")),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guard_refuses_any_other_account() {
        assert!(guard_account(None, "111122223333").is_ok());
        assert!(guard_account(Some("111122223333"), "111122223333").is_ok());
        let problem = guard_account(Some("111122223333"), "444455556666").unwrap_err();
        assert!(
            problem.render().contains("is for account 111122223333, these credentials are of 444455556666")
        );
    }

    #[test]
    fn the_manifests_region_is_not_overruled() {
        assert!(guard_region(Some("us-east-1"), None).is_ok());
        assert!(guard_region(None, Some("eu-west-1")).is_ok());
        assert!(guard_region(Some("us-east-1"), Some("eu-west-1")).is_err());
    }

    #[test]
    fn a_folder_means_the_manifest_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let given = |file: Option<&Path>| ManifestArgs { file: file.map(Path::to_owned) };
        let context = Context::new(given(Some(folder.path())), Global::default());
        assert_eq!(context.path(&given(None)), folder.path().join("lakeform.yaml"));
        assert_eq!(context.path(&given(Some(Path::new("x.yaml")))), Path::new("x.yaml"));
    }

    #[test]
    fn without_a_sandbox_the_user_is_told_how_to_start_one() {
        let problem = sandbox_endpoint(&Status::Stopped).unwrap_err();
        assert!(problem.render().contains("lakeform sandbox up"));
    }
}
