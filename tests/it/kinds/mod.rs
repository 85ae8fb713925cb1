//! Each kind on an emulator: what the walk over every field does not reach.

#![expect(clippy::unwrap_used, reason = "what a test takes for granted fails the test")]

mod bucket;
mod crashes;
mod upload;
