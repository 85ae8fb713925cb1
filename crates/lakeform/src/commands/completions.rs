//! `lakeform completions`: completions for a shell.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::cli::Cli;
use crate::error::{Exit, Problem};
use crate::ui::Ui;

/// Print completions for a shell
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, ui: &mut Ui) -> Result<Exit, Problem> {
    let mut text = Vec::new();
    generate(args.shell, &mut Cli::command(), "lakeform", &mut text);
    ui.data(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}
