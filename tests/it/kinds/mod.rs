//! What is particular to one kind, against the emulators: its life, what others do to it, and what stands in its
//! way. The walk over its fields is in `tests/fields`.

mod bucket;
mod crashes;
mod database;
mod gateway_endpoint;
mod job;
mod query;
mod role;
mod stage;
mod table;
mod upload;
mod workgroup;
