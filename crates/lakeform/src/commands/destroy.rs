//! `lakeform destroy`: remove what carries this stack's mark.

use clap::Args;
use lakeform_planner::PlanOptions;

use crate::cli::ManifestArgs;
use crate::commands::apply::{HowArgs, announce, carry_out};
use crate::context::Context;
use crate::error::{Exit, Problem};
use crate::planning::{ScopeArgs, make_plan, refusal};
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
    announce(&plan, &session, context, ui)?;
    if let Some(problem) = refusal(&plan) {
        return Err(problem);
    }
    let mut exit = Exit::Done;
    if !plan.steps.is_empty() {
        let stack = &session.desired.stack;
        ui.confirm(&format!("Destroy the stack `{stack}`?"), stack, args.how.yes)?;
    }
    if !plan.steps.is_empty() || context.global.json {
        exit = carry_out(&plan, &session, context, &args.how, "Destroy", ui).await?;
    }
    if !plan.blocked.is_empty() && exit == Exit::Done {
        ui.talk("What is blocked was left in place; the rest is gone\n");
        exit = Exit::Failed;
    }
    Ok(exit)
}
