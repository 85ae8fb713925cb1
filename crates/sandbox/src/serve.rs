//! The proxy as a background process: what `lakeform sandbox serve` runs until it is told to end.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::SandboxError;
use crate::proxy::{Faults, Proxy, ProxyConfig};
use crate::runs::RunsConfig;

/// The newest calls a background proxy keeps.
const KEEP_CALLS: usize = 100_000;

/// How a background proxy runs; [`ServeConfig::arguments`] and the binary's hidden subcommand must agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeConfig {
    /// The emulator's address.
    pub upstream: String,
    /// The port to listen on.
    pub port: u16,
    /// The file for one JSON line a call.
    pub calls: Option<PathBuf>,
    /// The file for what the emulator forgets.
    pub memory: Option<PathBuf>,
    /// A file with [`Faults`], as [`read_faults`] takes it.
    pub faults: Option<PathBuf>,
    /// For so many milliseconds a new role is not assumable by Glue.
    pub role_propagation_ms: u64,
    /// The sandbox's folder, where runs of jobs keep their files; without it the emulator answers for runs.
    pub directory: Option<PathBuf>,
    /// The folder of the Python environments; else the folder above.
    pub environment: Option<PathBuf>,
}

impl ServeConfig {
    /// The command line after `lakeform sandbox serve`: `--upstream URL --port N [--log FILE] [--memory FILE]
    /// [--faults FILE] [--directory DIR] [--environment DIR] [--role-propagation-ms N]`.
    pub fn arguments(&self) -> Vec<OsString> {
        let Self { upstream, port, calls, memory, faults, role_propagation_ms, directory, environment } =
            self;
        let mut arguments: Vec<OsString> =
            vec!["--upstream".into(), upstream.into(), "--port".into(), port.to_string().into()];
        for (flag, file) in [
            ("--log", calls),
            ("--memory", memory),
            ("--faults", faults),
            ("--directory", directory),
            ("--environment", environment),
        ] {
            if let Some(file) = file {
                arguments.extend([flag.into(), file.into()]);
            }
        }
        arguments.extend(["--role-propagation-ms".into(), role_propagation_ms.to_string().into()]);
        arguments
    }
}

/// Reads a script of faults, in YAML or JSON.
pub fn read_faults(path: &Path) -> Result<Faults, SandboxError> {
    let text = std::fs::read_to_string(path).map_err(SandboxError::file("read", path))?;
    serde_yaml::from_str(&text)
        .map_err(|error| SandboxError::Faults { path: path.to_owned(), why: error.to_string() })
}

/// Runs the proxy until the process is asked to end (SIGTERM, SIGINT). What goes wrong is an error: the caller
/// prints it, and the log that `up` keeps shows it.
pub async fn serve_proxy(config: ServeConfig) -> Result<(), SandboxError> {
    let ServeConfig { upstream, port, calls, memory, faults, role_propagation_ms, directory, environment } =
        config;
    let faults = faults.as_deref().map(read_faults).transpose()?.unwrap_or_default();
    let proxy = ProxyConfig {
        port,
        faults,
        log: calls,
        keep_calls: Some(KEEP_CALLS),
        memory,
        runs: directory.map(|directory| {
            let environment = environment.unwrap_or_else(|| directory.clone());
            RunsConfig::new(directory, environment)
        }),
        role_propagation: Duration::from_millis(role_propagation_ms),
        ..ProxyConfig::strict()
    };
    let unable =
        |source| SandboxError::File { verb: "listen on", path: format!("127.0.0.1:{port}").into(), source };
    let mut end = signal(SignalKind::terminate()).map_err(unable)?;
    let handle = Proxy::start(&upstream, proxy).map_err(unable)?;
    tracing::info!(endpoint = handle.endpoint(), %upstream, "the proxy listens");
    tokio::select! {
        _ = end.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    tokio::task::spawn_blocking(move || handle.shutdown())
        .await
        .map_err(|error| SandboxError::Task(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_in_a_script_of_faults_is_told_with_its_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faults.yaml");
        for (text, line, why) in [
            ("faults:\n  - on: 's3:*'\n    effect: throtled\n", 3, "unknown variant `throtled`"),
            ("faults:\n  - on: 's3:*'\n    efect: denied\n", 3, "unknown field `efect`"),
            (
                "faults:\n  - on: '*'\n    effect: { latency: { ms: 1, jiter_ms: 2 } }\n",
                3,
                "unknown field `jiter_ms`",
            ),
            ("faults:\n  - on: s3 put\n    effect: denied\n", 2, "`s3 put` is no pattern"),
            ("faults:\n  - on: '*'\n    probability: 20\n    effect: denied\n", 2, "not between 0 and 1"),
            ("seed: 1\nfaults: [\n", 3, "did not find expected node content"),
            ("seed: -1\nfaults: []\n", 1, "expected u64"),
            (
                "faults:\n  - on: '*'\n    effect:\n      error: { code: X, status: 200 }\n",
                4,
                "the status 200 is no error's",
            ),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read_faults(&path).unwrap_err().to_string();
            assert!(error.contains("faults.yaml` is no script of faults: "), "{error}");
            assert!(error.contains(why) && error.contains(&format!("line {line}")), "{text}\n{error}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(read_faults(&path).unwrap_err().to_string().contains("cannot read"));
    }
}
