//! What tests across crates share: an account in memory, at the resource level, two kinds that need no AWS, and the
//! binary as a user runs it.

mod acts;
pub mod binary;
mod memory;
mod shapes;

pub use acts::{apply_plan, plan_of};
pub use memory::{Fault, MemoryAccount};
pub use shapes::{SHAPES, desired, resource};
