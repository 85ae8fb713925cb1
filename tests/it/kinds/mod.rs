//! Each kind against the emulators: what the walk over its fields does not show.

mod bucket;
mod role;
mod upload;
//! Each kind against the emulators, over HTTP: its life, what others do to it, and what stands in its way.

mod gateway_endpoint;
mod query;
mod stage;
mod workgroup;
//! What is particular to one kind, against the emulators.

mod database;
mod table;
