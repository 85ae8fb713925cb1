//! The only place that writes to the terminal and reads from it: data to stdout, talk to stderr, colour only
//! where it is seen. Decides no content.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::error::Problem;
use crate::render::progress::Manner;
use crate::render::text::escape_json;

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

/// Something that moves while the user waits; gone when dropped.
#[must_use]
pub(crate) struct Spinner(ProgressBar);

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Says something to stderr from beside the command that has the [`Ui`], such as an answer to Ctrl-C.
pub(crate) fn interject(text: &str) {
    let mut stderr = anstream::stderr();
    // Where nobody listens, nothing is lost.
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

/// Shows that something takes its time, to a person who watches.
pub(crate) fn spinner(what: &'static str) -> Spinner {
    let target = if is_watched() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(None, target).with_message(what);
    bar.enable_steady_tick(Duration::from_millis(100));
    Spinner(bar)
}

/// Whether a person watches stderr.
fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Whether there is somebody to ask.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// A line from the terminal.
pub(crate) fn read_line() -> std::io::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
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
        self.data(&format!("{}\n", escape_json(&value.to_string())))
    }

    /// Writes a JSON document.
    pub(crate) fn document(&mut self, value: &serde_json::Value) -> Result<(), Problem> {
        self.data(&format!("{}\n", escape_json(&serde_json::to_string_pretty(value)?)))
    }

    /// Says something beside the data. Where nobody listens, nothing is lost.
    pub(crate) fn talk(&mut self, text: &str) {
        let _ = self.stderr.write_all(text.as_bytes());
        let _ = self.stderr.flush();
    }

    /// How what is under way is shown.
    pub(crate) fn manner(&self, json: bool) -> Manner {
        match (json, is_watched()) {
            (true, _) => Manner::Json,
            (false, true) => Manner::Live { color: self.talks_in_color() },
            (false, false) => Manner::Plain,
        }
    }

    /// Writes a line of what is under way: JSON to stdout, anything else to stderr.
    pub(crate) fn line(&mut self, manner: Manner, line: &str) {
        if manner == Manner::Json {
            // A reader that went away does not stop the work; the end of it is told by the exit code.
            let _ = self.data(&format!("{line}\n"));
        } else {
            self.talk(&format!("{line}\n"));
        }
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
        let line = read_line().map_err(|error| Problem::new("cannot read the answer").because(error))?;
        if line == answer { Ok(()) } else { Err(Problem::new("not confirmed: nothing was changed")) }
    }
}
