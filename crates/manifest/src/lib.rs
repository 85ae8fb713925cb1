//! manifest

pub mod ddl;
