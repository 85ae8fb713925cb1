//! The catalog: one file a kind, one line here.

mod bucket;
mod role;
mod upload;

use lakeform_model::{Kind, Kinds};

use crate::contact::Contact;

macro_rules! catalog {
    ($($kind:expr),* $(,)?) => {
        const ALL: &[&dyn Kind] = &[$(&$kind),*];
        pub(crate) const CONTACTS: &[&dyn Contact] = &[$(&$kind),*];
    };
}

catalog![bucket::Bucket, upload::Upload, role::Role];

/// Every kind lakeform knows, in the order they are shown.
pub const KINDS: Kinds = Kinds(ALL);
