//! A user's sandbox: brought up, taken down, asked after. What runs is written down in `sandbox.json` after it
//! answers; every command starts from that file and from what is really there.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::environment::{self, emulator_version, lock};
use crate::process::{Identity, start};
use crate::serve::{ServeConfig, read_faults};
use crate::{SandboxError, emulator, ports, spark};

const STATE_FILE: &str = "sandbox.json";
const LOCK_FILE: &str = "sandbox.lock";
const MEMORY_FILE: &str = "proxy-memory.json";
/// The proxy starts in milliseconds; a loaded machine gets longer.
const PROXY_PATIENCE: Duration = Duration::from_secs(30);

/// Where and how a sandbox runs. [`Options::default`] is what a user gets.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The folder for its files; else `LAKEFORM_SANDBOX_DIR`, else the user's data folder.
    pub directory: Option<PathBuf>,
    /// The folder of the Python environment; else the folder above.
    pub environment: Option<PathBuf>,
    /// The interpreter to make the environment with; else `LAKEFORM_PYTHON`, else `python3`.
    pub python: Option<PathBuf>,
    /// The program and first arguments that run [`crate::serve_proxy`]; else this program with `sandbox serve`.
    pub serve: Option<Vec<OsString>>,
    /// The port of the endpoint; else a free one.
    pub port: Option<u16>,
    /// A file with [`crate::Faults`], as [`crate::read_faults`] takes it, for the proxy to play.
    pub faults: Option<PathBuf>,
    /// For so many milliseconds a new role is not assumable by Glue.
    pub role_propagation_ms: u64,
    /// Installs Spark too, which Glue jobs run on; also into a sandbox that is up already.
    pub spark: bool,
}

/// What [`up`] is doing; told as it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A Python environment is being made.
    CreatingEnvironment {
        /// Where.
        directory: PathBuf,
    },
    /// The pinned emulator is being installed into it; this takes a minute or so.
    InstallingEmulator {
        /// Its version.
        version: &'static str,
    },
    /// Spark, of the pinned version, is being installed; this takes a few minutes.
    InstallingSpark {
        /// Its version.
        version: &'static str,
    },
    /// The emulator is being started.
    StartingEmulator {
        /// On this port.
        port: u16,
    },
    /// The proxy is being started.
    StartingProxy {
        /// On this port.
        port: u16,
    },
    /// Something left over from an earlier sandbox is being ended first.
    Repairing {
        /// What was wrong.
        why: String,
    },
}

/// One of the sandbox's two processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Which process it is.
    #[serde(flatten)]
    pub identity: Identity,
    /// The loopback port it listens on.
    pub port: u16,
    /// The file with its output.
    pub log: PathBuf,
}

/// A sandbox that was brought up, as `sandbox.json` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// The version of lakeform that brought it up.
    pub version: String,
    /// The emulator's version.
    pub emulator_version: String,
    /// What `AWS_ENDPOINT_URL` should say.
    pub endpoint: String,
    /// The emulator; absent only while starting.
    pub emulator: Option<Process>,
    /// The proxy before it; absent only while starting.
    pub proxy: Option<Process>,
    /// One JSON line a call.
    pub calls: PathBuf,
}

/// How a sandbox is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// There is none.
    Stopped,
    /// Both processes are there and answer.
    Running(Sandbox),
    /// It was brought up, and is not whole any more.
    Stale {
        /// What was written down.
        sandbox: Sandbox,
        /// What is wrong.
        why: String,
    },
}

impl Status {
    /// The running sandbox, if it runs.
    pub fn running(&self) -> Option<&Sandbox> {
        match self {
            Self::Running(sandbox) => Some(sandbox),
            Self::Stopped | Self::Stale { .. } => None,
        }
    }
}

impl Options {
    /// The folder for the sandbox's files.
    pub fn directory(&self) -> Result<PathBuf, SandboxError> {
        if let Some(directory) = &self.directory {
            return Ok(directory.clone());
        }
        if let Some(directory) = std::env::var_os("LAKEFORM_SANDBOX_DIR") {
            return Ok(directory.into());
        }
        let data = dirs::data_local_dir().ok_or(SandboxError::NoDirectory)?;
        Ok(data.join("lakeform").join("sandbox"))
    }

    fn environment(&self, directory: &Path) -> PathBuf {
        self.environment.clone().unwrap_or_else(|| directory.to_path_buf())
    }

    fn python(&self) -> PathBuf {
        self.python.clone().unwrap_or_else(environment::default_python)
    }
}

/// Brings the sandbox up; one that runs is left as it is, one that is half there is repaired.
pub async fn up(
    options: &Options,
    progress: impl Fn(Event) + Send + 'static,
) -> Result<Sandbox, SandboxError> {
    let options = options.clone();
    blocking(move || bring_up(&options, &progress)).await
}

/// Takes the sandbox down with all it holds; says whether there was one.
pub async fn down(options: &Options) -> Result<bool, SandboxError> {
    let directory = options.directory()?;
    blocking(move || {
        if !directory.join(STATE_FILE).exists() {
            return Ok(false);
        }
        let _held = lock(&directory.join(LOCK_FILE))?;
        take_down(&directory)
    })
    .await
}

/// How the sandbox is; changes nothing.
pub async fn status(options: &Options) -> Result<Status, SandboxError> {
    let directory = options.directory()?;
    blocking(move || look(&directory)).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SandboxError> + Send + 'static,
) -> Result<T, SandboxError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| SandboxError::Task(error.to_string()))?
}

fn look(directory: &Path) -> Result<Status, SandboxError> {
    let Some(sandbox) = read(directory)? else { return Ok(Status::Stopped) };
    let why = match (&sandbox.emulator, &sandbox.proxy) {
        (Some(emulator), _) if !emulator.identity.is_alive() => "the emulator has ended",
        (Some(emulator), _) if !ports::answers(emulator.port) => "the emulator does not answer",
        (_, Some(proxy)) if !proxy.identity.is_alive() => "the proxy has ended",
        (_, Some(proxy)) if !ports::answers(proxy.port) => "the proxy does not answer",
        (Some(_), Some(_)) => return Ok(Status::Running(sandbox)),
        _ => "it was not started to the end",
    };
    Ok(Status::Stale { sandbox, why: why.to_owned() })
}

/// What was written down; a file that cannot be understood counts as nothing of ours.
fn read(directory: &Path) -> Result<Option<Sandbox>, SandboxError> {
    let path = directory.join(STATE_FILE);
    match std::fs::read(&path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SandboxError::file("read", &path)(error)),
    }
}

fn write(directory: &Path, sandbox: &Sandbox) -> Result<(), SandboxError> {
    let path = directory.join(STATE_FILE);
    let scratch = directory.join("sandbox.json.new");
    let text = serde_json::to_string_pretty(sandbox).unwrap_or_default();
    std::fs::write(&scratch, text).map_err(SandboxError::file("write", &scratch))?;
    std::fs::rename(&scratch, &path).map_err(SandboxError::file("write", &path))
}

fn take_down(directory: &Path) -> Result<bool, SandboxError> {
    let found = read(directory)?;
    if let Some(sandbox) = &found {
        // The proxy first: it must not see its emulator go.
        for process in [&sandbox.proxy, &sandbox.emulator].into_iter().flatten() {
            process.identity.end()?;
        }
    }
    for name in [MEMORY_FILE, STATE_FILE] {
        let path = directory.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(SandboxError::file("remove", &path)(error));
            }
            _ => {}
        }
    }
    Ok(found.is_some())
}

fn bring_up(options: &Options, progress: &dyn Fn(Event)) -> Result<Sandbox, SandboxError> {
    let directory = options.directory()?;
    // A mistake in the script is told now, not by a proxy that does not come up.
    options.faults.as_deref().map(read_faults).transpose()?;
    std::fs::create_dir_all(&directory).map_err(SandboxError::file("create", &directory))?;
    let _held = lock(&directory.join(LOCK_FILE))?;
    if options.spark {
        spark::ensure(&options.environment(&directory), &options.python(), progress)?;
    }
    let left = match look(&directory)? {
        Status::Running(sandbox) if sandbox.version == env!("CARGO_PKG_VERSION") => {
            if options.faults.is_none() {
                return Ok(sandbox);
            }
            progress(Event::Repairing { why: "the proxy starts again, to play the faults".to_owned() });
            Some(sandbox)
        }
        Status::Running(sandbox) => {
            progress(Event::Repairing { why: format!("it was brought up by lakeform {}", sandbox.version) });
            Some(sandbox)
        }
        Status::Stale { sandbox, why } => {
            progress(Event::Repairing { why });
            Some(sandbox)
        }
        Status::Stopped => None,
    };
    let mut sandbox = planned(&directory, None);
    let kept = left.filter(|left| {
        left.emulator_version == emulator_version() && left.emulator.as_ref().is_some_and(is_whole)
    });
    let keeps = kept.is_some();
    if let Some(Sandbox { emulator, proxy, .. }) = kept {
        // An emulator that still answers keeps what users made in it: only the proxy is started again.
        if let Some(proxy) = proxy {
            proxy.identity.end()?;
        }
        sandbox.emulator = emulator;
    } else {
        take_down(&directory)?;
    }
    let outcome = start_both(options, &directory, &mut sandbox, progress);
    // Nothing new of a start that failed is left behind; the first error is the one to tell.
    if outcome.is_err() && keeps {
        if let Some(proxy) = sandbox.proxy.take() {
            let _ = proxy.identity.end();
        }
        let _ = write(&directory, &sandbox);
    } else if outcome.is_err() {
        let _ = take_down(&directory);
    }
    outcome.map(|()| sandbox)
}

fn is_whole(process: &Process) -> bool {
    process.identity.is_alive() && ports::answers(process.port)
}

fn planned(directory: &Path, emulator: Option<Process>) -> Sandbox {
    Sandbox {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        emulator_version: emulator_version().to_owned(),
        endpoint: String::new(),
        emulator,
        proxy: None,
        calls: directory.join("calls.jsonl"),
    }
}

fn start_both(
    options: &Options,
    directory: &Path,
    sandbox: &mut Sandbox,
    progress: &dyn Fn(Event),
) -> Result<(), SandboxError> {
    let upstream_port = match &sandbox.emulator {
        Some(emulator) => emulator.port,
        None => start_emulator(options, directory, sandbox, progress)?,
    };
    let port = match options.port {
        Some(port) => port,
        None => free_port()?,
    };
    progress(Event::StartingProxy { port });
    let config = ServeConfig {
        upstream: format!("http://127.0.0.1:{upstream_port}"),
        port,
        calls: Some(sandbox.calls.clone()),
        memory: Some(directory.join(MEMORY_FILE)),
        faults: options.faults.clone(),
        role_propagation_ms: options.role_propagation_ms,
        directory: Some(directory.to_path_buf()),
        environment: Some(options.environment(directory)),
    };
    let log = directory.join("proxy.log");
    let identity = start(serve_command(options, &config)?, &log)?;
    sandbox.proxy = Some(Process { identity: identity.clone(), port, log: log.clone() });
    sandbox.endpoint = format!("http://127.0.0.1:{port}");
    write(directory, sandbox)?;
    let ready = || ports::get(port, "/_lakeform/health").is_ok_and(|answer| answer.contains("\"lakeform\""));
    emulator::wait("the proxy", port, &log, PROXY_PATIENCE, ready, || identity.is_alive())
}

fn start_emulator(
    options: &Options,
    directory: &Path,
    sandbox: &mut Sandbox,
    progress: &dyn Fn(Event),
) -> Result<u16, SandboxError> {
    let environment = environment::ensure(&options.environment(directory), &options.python(), progress)?;
    let log = directory.join("emulator.log");
    emulator::again_if_taken(&log, || {
        let port = free_port()?;
        progress(Event::StartingEmulator { port });
        let identity = emulator::start_detached(&environment, port, &log)?;
        sandbox.emulator = Some(Process { identity: identity.clone(), port, log: log.clone() });
        // Written down before it answers: killed here, the next `up` or `down` finds it.
        write(directory, sandbox)?;
        emulator::wait_ready(port, &log, || identity.is_alive())?;
        Ok(port)
    })
}

fn free_port() -> Result<u16, SandboxError> {
    ports::free().map_err(SandboxError::file("listen on", Path::new("127.0.0.1")))
}

fn serve_command(options: &Options, config: &ServeConfig) -> Result<Command, SandboxError> {
    let words = if let Some(words) = &options.serve {
        words.clone()
    } else {
        let program = std::env::current_exe().map_err(SandboxError::file("find", Path::new("lakeform")))?;
        vec![program.into_os_string(), "sandbox".into(), "serve".into()]
    };
    let (program, first) = words.split_first().ok_or(SandboxError::NoDirectory)?;
    let mut command = Command::new(program);
    command.args(first).args(config.arguments());
    Ok(command)
}
