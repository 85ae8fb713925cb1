//! The `lakeform` binary: plans, applies, runs, proves and destroys an AWS data lakehouse from one manifest.

mod cli;
mod commands;
mod context;
mod error;
mod interrupt;
mod least_privilege;
mod logging;
mod planning;
mod recorded;
mod render;
mod saved_plan;
mod secrets;
mod stack;
mod ui;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;
use crate::context::Context;
use crate::error::{Exit, Problem};
use crate::render::text::escape_lines;
use crate::ui::Ui;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { Exit::Failed } else { Exit::Done };
            // Nobody is left to tell when the terminal went away.
            let _ = tell_usage(&error);
            return code.into();
        }
    };
    let mut ui = Ui::new(cli.global.color);
    logging::start(cli.global.verbose, ui.talks_in_color());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(&mut ui, false, &Problem::new("cannot start").because(error)),
    };
    let json = cli.global.json;
    let context = Context::new(cli.manifest, cli.global);
    let outcome = runtime.block_on(commands::run(cli.command, &context, &mut ui));
    context.tell_calls(&mut ui);
    // A read of the terminal that the user never answered must not keep the process alive.
    runtime.shutdown_background();
    match outcome {
        Ok(exit) => exit.into(),
        Err(problem) => fail(&mut ui, json, &problem),
    }
}

/// Says what is wrong with the command line. What stands on it may have been pasted, and is quoted.
fn tell_usage(error: &clap::Error) -> std::io::Result<()> {
    let plain = error.render().to_string();
    let clean = escape_lines(&plain);
    if clean == plain { error.print() } else { std::io::stderr().write_all(clean.as_bytes()) }
}

fn fail(ui: &mut Ui, json: bool, problem: &Problem) -> ExitCode {
    if !problem.is_quiet() {
        if json {
            // The problem itself matters more than a pipe that closed.
            let _ = ui.json(&problem.to_json());
        }
        ui.talk(&problem.render());
    }
    Exit::Failed.into()
}
