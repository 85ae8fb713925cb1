//! An account on an emulator, and what the binary does with one: load, survey, plan, apply. MiniStack stands
//! behind the strict proxy, an account a test; moto has one account, so its tests take turns.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use lakeform_aws::kinds::KINDS;
use lakeform_aws::{Cloud, CloudOptions};
use lakeform_executor::{ApplyOptions, Stop, Summary, apply};
use lakeform_manifest::{Folder, LoadOptions, load};
use lakeform_model::{Desired, Plan};
use lakeform_planner::PlanOptions;
use lakeform_sandbox::{Emulator, Proxy, ProxyConfig, ProxyHandle, environment};
use serde::Deserialize;

use crate::plan_in;

const REGION: &str = "us-east-1";

/// Which emulator a test runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// MiniStack behind the proxy that makes it as strict as AWS.
    #[default]
    Ministack,
    /// moto as it is.
    Moto,
}

/// An empty account, and a folder for a manifest.
pub struct Lab {
    /// The clients, as the binary makes them.
    pub cloud: Arc<Cloud>,
    /// Where they ask.
    pub endpoint: String,
    /// The manifest's folder.
    pub folder: tempfile::TempDir,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl Lab {
    /// On MiniStack an account of its own; on moto the one account, emptied, and the turn to use it.
    pub async fn new(on: On) -> Self {
        let (endpoint, account, turn) = match on {
            On::Ministack => (proxy().endpoint().to_owned(), new_account(), None),
            On::Moto => {
                let (endpoint, turn) = moto();
                (endpoint, "testing".to_owned(), Some(turn))
            }
        };
        Self::at(&endpoint, &account, turn).await
    }

    /// An account at an endpoint of the test's own, such as a proxy with faults.
    pub async fn at(endpoint: &str, account: &str, turn: Option<MutexGuard<'static, ()>>) -> Self {
        let options = CloudOptions {
            region: Some(REGION.to_owned()),
            endpoint: Some(endpoint.to_owned()),
            credentials: Some((account.to_owned(), "testing".to_owned())),
        };
        let cloud = Arc::new(Cloud::connect(options).await.expect("the emulator answers"));
        let endpoint = endpoint.to_owned();
        Self { cloud, endpoint, folder: tempfile::tempdir().expect("a folder"), _turn: turn }
    }

    /// Puts a file beside the manifest.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder is made");
        std::fs::write(path, text).expect("a file is written");
    }

    /// What a manifest wants; it must be sound.
    pub fn load(&self, manifest: &str) -> Desired {
        self.write("lakeform.yaml", manifest);
        let options = LoadOptions {
            path: self.folder.path().join("lakeform.yaml"),
            account: Some(self.cloud.account.clone()),
            region: Some(REGION.to_owned()),
            ..LoadOptions::default()
        };
        let loaded = load(&options, KINDS, &Folder(self.folder.path().to_owned()));
        let problems = loaded.render(false);
        loaded.desired.unwrap_or_else(|| panic!("{problems}"))
    }

    /// Surveys, counts what would be lost, and plans.
    pub async fn plan(&self, desired: &Desired, options: &PlanOptions) -> Plan {
        plan_in(self.cloud.as_ref(), &self.cloud.account, KINDS, desired, options).await
    }

    /// Applies a plan, without a progress to watch.
    pub async fn apply(&self, plan: &Plan) -> Summary {
        let options = ApplyOptions { parallelism: 8, retry_budget: Duration::from_secs(20) };
        let account: Arc<dyn lakeform_model::Account> = Arc::clone(&self.cloud) as _;
        apply(plan, account, KINDS, &options, &Stop::new(), &mut |_| {}).await
    }

    /// Plans, applies, and asserts that nothing is left to do; gives the plan.
    pub async fn settle(&self, desired: &Desired) -> Plan {
        let options = PlanOptions::default();
        let plan = self.plan(desired, &options).await;
        assert!(plan.blocked.is_empty(), "{:#?}", plan.blocked);
        assert_eq!(plan.denials().collect::<Vec<_>>(), Vec::<&lakeform_model::Finding>::new());
        let summary = self.apply(&plan).await;
        assert!(summary.is_success(), "{:#?}\n{}", summary.outcomes, outline(&plan));
        let again = self.plan(desired, &options).await;
        assert!(again.is_empty(), "the second plan is not empty:\n{}\n{:#?}", outline(&again), again.blocked);
        plan
    }

    /// Destroys the stack and asserts that nothing of it is left.
    pub async fn destroy(&self, desired: &Desired) -> Plan {
        let options = PlanOptions { destroy: true, ..PlanOptions::default() };
        let plan = self.plan(desired, &options).await;
        assert_eq!(plan.denials().collect::<Vec<_>>(), Vec::<&lakeform_model::Finding>::new());
        let summary = self.apply(&plan).await;
        assert!(summary.is_success(), "{:#?}\n{}", summary.outcomes, outline(&plan));
        let again = self.plan(desired, &options).await;
        assert!(again.is_empty(), "something is left:\n{}", outline(&again));
        plan
    }
}

/// A plan's steps and their changes, a line each.
pub fn outline(plan: &Plan) -> String {
    let lines = plan.steps.iter().map(|step| {
        let changes = step
            .changes
            .iter()
            .map(|change| format!("\n    {}: {:?} -> {:?}", change.path, change.from, change.to));
        format!("{:?} {:?} {}{}", step.action, step.phase, step.address, changes.collect::<String>())
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The emulator of this test binary; it ends with the binary.
pub fn emulator() -> &'static Emulator {
    static EMULATOR: OnceLock<Emulator> = OnceLock::new();
    EMULATOR.get_or_init(|| {
        let environment = environment::for_tests().expect("the emulator is installed");
        let log = std::env::temp_dir().join(format!("lakeform-it-emulator-{}.log", std::process::id()));
        let emulator = Emulator::start(&environment, &log).expect("the emulator starts");
        std::fs::remove_file(&log).expect("its log is there");
        emulator
    })
}

/// The strict proxy that tests share.
pub fn proxy() -> &'static ProxyHandle {
    static PROXY: OnceLock<ProxyHandle> = OnceLock::new();
    PROXY.get_or_init(|| Proxy::start(emulator().endpoint(), ProxyConfig::default()).expect("a proxy"))
}

/// An account nobody else has.
pub fn new_account() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{:012}", 600_000_000_000 + NEXT.fetch_add(1, Ordering::Relaxed))
}

/// moto's endpoint, emptied, and the turn to use it.
fn moto() -> (String, MutexGuard<'static, ()>) {
    static TURN: Mutex<()> = Mutex::new(());
    static SERVER: OnceLock<Moto> = OnceLock::new();
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let server = SERVER.get_or_init(Moto::start);
    server.reset();
    (format!("http://127.0.0.1:{}", server.port), turn)
}

struct Moto {
    port: u16,
    _child: Child,
}

impl Moto {
    /// Starts the program that `LAKEFORM_TEST_MOTO` names; it ends when this process does.
    fn start() -> Self {
        let program = std::env::var_os("LAKEFORM_TEST_MOTO")
            .expect("LAKEFORM_TEST_MOTO names moto_server: run the tests by `make test`");
        // `moto_server` itself would outlive a killed test; its standard input tells when this process is gone.
        let python = std::path::Path::new(&program).with_file_name("python");
        let run = "import os, sys, threading\n\
            threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()\n\
            from moto.server import main; main(['-H', '127.0.0.1', '-p', '0'])";
        let mut child = Command::new(python)
            .args(["-c", run])
            .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moto starts");
        let mut lines = BufReader::new(child.stderr.take().expect("its stderr")).lines();
        let port = lines
            .find_map(|line| line.ok()?.split("http://127.0.0.1:").nth(1)?.trim().parse().ok())
            .expect("moto says its port");
        std::thread::spawn(move || lines.for_each(drop));
        Self { port, _child: child }
    }

    fn reset(&self) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("moto listens");
        let request =
            "POST /moto-api/reset HTTP/1.1\r\nhost: moto\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("moto takes the request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("moto answers");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
