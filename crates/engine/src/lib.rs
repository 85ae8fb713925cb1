//! The data plane: what happens in a lakehouse after it was provisioned.
//!
//! `query` runs SQL on Athena, `check` holds results against what the manifest expects, `order` sorts jobs by
//! what they read and write, `runs` starts them on Glue and follows them. Progress is told as events; nothing
//! here prints, and nothing here knows whether the other side is AWS or the sandbox.

mod athena;
mod check;
mod glue;
mod halt;
mod junit;
mod order;
mod pace;
mod query;
mod runs;
mod verdict;

pub use athena::{Athena, Execution, ExecutionState, ResultPage};
pub use check::{CheckEvent, CheckOptions, CheckOutcome, check};
pub use glue::{JobRuns, RunRequest, RunState, RunView};
pub use halt::{Halt, Wish};
pub use junit::junit;
pub use order::{CycleError, JobOrder};
pub use pace::Pace;
pub use query::{Answer, Column, Position, QueryError, QueryRequest, query};
pub use runs::{Job, JobEnd, JobOutcome, RunEvent, RunOptions, RunSummary, run};
pub use verdict::{Verdict, judge};
