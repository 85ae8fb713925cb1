//! manifest

pub mod ddl;
pub mod folder;
pub mod interpolate;
pub mod validate;
pub mod yaml;
