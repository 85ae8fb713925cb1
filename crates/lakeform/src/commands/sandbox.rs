//! `lakeform sandbox`: a local AWS, brought up, taken down, asked after.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use lakeform_sandbox::{Event, Options, Sandbox, ServeConfig, Status, lifecycle, serve_proxy};
use serde_json::json;

use crate::context::Context;
use crate::error::{Exit, Problem};
use crate::render::text::{escape, escape_lines};
use crate::ui::Ui;

/// A local AWS, to try everything without an account
#[derive(Debug, Subcommand)]
pub(crate) enum SandboxArgs {
    /// Start it; the first time, install it
    Up(UpArgs),
    /// Stop it, with all it holds
    Down,
    /// Say whether it runs, and where
    Status,
    /// Run the proxy in the foreground; `up` does
    #[command(hide = true)]
    Serve(ServeArgs),
}

/// How to start.
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Install Apache Spark, too, so that Glue jobs run; needs Java 17
    #[arg(long)]
    spark: bool,
    /// Play the faults in this file: which calls fail, how and how often
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// The port to listen on [default: a free one]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// For so many milliseconds Glue may not assume a new role
    #[arg(long, value_name = "MS", default_value_t = 0, hide = true)]
    role_propagation_ms: u64,
}

/// What `up` passes on.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[arg(long)]
    upstream: String,
    #[arg(long)]
    port: u16,
    #[arg(long)]
    log: Option<PathBuf>,
    #[arg(long)]
    memory: Option<PathBuf>,
    #[arg(long)]
    faults: Option<PathBuf>,
    #[arg(long)]
    directory: Option<PathBuf>,
    #[arg(long)]
    environment: Option<PathBuf>,
    #[arg(long, default_value_t = 0)]
    role_propagation_ms: u64,
}

pub(crate) async fn run(args: SandboxArgs, context: &Context, ui: &mut Ui) -> Result<Exit, Problem> {
    match args {
        SandboxArgs::Up(args) => up(args, context, ui).await,
        SandboxArgs::Down => down(context, ui).await,
        SandboxArgs::Status => status(context, ui).await,
        SandboxArgs::Serve(args) => {
            let ServeArgs {
                upstream,
                port,
                log,
                memory,
                faults,
                directory,
                environment,
                role_propagation_ms,
            } = args;
            let config = ServeConfig {
                upstream,
                port,
                calls: log,
                memory,
                faults,
                directory,
                environment,
                role_propagation_ms,
            };
            serve_proxy(config).await?;
            Ok(Exit::Done)
        }
    }
}

async fn up(args: UpArgs, context: &Context, ui: &mut Ui) -> Result<Exit, Problem> {
    let options = Options {
        spark: args.spark,
        faults: args.faults,
        port: args.port,
        role_propagation_ms: args.role_propagation_ms,
        ..Options::default()
    };
    let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
    let bring = lifecycle::up(&options, move |event| drop(sender.send(event)));
    tokio::pin!(bring);
    let sandbox = loop {
        tokio::select! {
            Some(event) = events.recv() => ui.talk(&format!("{}\n", told(&event))),
            outcome = &mut bring => break outcome?,
        }
    };
    while let Ok(event) = events.try_recv() {
        ui.talk(&format!("{}\n", told(&event)));
    }
    if context.global.json {
        ui.document(&json!({ "status": "running", "sandbox": sandbox }))?;
    } else {
        ui.data(&format!("The sandbox runs at {}\n", sandbox.endpoint))?;
        ui.talk("Use it with `lakeform --sandbox …`; `lakeform sandbox down` ends it\n");
    }
    Ok(Exit::Done)
}

fn told(event: &Event) -> String {
    match event {
        Event::CreatingEnvironment { directory } => {
            format!("making a Python environment in {}", escape(&directory.display().to_string()))
        }
        Event::InstallingEmulator { version } => {
            format!("installing MiniStack {version}: a minute or so, only this time")
        }
        Event::InstallingSpark { version } => {
            format!("installing Apache Spark {version}: a few minutes, only this time")
        }
        Event::StartingEmulator { port } => format!("starting MiniStack on port {port}"),
        Event::StartingProxy { port } => format!("starting the proxy on port {port}"),
        Event::Repairing { why } => format!("mending: {}", escape_lines(why)),
    }
}

async fn down(context: &Context, ui: &mut Ui) -> Result<Exit, Problem> {
    let was_there = lifecycle::down(&Options::default()).await?;
    if context.global.json {
        ui.document(&json!({ "status": "stopped", "was_there": was_there }))?;
    } else {
        ui.data(if was_there { "The sandbox is stopped\n" } else { "There was no sandbox\n" })?;
    }
    Ok(Exit::Done)
}

async fn status(context: &Context, ui: &mut Ui) -> Result<Exit, Problem> {
    let status = lifecycle::status(&Options::default()).await?;
    if context.global.json {
        ui.document(&match &status {
            Status::Stopped => json!({ "status": "stopped" }),
            Status::Running(sandbox) => json!({ "status": "running", "sandbox": sandbox }),
            Status::Stale { sandbox, why } => json!({ "status": "stale", "why": why, "sandbox": sandbox }),
        })?;
        return Ok(Exit::Done);
    }
    match &status {
        Status::Stopped => ui.data("There is no sandbox; `lakeform sandbox up` starts one\n")?,
        Status::Running(sandbox) => ui.data(&details(sandbox, &context.global.sandbox_account))?,
        Status::Stale { why, .. } => {
            ui.data(&format!("The sandbox is not whole: {}\n", escape_lines(why)))?;
            ui.talk("`lakeform sandbox up` mends it\n");
        }
    }
    Ok(Exit::Done)
}

/// Where it is, and how other tools use it.
fn details(sandbox: &Sandbox, account: &str) -> String {
    let Sandbox { version: _, emulator_version, endpoint, emulator: _, proxy: _, calls } = sandbox;
    format!(
        "The sandbox runs at {endpoint}, on MiniStack {emulator_version}\n\
         Its calls are logged in {}\n\n\
         For the `aws` CLI and other tools:\n\n  \
         export AWS_ENDPOINT_URL={endpoint} AWS_REGION=us-east-1\n  \
         export AWS_ACCESS_KEY_ID={account} AWS_SECRET_ACCESS_KEY=sandbox\n",
        escape(&calls.display().to_string())
    )
}
