//! The sandbox against a real emulator, and the proxy against an upstream of the test's own. One binary, so that
//! one emulator serves all; each test takes an account of its own.

#![expect(clippy::unwrap_used, reason = "what a test takes for granted fails the test")]

mod athena;
mod client;
mod ec2;
mod faults;
mod glue_catalog;
mod glue_jobs;
mod iam;
mod lifecycle;
mod names;
mod s3;
mod sdk;
mod streaming;
