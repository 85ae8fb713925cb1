//! Each kind against the emulators: what the walk over its fields does not show.

mod bucket;
mod role;
mod upload;
