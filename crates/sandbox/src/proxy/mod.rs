//! A loopback proxy before the emulator: recognises each call, mends what the emulator does unlike AWS, logs,
//! and injects faults. What AWS does is the rules' knowledge, one file a subject; this file only starts and
//! stops the proxy.

mod athena_ddl;
mod athena_queries;
mod athena_workgroups;
pub(crate) mod call;
mod cloud;
mod ec2_endpoints;
mod ec2_routes;
mod faults;
mod glue_databases;
mod glue_jobs;
mod glue_runs;
mod glue_table_shape;
mod glue_tables;
mod glue_tags;
mod iam;
mod iam_actions;
mod iam_roles;
mod journal;
pub(crate) mod memory;
mod names;
mod pages;
mod policy;
pub(crate) mod recognise;
pub(crate) mod refusal;
mod rules;
mod s3;
mod server;
pub(crate) mod upstream;
pub(crate) mod xml;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

pub use faults::{Effect, Fault, Faults};
pub use iam_actions::Ask;
pub use journal::{CallRecord, counts};
pub use policy::Policy;

use crate::runs::RunsConfig;
use server::Server;

/// How strict and how troublesome the proxy is.
#[derive(Debug, Clone, Default)]
pub struct ProxyConfig {
    /// The loopback port; 0 takes a free one.
    pub port: u16,
    /// Faults from the start; [`ProxyHandle::set_faults`] changes them.
    pub faults: Faults,
    /// Refuses what this IAM policy does not allow; [`ProxyHandle::set_policy`] changes it.
    pub policy: Option<Policy>,
    /// Appends one JSON line a call.
    pub log: Option<PathBuf>,
    /// Keeps about so many calls in memory; absent keeps all.
    pub keep_calls: Option<usize>,
    /// Keeps what the emulator forgets in this file, over restarts of the proxy.
    pub memory: Option<PathBuf>,
    /// For so long after a role or its trust policy was written, Glue may not assume it.
    pub role_propagation: Duration,
    /// So many job calls naming a new role are refused, whatever time has passed.
    pub role_refusals: u32,
    /// Passes everything on as it is: counts and faults only.
    pub transparent: bool,
    /// Runs Glue jobs on this machine. Absent leaves them to the emulator, which only pretends.
    pub runs: Option<RunsConfig>,
}

impl ProxyConfig {
    /// What a user's sandbox runs with: a new role is not usable at once, as on AWS.
    pub fn strict() -> Self {
        Self { role_refusals: 1, ..Self::default() }
    }
}

/// Starts proxies.
#[derive(Debug)]
pub struct Proxy;

impl Proxy {
    /// Starts a proxy on loopback before `upstream` (`http://127.0.0.1:4566`). It runs on threads of its own, so
    /// the handle may outlive the caller's async runtime, or be used without one.
    pub fn start(upstream: &str, config: ProxyConfig) -> std::io::Result<ProxyHandle> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, config.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let endpoint = format!("http://{address}");
        let server = Arc::new(Server::new(upstream, &endpoint, config)?);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let running = Arc::clone(&server);
        let thread = std::thread::Builder::new().name("lakeform-proxy".to_owned()).spawn(move || {
            runtime.block_on(server::run(listener, Arc::clone(&running), stopped));
            running.end_runs();
            runtime.shutdown_timeout(Duration::from_millis(200));
        })?;
        Ok(ProxyHandle { address, endpoint, server, stop: Some(stop), thread: Some(thread) })
    }
}

/// A running proxy; dropping it stops it.
pub struct ProxyHandle {
    address: SocketAddr,
    endpoint: String,
    server: Arc<Server>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ProxyHandle {
    /// What `AWS_ENDPOINT_URL` should say.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every call so far, in the order they ended.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.server.journal.calls()
    }

    /// The calls of one account; tests that share a proxy take an account each.
    pub fn calls_of(&self, account: &str) -> Vec<CallRecord> {
        self.calls().into_iter().filter(|call| call.account == account).collect()
    }

    /// How often each `service:Operation` was asked.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        counts(&self.calls())
    }

    /// Forgets the calls so far.
    pub fn forget_calls(&self) {
        self.server.journal.forget();
    }

    /// Plays this script from now on; its counters start at zero.
    pub fn set_faults(&self, faults: Faults) {
        self.server.set_faults(faults);
    }

    /// How many calls each fault of the script has hit, those included that have not ended yet.
    pub fn hits(&self) -> Vec<u64> {
        self.server.hits()
    }

    /// Refuses what this IAM policy does not allow, from now on; none allows everything.
    pub fn set_policy(&self, policy: Option<Policy>) {
        self.server.set_policy(policy);
    }

    /// Stops listening and waits for the threads to end.
    pub fn shutdown(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The receiver is gone only when the proxy has ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for ProxyHandle {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for ProxyHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProxyHandle").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
