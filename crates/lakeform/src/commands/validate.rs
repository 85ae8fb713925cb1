//! `lakeform validate`: the manifest alone.

use serde_json::json;

use crate::cli::ManifestArgs;
use crate::context::Context;
use crate::error::{Exit, Problem};
use crate::render::text::{count, escape};
use crate::ui::Ui;

pub(crate) fn run(args: &ManifestArgs, context: &Context, ui: &mut Ui) -> Result<Exit, Problem> {
    let offline = context.load(args, ui)?;
    crate::stack::jobs(&offline.desired)?;
    let (resources, checks) = (offline.desired.resources.len(), offline.desired.checks.len());
    if context.global.json {
        ui.document(&json!({
            "valid": true,
            "stack": offline.desired.stack,
            "resources": resources,
            "checks": checks,
            "diagnostics": offline.loaded.to_json(),
        }))?;
    } else {
        let (resources, checks) = (count(resources, "resource"), count(checks, "check"));
        let path = escape(&offline.path.display().to_string());
        ui.data(&format!("`{path}` is valid: {resources}, {checks}\n"))?;
    }
    Ok(Exit::Done)
}
