//! The catalog: one file a kind, one line here.

mod bucket;
mod database;
mod gateway_endpoint;
mod query;
mod role;
mod table;
mod upload;
mod workgroup;

use lakeform_model::{Kind, Kinds};

use crate::contact::Contact;

mod job;

macro_rules! catalog {
    ($($kind:expr),* $(,)?) => {
        const ALL: &[&dyn Kind] = &[$(&$kind),*];
        pub(crate) const CONTACTS: &[&dyn Contact] = &[$(&$kind),*];
    };
}

catalog![bucket::Bucket, upload::Upload, gateway_endpoint::GatewayEndpoint, role::Role, workgroup::Workgroup, database::Database, table::Table, query::Query, job::Job];

/// Every kind lakeform knows, in the order they are shown.
pub const KINDS: Kinds = Kinds(ALL);
