//! Background processes: started in a group of their own, known again by pid and start time, ended with all
//! they started. A pid alone is never trusted, for the system gives it to somebody else in time.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

use crate::SandboxError;

/// Lines of a log that are shown when a start fails.
const TAIL_LINES: usize = 20;
/// More than so much of a log's end is never read.
const TAIL_BYTES: u64 = 16 << 10;
/// A process gets so long to end by itself before it is ended.
const PATIENCE: Duration = Duration::from_secs(5);

/// A process that is known again although pids come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The process id, which is its group's too.
    pub pid: u32,
    /// When it was started, as the system tells it.
    pub started: String,
}

impl Identity {
    /// The process that has this pid now; `None` when there is none or it has ended.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        start_time(pid).map(|started| Self { pid, started })
    }

    pub(crate) fn is_alive(&self) -> bool {
        start_time(self.pid).as_ref() == Some(&self.started)
    }

    /// Ends the process and its group; one that has ended, or is another by now, is left alone.
    pub(crate) fn end(&self) -> Result<(), SandboxError> {
        for signal in [Signal::TERM, Signal::KILL] {
            if !self.is_alive() {
                return Ok(());
            }
            if let Some(group) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
                // It may have ended by itself just now.
                let _ = kill_process_group(group, signal);
            }
            let until = Instant::now() + PATIENCE;
            while self.is_alive() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        if self.is_alive() { Err(SandboxError::WillNotEnd { pid: self.pid }) } else { Ok(()) }
    }
}

/// Ticks since the machine's start at which a process began; an ended one that nobody waited for counts as gone.
#[cfg(target_os = "linux")]
fn start_time(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name stands in brackets and may hold anything; the fields begin after the last bracket.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

#[cfg(not(target_os = "linux"))]
fn start_time(pid: u32) -> Option<String> {
    let out = Command::new("ps").args(["-o", "stat=,lstart=", "-p", &pid.to_string()]).output().ok()?;
    let line = String::from_utf8(out.stdout).ok()?;
    let (state, started) = line.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| started.trim().to_owned())
}

/// Starts a command in a process group of its own, so that Ctrl-C in this terminal does not reach it, with its
/// output in a file that begins anew.
pub(crate) fn start(mut command: Command, log: &Path) -> Result<Identity, SandboxError> {
    let out = File::create(log).map_err(SandboxError::file("write", log))?;
    let err = out.try_clone().map_err(SandboxError::file("write", log))?;
    let program = Path::new(command.get_program()).to_path_buf();
    let child = command
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .process_group(0)
        .spawn()
        .map_err(SandboxError::file("start", &program))?;
    let pid = child.id();
    // Whoever stays alive after starting a process waits for it, so that it never lingers half-ended.
    std::thread::spawn(move || {
        let mut child = child;
        let _ = child.wait();
    });
    Ok(Identity::of(pid).unwrap_or(Identity { pid, started: String::new() }))
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    last_lines(&read().unwrap_or_default())
}

pub(crate) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start_and_ended_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo $!; wait"]);
        let log = folder.path().join("log");
        let process = start(command, &log).unwrap();
        assert!(process.is_alive());
        let child = loop {
            if let Ok(pid) = std::fs::read_to_string(&log).unwrap().trim().parse::<u32>() {
                break Identity::of(pid).unwrap();
            }
        };
        assert!(!Identity { pid: process.pid, started: "1".into() }.is_alive());
        process.end().unwrap();
        assert!(!process.is_alive());
        while child.is_alive() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn somebody_elses_process_of_the_same_pid_is_left_alone() {
        let ours = std::process::id();
        Identity { pid: ours, started: "another time".into() }.end().unwrap();
        assert!(Identity::of(ours).unwrap().is_alive());
    }

    #[test]
    fn a_tail_is_short() {
        let text: String = (0..100).map(|n| format!("line {n}")).collect::<Vec<_>>().join("\n\n");
        assert_eq!(last_lines(&text).lines().count(), TAIL_LINES);
        assert!(last_lines(&text).ends_with("line 99"));
    }
}
