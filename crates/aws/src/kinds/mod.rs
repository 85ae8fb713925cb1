//! The catalog: one file a kind, one line here.

mod bucket;
mod database;
mod gateway_endpoint;
mod job;
mod query;
mod role;
mod table;
mod upload;
mod workgroup;

use lakeform_model::{Kind, Kinds};

use crate::contact::Contact;

macro_rules! catalog {
    ($($kind:expr),* $(,)?) => {
        const ALL: &[&dyn Kind] = &[$(&$kind),*];
        pub(crate) const CONTACTS: &[&dyn Contact] = &[$(&$kind),*];
    };
}

catalog![
    bucket::Bucket,
    upload::Upload,
    gateway_endpoint::GatewayEndpoint,
    role::Role,
    workgroup::Workgroup,
    database::Database,
    table::Table,
    job::Job,
    query::Query,
];

/// Every kind lakeform knows, in the order they are shown.
pub const KINDS: Kinds = Kinds(ALL);
