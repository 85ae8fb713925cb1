//! Each kind against the emulators, over HTTP: its life, what others do to it, and what stands in its way.

mod gateway_endpoint;
mod query;
mod stage;
mod workgroup;
