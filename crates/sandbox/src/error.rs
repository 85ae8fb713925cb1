//! What can go wrong with the sandbox's processes. The words of a failed program travel as its last lines, so
//! that a user sees the cause without opening a log.

use std::path::PathBuf;

/// Why the sandbox could not be installed, started, stopped or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// No Python interpreter where one was looked for.
    #[error("no Python 3 found: `{program}` does not start")]
    PythonMissing {
        /// The program that was tried.
        program: String,
    },
    /// The interpreter is older than the emulator needs.
    #[error("Python is too old: `{program}` is {found}, the emulator needs {needed}")]
    PythonTooOld {
        /// The program that was tried.
        program: String,
        /// Its version.
        found: String,
        /// The least version.
        needed: &'static str,
    },
    /// Debian and others ship Python without its `venv` module.
    #[error("Python's `venv` module is missing: {detail}")]
    VenvMissing {
        /// What Python said.
        detail: String,
    },
    /// `pip` could not install the pinned packages.
    #[error("{what} could not be installed: `pip install` failed\n{tail}")]
    InstallFailed {
        /// The emulator or Spark.
        what: &'static str,
        /// The last lines `pip` printed.
        tail: String,
    },
    /// No Java that Spark runs on.
    #[error("Spark needs Java 17 (or 8 or 11): {found}")]
    JavaMissing {
        /// What was found instead.
        found: String,
    },
    /// A process was started and its port never answered.
    #[error("{what} did not answer on port {port}: {why}\n{tail}")]
    NeverReady {
        /// The emulator or the proxy.
        what: &'static str,
        /// The port that was waited for.
        port: u16,
        /// Whether it ended or took too long.
        why: String,
        /// The end of its log.
        tail: String,
    },
    /// A process that should have ended is still there.
    #[error("process {pid} of the sandbox does not end")]
    WillNotEnd {
        /// The process.
        pid: u32,
    },
    /// The folder for the sandbox's files is unknown.
    #[error("no folder for the sandbox's files is known")]
    NoDirectory,
    /// A file or folder could not be read or written.
    #[error("cannot {verb} `{}`: {source}", path.display())]
    File {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A script of faults that is none.
    #[error("`{}` is no script of faults: {why}", path.display())]
    Faults {
        /// The script.
        path: PathBuf,
        /// What is wrong, and in which line.
        why: String,
    },
    /// A background task of this program ended early.
    #[error("a background task ended early: {0}")]
    Task(String),
}

impl SandboxError {
    /// What the user can do about it, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::PythonMissing { .. } | Self::PythonTooOld { .. } => {
                Some("install Python 3.10 or newer, or name one in `LAKEFORM_PYTHON`")
            }
            Self::VenvMissing { .. } => {
                Some("install it, on Debian or Ubuntu with `apt-get install python3-venv`")
            }
            Self::InstallFailed { .. } => {
                Some("look at the lines above: most often the package index is out of reach")
            }
            Self::JavaMissing { .. } => Some(
                "install Java 17, on Debian or Ubuntu with `apt-get install openjdk-17-jre-headless`, or name one in `JAVA_HOME`",
            ),
            Self::NeverReady { .. } => Some("run `lakeform sandbox down`, then `lakeform sandbox up` again"),
            Self::NoDirectory => Some("name one in `LAKEFORM_SANDBOX_DIR`"),
            Self::Faults { .. } => Some("the page \"The sandbox\" of the documentation shows the format"),
            Self::WillNotEnd { .. } | Self::File { .. } | Self::Task(_) => None,
        }
    }

    pub(crate) fn file(verb: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { verb, path, source }
    }
}
