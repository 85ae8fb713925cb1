//! Everything lakeform shows, as text or JSON. Takes values, gives strings; writes nowhere.

pub(crate) mod answer;
pub(crate) mod calls;
pub(crate) mod checks;
pub(crate) mod diff;
mod document;
pub(crate) mod fields;
pub(crate) mod json;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod runs;
pub(crate) mod summary;
pub(crate) mod text;
