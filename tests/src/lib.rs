//! What tests across crates share: an account in memory, at the resource level, two kinds that need no AWS,
//! generated stacks of them, the binary as a user runs it, and a lab with the emulators.

mod acts;
pub mod binary;
pub mod lab;
mod memory;
mod shapes;
pub mod stacks;

pub use acts::{apply_plan, plan_in, plan_of};
pub use memory::{Fault, MemoryAccount};
pub use shapes::{SHAPES, desired, resource};
