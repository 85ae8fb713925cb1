//! The real binary, run as a user would: its own home, dummy credentials, an explicit endpoint.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// An address where nothing listens: a test that forgets its endpoint reaches nobody.
const NOWHERE: &str = "http://127.0.0.1:9";

/// The binary: the one that `LAKEFORM_TEST_BINARY` names, else built once with the profile of the tests.
pub(crate) fn lakeform() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(built) = std::env::var_os("LAKEFORM_TEST_BINARY") {
            return built.into();
        }
        let test = std::env::current_exe().expect("a test has a path");
        let profile = test.ancestors().nth(2).expect("target/<profile>/deps/<test>").to_owned();
        let release = profile.file_name().is_some_and(|name| name == "release");
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--locked", "--package", "lakeform", "--bin", "lakeform"]);
        build.arg("--target-dir").arg(profile.parent().expect("target/<profile>"));
        if release {
            build.arg("--release");
        }
        let status = build.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
        assert!(status.success(), "the binary builds");
        profile.join("lakeform")
    })
}

/// The binary with an environment that reaches no account of anybody's.
pub(crate) fn command(folder: &Path) -> Command {
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
pub(crate) fn at(folder: &Path, endpoint: &str, account: &str) -> Command {
    let mut command = command(folder);
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", account)
        .env("AWS_SECRET_ACCESS_KEY", "testing");
    command
}

/// What a run said: exit code, stdout and stderr.
pub(crate) fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().map_or_else(|| "killed".to_owned(), |code| code.to_string());
    format!(
        "exit code: {code}\n----- stdout -----\n{}----- stderr -----\n{}",
        text(&output.stdout),
        text(&output.stderr)
    )
}
