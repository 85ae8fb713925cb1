//! manifest

pub mod ddl;
pub mod yaml;
