//! Every field of every kind, changed once: planned exactly, applied, settled, and back again. The changes are
//! data, a file a kind in `tests/fields/`; a rule that no change touches fails the last test here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use lakeform_aws::kinds::KINDS;
use lakeform_model::{Action, Address, FieldPath, FieldRule, OnChange, Phase, Plan};
use lakeform_planner::PlanOptions;
use serde::Deserialize;
use serde_yaml::{Mapping, Value};

use lakeform_tests::lab::{Lab, On, outline};

/// The changes of one kind.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Walk {
    /// The resource that changes.
    of: Address,
    /// The manifest to start from.
    base: Value,
    /// Files beside it.
    #[serde(default)]
    files: BTreeMap<String, String>,
    changes: Vec<Variation>,
    /// Rules that no change can touch on an emulator, and why.
    #[serde(default)]
    untouched: BTreeMap<String, String>,
}

/// One change.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variation {
    /// What of the manifest is different; a null takes a key away.
    #[serde(default)]
    set: Value,
    /// Files that are different.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// The fields that must change, and no others.
    expect: BTreeSet<String>,
    #[serde(default)]
    on: On,
    /// Whether it must be replaced.
    #[serde(default)]
    replaces: bool,
    /// Other resources that may change with it, such as those inside a replaced one.
    #[serde(default)]
    along: BTreeSet<Address>,
}

fn walks() -> Vec<(String, Walk)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fields");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("tests/fields").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let walk = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a file that reads");
        let kind = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let walk = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (kind, walk)
    };
    files.into_iter().map(walk).collect()
}

/// `base` with `over` put over it, mapping by mapping.
fn merged(base: &Value, over: &Value) -> Value {
    let (Value::Mapping(base), Value::Mapping(over)) = (base, over) else { return over.clone() };
    let mut all: Mapping = base.clone();
    for (key, value) in over {
        if value.is_null() {
            all.remove(key);
        } else {
            let before = all.get(key).cloned().unwrap_or(Value::Null);
            all.insert(key.clone(), merged(&before, value));
        }
    }
    Value::Mapping(all)
}

fn put_files(lab: &Lab, files: &BTreeMap<String, String>) {
    for (name, text) in files {
        lab.write(name, text);
    }
}

async fn walk(kind: &str, walk: &Walk, on: On) {
    let variations: Vec<&Variation> = walk.changes.iter().filter(|change| change.on == on).collect();
    if variations.is_empty() {
        return;
    }
    let lab = Lab::new(on).await;
    put_files(&lab, &walk.files);
    let text = |manifest: &Value| serde_yaml::to_string(manifest).expect("a manifest is YAML");
    let base = lab.load(&text(&walk.base));
    lab.settle(&base).await;
    for change in variations {
        let over = if change.set.is_null() { Value::Mapping(Mapping::new()) } else { change.set.clone() };
        put_files(&lab, &change.files);
        let changed = lab.load(&text(&merged(&walk.base, &over)));
        let plan = lab.plan(&changed, &PlanOptions::default()).await;
        check(kind, walk, change, &plan);
        lab.settle(&changed).await;
        put_files(&lab, &walk.files);
        lab.settle(&base).await;
    }
    lab.destroy(&base).await;
}

/// The plan must change exactly what the variation says.
fn check(kind: &str, walk: &Walk, change: &Variation, plan: &Plan) {
    let others: Vec<String> = plan
        .steps
        .iter()
        .filter(|step| step.address != walk.of && !change.along.contains(&step.address))
        .map(|step| step.address.to_string())
        .collect();
    assert!(others.is_empty(), "{kind}: {:?} also changes {others:?}\n{}", change.expect, outline(plan));
    let steps = plan.steps.iter().filter(|step| step.address == walk.of && step.phase != Phase::Remove);
    let [step] = steps.collect::<Vec<_>>()[..] else {
        panic!("{kind}: {:?} is not planned once:\n{}\n{:#?}", change.expect, outline(plan), plan.blocked);
    };
    let wanted = if change.replaces { Action::Replace } else { Action::Update };
    assert_eq!(step.action, wanted, "{kind}: {:?}\n{}", change.expect, outline(plan));
    let paths: BTreeSet<String> = step.changes.iter().map(|change| change.path.to_string()).collect();
    assert_eq!(paths, change.expect, "{kind}\n{}", outline(plan));
}

#[tokio::test]
async fn every_change_is_planned_exactly_applied_and_settled_on_ministack() {
    for (kind, changes) in walks() {
        walk(&kind, &changes, On::Ministack).await;
    }
}

#[tokio::test]
async fn every_change_is_planned_exactly_applied_and_settled_on_moto() {
    for (kind, changes) in walks() {
        walk(&kind, &changes, On::Moto).await;
    }
}

#[test]
fn no_rule_of_any_kind_is_left_out() {
    let walks: BTreeMap<String, Walk> = walks().into_iter().collect();
    let mut missing = Vec::new();
    for kind in KINDS.0 {
        let touched: Vec<FieldPath> = walks
            .get(kind.name())
            .into_iter()
            .flat_map(|walk| walk.changes.iter())
            .flat_map(|change| change.expect.iter().map(|path| FieldPath::from(path.as_str())))
            .collect();
        let excused = |rule: &FieldRule| {
            walks.get(kind.name()).is_some_and(|walk| walk.untouched.contains_key(rule.path))
        };
        let rules =
            kind.facts().rules.iter().filter(|rule| rule.on_change != OnChange::Ignore && !excused(rule));
        for rule in rules.filter(|rule| !touched.iter().any(|path| path.is_within(rule.path))) {
            missing.push(format!("{}: {}", kind.name(), rule.path));
        }
    }
    assert!(missing.is_empty(), "add a change to tests/fields for:\n{}", missing.join("\n"));
}
