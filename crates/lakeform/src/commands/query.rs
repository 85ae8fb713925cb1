//! `lakeform query`: SQL in the stack's workgroup and database.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lakeform_engine::{Answer, Halt, Pace, QueryError, QueryRequest, query};

use crate::cli::ManifestArgs;
use crate::context::Context;
use crate::error::{Exit, Problem};
use crate::interrupt::Interrupt;
use crate::render::answer;
use crate::stack;
use crate::ui::{Ui, spinner};

/// Run SQL on Athena, in the stack's workgroup and database
#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    /// The SQL, or the name of a saved query of the manifest
    #[arg(value_name = "SQL | NAME", required_unless_present = "sql_file", conflicts_with = "sql_file")]
    sql: Option<String>,
    /// A file with the SQL; `-` reads the input
    #[arg(short = 'f', long = "sql-file", value_name = "FILE")]
    pub(crate) sql_file: Option<PathBuf>,
    /// The manifest, or the folder of its `lakeform.yaml` [default: lakeform.yaml]
    #[arg(long = "manifest", alias = "file", value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
    /// The most rows
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// The workgroup: a key of the manifest, or a name [default: the stack's only one]
    #[arg(long, value_name = "NAME")]
    workgroup: Option<String>,
    /// The database: a key of the manifest, or a name [default: the stack's only one]
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A frame for people
    #[default]
    Table,
    /// RFC 4180, with a header
    Csv,
    /// One document with columns, rows and cost; `--json` means the same
    Json,
}

pub(crate) async fn run(args: &QueryArgs, context: &Context, ui: &mut Ui) -> Result<Exit, Problem> {
    let offline = context.load(&ManifestArgs { file: args.manifest.clone() }, ui)?;
    let given = read(args)?;
    let session = context.connect(offline, ui).await?;
    let desired = &session.desired;
    let saved = stack::saved_query(desired, given.trim());
    let request = match saved {
        Some(saved) => QueryRequest {
            sql: saved.sql,
            workgroup: match &args.workgroup {
                Some(_) => stack::workgroup(desired, args.workgroup.as_deref())?,
                None => saved.workgroup,
            },
            database: match &args.database {
                Some(_) => stack::database(desired, args.database.as_deref())?,
                None => saved.database,
            },
            output: None,
        },
        None if is_a_name(&given) => {
            let names: Vec<String> =
                stack::of_kind(desired, "query").map(|query| format!("`{}`", query.address.key())).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(Problem::new(format!("the manifest has no saved query `{}`", given.trim()))
                .hint(format!("its queries: {known}; SQL has more than one word")));
        }
        None => QueryRequest {
            sql: given,
            workgroup: stack::workgroup(desired, args.workgroup.as_deref())?,
            database: stack::database(desired, args.database.as_deref())?,
            output: None,
        },
    };
    let halt = Halt::default();
    let _interrupt = Interrupt::stops_queries(&halt);
    let spinner = spinner("Athena is at work");
    let result = query(session.cloud.as_ref(), &request, args.limit, Pace::QUERY, &halt).await;
    drop(spinner);
    match result {
        Ok(answer) => show(&answer, args, context, ui),
        Err(QueryError::Cancelled { .. }) if halt.wish() > lakeform_engine::Wish::GoOn => {
            Ok(Exit::Interrupted)
        }
        Err(error) => Err(failed(error, &request.sql)),
    }
}

fn read(args: &QueryArgs) -> Result<String, Problem> {
    let Some(path) = &args.sql_file else { return Ok(args.sql.clone().unwrap_or_default()) };
    let text = if path.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    text.map_err(|error| Problem::new(format!("cannot read `{}`", path.display())).because(error))
}

/// One word alone is no statement.
fn is_a_name(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

fn show(answer: &Answer, args: &QueryArgs, context: &Context, ui: &mut Ui) -> Result<Exit, Problem> {
    let format = if context.global.json { Format::Json } else { args.format };
    match format {
        Format::Table => ui.data(&answer::table(answer))?,
        Format::Csv => ui.data(&answer::csv(answer))?,
        Format::Json => ui.document(&answer::json(answer))?,
    }
    if format != Format::Json {
        ui.talk(&answer::tally(answer));
    }
    Ok(Exit::Done)
}

fn failed(error: QueryError, sql: &str) -> Problem {
    let place = match &error {
        QueryError::Failed { position: Some(position), .. } => answer::place(sql, *position),
        QueryError::Failed { .. } | QueryError::Call(_) | QueryError::Cancelled { .. } => None,
    };
    let problem = Problem::from(error);
    match place {
        Some(place) => problem.shown(place),
        None => problem,
    }
}
