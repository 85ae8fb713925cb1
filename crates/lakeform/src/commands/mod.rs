//! One file a command: its flags, and what it does with the libraries. Nothing is rendered here.

pub(crate) mod apply;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod destroy;
pub(crate) mod graph;
pub(crate) mod iam_policy;
pub(crate) mod init;
pub(crate) mod plan;
pub(crate) mod query;
pub(crate) mod run;
pub(crate) mod sandbox;
pub(crate) mod validate;

use crate::cli::Command;
use crate::context::Context;
use crate::error::{Exit, Problem};
use crate::ui::Ui;

/// Runs a command.
pub(crate) async fn run(command: Command, context: &Context, ui: &mut Ui) -> Result<Exit, Problem> {
    match command {
        Command::Init(args) => init::run(&args, context, ui),
        Command::Validate(args) => validate::run(&args, context, ui),
        Command::Plan(args) => plan::run(&args, context, ui).await,
        Command::Apply(args) => apply::run(&args, context, ui).await,
        Command::Destroy(args) => destroy::run(&args, context, ui).await,
        Command::Run(args) => run::run(&args, context, ui).await,
        Command::Query(args) => query::run(&args, context, ui).await,
        Command::Check(args) => check::run(&args, context, ui).await,
        Command::Sandbox(args) => sandbox::run(args, context, ui).await,
        Command::Graph(args) => graph::run(&args, context, ui),
        Command::IamPolicy(args) => iam_policy::run(&args, context, ui),
        Command::Schema => {
            ui.document(&lakeform_manifest::json_schema(context.kinds))?;
            Ok(Exit::Done)
        }
        Command::Reference => {
            ui.data(&lakeform_manifest::reference(context.kinds))?;
            Ok(Exit::Done)
        }
        Command::Completions(args) => completions::run(&args, ui),
    }
}
