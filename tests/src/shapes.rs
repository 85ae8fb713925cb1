//! Two kinds that exercise every generic rule: a `vessel` holds data, a `label` points at one.

use std::collections::{BTreeMap, BTreeSet};

use lakeform_model::{
    Address, Desired, Draft, Entry, Facts, FieldRule, Fields, Holds, Kind, Kinds, Literal, Merge, OnChange,
    Permissions, Resource, Scope, Shape, Span, Value,
};

struct Vessel;
struct Label;

const VESSEL: &[FieldRule] = &[
    FieldRule::new("size").on_change(OnChange::Replace),
    FieldRule::new("note").default(Literal::Text("")),
    FieldRule::new("tags").merge(Merge::Keys),
];

const LABEL: &[FieldRule] = &[
    FieldRule::new("on").on_change(OnChange::InPlace),
    FieldRule::new("text").absent(),
    FieldRule::new("members").merge(Merge::Members),
];

/// The two kinds.
pub const SHAPES: Kinds = Kinds(&[&Vessel, &Label]);

macro_rules! shape {
    ($type:ty, $name:literal, $place:literal, $rules:expr, $holds:expr) => {
        impl Kind for $type {
            fn facts(&self) -> &'static Facts {
                &Facts {
                    name: $name,
                    place: &[$place],
                    shape: Shape::Free,
                    beside: &[],
                    rules: $rules,
                    holds: $holds,
                    about: "a kind of the tests",
                }
            }
            fn identity(&self, entry: &Entry<'_>) -> String {
                entry.name()
            }
            fn decode(&self, _entry: &Entry<'_>, _scope: &mut Scope<'_>) -> Option<Draft> {
                Some(Draft::default())
            }
        }
    };
}
shape!(Vessel, "vessel", "vessels", VESSEL, Holds::Data);
shape!(Label, "label", "labels", LABEL, Holds::Configuration);

/// A wanted resource whose identity is its key; it depends on what its fields point at.
pub fn resource(kind: &str, key: &str, fields: &[(&str, Value)]) -> Resource {
    let fields = Fields(fields.iter().map(|(field, value)| ((*field).to_owned(), value.clone())).collect());
    let depends_on: BTreeSet<Address> = fields
        .pointers()
        .iter()
        .map(|pointer| Address::new(pointer.kind.as_str(), [pointer.identity.as_str()]))
        .collect();
    Resource {
        address: Address::new(kind, [key]),
        identity: key.to_owned(),
        fields,
        files: BTreeMap::new(),
        depends_on,
        flow: None,
        permissions: Permissions { force_destroy: true, ..Permissions::default() },
        span: Span::default(),
    }
}

/// A stack called `demo` of these resources.
pub fn desired(resources: impl IntoIterator<Item = Resource>) -> Desired {
    let resources = resources.into_iter().map(|resource| (resource.address.clone(), resource)).collect();
    Desired { stack: "demo".to_owned(), region: "us-east-1".to_owned(), resources, ..Desired::default() }
}
