//! One binary for all tests across crates.

#![expect(clippy::unwrap_used, reason = "what a test takes for granted fails the test")]

mod binary;
mod cases;
mod catalog;
mod executor;
mod fields;
mod kinds;
mod lab;
mod life;
mod proof;
mod properties;
mod stacks;
mod trouble;
