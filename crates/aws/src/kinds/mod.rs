//! The catalog: one file a kind, one line here.

use lakeform_model::{Kind, Kinds};

use crate::contact::Contact;

mod job;

macro_rules! catalog {
    ($($kind:expr),* $(,)?) => {
        const ALL: &[&dyn Kind] = &[$(&$kind),*];
        pub(crate) const CONTACTS: &[&dyn Contact] = &[$(&$kind),*];
    };
}

catalog![job::Job];

/// Every kind lakeform knows, in the order they are shown.
pub const KINDS: Kinds = Kinds(ALL);
