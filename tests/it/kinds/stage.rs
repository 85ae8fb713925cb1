//! A lab in which a manifest is a few lines, and a plan a line a step.

use std::sync::Arc;

use lakeform_aws::Cloud;
use lakeform_model::{Action, Desired, Plan};
use lakeform_planner::PlanOptions;

use lakeform_tests::lab::{Lab, On};

/// An account of its own.
pub(super) struct Stage {
    pub(super) cloud: Arc<Cloud>,
    lab: Lab,
}

impl Stage {
    /// An account on the sandbox's emulator, behind the proxy.
    pub(super) async fn sandbox() -> Self {
        Self::on(On::Ministack).await
    }

    /// The second emulator.
    pub(super) async fn moto() -> Self {
        Self::on(On::Moto).await
    }

    async fn on(emulator: On) -> Self {
        let lab = Lab::new(emulator).await;
        Self { cloud: Arc::clone(&lab.cloud), lab }
    }

    /// What a manifest wants: these lines below a stack `demo`.
    pub(super) fn wants(&self, lines: &str) -> Desired {
        self.stack_wants("demo", lines)
    }

    pub(super) fn stack_wants(&self, stack: &str, lines: &str) -> Desired {
        self.lab.load(&format!("lakeform: 1\nstack: {stack}\nregion: us-east-1\n{lines}\n"))
    }

    pub(super) async fn plan(&self, desired: &Desired, options: &PlanOptions) -> Plan {
        self.lab.plan(desired, options).await
    }

    pub(super) async fn apply(&self, plan: &Plan) {
        let summary = self.lab.apply(plan).await;
        assert!(summary.is_success(), "{summary:?}");
    }

    /// Plans, applies, and expects the next plan to be empty. Gives what was planned, a line a step:
    /// `update query.totals: sql`.
    pub(super) async fn bring(&self, desired: &Desired) -> Vec<String> {
        self.bring_with(desired, &PlanOptions::default()).await
    }

    pub(super) async fn bring_with(&self, desired: &Desired, options: &PlanOptions) -> Vec<String> {
        let planned = self.plan(desired, options).await;
        assert!(planned.blocked.is_empty(), "{:?}", planned.blocked);
        assert_eq!(planned.denials().collect::<Vec<_>>(), Vec::<&lakeform_model::Finding>::new());
        self.apply(&planned).await;
        let next = self.plan(desired, options).await;
        assert!(next.is_empty(), "not settled: {}\n{next:?}", lines(&next).join("; "));
        lines(&planned)
    }

    /// Destroys the stack, and expects that nothing of it is left.
    pub(super) async fn destroy(&self, desired: &Desired) -> Vec<String> {
        let options = PlanOptions { destroy: true, ..PlanOptions::default() };
        self.bring_with(desired, &options).await
    }
}

pub(super) fn adopting() -> PlanOptions {
    PlanOptions { adopt: true, ..PlanOptions::default() }
}

/// A plan's steps, a line each; what is created or deleted is not listed field by field.
pub(super) fn lines(plan: &Plan) -> Vec<String> {
    let line = |step: &lakeform_model::Step| {
        let action = format!("{:?}", step.action).to_lowercase();
        let fields: Vec<String> = step.changes.iter().map(|change| change.path.to_string()).collect();
        if matches!(step.action, Action::Create | Action::Delete) || fields.is_empty() {
            return format!("{action} {}", step.address);
        }
        format!("{action} {}: {}", step.address, fields.join(", "))
    };
    plan.steps.iter().map(line).collect()
}
