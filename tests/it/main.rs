//! One binary for all tests across crates.

#![expect(clippy::unwrap_used, reason = "what a test takes for granted fails the test")]

mod account_guard;
mod cases;
mod catalog;
mod confirmation;
mod documents;
mod escapes;
mod executor;
mod fields;
mod files;
mod import;
mod inventory;
mod kinds;
mod least_privilege;
mod life;
mod ownership;
mod proof;
mod properties;
mod saved_plans;
mod trouble;

use lakeform_tests::binary;
