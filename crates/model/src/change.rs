//! The generic difference of two canonical forms under a kind's rules: the only diff there is.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{FieldPath, FieldRule, Fields, Managed, Merge, OnChange, Show, Unset, Value};

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The field, down to the map key.
    pub path: FieldPath,
    /// What AWS has; `None` when it has nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// What it is to become; `None` when it is to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
    /// What the difference leads to.
    pub effect: Effect,
    /// How it is shown.
    #[serde(default)]
    pub show: Show,
    /// The rule's word for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Who else wrote what AWS has, where it is signed: "job `clean`".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_by: Option<String>,
}

/// What a difference leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The field is updated in place.
    InPlace,
    /// The resource is deleted and created anew.
    Replace,
    /// lakeform refuses, with the note as the reason.
    Refuse,
}

/// The changes that lead from live to desired, in the order of their paths.
///
/// `managed` is what the live resource's mark says lakeform manages there: a map key or set member that is
/// neither wanted nor managed belongs to somebody else and is no difference.
pub fn diff(desired: &Fields, live: &Fields, rules: &[FieldRule], managed: &Managed) -> Vec<Change> {
    let mut walk = Walk { rules, managed, live, changes: Vec::new() };
    let fields: BTreeSet<&String> = desired.0.keys().chain(live.0.keys()).collect();
    for field in fields {
        let path = FieldPath(vec![field.clone()]);
        walk.compare(&path, desired.0.get(field), live.0.get(field), None);
    }
    walk.changes
}

struct Walk<'a> {
    rules: &'a [FieldRule],
    managed: &'a Managed,
    live: &'a Fields,
    changes: Vec<Change>,
}

impl Walk<'_> {
    /// `outer` is the rule of the map this is an entry of, if that map is compared as a whole.
    fn compare(
        &mut self,
        path: &FieldPath,
        desired: Option<&Value>,
        live: Option<&Value>,
        outer: Option<&str>,
    ) {
        let rule = FieldRule::of(self.rules, path);
        if rule.on_change == OnChange::Ignore {
            return;
        }
        // An entry without a rule of its own is part of the whole: left out there means meant to go.
        let unset = if outer == Some(rule.path) { Unset::Absent } else { rule.unset };
        let default = if let Unset::Default(literal) = unset { Some(literal.value()) } else { None };
        match rule.merge {
            Merge::Keys => return self.compare_keys(path, &rule, desired, live),
            Merge::Members => return self.compare_members(path, &rule, desired, live),
            Merge::Whole => {}
        }
        if desired.is_none() && unset == Unset::Unmanaged {
            return;
        }
        let desired = desired.or(default.as_ref());
        let live = live.or(default.as_ref());
        match (desired, live) {
            (Some(Value::Map(wanted)), Some(Value::Map(found))) => {
                let keys: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
                for key in keys {
                    self.compare(&path.child(key), wanted.get(key), found.get(key), Some(rule.path));
                }
            }
            (Some(wanted), Some(found)) if same(wanted, found) => {}
            (None, None) => {}
            (wanted, found) => self.push(path, found.cloned(), wanted.cloned(), &rule),
        }
    }

    fn compare_keys(
        &mut self,
        path: &FieldPath,
        rule: &FieldRule,
        desired: Option<&Value>,
        live: Option<&Value>,
    ) {
        let none = BTreeMap::new();
        let wanted = desired.and_then(Value::as_map).unwrap_or(&none);
        let found = live.and_then(Value::as_map).unwrap_or(&none);
        let keys: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
        for key in keys {
            let child = path.child(key);
            if FieldRule::of(self.rules, &child).on_change == OnChange::Ignore {
                continue;
            }
            match (wanted.get(key), found.get(key)) {
                (Some(to), Some(from)) if same(to, from) => {}
                (None, Some(_)) if !self.managed.holds(&child, None) => {}
                (to, from) => self.push(&child, from.cloned(), to.cloned(), rule),
            }
        }
    }

    fn compare_members(
        &mut self,
        path: &FieldPath,
        rule: &FieldRule,
        desired: Option<&Value>,
        live: Option<&Value>,
    ) {
        let wanted = desired.and_then(Value::as_list).unwrap_or_default();
        let found = live.and_then(Value::as_list).unwrap_or_default();
        let added: Vec<&Value> = wanted.iter().filter(|item| !contains(found, item)).collect();
        let (gone, kept): (Vec<&Value>, Vec<&Value>) =
            found.iter().partition(|item| !contains(wanted, item) && self.managed.holds(path, Some(item)));
        if added.is_empty() && gone.is_empty() {
            return;
        }
        let to: Vec<Value> = kept.into_iter().chain(added).cloned().collect();
        self.push(path, live.cloned(), Some(Value::List(to)), rule);
    }

    fn push(&mut self, path: &FieldPath, from: Option<Value>, to: Option<Value>, rule: &FieldRule) {
        let effect = match rule.on_change {
            OnChange::InPlace | OnChange::Ignore => Effect::InPlace,
            OnChange::Replace => Effect::Replace,
            OnChange::Refuse => Effect::Refuse,
        };
        let (show, note) = (rule.show, rule.note.to_owned());
        let written_by = from.is_some().then(|| self.writer(rule)).flatten();
        self.changes.push(Change { path: path.clone(), from, to, effect, show, note, written_by });
    }

    /// Who signed as the writer of what a rule is about.
    fn writer(&self, rule: &FieldRule) -> Option<String> {
        rule.writers.iter().find_map(|(field, key, what)| {
            let name = self.live.get(field)?.as_map()?.get(*key)?.as_text()?;
            Some(format!("{what} `{name}`"))
        })
    }
}

fn contains(items: &[Value], wanted: &Value) -> bool {
    items.iter().any(|item| same(item, wanted))
}

/// Equality of canonical values: a whole number equals the same number as a float, a pointer its text.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
            left.as_number() == right.as_number()
        }
        (Value::Pointer(_) | Value::Text(_), Value::Pointer(_) | Value::Text(_)) => {
            left.as_text() == right.as_text()
        }
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Map(left), Value::Map(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Literal;

    const RULES: &[FieldRule] = &[
        FieldRule::new("description").default(Literal::Text("")),
        FieldRule::new("engine"),
        FieldRule::new("vpc").on_change(OnChange::Replace),
        FieldRule::new("noise").on_change(OnChange::Ignore),
        FieldRule::new("encryption").default(Literal::EmptyMap),
        FieldRule::new("encryption.bucket_key"),
        FieldRule::new("parameters").merge(Merge::Keys),
        FieldRule::new("parameters.written_by_aws").on_change(OnChange::Ignore),
        FieldRule::new("route_tables").merge(Merge::Members),
        FieldRule::new("cutoff").absent(),
    ];

    fn fields(yaml: &str) -> Fields {
        let json: serde_json::Value = serde_json::from_str(yaml).unwrap();
        serde_json::from_value(json).unwrap()
    }

    fn paths(desired: &str, live: &str, managed: &str) -> Vec<String> {
        let managed = Managed::of(&fields(managed), RULES);
        let changes = diff(&fields(desired), &fields(live), RULES, &managed);
        changes.iter().map(|change| change.path.to_string()).collect()
    }

    #[test]
    fn equal_sides_have_no_difference() {
        let same = r#"{"description":"x","vpc":"a","parameters":{"a":"1"},"route_tables":["b","a"]}"#;
        let other = r#"{"description":"x","vpc":"a","parameters":{"a":"1"},"route_tables":["a","b"]}"#;
        assert_eq!(paths(same, other, "{}"), Vec::<String>::new());
    }

    #[test]
    fn a_default_stands_for_unset_on_both_sides() {
        assert_eq!(paths("{}", r#"{"description":""}"#, "{}"), Vec::<String>::new());
        assert_eq!(paths(r#"{"description":""}"#, "{}", "{}"), Vec::<String>::new());
        assert_eq!(paths("{}", r#"{"description":"x"}"#, "{}"), ["description"]);
    }

    #[test]
    fn an_unmanaged_field_is_compared_only_when_given() {
        assert_eq!(paths("{}", r#"{"engine":"3"}"#, "{}"), Vec::<String>::new());
        assert_eq!(paths(r#"{"engine":"2"}"#, r#"{"engine":"3"}"#, "{}"), ["engine"]);
    }

    #[test]
    fn an_absent_field_goes_when_not_given() {
        assert_eq!(paths("{}", r#"{"cutoff":10}"#, "{}"), ["cutoff"]);
        assert_eq!(paths(r#"{"cutoff":10.0}"#, r#"{"cutoff":10}"#, "{}"), Vec::<String>::new());
    }

    #[test]
    fn a_foreign_key_stays_and_a_managed_one_goes() {
        let live = r#"{"parameters":{"mine":"1","theirs":"2","written_by_aws":"3"}}"#;
        assert_eq!(paths("{}", live, "{}"), Vec::<String>::new());
        assert_eq!(
            paths("{}", live, r#"{"parameters":{"mine":"1","written_by_aws":"3"}}"#),
            ["parameters.mine"]
        );
    }

    #[test]
    fn a_foreign_member_stays_and_a_managed_one_goes() {
        let managed = Managed::of(&fields(r#"{"route_tables":["old"]}"#), RULES);
        let live = fields(r#"{"route_tables":["old","theirs"]}"#);
        let changes = diff(&fields(r#"{"route_tables":["new"]}"#), &live, RULES, &managed);
        assert_eq!(changes[0].to, Some(Value::texts(["theirs", "new"])));
        assert_eq!(changes.len(), 1);
    }

    #[test]
    fn an_entry_of_a_whole_map_goes_unless_it_has_a_rule_of_its_own() {
        let live = r#"{"encryption":{"type":"aws:kms","bucket_key":false}}"#;
        assert_eq!(paths("{}", live, "{}"), ["encryption.type"]);
        assert_eq!(paths(r#"{"encryption":{"type":"aws:kms"}}"#, live, "{}"), Vec::<String>::new());
    }

    #[test]
    fn whoever_signed_what_differs_is_named() {
        const RULES: &[FieldRule] = &[
            FieldRule::new("columns").writers(&[("parameters", "UpdatedByJob", "job")]),
            FieldRule::new("parameters").merge(Merge::Keys),
        ];
        let live = r#"{"columns":["a","b"],"location":"x","parameters":{"UpdatedByJob":"clean"}}"#;
        let wanted = fields(r#"{"columns":["a"],"location":"y"}"#);
        let changes = diff(&wanted, &fields(live), RULES, &Managed::default());
        let writers: Vec<_> = changes.iter().map(|change| change.written_by.as_deref()).collect();
        assert_eq!(writers, [Some("job `clean`"), None]);
    }

    #[test]
    fn an_immutable_field_replaces_and_noise_is_ignored() {
        let changes =
            diff(&fields(r#"{"vpc":"b"}"#), &fields(r#"{"vpc":"a","noise":1}"#), RULES, &Managed::default());
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].effect, Effect::Replace);
    }
}
