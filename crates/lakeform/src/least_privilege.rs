//! From what the kinds need to a policy: the same needs said once, in as few statements as say no more. Knows no
//! kind and no action by name.

use std::collections::{BTreeMap, BTreeSet};

use lakeform_model::{Condition, Desired, Holders, Holds, Kinds, Need, Place, Purpose};
use serde_json::{Value, json};

/// What a manifest says of the account while nobody knows it.
const NO_ACCOUNT: &str = "000000000000";
/// The most characters, white space aside, of a managed policy. Source: the IAM quotas.
pub(crate) const MANAGED_QUOTA: usize = 6_144;

/// The resources an action is needed on, by what the request must say and the action.
type Needed = BTreeMap<(Option<Condition>, &'static str), BTreeSet<String>>;

/// The least policy for what these purposes do with a manifest.
pub(crate) fn policy(desired: &Desired, kinds: Kinds, purposes: &[Purpose]) -> Value {
    let region = Some(desired.region.as_str()).filter(|region| !region.is_empty()).unwrap_or("*");
    let holders = holders(desired, kinds);
    let place = Place {
        stack: &desired.stack,
        partition: partition(region),
        region,
        account: desired.account.as_deref().unwrap_or("*"),
        holders: &holders,
    };
    let mut before: Needed = Needed::new();
    let mut statements: Vec<Value> = Vec::new();
    for purpose in purposes {
        let mut needed = collect(desired, kinds, *purpose, &place);
        shrink(&mut needed, &before);
        statements.extend(statements_of(*purpose, &needed));
        for (key, resources) in needed {
            before.entry(key).or_default().extend(resources);
        }
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// How many characters of a policy count.
pub(crate) fn size(policy: &Value) -> usize {
    policy.to_string().chars().filter(|c| !c.is_whitespace()).count()
}

fn partition(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

fn holders(desired: &Desired, kinds: Kinds) -> Holders {
    let mut holders = Holders::new();
    for resource in desired.resources.values() {
        let kind = kinds.get(resource.address.kind());
        if kind.is_some_and(|kind| kind.facts().holds == Holds::Data) {
            let kind = resource.address.kind().to_owned();
            holders.entry(kind).or_default().insert(resource.identity.clone());
        }
    }
    holders
}

fn collect(desired: &Desired, kinds: Kinds, purpose: Purpose, place: &Place<'_>) -> Needed {
    let mut needs: Vec<Need> = kinds.0.iter().flat_map(|kind| kind.needs(purpose, None, place)).collect();
    for resource in desired.resources.values() {
        let kind = kinds.get(resource.address.kind());
        needs.extend(kind.into_iter().flat_map(|kind| kind.needs(purpose, Some(resource), place)));
    }
    let mut needed = Needed::new();
    for Need { actions, resources, condition } in needs {
        for action in actions {
            let resources = resources.iter().map(|resource| match place.account {
                "*" => resource.replace(NO_ACCOUNT, "*"),
                _ => resource.clone(),
            });
            needed.entry((condition.clone(), action)).or_default().extend(resources);
        }
    }
    needed
}

/// Leaves out every resource that another pattern of the same action allows already, on no condition or the same
/// one.
fn shrink(needed: &mut Needed, before: &Needed) {
    let all = needed.clone();
    for ((condition, action), resources) in needed.iter_mut() {
        let free = (None, *action);
        let same = (condition.clone(), *action);
        let said_before = before.get(&free).into_iter().chain(before.get(&same)).flatten();
        let mut wider: Vec<&String> = said_before.collect();
        if condition.is_some() {
            wider.extend(all.get(&free).into_iter().flatten());
        }
        let siblings = &all[&same];
        resources.retain(|one| {
            let covered = |other: &&String| covers(other, one);
            let by_sibling = |other: &String| other != one && covers(other, one);
            !wider.iter().any(covered) && !siblings.iter().any(by_sibling)
        });
    }
    needed.retain(|_, resources| !resources.is_empty());
}

/// Whether a pattern allows whatever another allows.
fn covers(pattern: &str, other: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = other.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

/// What the actions of one statement share: service, condition and resources.
type Shared<'a> = (&'a str, &'a Option<Condition>, &'a BTreeSet<String>);

fn statements_of(purpose: Purpose, needed: &Needed) -> Vec<Value> {
    let mut groups: BTreeMap<Shared<'_>, BTreeSet<&str>> = BTreeMap::new();
    for ((condition, action), resources) in needed {
        let service = action.split(':').next().unwrap_or_default();
        groups.entry((service, condition, resources)).or_default().insert(action);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|left, right| left.1.first().cmp(&right.1.first()).then_with(|| left.0.cmp(&right.0)));
    let mut names: BTreeMap<String, u32> = BTreeMap::new();
    let statement = |((_, condition, resources), actions): (Shared<'_>, BTreeSet<&str>)| {
        let name = sid(purpose, actions.first().copied().unwrap_or_default());
        let count = names.entry(name.clone()).or_default();
        *count += 1;
        let sid = if *count == 1 { name } else { format!("{name}{count}") };
        let mut statement =
            json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources });
        if let Some(Condition { operator, key, values }) = condition {
            statement["Condition"] = json!({ *operator: { *key: values } });
        }
        statement
    };
    groups.into_iter().map(statement).collect()
}

/// `PlanGlueGetDatabases`: purpose, service and the first action, so that a new resource renames nothing.
fn sid(purpose: Purpose, action: &str) -> String {
    let purpose = match purpose {
        Purpose::Plan => "Plan",
        Purpose::Apply => "Apply",
        Purpose::Run => "Run",
    };
    let (service, operation) = action.split_once(':').unwrap_or((action, ""));
    let mut letters = service.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    format!("{purpose}{}{}{operation}", first.map(String::from).unwrap_or_default(), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(rows: &[(Option<Condition>, &'static str, &[&str])]) -> Needed {
        let mut needed = Needed::new();
        for (condition, action, resources) in rows {
            let resources = resources.iter().map(|one| (*one).to_owned());
            needed.entry((condition.clone(), *action)).or_default().extend(resources);
        }
        needed
    }

    #[test]
    fn a_pattern_covers_what_it_allows() {
        for (pattern, other, covered) in [
            ("*", "*", true),
            ("*", "arn:aws:s3:::lake", true),
            ("arn:aws:s3:::*", "arn:aws:s3:::lake", true),
            ("arn:aws:s3:::lake", "arn:aws:s3:::lake", true),
            ("arn:aws:s3:::lake", "arn:aws:s3:::lake/*", false),
            ("arn:aws:s3:::lake/*", "arn:aws:s3:::lake/a/*", true),
            ("arn:aws:s3:::lake/a/*", "arn:aws:s3:::lake/*", false),
            ("a*b*c", "axbyc", true),
            ("a*b*c", "axc", false),
        ] {
            assert_eq!(covers(pattern, other), covered, "{pattern} {other}");
        }
    }

    #[test]
    fn what_is_allowed_already_is_not_said_again() {
        let before = needed(&[(None, "glue:GetTables", &["catalog", "table/d/*"])]);
        let mut now = needed(&[
            (None, "glue:GetTables", &["table/d/t", "table/e/t", "table/e/*"]),
            (None, "glue:GetTable", &["table/d/t"]),
        ]);
        shrink(&mut now, &before);
        let expected =
            needed(&[(None, "glue:GetTables", &["table/e/*"]), (None, "glue:GetTable", &["table/d/t"])]);
        assert_eq!(now, expected);
    }

    #[test]
    fn a_condition_falls_where_the_action_is_allowed_anyway() {
        let condition = Condition { operator: "ArnEquals", key: "iam:PolicyARN", values: vec!["p".into()] };
        let mut now = needed(&[
            (Some(condition.clone()), "iam:DetachRolePolicy", &["role/a", "role/b"]),
            (None, "iam:DetachRolePolicy", &["role/a"]),
        ]);
        shrink(&mut now, &Needed::new());
        let expected = needed(&[
            (Some(condition), "iam:DetachRolePolicy", &["role/b"]),
            (None, "iam:DetachRolePolicy", &["role/a"]),
        ]);
        assert_eq!(now, expected);
    }

    #[test]
    fn actions_on_the_same_resources_share_a_statement() {
        let condition = Condition { operator: "StringEquals", key: "k", values: vec!["v".into()] };
        let now = needed(&[
            (None, "glue:B", &["x"]),
            (None, "glue:A", &["x"]),
            (None, "glue:C", &["x", "y"]),
            (None, "s3:A", &["x"]),
            (Some(condition), "glue:A", &["z"]),
        ]);
        let sids: Vec<(String, usize)> = statements_of(Purpose::Apply, &now)
            .iter()
            .map(|one| (one["Sid"].as_str().unwrap().to_owned(), one["Action"].as_array().unwrap().len()))
            .collect();
        let expected = [("ApplyGlueA", 2), ("ApplyGlueA2", 1), ("ApplyGlueC", 1), ("ApplyS3A", 1)];
        assert_eq!(sids, expected.map(|(sid, actions)| (sid.to_owned(), actions)));
    }
}
