//! `lakeform graph`: what needs what, as a diagram's source.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};

use crate::cli::ManifestArgs;
use crate::context::Context;
use crate::error::{Exit, Problem};
use crate::ui::Ui;

/// Print what needs what, as the source of a diagram
#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    manifest: ManifestArgs,
    /// The language of the diagram
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// Graphviz
    #[default]
    Dot,
    /// Mermaid
    Mermaid,
}

pub(crate) fn run(args: &GraphArgs, context: &Context, ui: &mut Ui) -> Result<Exit, Problem> {
    let offline = context.load(&args.manifest, ui)?;
    let resources = &offline.desired.resources;
    let number = |address| resources.keys().position(|known| known == address).unwrap_or_default();
    let mut text = match args.format {
        Format::Dot => "digraph lakeform {\n  rankdir = LR;\n  node [shape = box];\n".to_owned(),
        Format::Mermaid => "flowchart LR\n".to_owned(),
    };
    for (index, address) in resources.keys().enumerate() {
        // An address holds letters, digits, `_`, `-` and dots only.
        let _ = match args.format {
            Format::Dot => writeln!(text, "  n{index} [label = \"{address}\"];"),
            Format::Mermaid => writeln!(text, "  n{index}[\"{address}\"]"),
        };
    }
    for resource in resources.values() {
        let from = number(&resource.address);
        for needed in resource.depends_on.iter().filter(|needed| resources.contains_key(needed)) {
            let to = number(needed);
            let _ = match args.format {
                Format::Dot => writeln!(text, "  n{from} -> n{to};"),
                Format::Mermaid => writeln!(text, "  n{from} --> n{to}"),
            };
        }
    }
    if matches!(args.format, Format::Dot) {
        text.push_str("}\n");
    }
    ui.data(&text)?;
    Ok(Exit::Done)
}
