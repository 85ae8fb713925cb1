//! What tests across crates share: an account in memory, at the resource level, two kinds that need no AWS, and the
//! binary as a user runs it.

pub mod binary;
mod memory;
mod shapes;

pub use memory::{Fault, MemoryAccount};
pub use shapes::{SHAPES, desired, resource};
