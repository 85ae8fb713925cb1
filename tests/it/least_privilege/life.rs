//! The life of the STEDI lakehouse behind a proxy that refuses what a printed policy does not allow: made, changed
//! twice, destroyed. What was asked under which policy is kept.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;

use lakeform_executor::Outcome;
use lakeform_model::{Desired, Plan};
use lakeform_planner::PlanOptions;
use lakeform_sandbox::{Ask, CallRecord, Policy, Proxy, ProxyConfig, ProxyHandle};
use serde_json::{Value, json};

use crate::binary;
use lakeform_tests::lab::{Lab, emulator, new_account, outline};

/// Where this is refused, roles are listed and read one by one.
const FALLS_BACK: &str = "GetAccountAuthorizationDetails";

/// The same lakehouse later: something is different of every kind, and everything lost a tag.
pub(super) fn later(manifest: &Value) -> Value {
    let mut later = manifest.clone();
    later["tags"] = json!({ "team": "data" });
    later["buckets"]["lake"]["versioning"] = true.into();
    later["buckets"]["lake"]["lifecycle"] =
        json!([{ "id": "tidy", "abort_incomplete_multipart_days": 7, "prefix": "athena/" }]);
    later["network"]["gateway_endpoints"]["s3"]["route_tables"] = "all".into();
    later["network"]["gateway_endpoints"]["s3"]["policy"] = json!({ "document": {
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*" }],
    } });
    let role = &mut later["roles"]["glue"];
    role["description"] = "runs the jobs".into();
    role["trust"] = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "Glue",
            "Effect": "Allow",
            "Principal": { "Service": "glue.amazonaws.com" },
            "Action": "sts:AssumeRole",
        }],
    });
    role["policies"].as_object_mut().expect("policies").remove("GlueAccess");
    later["athena"]["workgroups"]["stedi"]["description"] = "questions".into();
    later["queries"] = json!({ "customers": { "sql": "select 1", "database": "stedi" } });
    later["databases"]["stedi"]["description"] = "another".into();
    let tables = later["databases"]["stedi"]["tables"].as_object_mut().expect("tables");
    for table in tables.values_mut() {
        table["parameters"] = json!({ "checked": "yes" });
    }
    for job in later["jobs"].as_object_mut().expect("jobs").values_mut() {
        job["timeout"] = 20.into();
    }
    later
}

/// What is taken out of every policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Without {
    /// The statement of this `Sid`.
    Statement(String),
    /// An action, whatever statement names it.
    Action(String),
}

impl Without {
    fn take_out(&self, document: &mut Value) {
        let statements = document["Statement"].as_array_mut().expect("statements");
        match self {
            Self::Statement(sid) => statements.retain(|one| one["Sid"] != **sid),
            Self::Action(action) => {
                for statement in statements.iter_mut() {
                    let actions = statement["Action"].as_array_mut().expect("actions");
                    actions.retain(|one| one != action);
                }
                statements.retain(|one| one["Action"] != json!([]));
            }
        }
    }
}

/// A policy, and what was asked while it held.
pub(super) struct Phase {
    pub(super) policy: Value,
    pub(super) asks: BTreeSet<Ask>,
}

/// An account behind a proxy of its own, with the STEDI lakehouse's files.
pub(super) struct Account {
    pub(super) lab: Lab,
    pub(super) proxy: ProxyHandle,
    pub(super) manifest: Value,
    /// The same account with no policy in the way.
    free: Lab,
    without: Option<Without>,
    phases: RefCell<Vec<Phase>>,
}

impl Account {
    pub(super) async fn new(without: Option<Without>) -> Self {
        let account = new_account();
        let proxy = Proxy::start(emulator().endpoint(), ProxyConfig::default()).expect("a proxy");
        let lab = Lab::at(proxy.endpoint(), &account, None).await;
        let free = Lab::at(emulator().endpoint(), &account, None).await;
        let stedi = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/stedi");
        copy(&stedi, lab.folder.path());
        let text = std::fs::read_to_string(stedi.join("lakeform.yaml")).expect("the manifest");
        let mut manifest: Value = serde_yaml::from_str(&text).expect("YAML");
        manifest["variables"]["bucket"]["default"] = format!("stedi-{account}").into();
        manifest["account"] = account.into();
        Self { lab, proxy, manifest, free, without, phases: RefCell::default() }
    }

    /// Makes a manifest the folder's.
    pub(super) fn load(&self, manifest: &Value) -> Desired {
        self.lab.load(&serde_yaml::to_string(manifest).expect("YAML"))
    }

    /// Runs the binary behind the proxy.
    pub(super) fn lakeform(&self, arguments: &[&str]) -> Output {
        let account = &self.lab.cloud.account;
        let mut command = binary::at(self.lab.folder.path(), self.proxy.endpoint(), account);
        command.args(arguments).output().expect("the binary runs")
    }

    /// What the binary prints for the folder's manifest. It reaches no endpoint for that.
    pub(super) fn printed(&self, purpose: &str) -> Value {
        let output = binary::command(self.lab.folder.path())
            .args(["iam-policy", "--for", purpose])
            .output()
            .expect("the binary runs");
        assert!(output.status.success(), "{}", binary::said(&output));
        serde_json::from_slice(&output.stdout).expect("a document")
    }

    /// From now on only this is allowed.
    pub(super) fn allow(&self, purpose: &str) {
        self.end_phase();
        let mut policy = self.printed(purpose);
        if let Some(without) = &self.without {
            without.take_out(&mut policy);
        }
        self.proxy.set_policy(Some(Policy::parse(&policy.to_string()).expect("a policy")));
        self.phases.borrow_mut().push(Phase { policy, asks: BTreeSet::new() });
    }

    fn end_phase(&self) {
        if let Some(phase) = self.phases.borrow_mut().last_mut() {
            phase.asks.extend(self.proxy.calls().into_iter().flat_map(|call| call.asks));
        }
        self.proxy.forget_calls();
    }

    /// The policies so far, and what was asked under each.
    pub(super) fn phases(self) -> Vec<Phase> {
        self.end_phase();
        self.phases.into_inner()
    }

    /// The calls that the policy in force has refused.
    pub(super) fn denied(&self) -> Vec<CallRecord> {
        let refused = |call: &CallRecord| {
            let codes = ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"];
            let head = call.status == 403 && call.operation.starts_with("Head");
            head || call.error.as_deref().is_some_and(|error| codes.contains(&error))
        };
        let calls = self.proxy.calls().into_iter();
        calls.filter(|call| refused(call) && call.operation != FALLS_BACK).collect()
    }

    /// The first refused call and what came of it; a refusal that nobody would notice is a fault of lakeform's.
    fn noticed(&self, consequence: impl FnOnce() -> Option<String>) -> Result<(), String> {
        let denied = self.denied();
        let Some(first) = denied.first() else { return Ok(()) };
        let Some(consequence) = consequence() else { panic!("nobody notices: {denied:#?}") };
        Err(format!("{} is denied, {consequence}", first.name()))
    }

    async fn planned(&self, desired: &Desired, options: &PlanOptions) -> Result<Plan, String> {
        self.allow("plan");
        let plan = self.lab.plan(desired, options).await;
        self.noticed(|| complaint(&plan))?;
        assert_eq!(complaint(&plan), None, "with nothing denied");
        Ok(plan)
    }

    /// Plans with the plan's policy, applies with the apply's, and plans again; says what breaks when a call is
    /// denied.
    async fn bring(&self, desired: &Desired, options: &PlanOptions) -> Result<(), String> {
        let plan = self.planned(desired, options).await?;
        assert!(!plan.steps.is_empty());
        self.allow("apply");
        let summary = self.lab.apply(&plan).await;
        self.noticed(|| {
            let outcomes = summary.outcomes.iter().zip(&plan.steps);
            let mut failed = outcomes.filter(|(outcome, _)| matches!(outcome, Outcome::Failed(_)));
            failed.next().map(|(_, step)| format!("`{}` fails", step.address))
        })?;
        assert!(summary.is_success(), "{:#?}", summary.outcomes);
        let again = self.planned(desired, options).await?;
        assert!(again.is_empty(), "{}", outline(&again));
        Ok(())
    }

    /// One more route table in the default VPC.
    async fn route_table(&self) {
        let ec2 = self.free.cloud.ec2();
        let vpcs = ec2.describe_vpcs().send().await.expect("VPCs");
        let vpc = vpcs.vpcs().iter().find(|vpc| vpc.is_default() == Some(true)).expect("a default VPC");
        let vpc = vpc.vpc_id().expect("an id");
        ec2.create_route_table().vpc_id(vpc).send().await.expect("a route table is made");
    }

    /// What others leave in the bucket: an object, and an upload that was never finished.
    async fn litter(&self, desired: &Desired) {
        let bucket = desired.resources.values().find(|one| one.address.kind() == "bucket").expect("a bucket");
        let s3 = self.free.cloud.s3();
        let put = s3.put_object().bucket(&bucket.identity).key("theirs").body(b"1".to_vec().into());
        put.send().await.expect("an object is put");
        let begin = s3.create_multipart_upload().bucket(&bucket.identity).key("unfinished");
        begin.send().await.expect("an upload begins");
    }

    /// A whole life, or the first thing that a denied call breaks.
    pub(super) async fn live(&self) -> Result<(), String> {
        let desired = self.load(&self.manifest);
        self.bring(&desired, &PlanOptions::default()).await?;
        // Another script and another file, and one file less.
        let script = "scripts/customer_landing_to_trusted.py";
        let text = std::fs::read_to_string(self.lab.folder.path().join(script)).expect("a script");
        self.lab.write(script, format!("{text}\n# edited\n"));
        self.lab.write("data/customer/landing/new.json", "{}\n");
        self.route_table().await;
        let mut later = later(&self.manifest);
        let desired = self.load(&later);
        self.bring(&desired, &PlanOptions::default()).await?;
        std::fs::remove_file(self.lab.folder.path().join("data/customer/landing/new.json")).expect("a file");
        later["queries"]["customers"]["sql"] = "select 2".into();
        let desired = self.load(&later);
        self.bring(&desired, &PlanOptions::default()).await?;
        self.litter(&desired).await;
        let destroy = PlanOptions { destroy: true, ..PlanOptions::default() };
        self.bring(&desired, &destroy).await
    }
}

/// Why a plan is not to be had whole, if it is not.
fn complaint(plan: &Plan) -> Option<String> {
    let blocked =
        plan.blocked.iter().map(|blocked| format!("`{}` is blocked: {:?}", blocked.address, blocked.by));
    let blind = plan.blind.keys().map(|kind| format!("left-overs of the kind {kind} are not found"));
    let findings = plan.findings.iter().map(|finding| format!("`{}` {}", finding.address, finding.text));
    blocked.chain(blind).chain(findings).next()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder is made");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).expect("a file is copied");
        }
    }
}
