//! The only place that writes to the terminal and reads from it: data to stdout, talk to stderr, colour only
//! where it is seen. Decides no content.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;

use crate::error::Problem;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The terminal, or what stands in its place.
pub(crate) struct Ui {
    stdout: AutoStream<std::io::Stdout>,
    stderr: AutoStream<std::io::Stderr>,
    color: ColorChoice,
}

impl Ui {
    pub(crate) fn new(color: Color) -> Self {
        let color = match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Self {
            stdout: AutoStream::new(std::io::stdout(), color),
            stderr: AutoStream::new(std::io::stderr(), color),
            color,
        }
    }

    /// Writes what was asked for.
    pub(crate) fn data(&mut self, text: &str) -> Result<(), Problem> {
        self.stdout.write_all(text.as_bytes())?;
        Ok(self.stdout.flush()?)
    }

    /// Writes one line of JSON.
    pub(crate) fn json(&mut self, value: &serde_json::Value) -> Result<(), Problem> {
        self.data(&format!("{value}\n"))
    }

    /// Writes a JSON document.
    pub(crate) fn document(&mut self, value: &serde_json::Value) -> Result<(), Problem> {
        self.data(&format!("{}\n", serde_json::to_string_pretty(value)?))
    }

    /// Says something beside the data. Where nobody listens, nothing is lost.
    pub(crate) fn talk(&mut self, text: &str) {
        let _ = self.stderr.write_all(text.as_bytes());
        let _ = self.stderr.flush();
    }

    /// Whether a person watches stderr.
    pub(crate) fn is_watched(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    /// Whether stderr shows colours.
    pub(crate) fn talks_in_color(&self) -> bool {
        match self.color {
            ColorChoice::Auto => AutoStream::choice(&std::io::stderr()) != ColorChoice::Never,
            ColorChoice::Always | ColorChoice::AlwaysAnsi => true,
            ColorChoice::Never => false,
        }
    }

    /// Asks for `answer`, typed out; another answer, or nobody to ask, is a problem.
    pub(crate) fn confirm(&mut self, question: &str, answer: &str, yes: bool) -> Result<(), Problem> {
        if yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            return Err(Problem::new("nobody to ask: the input is not a terminal")
                .hint("look at the plan, then give `--yes`"));
        }
        self.talk(&format!("\n{question} Only `{answer}` is taken as yes: "));
        let mut line = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut line)
            .map_err(|error| Problem::new("cannot read the answer").because(error))?;
        if line.trim() == answer { Ok(()) } else { Err(Problem::new("not confirmed: nothing was changed")) }
    }
}
