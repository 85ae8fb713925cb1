//! A local AWS: the life of the emulator, and the proxy that makes it as strict as AWS.
//!
//! `environment` installs the pinned emulator, `emulator` runs it for a test, `lifecycle` runs it and the proxy
//! in the background for a user, `proxy` mends answers, counts calls and injects faults, `runs` runs Glue jobs on
//! the Spark that `spark` installs. Nothing here prints: progress is told as [`Event`]s.

mod emulator;
pub mod environment;
mod error;
pub mod lifecycle;
mod ports;
mod process;
pub mod proxy;
pub mod runs;
mod serve;
pub mod spark;

pub use emulator::Emulator;
pub use environment::Environment;
pub use error::SandboxError;
pub use lifecycle::{Event, Options, Sandbox, Status, down, status, up};
pub use proxy::{Ask, CallRecord, Effect, Fault, Faults, Policy, Proxy, ProxyConfig, ProxyHandle};
pub use runs::{RunsConfig, run_logs};
pub use serve::{ServeConfig, read_faults, serve_proxy};
