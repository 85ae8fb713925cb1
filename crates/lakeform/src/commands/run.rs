//! `lakeform run`: the stack's jobs, in the order that what they read and write implies.

use std::collections::BTreeMap;

use clap::Args;
use lakeform_engine::{Halt, Job, RunOptions, run as run_jobs};

use crate::cli::{ManifestArgs, name_and_value};
use crate::context::{Context, Session};
use crate::error::{Exit, Problem};
use crate::interrupt::Interrupt;
use crate::render::progress::Manner;
use crate::render::runs::{JobProgress, summary, summary_json};
use crate::stack;
use crate::ui::Ui;

/// Run Glue jobs, in the order of what they read and write
///
/// Independent jobs run side by side. A job that fails stops those that read what it writes, and nothing else.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The jobs, by their key in the manifest
    #[arg(value_name = "JOB", conflicts_with_all = ["all", "from"])]
    jobs: Vec<String>,
    #[command(flatten)]
    manifest: ManifestArgs,
    /// Run all jobs
    #[arg(long, conflicts_with = "from")]
    all: bool,
    /// Run this job and all that come after it
    #[arg(long, value_name = "JOB")]
    from: Option<String>,
    /// An argument for every run, over the job's own; may be given again
    #[arg(long = "args", value_name = "NAME=VALUE", value_parser = name_and_value, allow_hyphen_values = true)]
    arguments: Vec<(String, String)>,
    /// Minutes until Glue ends a run, over the job's own
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(i32).range(1..10080))]
    timeout: Option<i32>,
    /// Start the jobs and do not follow them; refused where one waits for another
    #[arg(long)]
    no_wait: bool,
    /// What a DPU-hour costs in US dollars, over the manifest's `pricing`
    #[arg(long, value_name = "USD", value_parser = price)]
    dpu_price: Option<f64>,
}

fn price(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(price) if price.is_finite() && price >= 0.0 => Ok(price),
        _ => Err("expected a price such as 0.44".to_owned()),
    }
}

pub(crate) async fn run(args: &RunArgs, context: &Context, ui: &mut Ui) -> Result<Exit, Problem> {
    let offline = context.load(&args.manifest, ui)?;
    let all = stack::jobs(&offline.desired)?;
    let jobs = stack::select(&all, &args.jobs, args.from.as_deref(), args.all)?;
    check_no_wait(&jobs, args.no_wait)?;
    let session = context.connect(offline, ui).await?;
    let named = |(name, value): &(String, String)| {
        let name = if name.starts_with("--") { name.clone() } else { format!("--{name}") };
        (name, value.clone())
    };
    let options = RunOptions {
        arguments: args.arguments.iter().map(named).collect::<BTreeMap<_, _>>(),
        timeout: args.timeout,
        wait: !args.no_wait,
        ..RunOptions::default()
    };
    follow(&session, &jobs, &options, args.dpu_price, context, ui).await
}

/// Nobody would be there to start what waits for others.
fn check_no_wait(jobs: &[Job], no_wait: bool) -> Result<(), Problem> {
    match jobs.iter().find(|job| no_wait && !job.after.is_empty()) {
        Some(job) => {
            let before = job.after.iter().map(|before| format!("`{}`", jobs[*before].key));
            let before = before.collect::<Vec<_>>().join(", ");
            let message = format!("`--no-wait` cannot start `{}`: it reads what {before} writes", job.key);
            Err(Problem::new(message)
                .hint("leave out `--no-wait`, or name jobs that do not wait for each other"))
        }
        None => Ok(()),
    }
}

/// Runs all jobs of the stack; a stack without jobs has nothing to run.
pub(crate) async fn run_all(session: &Session, context: &Context, ui: &mut Ui) -> Result<Exit, Problem> {
    let jobs = stack::jobs(&session.desired)?;
    if jobs.is_empty() {
        return Ok(Exit::Done);
    }
    follow(session, &jobs, &RunOptions::default(), None, context, ui).await
}

async fn follow(
    session: &Session,
    jobs: &[Job],
    options: &RunOptions,
    price: Option<f64>,
    context: &Context,
    ui: &mut Ui,
) -> Result<Exit, Problem> {
    let halt = Halt::default();
    let _interrupt = Interrupt::asks_about_runs(&halt);
    let manner = ui.manner(context.global.json);
    let mut progress = JobProgress::new(jobs, manner);
    let ended = {
        let mut tell = |event: &lakeform_engine::RunEvent| {
            if let Some(line) = progress.take(event) {
                ui.line(manner, &line);
            }
        };
        run_jobs(session.cloud.as_ref(), jobs, options, &halt, &mut tell).await
    };
    progress.finish();
    let price = price.or(session.desired.dpu_hour_usd);
    let logs = context.run_logs(jobs, &ended);
    if manner == Manner::Json {
        ui.json(&summary_json(jobs, &ended, price, &logs))?;
    } else {
        ui.data(&summary(jobs, &ended, price, &logs))?;
    }
    let halted = halt.wish() > lakeform_engine::Wish::GoOn;
    Ok(match (halted, ended.is_success()) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Done,
        (false, false) => Exit::Failed,
    })
}
