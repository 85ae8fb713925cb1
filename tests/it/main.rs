//! One binary for all tests across crates.

#![expect(clippy::unwrap_used, reason = "what a test takes for granted fails the test")]

mod cases;
mod catalog;
mod escapes;
mod executor;
mod fields;
mod files;
mod kinds;
mod lab;
mod life;
mod proof;
mod properties;
mod saved_plans;
mod stacks;
mod trouble;

use lakeform_tests::binary;
