//! What the user is told when a command cannot go on, and the process's exit codes. Decides no wording of the
//! libraries' errors; knows where each library keeps its hint.

use std::fmt::Write as _;
use std::process::ExitCode;

use lakeform_engine::QueryError;
use lakeform_model::CloudError;
use lakeform_sandbox::SandboxError;

use crate::render::text::{BAD, NOTE, paint, quoted};

/// How a command ended that could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or nothing to do.
    Done,
    /// Something failed, and was told.
    Failed,
    /// Changes are pending.
    Pending,
    /// The user stopped it.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Pending => 2,
            Exit::Interrupted => 130,
        })
    }
}

/// Why a command cannot go on: one message, its causes, and what to do next.
#[derive(Debug, Default)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Debug, Default)]
struct Parts {
    /// Text that is shown as it is before the message: a manifest's problems, quoted.
    shown: Option<String>,
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
    /// More for scripts, under a name of its own.
    details: Option<(&'static str, serde_json::Value)>,
    quiet: bool,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Parts { message: message.into(), ..Parts::default() }))
    }

    #[must_use]
    pub(crate) fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.0.causes.push(cause.to_string());
        self
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    #[must_use]
    pub(crate) fn shown(mut self, text: String) -> Self {
        self.0.shown = Some(text);
        self
    }

    #[must_use]
    pub(crate) fn details(mut self, name: &'static str, value: serde_json::Value) -> Self {
        self.0.details = Some((name, value));
        self
    }

    /// Whether nobody is left to tell.
    pub(crate) fn is_quiet(&self) -> bool {
        self.0.quiet
    }

    /// The whole text.
    pub(crate) fn render(&self) -> String {
        let Parts { shown, message, causes, hints, details: _, quiet: _ } = self.0.as_ref();
        let mut text = String::new();
        if let Some(shown) = shown {
            text.push_str(shown.trim_end());
            text.push_str("\n\n");
        }
        let _ = writeln!(text, "{} {}", paint(BAD, "error:"), quoted(message));
        for cause in causes {
            let _ = writeln!(text, "  {} {}", paint(BAD, "because:"), quoted(cause));
        }
        for hint in hints {
            let _ = writeln!(text, "{} {}", paint(NOTE, "hint:"), quoted(hint));
        }
        text
    }

    /// For scripts that asked for JSON.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let Parts { shown: _, message, causes, hints, details, quiet: _ } = self.0.as_ref();
        let mut json = serde_json::json!({ "error": message, "causes": causes, "hints": hints });
        if let Some((name, value)) = details {
            json[*name] = value.clone();
        }
        json
    }
}

impl From<CloudError> for Problem {
    fn from(error: CloudError) -> Self {
        let problem = Self::new(error.to_string());
        match error.hint() {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}

impl From<SandboxError> for Problem {
    fn from(error: SandboxError) -> Self {
        let problem = Self::new(error.to_string());
        match error.hint() {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let problem = Self::new(error.to_string());
        match error.hint() {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        let quiet = error.kind() == std::io::ErrorKind::BrokenPipe;
        let mut problem = Self::new("cannot write the output").because(error);
        problem.0.quiet = quiet;
        problem
    }
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        Self::new("cannot write JSON").because(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_its_causes_and_hints_and_escapes_control_characters() {
        let problem = Problem::new("cannot read `a\u{1b}[31m`").because("it is away").hint("look again");
        let text = anstream::adapter::strip_str(&problem.render()).to_string();
        assert_eq!(text, "error: cannot read `a\\u{1b}[31m`\n  because: it is away\nhint: look again\n");
    }

    #[test]
    fn the_exit_codes_are_those_of_the_contract() {
        for (exit, code) in [(Exit::Done, 0), (Exit::Failed, 1), (Exit::Pending, 2), (Exit::Interrupted, 130)]
        {
            assert_eq!(ExitCode::from(exit), ExitCode::from(code));
        }
    }
}
