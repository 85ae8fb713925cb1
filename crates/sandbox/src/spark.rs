//! Spark's environment: one pinned PySpark, and the Java that is on the machine. Knows which Spark a Glue version
//! has; does not run jobs.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::SandboxError;
use crate::environment::{self, Environment, Pinned};
use crate::lifecycle::Event;

/// Every package of Spark's environment, each at one version and known by its hash.
pub const REQUIREMENTS: &str = include_str!("../requirements-spark.txt");

const SPARK: Pinned = Pinned { folder: "venv-spark", what: "Spark", requirements: REQUIREMENTS };
/// What Spark 3.5 runs on.
const JAVA_VERSIONS: [u32; 3] = [8, 11, 17];

/// Spark's version, from the pinned requirements.
pub fn spark_version() -> &'static str {
    REQUIREMENTS
        .lines()
        .find_map(|line| line.strip_prefix("pyspark=="))
        .and_then(|rest| rest.split_whitespace().next())
        .unwrap_or("unknown")
}

/// Spark's environment in this folder, installed now if it is not there or not whole. Java is looked for first:
/// nobody should wait for a download that cannot be used.
pub fn ensure(
    directory: &Path,
    python: &Path,
    progress: &dyn Fn(Event),
) -> Result<Environment, SandboxError> {
    java()?;
    SPARK.ensure(directory, python, Event::InstallingSpark { version: spark_version() }, progress)
}

/// [`ensure`] for tests, in the folder they share, with the system's Python.
pub fn for_tests() -> Result<Environment, SandboxError> {
    ensure(&environment::test_directory(), &environment::default_python(), &|_| {})
}

/// Spark's environment, if it is installed.
pub fn installed(directory: &Path) -> Option<Environment> {
    SPARK.installed(directory)
}

/// What a user should know about a job of this Glue version: the sandbox has one Spark for all of them.
pub(crate) fn version_note(glue_version: &str) -> Option<String> {
    let theirs = match glue_version {
        "5.0" => return None,
        "5.1" => "Spark 3.5.6",
        "4.0" => "Spark 3.3.0",
        "3.0" => "Spark 3.1.1",
        _ => "another Spark",
    };
    let ours = spark_version();
    Some(format!("Glue {glue_version} has {theirs}; the sandbox runs this job on Spark {ours}"))
}

/// The Java of `JAVA_HOME`, else of the path, if Spark runs on it.
pub fn java() -> Result<PathBuf, SandboxError> {
    let home = std::env::var_os("JAVA_HOME").filter(|home| !home.is_empty());
    usable_java(home.map_or_else(|| PathBuf::from("java"), |home| Path::new(&home).join("bin").join("java")))
}

/// The program, if it is a Java that Spark runs on.
pub(crate) fn usable_java(program: PathBuf) -> Result<PathBuf, SandboxError> {
    let missing = |found: String| SandboxError::JavaMissing { found };
    let output = Command::new(&program)
        .arg("-version")
        .output()
        .map_err(|_| missing(format!("`{}` does not start", program.display())))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match java_version(&said) {
        Some(version) if JAVA_VERSIONS.contains(&version) => Ok(program),
        Some(version) => Err(missing(format!("`{}` is Java {version}", program.display()))),
        None => Err(missing(format!("`{} -version` says no version that is understood", program.display()))),
    }
}

/// The version in `openjdk version "17.0.15" 2025-04-15`; Java 8 calls itself 1.8.
fn java_version(said: &str) -> Option<u32> {
    let number = said.split("version \"").nth(1)?.split('"').next()?;
    let mut parts = number.split(|character: char| !character.is_ascii_digit());
    match parts.next()?.parse().ok()? {
        1 => parts.next()?.parse().ok(),
        version => Some(version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_is_pinned_by_hash() {
        assert_eq!(spark_version(), "3.5.4");
        for line in REQUIREMENTS.lines() {
            let (package, hash) = line.split_once(" --hash=sha256:").unwrap();
            assert!(package.contains("==") && hash.len() == 64, "{line}");
        }
    }

    #[test]
    fn javas_version_is_read_in_both_its_forms() {
        assert_eq!(java_version("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK"), Some(17));
        assert_eq!(java_version("java version \"1.8.0_392\""), Some(8));
        assert_eq!(java_version("openjdk version \"21\" 2023-09-19"), Some(21));
        assert_eq!(java_version("command not found"), None);
    }

    #[test]
    fn a_missing_java_is_said_so_with_what_to_do() {
        let error = usable_java(PathBuf::from("/no/such/java")).unwrap_err();
        assert!(error.to_string().contains("Java 17"), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("install Java 17")));
    }

    #[test]
    fn one_spark_serves_every_glue_version_and_says_so() {
        assert_eq!(version_note("5.0"), None);
        assert!(version_note("4.0").unwrap().contains("Spark 3.3.0"));
    }
}
