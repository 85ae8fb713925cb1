//! A run's process and all that it starts: one group, ended as a whole, and found again where a child left it.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStdin, Command};

use super::record::Ending;
use crate::process::tail;

/// The variable that every process of a run inherits.
pub(super) const RUN_VARIABLE: &str = "LAKEFORM_JOB_RUN";
/// A killed process is gone at once; a machine out of breath gets longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// All processes of a run.
#[derive(Debug, Clone)]
pub(super) struct Group {
    leader: Option<Pid>,
    run: String,
}

impl Group {
    /// Ends them without asking: a job that does not end by itself would not listen.
    pub(super) fn kill(&self) {
        if let Some(leader) = self.leader {
            // It may have ended by itself.
            let _ = kill_process_group(leader, Signal::KILL);
        }
        // Spark's Python workers make a group of their own.
        for pid in members(&self.run) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

/// The processes that carry a run's mark, in whatever group.
#[cfg(target_os = "linux")]
fn members(run: &str) -> Vec<Pid> {
    let mark = format!("{RUN_VARIABLE}={run}");
    let marked = |pid: &str| {
        std::fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|all| all.split(|byte| *byte == 0).any(|one| one == mark.as_bytes()))
    };
    let Ok(all) = std::fs::read_dir("/proc") else { return Vec::new() };
    all.flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()) && marked(name))
        .filter_map(|name| name.parse().ok().and_then(Pid::from_raw))
        .collect()
}

#[cfg(not(target_os = "linux"))]
fn members(_run: &str) -> Vec<Pid> {
    // The workers end when Spark's side of their pipe does.
    Vec::new()
}

/// A process that runs. Its standard input is a pipe that nobody writes to: when this program ends, however it
/// ends, the pipe closes and the process ends itself and its group.
pub(super) struct Running {
    child: Child,
    group: Group,
    _alive: Option<ChildStdin>,
}

impl Running {
    pub(super) fn start(mut command: Command, run: &str) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .env(RUN_VARIABLE, run)
            .spawn()
            .map_err(|error| {
                format!("`{}` does not start: {error}", command.as_std().get_program().display())
            })?;
        let leader = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        let alive = child.stdin.take();
        Ok(Self { child, group: Group { leader, run: run.to_owned() }, _alive: alive })
    }

    pub(super) fn group(&self) -> Group {
        self.group.clone()
    }

    pub(super) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Ends what is left of the group and waits until nothing is.
    pub(super) async fn end(mut self) -> Result<(), String> {
        self.group.kill();
        let _ = self.child.wait().await;
        let until = tokio::time::Instant::now() + PATIENCE;
        while !members(&self.group.run).is_empty() {
            if tokio::time::Instant::now() > until {
                return Err("processes of the run do not end".to_owned());
            }
            self.group.kill();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

/// How a process that ended by itself ended: what its runner left says it best.
pub(super) fn verdict(outcome: &Path, status: std::io::Result<ExitStatus>, logs: &Path) -> Ending {
    let left = std::fs::read(outcome).ok();
    let left: Option<serde_json::Value> = left.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match (left, status) {
        (Some(left), _) if left["ok"] == true => Ending::succeeded(),
        (Some(left), _) => Ending::failed(
            left["error"].as_str().unwrap_or("the script failed and did not say why").to_owned(),
        ),
        (None, status) => {
            let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            let last = tail(&logs.join("error.log"));
            let last = last.lines().last().unwrap_or("it said nothing");
            Ending::failed(format!("the job's process ended early ({how}): {last}"))
        }
    }
}

/// A line of the sandbox's own in a run's error log.
pub(super) fn note(logs: &Path, text: &str) {
    use std::io::Write as _;
    let written = std::fs::create_dir_all(logs)
        .and_then(|()| std::fs::File::options().create(true).append(true).open(logs.join("error.log")))
        .and_then(|mut file| writeln!(file, "sandbox: {text}"));
    if let Err(error) = written {
        tracing::warn!(logs = %logs.display(), %error, "a run's log could not be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_that_left_the_group_is_ended_too() {
        let mut command = Command::new("sh");
        command.args(["-c", "setsid sleep 600 & sleep 600"]).stdout(Stdio::null());
        let run = format!("jr_test_{}", std::process::id());
        let running = Running::start(command, &run).unwrap();
        while members(&run).len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        running.end().await.unwrap();
        assert!(members(&run).is_empty());
    }

    #[test]
    fn a_process_that_left_no_word_fails_with_its_last_line() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("error.log"), "first\nout of memory\n").unwrap();
        let status = std::process::Command::new("false").status();
        let ending = verdict(&folder.path().join("none"), status, folder.path());
        assert!(
            ending
                .message
                .is_some_and(|text| text.ends_with("out of memory") && text.contains("exit status: 1"))
        );
    }
}
