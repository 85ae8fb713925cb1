//! A manifest, and the files it names, to desired resources. Knows shapes and places, no kind by name.
//!
//! `yaml` reads text to nodes with spans; `interpolate` puts in what `${…}` names; `sections` knows the layout;
//! `validate` holds nodes against shapes; `load` does all of it and lets the kinds decode their entries; `ddl`
//! reads `CREATE EXTERNAL TABLE` files; `schema` and `reference` document what may be written.

mod checks;
pub mod ddl;
pub mod folder;
pub mod interpolate;
mod load;
mod reference;
mod references;
mod render;
mod schema;
mod sections;
#[cfg(test)]
mod tests;
pub mod validate;
mod variables;
pub mod yaml;

pub use folder::{Cached, Folder};
pub use load::{LoadOptions, Loaded, load};
pub use reference::reference;
pub use schema::json_schema;
