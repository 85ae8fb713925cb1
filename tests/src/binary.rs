//! The real binary, run as a user would: its own home, dummy credentials, an explicit endpoint.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// An address where nothing listens: a test that forgets its endpoint reaches nobody.
const NOWHERE: &str = "http://127.0.0.1:9";

/// The binary that was built with the tests. To build it from here would take other features, and the SDK anew.
pub fn lakeform() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let test = std::env::current_exe().expect("a test has a path");
        let profile = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
        let binary = profile.join("lakeform");
        assert!(binary.exists(), "the binary is not built: test the whole workspace");
        binary
    })
}

/// The binary with an environment that reaches no account of anybody's.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(lakeform());
    command.env_clear().current_dir(folder);
    for name in ["PATH", "TMPDIR", "JAVA_HOME", "LLVM_PROFILE_FILE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .env("HOME", folder)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", NOWHERE)
        .env("AWS_REGION", "us-east-1")
        .env("COLUMNS", "110");
    command
}

/// The binary against an endpoint, as an account.
pub fn at(folder: &Path, endpoint: &str, account: &str) -> Command {
    let mut command = command(folder);
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", account)
        .env("AWS_SECRET_ACCESS_KEY", "testing");
    command
}

/// What a run said: exit code, stdout and stderr.
pub fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().map_or_else(|| "killed".to_owned(), |code| code.to_string());
    format!(
        "exit code: {code}\n----- stdout -----\n{}----- stderr -----\n{}",
        text(&output.stdout),
        text(&output.stderr)
    )
}
