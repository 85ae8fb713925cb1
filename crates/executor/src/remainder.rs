//! What is left of a step that is partly done, by a try that failed or by a step beside it: only what the step
//! itself was to change may be finished. Anything else moved by another hand, and is not overwritten unseen.

use std::collections::BTreeMap;
use std::fmt::Display;

use lakeform_model::{Change, Effect, FieldRule, Live, Merge, OnChange, Present, Step, Value};

/// The differences that the step did not plan: each field has to have what it was planned on, or be done.
pub(crate) fn moved<'a>(step: &Step, left: &'a [Change], rules: &[FieldRule]) -> Vec<&'a Change> {
    let is_planned = |change: &Change| step.changes.iter().any(|planned| covers(planned, change, rules));
    left.iter().filter(|change| !is_planned(change)).collect()
}

/// Whether nothing moved since the plan but towards it: with the planned changes that are done already taken
/// back, the resource is what the step was planned on. Jobs that share a script are like that: the first to be
/// updated brings the new one.
pub(crate) fn only_moved_as_planned(step: &Step, now: &Present) -> bool {
    let Some(planned) = &step.live else { return false };
    let mut before = now.clone();
    for change in &step.changes {
        if before.fields.at(&change.path) == change.to.as_ref() {
            put(&mut before.fields.0, &change.path.0, planned.fields.at(&change.path));
        }
    }
    Live::Present(before).fingerprint() == step.basis
}

/// Fields that only a replacement changes and that are not as planned: it is another one by now, made by another
/// apply, and not the one that is to go.
pub(crate) fn replaced(step: &Step, now: &Present, rules: &[FieldRule]) -> Vec<&'static str> {
    let Some(planned) = &step.live else { return Vec::new() };
    let fixed = rules.iter().filter(|rule| rule.on_change == OnChange::Replace).map(|rule| rule.path);
    fixed
        .filter(|path| match (planned.fields.get(path), now.fields.get(path)) {
            (Some(then), Some(now)) => then != now,
            // Not every read shows every field.
            (_, _) => false,
        })
        .collect()
}

/// The paths, for people: `` `timeout`, `tags.team` ``.
pub(crate) fn names(paths: impl IntoIterator<Item = impl Display>) -> String {
    paths.into_iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ")
}

/// Whether a difference is the planned one, or a part of it.
fn covers(planned: &Change, left: &Change, rules: &[FieldRule]) -> bool {
    // A map that was planned as a whole is compared key by key once it is there.
    let Some(rest) = left.path.0.strip_prefix(planned.path.0.as_slice()) else { return false };
    if left.effect != Effect::InPlace {
        return false;
    }
    if FieldRule::of(rules, &left.path).merge == Merge::Members && rest.is_empty() {
        let (planned, left) = (Members::of(planned), Members::of(left));
        return subset(&left.added, &planned.added) && subset(&left.gone, &planned.gone);
    }
    planned.from.as_ref().and_then(|whole| whole.at(rest)) == left.from.as_ref()
        && planned.to.as_ref().and_then(|whole| whole.at(rest)) == left.to.as_ref()
}

fn put(map: &mut BTreeMap<String, Value>, path: &[String], value: Option<&Value>) {
    match (path, value) {
        ([], _) => {}
        ([key], Some(value)) => {
            map.insert(key.clone(), value.clone());
        }
        ([key], None) => {
            map.remove(key);
        }
        ([key, rest @ ..], value) => {
            if let Some(Value::Map(inner)) = map.get_mut(key) {
                put(inner, rest, value);
            }
        }
    }
}

/// How a set changes; what others put into it is in neither.
struct Members<'a> {
    added: Vec<&'a Value>,
    gone: Vec<&'a Value>,
}

impl<'a> Members<'a> {
    fn of(change: &'a Change) -> Self {
        let items = |value: &'a Option<Value>| value.as_ref().and_then(Value::as_list).unwrap_or_default();
        let (from, to) = (items(&change.from), items(&change.to));
        Self {
            added: to.iter().filter(|item| !from.contains(item)).collect(),
            gone: from.iter().filter(|item| !to.contains(item)).collect(),
        }
    }
}

fn subset(part: &[&Value], whole: &[&Value]) -> bool {
    part.iter().all(|item| whole.contains(item))
}
