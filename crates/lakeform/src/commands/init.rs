//! `lakeform init`: a small manifest that works, with a file of data.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::context::Context;
use crate::error::{Exit, Problem};
use crate::ui::Ui;

const MANIFEST: &str = include_str!("../../../../manifests/minimal/lakeform.yaml");
const ORDERS: &str = include_str!("../../../../manifests/minimal/data/orders/orders.json");

/// Write a small manifest that works, with a file of data
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The folder; made if it is not there
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

pub(crate) fn run(args: &InitArgs, context: &Context, ui: &mut Ui) -> Result<Exit, Problem> {
    let files = [("lakeform.yaml", MANIFEST), ("data/orders/orders.json", ORDERS)];
    let paths: Vec<(PathBuf, &str)> =
        files.iter().map(|(name, text)| (args.folder.join(name), *text)).collect();
    // All or nothing: a file of the user's is never written over.
    if let Some((path, _)) = paths.iter().find(|(path, _)| path.exists()) {
        return Err(Problem::new(format!("`{}` is there already", path.display()))
            .hint("choose another folder: `lakeform init DIR`"));
    }
    for (path, text) in &paths {
        write(path, text)?;
    }
    let written: Vec<String> = paths.iter().map(|(path, _)| path.display().to_string()).collect();
    if context.global.json {
        ui.document(&serde_json::json!({ "written": written }))?;
        return Ok(Exit::Done);
    }
    for path in &written {
        ui.data(&format!("wrote {path}\n"))?;
    }
    let enter = if args.folder == Path::new(".") {
        String::new()
    } else {
        format!("  cd {}\n", args.folder.display())
    };
    ui.talk(&format!(
        "\nNext, on this machine and without an AWS account:\n\n{enter}  lakeform sandbox up\n  lakeform --sandbox apply\n\nOn AWS: choose a bucket name of your own in `lakeform.yaml`, then `lakeform plan`\n"
    ));
    Ok(Exit::Done)
}

fn write(path: &Path, text: &str) -> Result<(), Problem> {
    let cannot =
        |error: std::io::Error| Problem::new(format!("cannot write `{}`", path.display())).because(error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(cannot)?;
    }
    let mut file = std::fs::File::create_new(path).map_err(cannot)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(cannot)
}
