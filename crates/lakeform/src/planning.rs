//! From a session to a plan: survey, plan, count what would be lost, plan again with that in view.

use std::collections::BTreeSet;

use clap::Args;
use lakeform_executor::{survey, take_inventories};
use lakeform_model::{Account, Desired, Kinds, Plan};
use lakeform_planner::{PlanOptions, plan};

use crate::context::{Context, Session};
use crate::error::Problem;
use crate::recorded::Recorded;
use crate::ui::spinner;

/// What part of the stack, and what is permitted.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ScopeArgs {
    /// Only this address, kind or parent and what it needs; `*` stands for one part; may be given again
    #[arg(long = "target", value_name = "ADDRESS")]
    pub(crate) targets: Vec<String>,
    /// Permit that the data in this resource is lost; may be given again
    #[arg(long = "allow-data-loss", value_name = "ADDRESS")]
    pub(crate) allow: Vec<String>,
}

impl ScopeArgs {
    /// The planner's options; what else they hold is the command's.
    pub(crate) fn options(&self) -> PlanOptions {
        PlanOptions {
            targets: self.targets.clone(),
            allow: self.allow.iter().cloned().collect::<BTreeSet<_>>(),
            ..PlanOptions::default()
        }
    }
}

/// Plans. Makes no mutating call.
pub(crate) async fn make_plan(
    session: &Session,
    context: &Context,
    options: &PlanOptions,
) -> Result<Plan, Problem> {
    let Session { desired, cloud } = session;
    let spinner = spinner("reading what is live");
    let made = plan_with(cloud.as_ref(), &cloud.account, desired, context.kinds, options).await;
    drop(spinner);
    check_targets(&options.targets, desired, &made)?;
    Ok(made)
}

/// Plans against an account that was written down.
pub(crate) async fn plan_recorded(
    recorded: &Recorded,
    desired: &Desired,
    context: &Context,
    options: &PlanOptions,
) -> Result<Plan, Problem> {
    let made = plan_with(recorded, recorded.account(), desired, context.kinds, options).await;
    check_targets(&options.targets, desired, &made)?;
    Ok(made)
}

async fn plan_with(
    account: &dyn Account,
    number: &str,
    desired: &Desired,
    kinds: Kinds,
    options: &PlanOptions,
) -> Plan {
    let mut snapshot = survey(account, desired, kinds).await;
    let made = plan(desired, &snapshot, kinds, number, options);
    if !made.steps.iter().any(lakeform_model::Step::removes) {
        return made;
    }
    take_inventories(account, &made, &mut snapshot).await;
    plan(desired, &snapshot, kinds, number, options)
}

/// A target that selects nothing is most likely mistyped.
fn check_targets(targets: &[String], desired: &Desired, plan: &Plan) -> Result<(), Problem> {
    let known = || {
        let steps = plan.steps.iter().map(|step| &step.address);
        desired.resources.keys().chain(steps)
    };
    match targets.iter().find(|target| !known().any(|address| address.matches(target))) {
        Some(target) => Err(Problem::new(format!("`--target {target}` selects nothing"))
            .hint("an address is `kind.key`, such as `bucket.lake`; `lakeform plan` shows them")),
        None => Ok(()),
    }
}

/// Why apply refuses the plan, if it does.
pub(crate) fn refusal(plan: &Plan) -> Option<Problem> {
    let denials: Vec<_> = plan.denials().collect();
    if denials.is_empty() {
        return None;
    }
    let number =
        if denials.len() == 1 { "an objection".to_owned() } else { format!("{} objections", denials.len()) };
    let mut problem = Problem::new(format!("nothing was changed: there is {number} to the plan"));
    for denial in &denials {
        problem = problem.because(format!("`{}` {}", denial.address, denial.text));
    }
    let hints: BTreeSet<&str> = denials.iter().filter_map(|denial| denial.hint.as_deref()).collect();
    Some(hints.into_iter().fold(problem, Problem::hint))
}
