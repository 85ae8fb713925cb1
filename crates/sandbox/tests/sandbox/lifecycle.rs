//! The sandbox of a user: up, down, status, and what a crash leaves.

use std::path::Path;

use lakeform_sandbox::{Event, Options, SandboxError, ServeConfig, Status, down, environment, status, up};
use serde_json::json;

use crate::client::{Client, new_account};

/// Takes the sandbox down when a test ends early, so that none is left behind.
struct Background(Options);

impl Drop for Background {
    fn drop(&mut self) {
        let options = self.0.clone();
        let end = move || tokio::runtime::Runtime::new().unwrap().block_on(down(&options));
        let ended = std::thread::spawn(end).join();
        assert!(std::thread::panicking() || ended.unwrap().is_ok());
    }
}

/// Runs this test binary again as the proxy: the words after the shell's script arrive as its arguments.
fn options(directory: &Path) -> Options {
    environment::for_tests().unwrap();
    let again = r#"LAKEFORM_TEST_SERVE="$*" exec "$0" --exact lifecycle::serve --ignored --nocapture"#;
    let program = std::env::current_exe().unwrap();
    Options {
        directory: Some(directory.to_path_buf()),
        environment: Some(environment::test_directory()),
        serve: Some(vec!["sh".into(), "-c".into(), again.into(), program.into()]),
        ..Options::default()
    }
}

#[test]
#[ignore = "the background proxy of the tests below, not a test"]
fn serve() -> Result<(), SandboxError> {
    let words = std::env::var("LAKEFORM_TEST_SERVE").unwrap();
    let words: Vec<&str> = words.split(' ').collect();
    let value = |flag: &str| words.iter().position(|word| *word == flag).map(|at| words[at + 1].to_owned());
    let config = ServeConfig {
        upstream: value("--upstream").unwrap(),
        port: value("--port").unwrap().parse().unwrap(),
        calls: value("--log").map(Into::into),
        memory: value("--memory").map(Into::into),
        faults: value("--faults").map(Into::into),
        directory: value("--directory").map(Into::into),
        environment: value("--environment").map(Into::into),
        role_propagation_ms: value("--role-propagation-ms").unwrap().parse().unwrap(),
    };
    tokio::runtime::Runtime::new().unwrap().block_on(lakeform_sandbox::serve_proxy(config))
}

fn kill(pid: u32) {
    assert!(std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    // It is gone once nothing of it can be read, or only that it ended.
    while std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[tokio::test]
async fn a_sandbox_comes_up_once_survives_a_lost_proxy_and_goes_down_whole() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let _background = Background(options.clone());
    assert_eq!(status(&options).await.unwrap(), Status::Stopped);
    assert!(!down(&options).await.unwrap());

    let (events, told) = std::sync::mpsc::channel();
    let first = up(&options, move |event| events.send(event).unwrap()).await.unwrap();
    let told: Vec<Event> = told.try_iter().collect();
    assert!(matches!(told[..], [Event::StartingEmulator { .. }, Event::StartingProxy { .. }]), "{told:?}");
    assert_eq!(status(&options).await.unwrap(), Status::Running(first.clone()));
    assert_eq!(up(&options, |event| panic!("{event:?}")).await.unwrap(), first);

    let aws = Client::new(&first.endpoint, &new_account());
    aws.glue_role("etl").await.unwrap();
    let job =
        json!({ "Name": "j", "Role": "etl", "Command": { "Name": "glueetl" }, "ExecutionClass": "FLEX" });
    assert!(aws.glue("CreateJob", job.clone()).await.is_err(), "a new role is not assumable at once");
    aws.glue("CreateJob", job).await.unwrap();
    // The memory is written every tenth of a second.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;

    kill(first.proxy.as_ref().unwrap().identity.pid);
    let Status::Stale { why, .. } = status(&options).await.unwrap() else { panic!("it is not whole") };
    assert!(why.contains("proxy"), "{why}");
    let second = up(&options, |_| {}).await.unwrap();
    assert_eq!(second.emulator, first.emulator, "what was made is kept");
    let aws = Client::new(&second.endpoint, &aws.account);
    let read = aws.glue("GetJob", json!({ "JobName": "j" })).await.unwrap();
    assert_eq!(read["Job"]["ExecutionClass"], "FLEX");

    kill(second.emulator.as_ref().unwrap().identity.pid);
    let third = up(&options, |_| {}).await.unwrap();
    assert_ne!(third.emulator, second.emulator);
    let aws = Client::new(&third.endpoint, &aws.account);
    assert!(aws.glue("GetJob", json!({ "JobName": "j" })).await.is_err(), "a new emulator is empty");
    let calls = std::fs::read_to_string(&third.calls).unwrap();
    assert!(calls.lines().any(|line| line.contains("\"CreateJob\"")));

    assert!(down(&options).await.unwrap());
    assert_eq!(status(&options).await.unwrap(), Status::Stopped);
    for sandbox in [&first, &second, &third] {
        for process in [&sandbox.emulator, &sandbox.proxy].into_iter().flatten() {
            let command = std::fs::read_to_string(format!("/proc/{}/cmdline", process.identity.pid))
                .unwrap_or_default();
            assert!(!command.contains("ministack") && !command.contains("lifecycle::serve"), "{command}");
        }
    }
}

#[tokio::test]
async fn a_start_killed_between_the_two_processes_is_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let _background = Background(options.clone());
    let whole = up(&options, |_| {}).await.unwrap();
    // What is on disk when `up` dies after starting the emulator: no proxy written down, none there.
    kill(whole.proxy.as_ref().unwrap().identity.pid);
    let file = folder.path().join("sandbox.json");
    let mut state: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    state["proxy"] = serde_json::Value::Null;
    std::fs::write(&file, state.to_string()).unwrap();
    assert!(matches!(status(&options).await.unwrap(), Status::Stale { .. }));
    let broken = Options { faults: Some(folder.path().join("no-such-file")), ..options.clone() };
    assert!(up(&broken, |_| {}).await.unwrap_err().to_string().contains("no-such-file"));
    let repaired = up(&options, |_| {}).await.unwrap();
    assert_eq!(repaired.emulator, whole.emulator, "a proxy that fails does not take the emulator along");
    assert!(down(&options).await.unwrap());
}

#[tokio::test]
async fn a_proxy_that_ends_is_told_with_its_last_words_and_nothing_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.serve = Some(vec!["sh".into(), "-c".into(), "echo no such subcommand >&2; exit 2".into()]);
    let error = up(&options, |_| {}).await.unwrap_err();
    assert!(
        matches!(&error, SandboxError::NeverReady { what: "the proxy", tail, .. } if tail == "no such subcommand"),
        "{error}"
    );
    assert_eq!(status(&options).await.unwrap(), Status::Stopped);
}

#[tokio::test]
async fn a_written_pid_that_is_somebody_elses_now_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let _background = Background(options.clone());
    let process = json!({ "pid": std::process::id(), "started": "long ago", "port": 1, "log": "log" });
    let state = json!({ "version": "0", "emulator_version": "0", "endpoint": "", "calls": "c",
        "emulator": process, "proxy": process });
    std::fs::write(folder.path().join("sandbox.json"), state.to_string()).unwrap();
    assert!(matches!(status(&options).await.unwrap(), Status::Stale { .. }));
    assert!(down(&options).await.unwrap());
}
