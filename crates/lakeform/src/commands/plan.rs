//! `lakeform plan`: what would change. Makes no mutating call.

use std::path::PathBuf;

use clap::Args;
use lakeform_model::{Desired, Plan};
use lakeform_planner::PlanOptions;

use crate::cli::ManifestArgs;
use crate::context::Context;
use crate::error::{Exit, Problem};
use crate::planning::{ScopeArgs, make_plan, plan_recorded};
use crate::recorded::Recorded;
use crate::render::text::escape;
use crate::render::{self, plan::View};
use crate::saved_plan;
use crate::ui::Ui;

/// Show what would change, without changing it
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "a flag each")]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) manifest: ManifestArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    /// Write the plan to a file, for `lakeform apply FILE`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exit with 2 when there are changes
    #[arg(long)]
    detailed_exitcode: bool,
    /// Show long fields whole
    #[arg(long)]
    full: bool,
    /// Plan to destroy the stack
    #[arg(long)]
    destroy: bool,
    /// With `--destroy`: delete what was adopted, too
    #[arg(long, requires = "destroy")]
    include_adopted: bool,
    /// Plan to take over what exists and carries nobody's mark
    #[arg(long)]
    adopt: bool,
    /// Plan against an account that was written down, instead of AWS
    #[arg(long, value_name = "FILE", hide = true)]
    live: Option<PathBuf>,
}

pub(crate) async fn run(args: &PlanArgs, context: &Context, ui: &mut Ui) -> Result<Exit, Problem> {
    let offline = context.load(&args.manifest, ui)?;
    let options = PlanOptions {
        destroy: args.destroy,
        include_adopted: args.include_adopted,
        adopt: args.adopt,
        ..args.scope.options()
    };
    let (plan, desired) = if let Some(live) = &args.live {
        let recorded = Recorded::read(live, context.kinds)?;
        (plan_recorded(&recorded, &offline.desired, context, &options).await?, offline.desired)
    } else {
        let session = context.connect(offline, ui).await?;
        let plan = make_plan(&session, context, &options).await?;
        (plan, session.desired)
    };
    // The file first: a reader of the output that goes away must not cost it.
    if let Some(path) = &args.out {
        saved_plan::write(path, &plan, context.kinds)?;
    }
    show(&plan, &desired, args.full, args.destroy, context, ui)?;
    if let Some(path) = &args.out {
        ui.talk(&format!(
            "\nSaved: `lakeform apply {}` does exactly this\n",
            escape(&path.display().to_string())
        ));
    }
    Ok(if !plan.blocked.is_empty() {
        Exit::Failed
    } else if args.detailed_exitcode && !plan.is_empty() {
        Exit::Pending
    } else {
        Exit::Done
    })
}

/// Shows a plan, as text or as JSON.
pub(crate) fn show(
    plan: &Plan,
    desired: &Desired,
    whole: bool,
    destroy: bool,
    context: &Context,
    ui: &mut Ui,
) -> Result<(), Problem> {
    if context.global.json {
        return ui.document(&render::json::plan(plan)?);
    }
    let mut view = View::new(context.kinds, whole);
    view.destroy = destroy;
    view.checks = desired.checks.iter().map(|check| check.name.as_str()).collect();
    ui.data(&render::plan::plan(plan, &view))
}
