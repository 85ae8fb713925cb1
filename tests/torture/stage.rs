//! An account of its own behind a proxy of its own, a stack's folder, and the binary and the library at it.

use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use lakeform_model::{Desired, Plan};
use lakeform_planner::PlanOptions;
use lakeform_sandbox::{CallRecord, Effect, Fault, Faults, Proxy, ProxyConfig, ProxyHandle};

use crate::binary;
use crate::census::{self, Census};
use lakeform_tests::lab::{Lab, emulator, new_account, outline};

pub(crate) const APPLY: &[&str] = &["apply", "--yes"];
pub(crate) const DESTROY: &[&str] = &["destroy", "--yes"];
/// Longer than any test runs.
const FOREVER_MS: u64 = 3_600_000;
/// A loaded machine gets long to come to a change.
const PATIENCE: Duration = Duration::from_mins(2);

/// A folder with a manifest and what it names. Bucket names are global, so each account has its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stack {
    /// The lakehouse of `manifests/stedi`.
    Stedi,
    /// Some of every kind.
    Before,
    /// The same, with a change to every kind.
    After,
}

impl Stack {
    fn folder(self) -> PathBuf {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        match self {
            Self::Stedi => tests.join("../manifests/stedi"),
            Self::Before => tests.join("torture/change/before"),
            Self::After => tests.join("torture/change/after"),
        }
    }
}

pub(crate) struct Stage {
    pub(crate) proxy: ProxyHandle,
    pub(crate) lab: Lab,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let proxy = Proxy::start(emulator().endpoint(), ProxyConfig::default()).expect("a proxy");
        let lab = Lab::at(proxy.endpoint(), &new_account(), None).await;
        Self { proxy, lab }
    }

    /// The name that stands for `BUCKET` in the manifests.
    pub(crate) fn bucket(&self) -> String {
        format!("torture-{}", self.lab.cloud.account)
    }

    /// Puts a stack into the folder, in the place of what was there; gives what it wants.
    pub(crate) fn put(&self, stack: Stack) -> Desired {
        let folder = self.lab.folder.path();
        for entry in std::fs::read_dir(folder).expect("the folder") {
            let path = entry.expect("an entry").path();
            let gone =
                if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            gone.expect("it goes");
        }
        copy(&stack.folder(), folder);
        let manifest = std::fs::read_to_string(folder.join("lakeform.yaml")).expect("a manifest");
        let manifest = manifest.replace("stedi-lakehouse-demo", "BUCKET").replace("BUCKET", &self.bucket());
        self.lab.load(&manifest)
    }

    /// Starts the binary in the folder.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        binary::at(self.lab.folder.path(), self.proxy.endpoint(), &self.lab.cloud.account)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts")
    }

    /// Runs the binary to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        finish(self.start(arguments)).await
    }

    /// Runs the binary and lets exactly so many changes act, then kills it as nothing can prevent. Whether it
    /// came so far.
    pub(crate) async fn kill_after(&self, changes: u64, arguments: &[&str]) -> bool {
        let before = self.changes().len();
        let last = usize::try_from(changes).expect("few changes");
        // The last one acts, and its answer never comes; whatever is sent after it waits before the account.
        self.proxy.set_faults(Faults {
            seed: 0,
            faults: vec![
                Fault::on("*", Effect::Lost).on_changes().after(changes - 1).times(1),
                Fault::on("*", Effect::Latency { ms: FOREVER_MS, jitter_ms: 0 }).on_changes().after(changes),
            ],
        });
        let mut child = self.start(arguments);
        let until = Instant::now() + PATIENCE;
        let came = loop {
            // A call is in the journal when it has acted.
            if self.changes().len() - before >= last {
                break true;
            }
            if child.try_wait().expect("a child can be asked").is_some() {
                break false;
            }
            assert!(Instant::now() < until, "change {changes} never came");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        // On Unix this is SIGKILL.
        child.kill().expect("it is killed");
        let ended = child.wait().expect("it ends");
        assert!(!came || ended.code().is_none(), "it ended by itself: {ended}");
        self.proxy.set_faults(Faults::default());
        came
    }

    /// The calls so far that could change something, in the order they ended.
    pub(crate) fn changes(&self) -> Vec<CallRecord> {
        self.proxy.calls_of(&self.lab.cloud.account).into_iter().filter(|call| call.mutating).collect()
    }

    /// Everything in the account, and how the wanted resources look.
    pub(crate) async fn census(&self, desired: &Desired) -> Census {
        census::take(&self.lab.cloud, desired).await
    }

    /// Nothing is left to do.
    pub(crate) async fn assert_settled(&self, desired: &Desired, when: &str) {
        let plan: Plan = self.lab.plan(desired, &PlanOptions::default()).await;
        assert!(plan.is_empty(), "{when}: the plan is not empty:\n{}\n{:#?}", outline(&plan), plan.blocked);
    }
}

/// Waits for a child without blocking the others, reading what it says meanwhile.
pub(crate) async fn finish(child: Child) -> Output {
    let waiting = tokio::task::spawn_blocking(move || child.wait_with_output());
    waiting.await.expect("it is waited for").expect("its output reads")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder is made");
    for entry in std::fs::read_dir(from).expect("a folder reads") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a file is copied");
        }
    }
}
