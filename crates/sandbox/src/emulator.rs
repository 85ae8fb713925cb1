//! The emulator as a process: how it is told its port, its services and its manners. Two lives: tied to this
//! process, for tests, or in the background, for a user's sandbox.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::environment::Environment;
use crate::process::{Identity, start, tail};
use crate::{SandboxError, ports};

/// The services lakeform speaks to.
const SERVICES: &str = "s3,iam,sts,ec2,glue,athena";
/// Starting takes about a second; a loaded machine gets longer.
const PATIENCE: Duration = Duration::from_mins(1);
/// How many ports are tried before the machine's are taken to be all in use.
const ATTEMPTS: usize = 3;
/// Runs the emulator.
const RUN: &str = "from ministack.app import main; main()";
/// Runs the emulator until its standard input ends, which it does when this process does, however it ends.
const RUN_TIED: &str = "import os, sys, threading\n\
    threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()\n\
    from ministack.app import main; main()";

/// An emulator that ends with this value, or with this process.
#[derive(Debug)]
pub struct Emulator {
    endpoint: String,
    port: u16,
    child: Child,
}

impl Emulator {
    /// Starts the emulator on a free port and waits for it. Its log goes to the file.
    pub fn start(environment: &Environment, log: &Path) -> Result<Self, SandboxError> {
        again_if_taken(log, || Self::start_once(environment, log))
    }

    fn start_once(environment: &Environment, log: &Path) -> Result<Self, SandboxError> {
        let port = ports::free().map_err(SandboxError::file("listen on", Path::new("127.0.0.1")))?;
        let out = std::fs::File::create(log).map_err(SandboxError::file("write", log))?;
        let err = out.try_clone().map_err(SandboxError::file("write", log))?;
        let mut child = command(environment, RUN_TIED, port)
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(SandboxError::file("start", &environment.python))?;
        wait_ready(port, log, || child.try_wait().is_ok_and(|ended| ended.is_none()))?;
        Ok(Self { endpoint: format!("http://127.0.0.1:{port}"), port, child })
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A free port may be taken before the emulator has it; then another is tried.
pub(crate) fn again_if_taken<T>(
    log: &Path,
    mut start: impl FnMut() -> Result<T, SandboxError>,
) -> Result<T, SandboxError> {
    for _ in 1..ATTEMPTS {
        match start() {
            Err(SandboxError::NeverReady { .. }) if tail(log).contains("already in use") => {}
            outcome => return outcome,
        }
    }
    start()
}

/// Starts the emulator in the background; it is still to be waited for.
pub(crate) fn start_detached(
    environment: &Environment,
    port: u16,
    log: &Path,
) -> Result<Identity, SandboxError> {
    start(command(environment, RUN, port), log)
}

/// Waits for the emulator as long as its process is there. Its port was free a moment ago, but whoever answers
/// on it may be another by now: only the emulator's own word counts.
pub(crate) fn wait_ready(port: u16, log: &Path, alive: impl FnMut() -> bool) -> Result<(), SandboxError> {
    let word = format!("Running on http://127.0.0.1:{port}");
    let ready =
        || ports::answers(port) && std::fs::read_to_string(log).is_ok_and(|said| said.contains(&word));
    wait("the emulator", port, log, PATIENCE, ready, alive)
}

/// Waits for a listener as long as its process is there.
pub(crate) fn wait(
    what: &'static str,
    port: u16,
    log: &Path,
    patience: Duration,
    ready: impl FnMut() -> bool,
    mut alive: impl FnMut() -> bool,
) -> Result<(), SandboxError> {
    let until = Instant::now() + patience;
    ports::wait_for(ready, || {
        let why = if !alive() {
            "it ended".to_owned()
        } else if Instant::now() > until {
            format!("it took longer than {} s", patience.as_secs())
        } else {
            return None;
        };
        Some(SandboxError::NeverReady { what, port, why, tail: tail(log) })
    })
}

fn command(environment: &Environment, program: &str, port: u16) -> Command {
    let mut command = Command::new(&environment.python);
    command
        .args(["-c", program])
        .env_remove("PYTHONHOME")
        .env_remove("PYTHONPATH")
        .env("PYTHONUNBUFFERED", "1")
        .env("GATEWAY_PORT", port.to_string())
        .env("BIND_HOST", "127.0.0.1")
        .env("SERVICES", SERVICES)
        // Listeners on fixed ports that two sandboxes would fight over.
        .env("IOT_MTLS_ENABLED", "0")
        .env("SFTP_ENABLED", "0");
    // A caller's own settings of the emulator, or of AWS, must not change ours.
    for name in
        ["AUTH", "USE_SSL", "PERSIST_STATE", "S3_PERSIST", "LOCALSTACK_PERSISTENCE", "EDGE_PORT", "LOG_LEVEL"]
    {
        command.env_remove(name);
    }
    command
}
