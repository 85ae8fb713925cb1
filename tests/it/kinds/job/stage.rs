//! What the job's tests share: an account with a bucket and a role, and jobs that are planned by themselves.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lakeform_aws::Cloud;
use lakeform_aws::kinds::KINDS;
use lakeform_executor::{ApplyOptions, Event, Stop, Summary, apply};
use lakeform_manifest::{Folder, LoadOptions, load};
use lakeform_model::{Account, Desired, Kinds, Level, Plan};
use lakeform_planner::PlanOptions;
use lakeform_sandbox::{Proxy, ProxyConfig, ProxyHandle};

use lakeform_tests::lab::{Lab, On, emulator, new_account};
use lakeform_tests::plan_in;

/// The catalog of this kind alone.
pub(super) fn kinds() -> Kinds {
    static JOB: OnceLock<Kinds> = OnceLock::new();
    *JOB.get_or_init(|| Kinds(Box::leak(vec![KINDS.get("job").unwrap()].into_boxed_slice())))
}

/// One account with a bucket and a role that Glue may assume, and a folder of scripts.
pub(super) struct Stage {
    pub(super) cloud: Arc<Cloud>,
    pub(super) proxy: Option<ProxyHandle>,
    pub(super) bucket: String,
    pub(super) account: String,
    lab: Lab,
}

impl Stage {
    pub(super) async fn new(config: ProxyConfig) -> Self {
        let proxy = Proxy::start(emulator().endpoint(), config).unwrap();
        let lab = Lab::at(proxy.endpoint(), &new_account(), None).await;
        Self::of(lab, Some(proxy)).await
    }

    /// On the second emulator.
    pub(super) async fn moto() -> Self {
        Self::of(Lab::new(On::Moto).await, None).await
    }

    async fn of(lab: Lab, proxy: Option<ProxyHandle>) -> Self {
        let (cloud, account) = (Arc::clone(&lab.cloud), lab.cloud.account.clone());
        let bucket = format!("lake-{account}");
        cloud.s3().create_bucket().bucket(&bucket).send().await.unwrap();
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"glue.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        for name in ["etl", "etl2"] {
            let role = cloud.iam().create_role().role_name(name).assume_role_policy_document(trust);
            role.send().await.unwrap();
        }
        lab.write("main.py", "print('one')\n");
        Self { cloud, proxy, bucket, account, lab }
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        self.lab.write(name, text);
    }

    /// The jobs of a mapping of jobs.
    pub(super) fn desired(&self, jobs: &str) -> Desired {
        let (desired, problems) = self.decode(jobs);
        assert!(problems.iter().all(|problem| problem.starts_with("warning")), "{problems:?}");
        desired
    }

    /// The jobs, planned by themselves, and every problem as `level: message (hint)`.
    pub(super) fn decode(&self, jobs: &str) -> (Desired, Vec<String>) {
        let jobs = jobs.lines().map(|line| format!("  {line}\n")).collect::<Vec<_>>().concat();
        let manifest = AROUND.replace("BUCKET", &self.bucket) + &jobs;
        self.lab.write("lakeform.yaml", manifest);
        let folder = self.lab.folder.path();
        let options = LoadOptions {
            path: folder.join("lakeform.yaml"),
            account: Some(self.account.clone()),
            ..LoadOptions::default()
        };
        let loaded = load(&options, KINDS, &Folder(folder.to_owned()));
        let problems = loaded.diagnostics.0.iter().map(|problem| {
            let level = if problem.level == Level::Error { "error" } else { "warning" };
            let hint = problem.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("{level}: {}{hint}", problem.message)
        });
        let problems = problems.collect();
        let mut desired = loaded.desired.unwrap_or_default();
        desired.resources.retain(|address, _| address.kind() == "job");
        for resource in desired.resources.values_mut() {
            resource.depends_on.retain(|address| address.kind() == "job");
        }
        (desired, problems)
    }

    pub(super) async fn plan(&self, desired: &Desired, options: &PlanOptions) -> Plan {
        plan_in(self.cloud.as_ref(), &self.account, kinds(), desired, options).await
    }

    /// The changes of the one step of a plan, by path.
    pub(super) async fn changes(&self, jobs: &str) -> Vec<String> {
        let plan = self.plan(&self.desired(jobs), &PlanOptions::default()).await;
        assert!(plan.blocked.is_empty(), "{:?}", plan.blocked);
        let steps = plan.steps.iter().flat_map(|step| &step.changes);
        steps.map(|change| change.path.to_string()).collect()
    }

    pub(super) async fn run(&self, plan: &Plan) -> (Summary, usize) {
        let options = ApplyOptions { parallelism: 4, retry_budget: Duration::from_secs(20) };
        let mut retries = 0;
        let account: Arc<dyn Account> = Arc::clone(&self.cloud) as _;
        let mut count = |event: &Event| retries += usize::from(matches!(event, Event::Retrying { .. }));
        let summary = apply(plan, account, kinds(), &options, &Stop::new(), &mut count).await;
        (summary, retries)
    }

    /// Applies a mapping of jobs, and expects nothing more to do afterwards.
    pub(super) async fn settle(&self, jobs: &str) {
        let desired = self.desired(jobs);
        let plan = self.plan(&desired, &PlanOptions::default()).await;
        let (summary, _) = self.run(&plan).await;
        assert!(summary.is_success(), "{summary:?}");
        let again = self.plan(&desired, &PlanOptions::default()).await;
        let left: Vec<_> = again.steps.iter().map(|step| (&step.address, &step.why, &step.changes)).collect();
        assert!(left.is_empty() && again.blocked.is_empty(), "{left:#?} {:?}", again.blocked);
    }

    pub(super) async fn destroy(&self, jobs: &str, allow: &[&str]) -> (Plan, Summary) {
        let allow = allow.iter().map(|address| (*address).to_owned()).collect();
        let options = PlanOptions { destroy: true, allow, ..PlanOptions::default() };
        let plan = self.plan(&self.desired(jobs), &options).await;
        let (summary, _) = self.run(&plan).await;
        (plan, summary)
    }

    /// Every key of the bucket.
    pub(super) async fn keys(&self) -> Vec<String> {
        let listed = self.cloud.s3().list_objects_v2().bucket(&self.bucket).send().await.unwrap();
        listed.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect()
    }

    pub(super) fn counts(&self) -> BTreeMap<String, usize> {
        self.proxy.as_ref().unwrap().counts()
    }
}

/// What jobs need around them; it is there already, or nobody asks.
const AROUND: &str = "\
lakeform: 1
stack: demo
region: us-east-1
tags: { project: stedi }
buckets:
  lake: { name: BUCKET }
roles:
  glue: { name: etl, trust: glue.amazonaws.com }
  other: { name: etl2, trust: glue.amazonaws.com }
databases:
  stedi:
    name: stedi_db
    tables:
      customer_landing: { location: 's3://${bucket.lake}/landing/', format: json, columns: { a: int } }
      customer_trusted: { location: 's3://${bucket.lake}/trusted/', format: json, columns: { a: int } }
jobs:
";
