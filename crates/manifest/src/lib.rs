//! manifest

pub mod ddl;
pub mod folder;
pub mod validate;
pub mod yaml;
