//! Tags, where most kinds keep their mark: the manifest's, the stack's, and what others wrote.

use std::collections::BTreeMap;

use lakeform_model::{
    Change, Entry, FieldRule, Fields, Key, MARK_PREFIX, Mark, Merge, Present, Scope, Shape, Target, Value,
};

/// The rule of every taggable kind for its `tags`.
pub(crate) const RULE: FieldRule =
    FieldRule::new("tags").merge(Merge::Keys).note("tags that others wrote stay as they are");

/// The key of every taggable kind.
pub(crate) const KEY: Key =
    Key::new("tags", Shape::TAGS, "Tags, besides the manifest's own `tags` and the stack's mark.");

/// The tags an entry wants: the manifest's, and its own over them. `None` when there are none.
pub(crate) fn desired(entry: &Entry<'_>, scope: &Scope<'_>) -> Option<Value> {
    let mut tags = scope.tags.clone();
    tags.extend(entry.node.get("tags").map(lakeform_model::Node::text_map).unwrap_or_default());
    (!tags.is_empty()).then(|| Value::text_map(tags))
}

/// Splits what AWS has into the mark and the tags that are compared; AWS's own (`aws:`) are left out.
pub(crate) fn read(fields: &mut Fields, tags: BTreeMap<String, String>) -> Option<Mark> {
    let (mark, mut rest) = Mark::split(tags);
    rest.retain(|key, _| !key.starts_with("aws:"));
    if !rest.is_empty() {
        fields.set("tags", Value::text_map(rest));
    }
    mark
}

/// Every tag a new resource is to carry, the mark included.
pub(crate) fn for_create(target: &Target) -> BTreeMap<String, String> {
    let mut tags = target.fields.text_map("tags");
    tags.extend(target.mark.iter().flat_map(Mark::to_tags));
    tags
}

/// What an update writes and removes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TagPatch {
    pub(crate) set: BTreeMap<String, String>,
    pub(crate) remove: Vec<String>,
}

impl TagPatch {
    /// The tags that lead from live to the target: the changed ones, and the mark as it is to be.
    pub(crate) fn of(target: &Target, live: &Present, changes: &[Change]) -> Self {
        let mut patch = Self::default();
        for change in changes.iter().filter(|change| change.path.field() == "tags") {
            match change.to.as_ref().and_then(Value::as_text) {
                Some(value) => drop(patch.set.insert(change.path.last().to_owned(), value.to_owned())),
                None => patch.remove.push(change.path.last().to_owned()),
            }
        }
        let (before, after) = (mark_tags(live.mark.as_ref()), mark_tags(target.mark.as_ref()));
        patch.remove.extend(before.keys().filter(|key| !after.contains_key(*key)).cloned());
        patch.set.extend(after.into_iter().filter(|(key, value)| before.get(key) != Some(value)));
        patch
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }

    /// All tags after the patch, for an operation that replaces them whole. `all` is everything that is there,
    /// the mark included.
    pub(crate) fn applied_to(self, mut all: BTreeMap<String, String>) -> BTreeMap<String, String> {
        all.retain(|key, _| !self.remove.contains(key) && !key.starts_with("aws:"));
        all.extend(self.set);
        all
    }
}

fn mark_tags(mark: Option<&Mark>) -> BTreeMap<String, String> {
    let tags = mark.map(Mark::to_tags).unwrap_or_default();
    debug_assert!(tags.keys().all(|key| key.starts_with(MARK_PREFIX)), "a mark has keys of its own");
    tags
}

#[cfg(test)]
mod tests {
    use lakeform_model::{Address, Managed, diff};

    use super::*;

    fn mark(stack: &str) -> Mark {
        let managed = Managed::default();
        Mark { stack: stack.into(), address: Address::new("bucket", ["lake"]), adopted: false, managed }
    }

    #[test]
    fn a_patch_sets_removes_and_leaves_the_rest() {
        let rules = [RULE];
        let mut wanted = Fields::new();
        wanted.set("tags", Value::text_map([("team", "data")]));
        let live = Present {
            identity: "x".into(),
            handle: None,
            fields: Fields([("tags".into(), Value::text_map([("team", "old"), ("theirs", "1")]))].into()),
            mark: Some(mark("a")),
        };
        let target = Target {
            address: Address::new("bucket", ["lake"]),
            identity: "x".into(),
            fields: wanted.clone(),
            files: BTreeMap::new(),
            mark: Some(mark("b")),
        };
        let changes = diff(&wanted, &live.fields, &rules, &Managed::default());
        let patch = TagPatch::of(&target, &live, &changes);
        let expected = [("lakeform:stack", "b"), ("team", "data")];
        assert_eq!(patch.set, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        assert_eq!(patch.remove, Vec::<String>::new());
        let all =
            BTreeMap::from([("theirs".to_owned(), "1".to_owned()), ("aws:x".to_owned(), "y".to_owned())]);
        assert_eq!(patch.applied_to(all).len(), 3);
        let away = TagPatch::of(&Target { mark: None, ..target }, &live, &[]);
        assert_eq!(away.remove, ["lakeform:address", "lakeform:stack"]);
    }
}
