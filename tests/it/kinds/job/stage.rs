//! What the job's tests share: an emulator behind the proxy, an account with a bucket and a role, and manifests
//! of jobs without the loader.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use lakeform_aws::kinds::KINDS;
use lakeform_aws::{Cloud, CloudOptions};
use lakeform_executor::{ApplyOptions, Event, Stop, Summary, apply, survey, take_inventories};
use lakeform_manifest::folder::Folder;
use lakeform_manifest::{validate, yaml};
use lakeform_model::{
    Account, Address, Desired, Diagnostics, Entry, FileId, Files, Kinds, Level, Names, Permissions, Plan,
    Resource, Scope,
};
use lakeform_planner::{PlanOptions, plan};
use lakeform_sandbox::{Emulator, Proxy, ProxyConfig, ProxyHandle, environment};

/// The emulator, for as long as a test needs it.
pub(super) fn emulator() -> Arc<Emulator> {
    static SHARED: OnceLock<Mutex<Weak<Emulator>>> = OnceLock::new();
    let mut shared = SHARED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(running) = shared.upgrade() {
        return running;
    }
    let folder = tempfile::tempdir().unwrap();
    let started = Emulator::start(&environment::for_tests().unwrap(), &folder.path().join("log")).unwrap();
    let started = Arc::new(started);
    *shared = Arc::downgrade(&started);
    started
}

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
    folder: tempfile::TempDir,
    _emulator: Option<Arc<Emulator>>,
}

impl Stage {
    pub(super) async fn new(config: ProxyConfig) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let account = format!("{:012}", 640_000_000_000 + NEXT.fetch_add(1, Ordering::Relaxed));
        let emulator = emulator();
        let proxy = Proxy::start(emulator.endpoint(), config).unwrap();
        let endpoint = proxy.endpoint().to_owned();
        Self::at(&endpoint, &account, Some(proxy), Some(emulator)).await
    }

    /// A stage at another emulator.
    pub(super) async fn at(
        endpoint: &str,
        key: &str,
        proxy: Option<ProxyHandle>,
        emulator: Option<Arc<Emulator>>,
    ) -> Self {
        let options = CloudOptions {
            region: Some("us-east-1".to_owned()),
            endpoint: Some(endpoint.to_owned()),
            credentials: Some((key.to_owned(), "secret".to_owned())),
        };
        let cloud = Arc::new(Cloud::connect(options).await.unwrap());
        let bucket = format!("lake-{key}");
        cloud.s3().create_bucket().bucket(&bucket).send().await.unwrap();
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"glue.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        for name in ["etl", "etl2"] {
            let role = cloud.iam().create_role().role_name(name).assume_role_policy_document(trust);
            role.send().await.unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let account = cloud.account.clone();
        let stage = Self { cloud, proxy, bucket, account, folder, _emulator: emulator };
        stage.write("main.py", "print('one')\n");
        stage
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The jobs of a mapping of jobs.
    pub(super) fn desired(&self, jobs: &str) -> Desired {
        let (desired, problems) = self.decode(jobs);
        assert!(problems.iter().all(|problem| problem.starts_with("warning")), "{problems:?}");
        desired
    }

    /// The jobs, and every problem as `level: message (hint)`.
    pub(super) fn decode(&self, jobs: &str) -> (Desired, Vec<String>) {
        decode(jobs, &self.bucket, &self.account, self.folder.path())
    }

    pub(super) async fn plan(&self, desired: &Desired, options: &PlanOptions) -> Plan {
        let account: &dyn Account = self.cloud.as_ref();
        let mut snapshot = survey(account, desired, kinds()).await;
        let first = plan(desired, &snapshot, kinds(), &self.account, options);
        take_inventories(account, &first, &mut snapshot).await;
        plan(desired, &snapshot, kinds(), &self.account, options)
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

struct World<'a> {
    bucket: &'a str,
}

impl Names for World<'_> {
    fn identity(&self, kind: &str, keys: &str) -> Option<String> {
        let known = match (kind, keys) {
            ("bucket", "lake") => self.bucket,
            ("role", "glue") => "etl",
            ("role", "other") => "etl2",
            ("table", "stedi.customer_landing") => "stedi_db/customer_landing",
            ("table", "stedi.customer_trusted") => "stedi_db/customer_trusted",
            _ => return None,
        };
        Some(known.to_owned())
    }

    fn keys(&self, kind: &str) -> Vec<String> {
        let keys: &[&str] = match kind {
            "bucket" => &["lake"],
            "role" => &["glue", "other"],
            "table" => &["stedi.customer_landing", "stedi.customer_trusted"],
            _ => &[],
        };
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    fn interpolate(
        &self,
        _name: &str,
        text: String,
        _diagnostics: &mut Diagnostics,
    ) -> Option<(FileId, String, BTreeSet<Address>)> {
        Some((FileId(0), text, BTreeSet::new()))
    }
}

fn decode(jobs: &str, bucket: &str, account: &str, folder: &Path) -> (Desired, Vec<String>) {
    let job = KINDS.get("job").unwrap();
    let mut diagnostics = Diagnostics::default();
    let root = yaml::read(FileId(0), jobs, &mut diagnostics).unwrap();
    let (files, world) = (Folder(folder.to_owned()), World { bucket });
    let files: &dyn Files = &files;
    let tags = BTreeMap::from([("project".to_owned(), "stedi".to_owned())]);
    let mut desired =
        Desired { stack: "demo".to_owned(), region: "us-east-1".to_owned(), ..Desired::default() };
    for (key, node) in root.entries() {
        let address = Address::new("job", [key.as_text().unwrap()]);
        validate::validate(node, &job.facts().shape, "the job", &mut diagnostics);
        if diagnostics.has_errors() {
            continue;
        }
        let entry = Entry { address: &address, key, node, within: &[&root] };
        let place = ("demo", "us-east-1", account);
        let mut scope = Scope::new(place, &tags, &world, files, &mut diagnostics);
        let identity = job.identity(&entry);
        let Some(draft) = job.decode(&entry, &mut scope) else { continue };
        let depends_on = scope.into_references();
        let resource = Resource {
            address: address.clone(),
            identity,
            fields: draft.fields,
            files: draft.files,
            // Only jobs are planned here.
            depends_on: depends_on.into_iter().filter(|address| address.kind() == "job").collect(),
            flow: draft.flow,
            permissions: Permissions::default(),
            span: node.span,
        };
        desired.resources.insert(address, resource);
    }
    let problems = diagnostics.0.iter().map(|problem| {
        let level = if problem.level == Level::Error { "error" } else { "warning" };
        let hint = problem.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{level}: {}{hint}", problem.message)
    });
    (desired, problems.collect())
}

/// The second emulator, ended with the value.
pub(super) struct Moto {
    child: Child,
    pub(super) endpoint: String,
}

impl Moto {
    /// `None` where this machine has no moto: `LAKEFORM_TEST_MOTO` names its program and must work then, else
    /// `moto_server` is tried.
    #[expect(clippy::print_stdout, reason = "a test that did not run says so")]
    pub(super) fn start() -> Option<Self> {
        let named = std::env::var_os("LAKEFORM_TEST_MOTO");
        let program = named.clone().unwrap_or_else(|| "moto_server".into());
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let child = match command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(child) => child,
            Err(error) => {
                assert!(named.is_none(), "LAKEFORM_TEST_MOTO cannot be started: {error}");
                println!("skipped: no moto_server on this machine; set LAKEFORM_TEST_MOTO");
                return None;
            }
        };
        let mut moto = Self { child, endpoint: format!("http://127.0.0.1:{port}") };
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = moto.child.try_wait().unwrap();
            assert!(ended.is_none(), "moto ended: {ended:?}");
            assert!(began.elapsed() < Duration::from_mins(1), "moto is not ready");
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(moto)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
