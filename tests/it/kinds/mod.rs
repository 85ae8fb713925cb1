//! Each kind on an emulator: what the walk over every field does not reach.

mod bucket;
mod upload;
