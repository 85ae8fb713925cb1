//! `lakeform destroy`: remove what carries this stack's mark.

use clap::Args;
use lakeform_planner::PlanOptions;

use crate::cli::ManifestArgs;
use crate::commands::apply::{HowArgs, Words, agree};
use crate::context::Context;
use crate::error::{Exit, Problem};
use crate::planning::{ScopeArgs, make_plan};
use crate::ui::Ui;

/// Remove everything that carries this stack's mark
///
/// Shows first what would be lost, and asks for the stack's name. What was adopted stays in place, without the
/// mark.
#[derive(Debug, Args)]
pub(crate) struct DestroyArgs {
    #[command(flatten)]
    manifest: ManifestArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    how: HowArgs,
    /// Delete what was adopted, too
    #[arg(long)]
    include_adopted: bool,
}

pub(crate) async fn run(args: &DestroyArgs, context: &Context, ui: &mut Ui) -> Result<Exit, Problem> {
    let offline = context.load(&args.manifest, ui)?;
    let session = context.connect(offline, ui).await?;
    let options =
        PlanOptions { destroy: true, include_adopted: args.include_adopted, ..args.scope.options() };
    let plan = make_plan(&session, context, &options).await?;
    let stack = &session.desired.stack;
    let words = Words {
        destroy: true,
        verb: "Destroy",
        question: format!("Destroy the stack `{stack}`?"),
        answer: stack,
        blocked: "What is blocked was left in place; the rest is gone",
    };
    agree(&plan, &session, context, &args.how, &words, ui).await
}
