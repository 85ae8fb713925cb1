//! The `lakeform` binary.
fn main() {}
