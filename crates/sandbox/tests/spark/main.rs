//! Job runs on a real Spark, in a binary of their own: `make spark-tests` runs them, and installs Spark where it is
//! missing. One emulator and one proxy serve all; each test takes an account of its own.

#![expect(clippy::unwrap_used, reason = "what a test takes for granted fails the test")]

#[path = "../sandbox/client.rs"]
#[expect(dead_code, reason = "shared with the other binary, which uses all of it")]
mod client;
mod jobs;
mod states;
mod studio;
mod write_back;
