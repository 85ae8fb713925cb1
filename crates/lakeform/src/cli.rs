//! The command line: every command, and the flags that all of them share.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    apply::ApplyArgs, check::CheckArgs, completions::CompletionsArgs, destroy::DestroyArgs, graph::GraphArgs,
    iam_policy::IamPolicyArgs, init::InitArgs, plan::PlanArgs, query::QueryArgs, run::RunArgs,
    sandbox::SandboxArgs,
};
use crate::ui::Color;

/// Plan, apply and destroy an AWS data lakehouse from one manifest
///
/// There is no state file: `plan` compares the manifest with what is live in AWS. `--sandbox` does everything
/// on a local AWS, with no account.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) manifest: ManifestArgs,
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 error, 2 changes pending (plan --detailed-exitcode), 130 interrupted";

/// Where the manifest is.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ManifestArgs {
    /// The manifest, or the folder of its `lakeform.yaml` [default: lakeform.yaml]
    #[arg(short = 'f', long = "file", alias = "manifest", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// Flags of every command.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Global {
    /// Set a variable of the manifest; may be given again
    #[arg(long = "var", global = true, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) variables: Vec<(String, String)>,
    /// Work on the local sandbox, with no AWS account; see `lakeform sandbox`
    #[arg(long, global = true)]
    pub(crate) sandbox: bool,
    /// The sandbox's account to work in: each is a world of its own
    #[arg(long, global = true, value_name = "12 DIGITS", env = "LAKEFORM_SANDBOX_ACCOUNT", default_value = "111122223333", hide_env_values = true, value_parser = account)]
    pub(crate) sandbox_account: String,
    /// The region, for a manifest that names none
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Write JSON to stdout
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
    /// Say more on stderr; twice says most. `RUST_LOG` chooses finer
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// At the end, count the requests to AWS by operation, on stderr
    #[arg(long, global = true)]
    pub(crate) calls: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(InitArgs),
    /// Check the manifest and all it names, without asking AWS
    Validate(ManifestArgs),
    Plan(PlanArgs),
    Apply(ApplyArgs),
    Destroy(DestroyArgs),
    Run(RunArgs),
    Query(QueryArgs),
    Check(CheckArgs),
    #[command(subcommand)]
    Sandbox(SandboxArgs),
    Graph(GraphArgs),
    IamPolicy(IamPolicyArgs),
    /// Print the JSON Schema of the manifest, for editors
    Schema,
    /// Print the reference of the manifest, as Markdown
    #[command(hide = true)]
    Reference,
    Completions(CompletionsArgs),
}

/// `NAME=VALUE`.
pub(crate) fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        Some(_) | None => Err("expected NAME=VALUE".to_owned()),
    }
}

fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("expected 12 digits".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_manifest_may_be_named_before_and_after_the_command() {
        let cli =
            Cli::try_parse_from(["lakeform", "-f", "a.yaml", "query", "-f", "q.sql", "--sandbox"]).unwrap();
        assert_eq!(cli.manifest.file, Some("a.yaml".into()));
        assert!(cli.global.sandbox);
        let Command::Query(query) = cli.command else { panic!("another command") };
        assert_eq!(query.sql_file, Some("q.sql".into()));
        let cli = Cli::try_parse_from(["lakeform", "plan", "--file", "b.yaml", "--var", "x=a=b"]).unwrap();
        assert_eq!(cli.global.variables, [("x".to_owned(), "a=b".to_owned())]);
        let Command::Plan(plan) = cli.command else { panic!("another command") };
        assert_eq!(plan.manifest.file, Some("b.yaml".into()));
    }

    #[test]
    fn a_variable_needs_a_name_and_an_account_twelve_digits() {
        assert!(name_and_value("=x").is_err());
        assert!(name_and_value("x").is_err());
        assert!(account("12345678901").is_err());
        assert!(account("12345678901a").is_err());
        assert!(account("123456789012").is_ok());
    }
}
