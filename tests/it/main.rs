//! One binary for all tests across crates.

#![expect(clippy::unwrap_used, reason = "what a test takes for granted fails the test")]

mod binary;
mod catalog;
mod executor;
mod fields;
mod kinds;
mod lab;
mod life;
mod properties;
mod stacks;
