//! `lakeform apply`: make AWS what the manifest says, or what a saved plan says.

use std::path::PathBuf;

use clap::Args;
use lakeform_executor::{ApplyOptions, Stop, apply};
use lakeform_model::Plan;
use lakeform_planner::PlanOptions;

use crate::cli::ManifestArgs;
use crate::commands::{check, plan, run as jobs};
use crate::context::{Context, Session};
use crate::error::{Exit, Problem};
use crate::interrupt::Interrupt;
use crate::planning::{ScopeArgs, make_plan, refusal};
use crate::render;
use crate::render::progress::{Manner, Progress};
use crate::saved_plan;
use crate::secrets;
use crate::ui::Ui;

/// Make AWS what the manifest says
///
/// Shows the plan, asks, and carries it out. Running it again is always the repair.
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// A plan that `lakeform plan --out` wrote; without one, a new plan is made
    #[arg(value_name = "PLANFILE", conflicts_with_all = ["targets", "allow", "adopt"])]
    plan: Option<PathBuf>,
    #[command(flatten)]
    manifest: ManifestArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    how: HowArgs,
    /// Take over what exists and carries nobody's mark
    #[arg(long)]
    adopt: bool,
    /// Then run all jobs, as `lakeform run --all`
    #[arg(long)]
    run: bool,
    /// Then run the checks, as `lakeform check`
    #[arg(long)]
    check: bool,
}

/// How steps are carried out.
#[derive(Debug, Args)]
pub(crate) struct HowArgs {
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// The most steps at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=64))]
    pub(crate) parallelism: usize,
}

pub(crate) async fn run(args: &ApplyArgs, context: &Context, ui: &mut Ui) -> Result<Exit, Problem> {
    // A file that is no plan of this manifest's is refused before AWS is asked anything.
    let saved = args.plan.as_deref().map(saved_plan::read).transpose()?;
    let offline = context.load(&args.manifest, ui)?;
    if let Some(saved) = &saved {
        saved_plan::check_stack(saved, &offline.desired.stack)?;
        saved_plan::check_account(saved, offline.desired.account.as_deref())?;
    }
    let session = context.connect(offline, ui).await?;
    let made = match saved {
        Some(mut saved) => {
            saved_plan::check_place(&saved, &session.cloud.account, &session.cloud.region)?;
            secrets::reveal(&mut saved, &session.desired, context.kinds)?;
            saved
        }
        None => {
            let options = PlanOptions { adopt: args.adopt, ..args.scope.options() };
            make_plan(&session, context, &options).await?
        }
    };
    let words = Words {
        destroy: false,
        verb: "Apply",
        question: "Apply this plan?".to_owned(),
        answer: "yes",
        blocked: "What is blocked was not applied; the rest is done",
    };
    let mut exit = agree(&made, &session, context, &args.how, &words, ui).await?;
    if args.run && exit == Exit::Done {
        exit = jobs::run_all(&session, context, ui).await?;
    }
    if args.check && exit == Exit::Done {
        exit = check::check_all(&session, context, ui).await?;
    }
    Ok(exit)
}

/// What an apply and a destroy say in words of their own.
pub(crate) struct Words<'a> {
    /// Whether things go: nothing to do is then told in other words.
    pub(crate) destroy: bool,
    /// The first word of the end.
    pub(crate) verb: &'a str,
    pub(crate) question: String,
    /// What has to be typed.
    pub(crate) answer: &'a str,
    /// What became of what is blocked.
    pub(crate) blocked: &'a str,
}

/// Shows a plan, asks, and carries it out.
pub(crate) async fn agree(
    plan: &Plan,
    session: &Session,
    context: &Context,
    how: &HowArgs,
    words: &Words<'_>,
    ui: &mut Ui,
) -> Result<Exit, Problem> {
    announce(plan, session, words.destroy, context, ui)?;
    if let Some(problem) = refusal(plan) {
        return Err(problem);
    }
    let mut exit = Exit::Done;
    if !plan.steps.is_empty() {
        ui.confirm(&words.question, words.answer, how.yes)?;
    }
    if !plan.steps.is_empty() || context.global.json {
        exit = carry_out(plan, session, context, how, words.verb, ui).await?;
    }
    if !plan.blocked.is_empty() && exit == Exit::Done {
        ui.talk(&format!("{}\n", words.blocked));
        exit = Exit::Failed;
    }
    Ok(exit)
}

/// Shows a plan before the question: for scripts on one line, as the events that follow.
fn announce(
    plan: &Plan,
    session: &Session,
    destroy: bool,
    context: &Context,
    ui: &mut Ui,
) -> Result<(), Problem> {
    if context.global.json {
        let mut json = render::json::plan(plan)?;
        json["event"] = "plan".into();
        return ui.json(&json);
    }
    plan::show(plan, &session.desired, false, destroy, context, ui)
}

/// Applies a plan that was agreed to, and tells how it goes and how it ended.
async fn carry_out(
    plan: &Plan,
    session: &Session,
    context: &Context,
    how: &HowArgs,
    verb: &str,
    ui: &mut Ui,
) -> Result<Exit, Problem> {
    let stop = Stop::new();
    let _interrupt = Interrupt::stops_steps(&stop);
    let options = ApplyOptions { parallelism: how.parallelism, ..ApplyOptions::default() };
    let manner = ui.manner(context.global.json);
    let mut progress = Progress::new(plan, manner);
    let summary = {
        let mut tell = |event: &lakeform_executor::Event| {
            if let Some(line) = progress.take(event) {
                ui.line(manner, &line);
            }
        };
        apply(plan, session.account(), context.kinds, &options, &stop, &mut tell).await
    };
    progress.finish();
    if manner == Manner::Json {
        let mut json = render::json::summary(&summary);
        if context.global.calls {
            json["calls"] = serde_json::to_value(context.calls())?;
        }
        ui.json(&json)?;
    } else {
        ui.data(&render::summary::summary(plan, &summary, verb))?;
    }
    // A step that was stopped while it waited to try again has failed because of that.
    let stopped = summary.is_interrupted() || (stop.is_requested() && !summary.is_success());
    Ok(if stopped {
        Exit::Interrupted
    } else if summary.is_success() {
        Exit::Done
    } else {
        Exit::Failed
    })
}
