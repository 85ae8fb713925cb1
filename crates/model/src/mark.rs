//! The mark that says whose a resource is, and what of it lakeform manages.
//!
//! With no state file, what the manifest dropped is knowable only from the resource itself. So the mark
//! carries, besides the stack and the address, a short hash of each map key and set member that lakeform
//! manages there: a tag value holds 256 characters, hashes of four fit 64 to a tag.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Address, FieldPath, FieldRule, Fields, Merge, Value};

/// What every key of a mark starts with, in tags and in parameters alike.
pub const MARK_PREFIX: &str = "lakeform:";

const STACK: &str = "lakeform:stack";
const ADDRESS: &str = "lakeform:address";
const ADOPTED: &str = "lakeform:adopted";
const MANAGED: &str = "lakeform:managed";
/// The most characters of one value. Source: the tag limits of EC2, IAM, S3, Glue and Athena.
const ROOM: usize = 256;
const HASH: usize = 4;

/// Whose a resource is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The stack's name.
    pub stack: String,
    /// The address in it.
    pub address: Address,
    /// Whether it existed before lakeform took it over; then `destroy` leaves it in place.
    pub adopted: bool,
    /// What of its maps and sets lakeform manages.
    pub managed: Managed,
}

/// The hashes of the map keys and set members that lakeform manages on a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Managed(BTreeSet<String>);

impl Managed {
    /// What the desired fields manage under these rules.
    pub fn of(desired: &Fields, rules: &[FieldRule]) -> Self {
        let mut hashes = BTreeSet::new();
        for (field, value) in &desired.0 {
            collect(&FieldPath(vec![field.clone()]), value, rules, &mut hashes);
        }
        Self(hashes)
    }

    /// Whether lakeform manages the map key at `path`, or the member `member` of the set at `path`.
    pub fn holds(&self, path: &FieldPath, member: Option<&Value>) -> bool {
        self.0.contains(&hash(path, member))
    }

    /// What either of two manages: while one is turned into the other, both are ours.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// How many keys and members there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn collect(path: &FieldPath, value: &Value, rules: &[FieldRule], hashes: &mut BTreeSet<String>) {
    match (FieldRule::of(rules, path).merge, value) {
        (Merge::Keys, Value::Map(map)) => hashes.extend(map.keys().map(|key| hash(&path.child(key), None))),
        (Merge::Members, Value::List(items)) => {
            hashes.extend(items.iter().map(|item| hash(path, Some(item))));
        }
        (_, Value::Map(map)) => {
            for (key, value) in map {
                collect(&path.child(key), value, rules, hashes);
            }
        }
        (_, _) => {}
    }
}

fn hash(path: &FieldPath, member: Option<&Value>) -> String {
    let mut digest = Sha256::new();
    for segment in &path.0 {
        digest.update(segment.as_bytes());
        digest.update([0]);
    }
    if let Some(member) = member {
        digest.update([1]);
        digest.update(member.to_string().as_bytes());
    }
    let mut text = URL_SAFE_NO_PAD.encode(digest.finalize());
    text.truncate(HASH);
    text
}

impl Mark {
    /// The mark as tags or parameters.
    pub fn to_tags(&self) -> BTreeMap<String, String> {
        let Self { stack, address, adopted, managed } = self;
        let mut tags =
            BTreeMap::from([(STACK.to_owned(), stack.clone()), (ADDRESS.to_owned(), address.to_string())]);
        if *adopted {
            tags.insert(ADOPTED.to_owned(), "true".to_owned());
        }
        let hashes: Vec<&str> = managed.0.iter().map(String::as_str).collect();
        for (index, chunk) in hashes.chunks(ROOM / HASH).enumerate() {
            let key = if index == 0 { MANAGED.to_owned() } else { format!("{MANAGED}.{}", index + 1) };
            tags.insert(key, chunk.concat());
        }
        tags
    }

    /// Takes the mark out of tags or parameters: the mark, if there is one, and what is not of it.
    ///
    /// A mark whose address does not read (written by hand, or by a later lakeform) still names its stack, so
    /// that the resource is nobody else's to take: its address is then `unknown.<what stood there>`.
    pub fn split(mut tags: BTreeMap<String, String>) -> (Option<Self>, BTreeMap<String, String>) {
        let own: Vec<String> = tags.keys().filter(|key| key.starts_with(MARK_PREFIX)).cloned().collect();
        let mut marks: BTreeMap<String, String> = BTreeMap::new();
        for key in own {
            if let Some(value) = tags.remove(&key) {
                marks.insert(key, value);
            }
        }
        let Some(stack) = marks.get(STACK).cloned() else { return (None, tags) };
        let address = marks.get(ADDRESS).cloned().unwrap_or_default();
        let address = address.parse().unwrap_or_else(|_| Address::new("unknown", [address]));
        let chunks = marks.iter().filter(|(key, _)| key.starts_with(MANAGED)).map(|(_, value)| value);
        let managed = chunks.flat_map(|chunk| {
            chunk
                .as_bytes()
                .chunks_exact(HASH)
                .map(|hash| String::from_utf8_lossy(hash).into_owned())
                .collect::<Vec<_>>()
        });
        let adopted = marks.get(ADOPTED).is_some_and(|value| value == "true");
        (Some(Self { stack, address, adopted, managed: Managed(managed.collect()) }), tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    const RULES: &[FieldRule] = &[
        FieldRule::new("tags").merge(Merge::Keys),
        FieldRule::new("storage.parameters").merge(Merge::Keys),
        FieldRule::new("route_tables").merge(Merge::Members),
    ];

    fn mark(keys: usize) -> Mark {
        let mut fields = Fields::new();
        fields.set("tags", Value::text_map((0..keys).map(|n| (format!("key-{n}"), "x"))));
        fields.set("route_tables", Value::texts(["rtb-1"]));
        let address = Address::new("bucket", ["lake"]);
        Mark { stack: "demo".to_owned(), address, adopted: false, managed: Managed::of(&fields, RULES) }
    }

    #[test]
    fn a_mark_survives_its_tags_and_leaves_the_others() {
        for keys in [0, 1, 63, 64, 200] {
            let mark = mark(keys);
            let mut tags = mark.to_tags();
            assert!(tags.values().all(|value| value.len() <= 256), "{keys} keys");
            tags.insert("team".to_owned(), "data".to_owned());
            let (read, rest) = Mark::split(tags);
            assert_eq!(read, Some(mark), "{keys} keys");
            assert_eq!(rest, BTreeMap::from([("team".to_owned(), "data".to_owned())]));
        }
    }

    #[test]
    fn a_mark_knows_its_keys_and_members_and_no_others() {
        let managed = mark(2).managed;
        assert!(managed.holds(&FieldPath::from("tags.key-1"), None));
        assert!(!managed.holds(&FieldPath::from("tags.key-2"), None));
        assert!(managed.holds(&FieldPath::from("route_tables"), Some(&"rtb-1".into())));
        assert!(!managed.holds(&FieldPath::from("route_tables"), Some(&"rtb-2".into())));
    }

    #[test]
    fn a_key_below_a_nested_field_is_managed_too() {
        let mut fields = Fields::new();
        fields.set("storage", BTreeMap::from([("parameters".to_owned(), Value::text_map([("a.b", "1")]))]));
        let managed = Managed::of(&fields, RULES);
        assert!(managed.holds(&FieldPath(vec!["storage".into(), "parameters".into(), "a.b".into()]), None));
    }

    #[test]
    fn tags_without_a_stack_are_no_mark() {
        assert_eq!(Mark::split(BTreeMap::from([("a".to_owned(), "b".to_owned())])).0, None);
    }
}
