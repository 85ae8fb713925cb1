//! Sensitive values and the file of a plan: a hash stands in the file in their place, and an apply takes the values
//! from the manifest, if they still are the ones.

use lakeform_model::{Address, Desired, FieldPath, FieldRule, Fields, Kinds, Plan, Show, Value, hex};
use sha2::{Digest as _, Sha256};

use crate::error::Problem;

/// Begins what stands in the place of a value.
const HASHED: &str = "lakeform:sha256:";

/// Puts a hash in the place of every sensitive value.
pub(crate) fn hide(plan: &mut Plan, kinds: Kinds) {
    for step in &mut plan.steps {
        let rules = kinds.rules(step.address.kind());
        let mut hash = |path: &FieldPath, value: &mut Value| {
            *value = hashed(&step.address, path, value);
            Ok::<_, ()>(())
        };
        let live = step.live.iter_mut().map(|live| &mut live.fields);
        for fields in std::iter::once(&mut step.fields).chain(live) {
            let _ = each_sensitive(fields, rules, &mut hash);
        }
        for change in &mut step.changes {
            for value in [&mut change.from, &mut change.to].into_iter().flatten() {
                if change.show == Show::Sensitive {
                    let _ = hash(&change.path, value);
                } else {
                    let _ = within(&change.path, value, rules, &mut hash);
                }
            }
        }
    }
}

/// Puts the manifest's values back in the place of their hashes; what is now is not needed and stays hidden.
pub(crate) fn reveal(plan: &mut Plan, desired: &Desired, kinds: Kinds) -> Result<(), Problem> {
    for step in &mut plan.steps {
        let rules = kinds.rules(step.address.kind());
        let wanted = desired.resources.get(&step.address).map(|resource| &resource.fields);
        let mut put_back = |path: &FieldPath, value: &mut Value| {
            let found = wanted.and_then(|fields| fields.at(path));
            match found {
                Some(found) if hashed(&step.address, path, found) == *value => *value = found.clone(),
                Some(_) | None => {
                    let why = format!("`{path}` of `{}` is sensitive, and another now", step.address);
                    return Err(Problem::new("the plan is not of this manifest any more")
                        .because(why)
                        .hint("make a new one: `lakeform plan --out FILE`"));
                }
            }
            Ok(())
        };
        each_sensitive(&mut step.fields, rules, &mut put_back)?;
        for change in &mut step.changes {
            let Some(value) = &mut change.to else { continue };
            if change.show == Show::Sensitive {
                put_back(&change.path, value)?;
            } else {
                within(&change.path, value, rules, &mut put_back)?;
            }
        }
    }
    Ok(())
}

/// Calls `act` with every sensitive value of these fields.
fn each_sensitive<E>(
    fields: &mut Fields,
    rules: &[FieldRule],
    act: &mut impl FnMut(&FieldPath, &mut Value) -> Result<(), E>,
) -> Result<(), E> {
    fields
        .0
        .iter_mut()
        .try_for_each(|(field, value)| within(&FieldPath(vec![field.clone()]), value, rules, act))
}

fn within<E>(
    path: &FieldPath,
    value: &mut Value,
    rules: &[FieldRule],
    act: &mut impl FnMut(&FieldPath, &mut Value) -> Result<(), E>,
) -> Result<(), E> {
    if FieldRule::of(rules, path).show == Show::Sensitive {
        return act(path, value);
    }
    match value {
        Value::Map(map) => {
            map.iter_mut().try_for_each(|(key, value)| within(&path.child(key), value, rules, act))
        }
        Value::Text(_)
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::List(_)
        | Value::Pointer(_) => Ok(()),
    }
}

/// The hash of a value where it stands: one value in two places has two.
fn hashed(address: &Address, path: &FieldPath, value: &Value) -> Value {
    let text = serde_json::json!([address, path, value.to_json()]).to_string();
    Value::Text(format!("{HASHED}{}", hex(&Sha256::digest(text.as_bytes()))))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lakeform_model::{
        Draft, Entry, Facts, Holds, Kind, Permissions, Present, Resource, Scope, Shape, Span,
    };

    use super::*;
    use crate::render::plan::tests::sample;
    use crate::saved_plan;

    struct Vault;

    const RULES: &[FieldRule] = &[
        FieldRule::new("password").show(Show::Sensitive),
        FieldRule::new("options.key").show(Show::Sensitive),
    ];

    impl Kind for Vault {
        fn facts(&self) -> &'static Facts {
            &Facts {
                name: "vault",
                place: &["vaults"],
                shape: Shape::Free,
                beside: &[],
                rules: RULES,
                holds: Holds::Configuration,
                about: "a kind with secrets",
            }
        }
        fn identity(&self, entry: &Entry<'_>) -> String {
            entry.name()
        }
        fn decode(&self, _entry: &Entry<'_>, _scope: &mut Scope<'_>) -> Option<Draft> {
            None
        }
    }

    const KINDS: Kinds = Kinds(&[&Vault]);

    fn fields(password: &str) -> Fields {
        let mut fields = Fields::new();
        fields.set("password", password).set("plain", "seen");
        fields.set("options", Value::text_map([("key", "hunter2-key"), ("region", "seen")]));
        fields
    }

    fn plan() -> (Plan, Desired) {
        let mut plan = sample();
        plan.steps.truncate(1);
        let step = &mut plan.steps[0];
        step.address = Address::new("vault", ["v"]);
        step.fields = fields("hunter2");
        step.live =
            Some(Present { identity: "v".to_owned(), handle: None, fields: fields("hunter1"), mark: None });
        let mut password = step.changes[0].clone();
        (password.path, password.show) = (FieldPath::from("password"), Show::Sensitive);
        (password.from, password.to) = (Some("hunter1".into()), Some("hunter2".into()));
        let mut options = step.changes[0].clone();
        options.path = FieldPath::from("options");
        (options.from, options.to) = (None, fields("").get("options").cloned());
        step.changes = vec![password, options];
        let resource = Resource {
            address: step.address.clone(),
            identity: "v".to_owned(),
            fields: fields("hunter2"),
            files: BTreeMap::new(),
            depends_on: std::collections::BTreeSet::new(),
            flow: None,
            permissions: Permissions::default(),
            span: Span::default(),
        };
        let resources = BTreeMap::from([(resource.address.clone(), resource)]);
        (plan, Desired { resources, ..Desired::default() })
    }

    #[test]
    fn a_plan_file_holds_no_secret_and_an_apply_has_it_from_the_manifest() {
        let (plan, desired) = plan();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        saved_plan::write(&path, &plan, KINDS).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("hunter"), "{text}");
        // The password as it is and as it will be in the fields, live and in the change; the key likewise.
        assert_eq!(text.matches(HASHED).count(), 7, "{text}");
        assert!(text.contains("seen"));
        let mut read = saved_plan::read(&path).unwrap();
        reveal(&mut read, &desired, KINDS).unwrap();
        assert_eq!(read.steps[0].fields, plan.steps[0].fields);
        let to =
            |plan: &Plan| plan.steps[0].changes.iter().map(|change| change.to.clone()).collect::<Vec<_>>();
        assert_eq!(to(&read), to(&plan));
    }

    #[test]
    fn a_secret_that_is_another_now_is_told_and_not_shown() {
        let (mut plan, mut desired) = plan();
        hide(&mut plan, KINDS);
        for other in [Some("hunter3"), None] {
            match other {
                Some(other) => {
                    for resource in desired.resources.values_mut() {
                        resource.fields.set("password", other);
                    }
                }
                None => desired.resources.clear(),
            }
            let told = reveal(&mut plan.clone(), &desired, KINDS).unwrap_err().render();
            assert!(told.contains("of `vault.v` is sensitive, and another now"), "{told}");
            assert!(!told.contains("hunter"), "{told}");
        }
    }

    #[test]
    fn one_secret_in_two_places_has_two_hashes() {
        let hash = |name: &str, path: &str| hashed(&Address::new("vault", [name]), &path.into(), &"x".into());
        assert_ne!(hash("a", "password"), hash("b", "password"));
        assert_ne!(hash("a", "password"), hash("a", "key"));
    }
}
