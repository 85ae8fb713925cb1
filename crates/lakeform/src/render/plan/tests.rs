use std::collections::{BTreeMap, BTreeSet};

use lakeform_model::{
    Change, Class, CloudError, Effect, FieldPath, Fields, Fingerprint, Inventory, Mark, Present, Show, Value,
};

use super::*;

fn step(action: Action, address: &str, why: Why, changes: Vec<Change>) -> Step {
    let address: Address = address.parse().unwrap();
    Step {
        identity: address.key().to_owned(),
        address,
        action,
        phase: Phase::Whole,
        why,
        changes,
        fields: Fields::new(),
        files: BTreeMap::new(),
        mark: None,
        live: None,
        permitted: false,
        after: BTreeSet::new(),
        behind: BTreeSet::new(),
        basis: Fingerprint("0123".to_owned()),
    }
}

fn change(path: &str, from: Option<Value>, to: Option<Value>) -> Change {
    Change {
        path: FieldPath::from(path),
        from,
        to,
        effect: Effect::InPlace,
        show: Show::Plain,
        note: String::new(),
        written_by: None,
    }
}

fn columns(columns: &[(&str, &str)]) -> Value {
    let column = |(name, kind): &(&str, &str)| Value::text_map([("name", *name), ("type", *kind)]);
    Value::List(columns.iter().map(column).collect())
}

/// A plan in which everything occurs that a plan can hold.
pub(crate) fn sample() -> Plan {
    let address = |text: &str| text.parse::<Address>().unwrap();
    let created = step(
        Action::Create,
        "table.stedi.customer_landing",
        Why::NotFound,
        vec![
            change("columns", None, Some(columns(&[("email", "string"), ("birthday", "date")]))),
            change("location", None, Some(Value::pointer("bucket", "lake", "s3://lake/landing/"))),
            change("parameters", None, Some(Value::text_map([("classification", "json")]))),
        ],
    );
    let policy = |action: &str| {
        let text = format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Action\":\"{action}\"}}]}}");
        Some(Value::Text(text))
    };
    let updated = step(
        Action::Update,
        "role.glue",
        Why::Differs,
        vec![
            change("description", Some("old\u{1b}[2J".into()), None),
            Change { show: Show::Document, ..change("policy", policy("s3:*"), policy("s3:Get*")) },
            Change { show: Show::Sensitive, ..change("secret", Some("a".into()), Some("b".into())) },
        ],
    );
    let replaced = |phase: Phase| Step {
        phase,
        ..step(
            Action::Replace,
            "job.clean",
            Why::Immutable(vec![FieldPath::from("command")]),
            vec![Change {
                effect: Effect::Replace,
                ..change("command", Some("glueetl".into()), Some("pythonshell".into()))
            }],
        )
    };
    let mut deleted = step(Action::Delete, "bucket.old", Why::LeftManifest, Vec::new());
    deleted.live = Some(Present {
        identity: "old-bucket".to_owned(),
        handle: None,
        fields: Fields::new(),
        mark: Some(Mark {
            stack: "stedi".to_owned(),
            address: address("bucket.old"),
            adopted: false,
            managed: lakeform_model::Managed::default(),
        }),
    });
    deleted.identity = "old-bucket".to_owned();
    let adopted = step(Action::Adopt, "database.stedi", Why::Unmarked, Vec::new());
    let finding = |code: &str, at: &str, deny: bool, text: &str, hint: &str| Finding {
        code: code.to_owned(),
        deny,
        address: address(at),
        text: text.to_owned(),
        hint: Some(hint.to_owned()),
    };
    let denied = CloudError {
        code: Some("AccessDenied".to_owned()),
        ..CloudError::new(Class::Denied, "s3:GetBucketTagging", "Access Denied")
    };
    let blocked = |at: &str, by: BlockedBy| Blocked { address: address(at), by };
    Plan {
        stack: "stedi".to_owned(),
        region: "us-east-1".to_owned(),
        account: "111122223333".to_owned(),
        steps: vec![created, updated, replaced(Phase::Remove), replaced(Phase::Establish), deleted, adopted],
        blocked: vec![
            blocked("bucket.lake", BlockedBy::Unreadable(denied)),
            blocked("upload.landing", BlockedBy::Dependency(address("bucket.lake"))),
        ],
        findings: vec![
            finding("data-loss", "bucket.old", true, "to delete it would lose data", "allow it"),
            finding("not-searched", "role.*", false, "could not look for left-over roles", "allow the list"),
        ],
        unchanged: BTreeSet::from([address("workgroup.stedi")]),
        kept: BTreeMap::from([(address("role.hers"), "it does not carry this stack's mark".to_owned())]),
        inventories: BTreeMap::from([(
            address("bucket.old"),
            Inventory { lines: vec!["1,204 objects, 3.1 GB".to_owned()], needs_permission: true },
        )]),
        blind: BTreeMap::new(),
    }
}

fn shown(plan_to_show: &Plan, checks: &[&'static str]) -> String {
    let view = View {
        kinds: vec!["bucket", "role", "database", "table", "job"],
        whole: false,
        destroy: false,
        checks: checks.to_vec(),
    };
    anstream::adapter::strip_str(&plan(plan_to_show, &view)).to_string()
}

#[test]
fn everything_in_a_plan_is_shown() {
    insta::assert_snapshot!(shown(&sample(), &["orders_arrived"]));
}

#[test]
fn an_empty_plan_is_one_sentence() {
    let plan = Plan {
        stack: "stedi".to_owned(),
        region: "us-east-1".to_owned(),
        account: "111122223333".to_owned(),
        unchanged: sample().unchanged,
        ..Plan::default()
    };
    insta::assert_snapshot!(shown(&plan, &["orders_arrived"]), @r"
    stack stedi  account 111122223333  region us-east-1

    No changes: live matches the manifest (1 resource)
    ");
}

#[test]
fn colour_is_never_the_only_carrier_and_values_command_no_terminal() {
    let text = shown(&sample(), &[]);
    assert!(!text.contains('\u{1b}'));
    for word in ["create", "update", "replace", "delete", "adopt", "blocked", "objection", "warning"] {
        assert!(text.contains(word), "{word}");
    }
}
