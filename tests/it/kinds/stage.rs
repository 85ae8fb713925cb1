//! An account on an emulator, and a manifest's way through it: loaded, planned, applied, settled.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use lakeform_aws::kinds::KINDS;
use lakeform_aws::{Cloud, CloudOptions};
use lakeform_executor::{ApplyOptions, Stop, apply, survey, take_inventories};
use lakeform_manifest::{Folder, LoadOptions, load};
use lakeform_model::{Account, Action, Desired, Plan};
use lakeform_planner::{PlanOptions, plan};
use lakeform_sandbox::{Emulator, Proxy, ProxyConfig, ProxyHandle, environment};

/// An account of its own.
pub(super) struct Stage {
    pub(super) cloud: Cloud,
    _moto: Option<Moto>,
}

/// The second emulator, for one test: it knows one account only.
struct Moto(Child);

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn proxy() -> &'static ProxyHandle {
    static STARTED: OnceLock<(Emulator, ProxyHandle)> = OnceLock::new();
    let (_, proxy) = STARTED.get_or_init(|| {
        let environment = environment::for_tests().unwrap();
        let log = std::env::temp_dir().join(format!("lakeform-kinds-{}.log", std::process::id()));
        let emulator = Emulator::start(&environment, &log).unwrap();
        let proxy = Proxy::start(emulator.endpoint(), ProxyConfig::strict()).unwrap();
        (emulator, proxy)
    });
    proxy
}

async fn connect(endpoint: &str, key: &str) -> Cloud {
    let options = CloudOptions {
        region: Some("us-east-1".to_owned()),
        endpoint: Some(endpoint.to_owned()),
        credentials: Some((key.to_owned(), "secret".to_owned())),
    };
    Cloud::connect(options).await.unwrap()
}

impl Stage {
    /// An account on the sandbox's emulator, behind the proxy.
    pub(super) async fn sandbox() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let account = format!("{:012}", 710_000_000_000 + NEXT.fetch_add(1, Ordering::Relaxed));
        Self { cloud: connect(proxy().endpoint(), &account).await, _moto: None }
    }

    /// The second emulator; `None` where it is not installed.
    pub(super) async fn moto() -> Option<Self> {
        let program = std::env::var_os("LAKEFORM_TEST_MOTO")?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let moto = Moto(child);
        let until = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "the second emulator does not answer");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let cloud = connect(&format!("http://127.0.0.1:{port}"), "test").await;
        Some(Self { cloud, _moto: Some(moto) })
    }

    /// What a manifest wants: these lines below a stack `demo`.
    pub(super) fn wants(&self, lines: &str) -> Desired {
        self.stack_wants("demo", lines)
    }

    pub(super) fn stack_wants(&self, stack: &str, lines: &str) -> Desired {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lakeform.yaml");
        std::fs::write(&path, format!("lakeform: 1\nstack: {stack}\nregion: us-east-1\n{lines}\n")).unwrap();
        let account = Some(self.cloud.account.clone());
        let options = LoadOptions { path, account, ..LoadOptions::default() };
        let loaded = load(&options, KINDS, &Folder(folder.path().to_owned()));
        let problems: Vec<&String> = loaded.diagnostics.0.iter().map(|problem| &problem.message).collect();
        loaded.desired.unwrap_or_else(|| panic!("{problems:?}"))
    }

    pub(super) async fn plan(&self, desired: &Desired, options: &PlanOptions) -> Plan {
        let mut snapshot = survey(&self.cloud, desired, KINDS).await;
        let first = plan(desired, &snapshot, KINDS, &self.cloud.account, options);
        take_inventories(&self.cloud, &first, &mut snapshot).await;
        plan(desired, &snapshot, KINDS, &self.cloud.account, options)
    }

    pub(super) async fn apply(&self, plan: &Plan) {
        let options = ApplyOptions { parallelism: 4, retry_budget: Duration::from_secs(20) };
        let account: Arc<dyn Account> = Arc::new(self.cloud.clone());
        let summary = apply(plan, account, KINDS, &options, &Stop::new(), &mut |_| {}).await;
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
