//! The catalog: one file a kind, one line here.

mod bucket;
mod role;
mod upload;

use lakeform_model::{Kind, Kinds};

use crate::contact::Contact;

mod gateway_endpoint;
mod query;
mod workgroup;

macro_rules! catalog {
    ($($kind:expr),* $(,)?) => {
        const ALL: &[&dyn Kind] = &[$(&$kind),*];
        pub(crate) const CONTACTS: &[&dyn Contact] = &[$(&$kind),*];
    };
}

catalog![bucket::Bucket, upload::Upload, role::Role, gateway_endpoint::GatewayEndpoint, workgroup::Workgroup, query::Query, database::Database, table::Table];

/// Every kind lakeform knows, in the order they are shown.
pub const KINDS: Kinds = Kinds(ALL);
