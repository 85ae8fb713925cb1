//! Everything lakeform knows about AWS. No other crate talks to it.
//!
//! `kinds/<kind>.rs` holds all knowledge of one kind; the rest is what kinds share: the clients and their
//! configuration ([`Cloud`]), the classification of failures, and small AWS grammars (S3 URLs, tags, policies).

mod calls;
mod cloud;
mod contact;
mod error;
mod glob;
mod glue_catalog;
pub mod kinds;
mod lifecycle;
mod objects;
mod policy;
mod s3_url;
mod script;
mod sending;
mod tags;

pub use calls::Calls;
pub use cloud::{Cloud, CloudOptions};
pub use error::failure;
