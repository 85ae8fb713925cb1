//! The proxy as a background process: what `lakeform sandbox serve` runs until it is told to end.

use std::ffi::OsString;
use std::path::PathBuf;
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
    /// A file with [`Faults`] in JSON.
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

/// Runs the proxy until the process is asked to end (SIGTERM, SIGINT). What goes wrong is an error: the caller
/// prints it, and the log that `up` keeps shows it.
pub async fn serve_proxy(config: ServeConfig) -> Result<(), SandboxError> {
    let ServeConfig { upstream, port, calls, memory, faults, role_propagation_ms, directory, environment } =
        config;
    let faults = match &faults {
        None => Faults::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(SandboxError::file("read", path))?;
            serde_json::from_str(&text).map_err(|error| SandboxError::file("read", path)(error.into()))?
        }
    };
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
