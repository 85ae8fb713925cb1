//! Python environments: made once with `venv`, filled from pinned requirements, and made anew when those change.
//! Knows Python and pip; does not start what it installs.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::SandboxError;
use crate::lifecycle::Event;
use crate::process::last_lines;

/// Every package of the emulator, each at one version.
pub const REQUIREMENTS: &str = include_str!("../requirements.txt");

const EMULATOR: Pinned = Pinned { folder: "venv", what: "the emulator", requirements: REQUIREMENTS };
/// Holds the requirements a finished environment was made from; written last.
const DONE: &str = "installed.txt";
const LEAST_PYTHON: (u32, u32) = (3, 10);
const LEAST_PYTHON_TEXT: &str = "3.10 or newer";

/// An installed environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The environment's Python, which has the pinned packages.
    pub python: PathBuf,
}

/// The emulator's version, from the pinned requirements.
pub fn emulator_version() -> &'static str {
    REQUIREMENTS.lines().find_map(|line| line.strip_prefix("ministack==")).unwrap_or("unknown")
}

/// The folder that tests share: `LAKEFORM_SANDBOX_ENV`, else `sandbox-env` in Cargo's target folder.
pub fn test_directory() -> PathBuf {
    let named = std::env::var_os("LAKEFORM_SANDBOX_ENV").filter(|named| !named.is_empty());
    if let Some(named) = named {
        return PathBuf::from(named);
    }
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    target.map_or_else(std::env::temp_dir, Path::to_path_buf).join("sandbox-env")
}

/// The emulator's environment in this folder, made now if it is not there or not whole. Safe from several
/// processes at once: the others wait.
pub fn ensure(
    directory: &Path,
    python: &Path,
    progress: &dyn Fn(Event),
) -> Result<Environment, SandboxError> {
    EMULATOR.ensure(directory, python, Event::InstallingEmulator { version: emulator_version() }, progress)
}

/// The emulator's environment, if it is installed.
pub fn installed(directory: &Path) -> Option<Environment> {
    EMULATOR.installed(directory)
}

/// A virtual environment that is filled from pinned requirements and nothing else.
pub(crate) struct Pinned {
    /// Its folder's name; the lock and the list of requirements beside it are named after it.
    pub(crate) folder: &'static str,
    /// What is installed, for a user who reads that it could not be.
    pub(crate) what: &'static str,
    pub(crate) requirements: &'static str,
}

impl Pinned {
    fn python(&self, directory: &Path) -> PathBuf {
        directory.join(self.folder).join("bin").join("python")
    }

    /// The environment, if it was made to the end from these very requirements.
    pub(crate) fn installed(&self, directory: &Path) -> Option<Environment> {
        let made_from = std::fs::read_to_string(directory.join(self.folder).join(DONE)).ok()?;
        let python = self.python(directory);
        (made_from == self.requirements && python.exists()).then_some(Environment { python })
    }

    pub(crate) fn ensure(
        &self,
        directory: &Path,
        python: &Path,
        installing: Event,
        progress: &dyn Fn(Event),
    ) -> Result<Environment, SandboxError> {
        std::fs::create_dir_all(directory).map_err(SandboxError::file("create", directory))?;
        let _held = lock(&directory.join(format!("{}.lock", self.folder)))?;
        if let Some(environment) = self.installed(directory) {
            return Ok(environment);
        }
        check_version(python)?;
        let venv = directory.join(self.folder);
        progress(Event::CreatingEnvironment { directory: venv.clone() });
        if venv.exists() {
            std::fs::remove_dir_all(&venv).map_err(SandboxError::file("remove", &venv))?;
        }
        create(python, &venv)?;
        progress(installing);
        let environment = Environment { python: self.python(directory) };
        self.install(&environment, directory)?;
        let done = venv.join(DONE);
        let mut file = File::create(&done).map_err(SandboxError::file("write", &done))?;
        file.write_all(self.requirements.as_bytes()).map_err(SandboxError::file("write", &done))?;
        Ok(environment)
    }

    fn install(&self, environment: &Environment, directory: &Path) -> Result<(), SandboxError> {
        let list = directory.join(format!("{}-requirements.txt", self.folder));
        std::fs::write(&list, self.requirements).map_err(SandboxError::file("write", &list))?;
        let list = list.display().to_string();
        // Every package is in the list, so there is nothing to resolve.
        let arguments = [
            "-m",
            "pip",
            "install",
            "--no-deps",
            "--no-input",
            "--disable-pip-version-check",
            "-q",
            "-r",
            &list,
        ];
        let output = run(&environment.python, &arguments)?;
        if output.status.success() {
            return Ok(());
        }
        Err(SandboxError::InstallFailed { what: self.what, tail: said(&output) })
    }
}

/// [`ensure`] for tests, in the folder they share, with the system's Python.
pub fn for_tests() -> Result<Environment, SandboxError> {
    ensure(&test_directory(), &default_python(), &|_| {})
}

/// `LAKEFORM_PYTHON`, else `python3`.
pub fn default_python() -> PathBuf {
    std::env::var_os("LAKEFORM_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from)
}

/// Holds a lock file until the file is dropped.
pub(crate) fn lock(path: &Path) -> Result<File, SandboxError> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(SandboxError::file("open", path))?;
    file.lock().map_err(SandboxError::file("lock", path))?;
    Ok(file)
}

fn run(program: &Path, arguments: &[&str]) -> Result<Output, SandboxError> {
    let missing = |_| SandboxError::PythonMissing { program: program.display().to_string() };
    Command::new(program)
        .args(arguments)
        // The caller's own Python settings must not leak into ours.
        .env_remove("PYTHONHOME")
        .env_remove("PYTHONPATH")
        .output()
        .map_err(missing)
}

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    last_lines(&String::from_utf8_lossy(&both))
}

fn check_version(python: &Path) -> Result<(), SandboxError> {
    let program = python.display().to_string();
    let output = run(python, &["-c", "import sys; print('%d.%d' % sys.version_info[:2])"])?;
    let found = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let version =
        found.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    match version {
        None => Err(SandboxError::PythonMissing { program }),
        Some(version) if version < LEAST_PYTHON => {
            Err(SandboxError::PythonTooOld { program, found, needed: LEAST_PYTHON_TEXT })
        }
        Some(_) => Ok(()),
    }
}

fn create(python: &Path, venv: &Path) -> Result<(), SandboxError> {
    let output = run(python, &["-m", "venv", &venv.display().to_string()])?;
    if output.status.success() {
        return Ok(());
    }
    Err(SandboxError::VenvMissing { detail: said(&output) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn script(folder: &Path, text: &str) -> PathBuf {
        let path = folder.join("python3");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn failure(text: &str) -> SandboxError {
        let folder = tempfile::tempdir().unwrap();
        let python = script(folder.path(), text);
        ensure(&folder.path().join("env"), &python, &|_| {}).unwrap_err()
    }

    #[test]
    fn every_requirement_is_pinned() {
        assert_eq!(emulator_version(), "1.5.33");
        for line in REQUIREMENTS.lines() {
            assert!(line.split_once("==").is_some_and(|(_, version)| !version.is_empty()), "{line}");
        }
    }

    #[test]
    fn no_python_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        let error = ensure(folder.path(), Path::new("/no/such/python3"), &|_| {}).unwrap_err();
        assert!(matches!(error, SandboxError::PythonMissing { .. }), "{error}");
        assert!(error.hint().is_some());
    }

    #[test]
    fn an_old_python_is_said_so() {
        let error = failure("echo 3.8");
        assert!(matches!(error, SandboxError::PythonTooOld { .. }), "{error}");
    }

    #[test]
    fn a_missing_venv_module_is_said_so() {
        let error =
            failure("[ \"$1\" = -c ] && echo 3.11 && exit 0; echo 'No module named venv' >&2; exit 1");
        assert!(
            matches!(&error, SandboxError::VenvMissing { detail } if detail.contains("No module")),
            "{error}"
        );
    }

    #[test]
    fn a_failed_installation_shows_pips_last_lines_and_is_no_environment() {
        let fake = r#"case "$2" in venv) mkdir -p "$3/bin" && cp "$0" "$3/bin/python";;
            pip) echo 'ERROR: no matching distribution' >&2; exit 1;; *) echo 3.11;; esac"#;
        let folder = tempfile::tempdir().unwrap();
        let python = script(folder.path(), fake);
        for _ in 0..2 {
            let error = ensure(&folder.path().join("env"), &python, &|_| {}).unwrap_err();
            assert!(
                matches!(&error, SandboxError::InstallFailed { tail, .. } if tail.contains("no matching")),
                "{error}"
            );
        }
    }
}
