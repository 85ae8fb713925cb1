//! What is left of a step after a try that failed: only what the step itself was to change may be finished.
//! Anything else moved by another hand in between, and is not overwritten unseen.

use lakeform_model::{Change, Effect, FieldRule, Merge, Step, Value};

/// The differences that the step did not plan: each field has to have what it was planned on, or be done.
pub(crate) fn moved<'a>(step: &Step, left: &'a [Change], rules: &[FieldRule]) -> Vec<&'a Change> {
    let is_planned = |change: &Change| step.changes.iter().any(|planned| covers(planned, change, rules));
    left.iter().filter(|change| !is_planned(change)).collect()
}

/// The paths, for people: `` `timeout`, `tags.team` ``.
pub(crate) fn names(changes: &[&Change]) -> String {
    changes.iter().map(|change| format!("`{}`", change.path)).collect::<Vec<_>>().join(", ")
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
    at(planned.from.as_ref(), rest) == left.from.as_ref() && at(planned.to.as_ref(), rest) == left.to.as_ref()
}

fn at<'a>(value: Option<&'a Value>, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value?, |value, key| value.as_map()?.get(key))
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
