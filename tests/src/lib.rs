//! What tests across crates share: an account in memory, at the resource level, and two kinds that need no AWS.

mod acts;
mod memory;
mod shapes;

pub use acts::{apply_plan, plan_of};
pub use memory::{Fault, MemoryAccount};
pub use shapes::{SHAPES, desired, resource};
