//! `lakeform iam-policy`: what this manifest's user must be allowed to do.

use clap::{Args, ValueEnum};
use lakeform_model::Purpose;

use crate::cli::ManifestArgs;
use crate::context::Context;
use crate::error::{Exit, Problem};
use crate::least_privilege::{MANAGED_QUOTA, policy, size};
use crate::ui::Ui;

/// Print the least IAM policy that this manifest needs
///
/// Makes no call. The account is the manifest's `account`; without one, the policy holds in any. Without
/// `force_destroy` on a bucket the policy does not allow emptying it. What left the manifest is removed with
/// the policy of the manifest that still had it: print that one before the edit.
#[derive(Debug, Args)]
pub(crate) struct IamPolicyArgs {
    #[command(flatten)]
    manifest: ManifestArgs,
    /// What the policy is for
    #[arg(long = "for", value_enum, default_value_t, value_name = "WHAT")]
    purpose: For,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum For {
    /// `plan`: only reads
    Plan,
    /// `plan`, `apply` and `destroy`
    #[default]
    Apply,
    /// `run`, `query` and `check`
    Run,
}

pub(crate) fn run(args: &IamPolicyArgs, context: &Context, ui: &mut Ui) -> Result<Exit, Problem> {
    let offline = context.load(&args.manifest, ui)?;
    let purposes: &[Purpose] = match args.purpose {
        For::Plan => &[Purpose::Plan],
        For::Apply => &[Purpose::Plan, Purpose::Apply],
        For::Run => &[Purpose::Run],
    };
    let policy = policy(&offline.desired, context.kinds, purposes);
    ui.document(&policy)?;
    let size = size(&policy);
    if size > MANAGED_QUOTA {
        ui.talk(&format!(
            "Note: {size} characters are more than the {MANAGED_QUOTA} of one managed policy: split the statements \
             over several\n"
        ));
    }
    Ok(Exit::Done)
}
