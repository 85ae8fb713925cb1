//! Generated stacks of the two kinds of the tests, and accounts that hold somebody else's resources.

use lakeform_model::{Address, Desired, Managed, Mark, Present, Value};
use proptest::prelude::*;

use crate::{desired, resource};

const NAMES: &[&str] = &["a", "b", "c", "d"];

fn vessel() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let note = proptest::option::of("[a-z]{0,3}");
    let tags = proptest::collection::btree_map("[x-z]", "[0-9]", 0..3);
    (0..2_i64, note, tags).prop_map(|(size, note, tags)| {
        let mut fields = vec![("size", Value::Int(size)), ("tags", Value::text_map(tags))];
        fields.extend(note.map(|note| ("note", Value::Text(note))));
        fields
    })
}

/// A stack of some vessels and labels, some of these on those.
pub fn stack() -> impl Strategy<Value = Desired> {
    let vessels = proptest::collection::btree_map(proptest::sample::select(NAMES), vessel(), 0..4);
    let labels = proptest::collection::btree_map(
        proptest::sample::select(NAMES),
        (
            any::<proptest::sample::Index>(),
            proptest::option::of("[a-z]{1,3}"),
            proptest::collection::btree_set("[m-p]", 0..3),
        ),
        0..4,
    );
    (vessels, labels).prop_map(|(vessels, labels)| {
        let names: Vec<&str> = vessels.keys().copied().collect();
        let labels = labels.into_iter().map(|(name, (on, text, members))| {
            let mut fields = vec![("members", Value::texts(members))];
            if !names.is_empty() {
                let vessel = *on.get(&names);
                fields.push(("on", Value::pointer("vessel", vessel, vessel)));
            }
            fields.extend(text.map(|text| ("text", Value::Text(text))));
            resource("label", name, &fields)
        });
        let labels: Vec<_> = labels.collect();
        desired(vessels.into_iter().map(|(name, fields)| resource("vessel", name, &fields)).chain(labels))
    })
}

/// Somebody else's resources, under names the stacks do not use: unmarked ones and another stack's.
pub fn foreign() -> impl Strategy<Value = Vec<Present>> {
    proptest::collection::vec((vessel(), any::<bool>()), 0..3).prop_map(|all| {
        let all = all.into_iter().enumerate().map(|(number, (fields, marked))| {
            let identity = format!("foreign-{number}");
            let address = Address::new("vessel", ["theirs"]);
            let mark =
                Mark { stack: "other".to_owned(), address, adopted: false, managed: Managed::default() };
            let fields = resource("vessel", &identity, &fields).fields;
            Present { identity, handle: None, fields, mark: marked.then_some(mark) }
        });
        all.collect()
    })
}
