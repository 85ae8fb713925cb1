//! What tests across crates share: an account in memory, at the resource level, and two kinds that need no AWS.

mod memory;
mod shapes;

pub use memory::{Fault, MemoryAccount};
pub use shapes::{SHAPES, desired, resource};
