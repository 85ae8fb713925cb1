//! `lakeform check`: the manifest's checks.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use lakeform_engine::{CheckEvent, CheckOptions, CheckOutcome, Halt, Pace, Wish, check as run_checks, junit};
use lakeform_model::Check;

use crate::cli::ManifestArgs;
use crate::context::{Context, Session};
use crate::error::{Exit, Problem};
use crate::interrupt::Interrupt;
use crate::render::checks;
use crate::stack;
use crate::ui::Ui;

/// How many checks run at once: Athena's own limit on queries is not far.
const SIDE_BY_SIDE: usize = 5;

/// Prove the data right: run the manifest's checks on Athena
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The checks, by name; all when none is named
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    manifest: ManifestArgs,
    /// Write a JUnit XML report, for CI
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// The workgroup: a key of the manifest, or a name [default: the stack's only one]
    #[arg(long, value_name = "NAME")]
    workgroup: Option<String>,
}

pub(crate) async fn run(args: &CheckArgs, context: &Context, ui: &mut Ui) -> Result<Exit, Problem> {
    let offline = context.load(&args.manifest, ui)?;
    let checks = select(&offline.desired.checks, &args.names)?;
    let session = context.connect(offline, ui).await?;
    prove(&session, &checks, args.workgroup.as_deref(), args.junit.as_ref(), context, ui).await
}

/// Runs every check of the stack.
pub(crate) async fn check_all(session: &Session, context: &Context, ui: &mut Ui) -> Result<Exit, Problem> {
    prove(session, &session.desired.checks, None, None, context, ui).await
}

fn select(checks: &[Check], names: &[String]) -> Result<Vec<Check>, Problem> {
    let known = || checks.iter().map(|check| format!("`{}`", check.name)).collect::<Vec<_>>().join(", ");
    if let Some(name) = names.iter().find(|name| !checks.iter().any(|check| check.name == **name)) {
        return Err(Problem::new(format!("the manifest has no check `{name}`"))
            .hint(format!("its checks: {}", known())));
    }
    let wanted = |check: &&Check| names.is_empty() || names.contains(&check.name);
    Ok(checks.iter().filter(wanted).cloned().collect())
}

async fn prove(
    session: &Session,
    wanted: &[Check],
    workgroup: Option<&str>,
    report: Option<&PathBuf>,
    context: &Context,
    ui: &mut Ui,
) -> Result<Exit, Problem> {
    let desired = &session.desired;
    let options = CheckOptions {
        workgroup: stack::workgroup(desired, workgroup)?,
        database: stack::database(desired, None)?,
        parallelism: SIDE_BY_SIDE,
        pace: Pace::QUERY,
    };
    let began = Instant::now();
    let halt = Halt::default();
    let _interrupt = Interrupt::stops_queries(&halt);
    let json = context.global.json;
    let outcomes: Vec<CheckOutcome> = {
        let mut tell = |event: CheckEvent<'_>| {
            if let CheckEvent::Finished(outcome) = event
                && !json
            {
                // A reader that went away does not stop the checks; the exit code tells.
                let _ = ui.data(&format!("{}\n", checks::check(outcome)));
            }
        };
        run_checks(session.cloud.as_ref(), wanted, &options, &halt, &mut tell).await
    };
    if json {
        let all: Vec<serde_json::Value> = outcomes.iter().map(checks::json).collect();
        ui.document(&serde_json::json!({ "stack": desired.stack, "checks": all }))?;
    } else {
        ui.data(&checks::tally(&outcomes, wanted.len(), began.elapsed()))?;
    }
    if let Some(path) = report {
        let text = junit(&desired.stack, &outcomes, began.elapsed())?;
        std::fs::write(path, text).map_err(|error| {
            Problem::new(format!("cannot write the report to `{}`", path.display())).because(error)
        })?;
    }
    Ok(if halt.wish() > Wish::GoOn {
        Exit::Interrupted
    } else if outcomes.iter().any(CheckOutcome::is_failure) {
        Exit::Failed
    } else {
        Exit::Done
    })
}
