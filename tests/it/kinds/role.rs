//! Roles on the emulators: what others put on them, adoption, what a delete would take along.

use std::collections::BTreeMap;

use aws_sdk_iam::types::Tag;
use lakeform_aws::kinds::KINDS;
use lakeform_manifest::{Folder, LoadOptions, load};
use lakeform_model::{Action, Desired, Value};
use lakeform_planner::PlanOptions;
use lakeform_sandbox::{Effect, Fault, Faults, Proxy, ProxyConfig};

use lakeform_tests::lab::{Lab, On, emulator, new_account, outline};

const BOTH: [On; 2] = [On::Ministack, On::Moto];
const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Action":["sts:AssumeRole"],"Effect":"Allow","Principal":{"Service":["glue.amazonaws.com"]}}]}"#;
const THEIRS: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}"#;

const ROLE: &str = "
lakeform: 1
stack: etl
roles:
  etl:
    trust: glue.amazonaws.com
    policies:
      Glue: { preset: glue-service }
      Old: { document: { Version: '2012-10-17', Statement: [{ Effect: Allow, Action: 's3:ListAllMyBuckets', Resource: '*' }] } }
    managed_policies: [AmazonAthenaFullAccess]
    tags: { team: data }
";

fn without_old() -> String {
    let lines = ROLE.lines().filter(|line| !(line.contains("Old:") || line.contains("managed_policies")));
    lines.collect::<Vec<_>>().join("\n").replace("team: data", "team: lake")
}

/// A role's inline policies and attachments, by name.
async fn parts(lab: &Lab, role: &str) -> Vec<String> {
    let inline = lab.cloud.iam().list_role_policies().role_name(role).send().await.expect("policies");
    let attached =
        lab.cloud.iam().list_attached_role_policies().role_name(role).send().await.expect("policies");
    let attached = attached.attached_policies.unwrap_or_default();
    let mut parts = inline.policy_names;
    parts.extend(attached.into_iter().filter_map(|policy| policy.policy_name));
    parts.sort();
    parts
}

async fn tags(lab: &Lab, role: &str) -> BTreeMap<String, String> {
    let role = lab.cloud.iam().get_role().role_name(role).send().await.expect("a role").role.expect("a role");
    role.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect()
}

/// What a colleague does to a role by hand.
async fn meddle(lab: &Lab, role: &str) {
    let iam = lab.cloud.iam();
    iam.put_role_policy()
        .role_name(role)
        .policy_name("Theirs")
        .policy_document(THEIRS)
        .send()
        .await
        .expect("a policy");
    iam.attach_role_policy().role_name(role).policy_arn(READ_ONLY).send().await.expect("an attachment");
    let tag = Tag::builder().key("owner").value("them").build().expect("a tag");
    iam.tag_role().role_name(role).tags(tag).send().await.expect("a tag");
}

async fn hand_made(lab: &Lab, role: &str) {
    let create = lab.cloud.iam().create_role().role_name(role).assume_role_policy_document(TRUST);
    create.send().await.expect("a role");
}

fn problems(lab: &Lab, roles: &str) -> String {
    lab.write("lakeform.yaml", format!("lakeform: 1\nstack: etl\nroles:\n{roles}"));
    let path = lab.folder.path().join("lakeform.yaml");
    let options = LoadOptions { path, ..LoadOptions::default() };
    load(&options, KINDS, &Folder(lab.folder.path().to_owned())).render(false)
}

fn nothing() -> Desired {
    Desired { stack: "etl".to_owned(), region: "us-east-1".to_owned(), ..Desired::default() }
}

#[tokio::test]
async fn what_others_put_on_a_role_survives_and_what_the_manifest_dropped_goes() {
    for on in BOTH {
        let lab = Lab::new(on).await;
        lab.settle(&lab.load(ROLE)).await;
        meddle(&lab, "etl").await;
        let changed = lab.load(&without_old());
        let plan = lab.settle(&changed).await;
        let paths: Vec<String> = plan.steps[0].changes.iter().map(|change| change.path.to_string()).collect();
        assert_eq!(paths, ["inline_policies.Old", "managed_policies", "tags.team"], "{on:?}");
        assert_eq!(parts(&lab, "etl").await, ["Glue", "ReadOnlyAccess", "Theirs"], "{on:?}");
        let tags = tags(&lab, "etl").await;
        assert_eq!((tags["owner"].as_str(), tags["team"].as_str()), ("them", "lake"), "{on:?}");
    }
}

#[tokio::test]
async fn a_role_that_carries_others_policies_is_deleted_only_with_permission() {
    for on in BOTH {
        let lab = Lab::new(on).await;
        let desired = lab.load(ROLE);
        lab.settle(&desired).await;
        meddle(&lab, "etl").await;
        let iam = lab.cloud.iam();
        iam.create_instance_profile().instance_profile_name("box").send().await.expect("a profile");
        let add = iam.add_role_to_instance_profile().instance_profile_name("box").role_name("etl");
        add.send().await.expect("a profile");
        let mut options = PlanOptions { destroy: true, ..PlanOptions::default() };
        let plan = lab.plan(&desired, &options).await;
        let denials: Vec<&str> = plan.denials().map(|finding| finding.text.as_str()).collect();
        assert_eq!(
            denials,
            [
                "to delete it would lose data: it holds an inline policy of others: `Theirs`; a policy that others attached: `arn:aws:iam::aws:policy/ReadOnlyAccess`; an instance profile that uses it: `box`"
            ],
            "{on:?}"
        );
        assert!(!lab.apply(&plan).await.is_success(), "refused without the permission");
        assert_eq!(parts(&lab, "etl").await.len(), 5, "nothing was taken off");
        options.allow.insert("role.etl".to_owned());
        let plan = lab.plan(&desired, &options).await;
        let summary = lab.apply(&plan).await;
        assert!(summary.is_success(), "{on:?} {:?}", summary.outcomes);
        assert!(lab.plan(&desired, &options).await.is_empty(), "{on:?}");
    }
}

#[tokio::test]
async fn adopting_a_role_that_is_as_the_manifest_says_changes_only_its_tags() {
    for on in BOTH {
        let lab = Lab::new(on).await;
        hand_made(&lab, "etl").await;
        meddle(&lab, "etl").await;
        let desired =
            lab.load("lakeform: 1\nstack: etl\nroles:\n  etl: { trust: glue.amazonaws.com, adopt: true }\n");
        let plan = lab.settle(&desired).await;
        assert_eq!(plan.steps[0].action, Action::Adopt, "{}", outline(&plan));
        assert_eq!(
            plan.steps[0].changes,
            [],
            "{on:?}: one spelling of the trust policy is as good as another"
        );
        assert_eq!(parts(&lab, "etl").await, ["ReadOnlyAccess", "Theirs"], "{on:?}");
        lab.destroy(&desired).await;
        assert_eq!(
            tags(&lab, "etl").await,
            BTreeMap::from([("owner".to_owned(), "them".to_owned())]),
            "{on:?}"
        );
    }
}

#[tokio::test]
async fn a_role_that_left_the_manifest_is_found_by_its_mark_and_goes() {
    for on in BOTH {
        let lab = Lab::new(on).await;
        let path = ROLE.replace("    trust:", "    path: /service-role/lake/\n    trust:");
        lab.settle(&lab.load(&path)).await;
        hand_made(&lab, "bystander").await;
        let plan = lab.settle(&nothing()).await;
        assert_eq!(outline(&plan), "Delete Whole role.etl", "{on:?}");
        let left = lab.cloud.iam().list_roles().send().await.expect("roles").roles;
        assert_eq!(
            left.iter().map(|role| role.role_name.as_str()).collect::<Vec<_>>(),
            ["bystander"],
            "{on:?}"
        );
    }
}

#[tokio::test]
async fn who_may_not_read_all_details_reads_roles_one_by_one() {
    let faults =
        Faults { seed: 1, faults: vec![Fault::on("iam:GetAccountAuthorizationDetails", Effect::Denied)] };
    let proxy = Proxy::start(emulator().endpoint(), ProxyConfig { faults, ..ProxyConfig::default() })
        .expect("a proxy");
    let lab = Lab::at(proxy.endpoint(), &new_account(), None).await;
    lab.settle(&lab.load(ROLE)).await;
    hand_made(&lab, "bystander").await;
    let plan = lab.settle(&nothing()).await;
    assert_eq!(outline(&plan), "Delete Whole role.etl");
}

#[tokio::test]
async fn an_unchanged_role_costs_few_calls_and_changes_nothing() {
    let lab = Lab::new(On::Ministack).await;
    let desired = lab.load(ROLE);
    lab.settle(&desired).await;
    for bystander in ["a", "b", "c"] {
        hand_made(&lab, bystander).await;
    }
    let before = lab.cloud.calls.by_operation();
    assert!(lab.plan(&desired, &PlanOptions::default()).await.is_empty());
    let after = lab.cloud.calls.by_operation();
    let spent = after.into_iter().map(|(operation, count)| {
        let earlier = before.get(&operation).copied().unwrap_or_default();
        (operation, count - earlier)
    });
    let spent: BTreeMap<String, u64> =
        spent.filter(|(operation, count)| *count > 0 && operation.starts_with("iam:")).collect();
    let expected = [
        ("iam:GetAccountAuthorizationDetails", 1),
        ("iam:GetRole", 1),
        ("iam:GetRolePolicy", 2),
        ("iam:ListAttachedRolePolicies", 1),
    ];
    assert_eq!(spent, expected.map(|(operation, count)| (operation.to_owned(), count)).into());
}

#[tokio::test]
async fn a_name_that_differs_only_in_case_is_a_conflict() {
    let lab = Lab::new(On::Ministack).await;
    hand_made(&lab, "ETL").await;
    let plan = lab.plan(&lab.load(ROLE), &PlanOptions::default()).await;
    let blocked = format!("{:?}", plan.blocked);
    assert!(blocked.contains("a role `ETL` exists, and IAM takes both names for one"), "{blocked}");
}

#[tokio::test]
async fn a_create_that_was_cut_off_after_its_first_call_is_finished() {
    let faults = Faults { seed: 1, faults: vec![Fault::on("iam:PutRolePolicy", Effect::Denied).times(1)] };
    let proxy = Proxy::start(emulator().endpoint(), ProxyConfig { faults, ..ProxyConfig::default() })
        .expect("a proxy");
    let lab = Lab::at(proxy.endpoint(), &new_account(), None).await;
    let desired = lab.load(ROLE);
    let plan = lab.plan(&desired, &PlanOptions::default()).await;
    assert!(!lab.apply(&plan).await.is_success());
    let plan = lab.settle(&desired).await;
    assert_eq!(plan.steps[0].action, Action::Update, "{}", outline(&plan));
    assert_eq!(parts(&lab, "etl").await, ["AmazonAthenaFullAccess", "Glue", "Old"]);
}

#[tokio::test]
async fn a_dropped_policy_is_not_forgotten_when_its_removal_is_cut_off() {
    let faults = Faults { seed: 1, faults: vec![Fault::on("iam:DetachRolePolicy", Effect::Denied).times(1)] };
    let proxy = Proxy::start(emulator().endpoint(), ProxyConfig { faults, ..ProxyConfig::default() })
        .expect("a proxy");
    let lab = Lab::at(proxy.endpoint(), &new_account(), None).await;
    lab.settle(&lab.load(ROLE)).await;
    let changed = lab.load(&without_old());
    let plan = lab.plan(&changed, &PlanOptions::default()).await;
    assert!(!lab.apply(&plan).await.is_success());
    lab.settle(&changed).await;
    assert_eq!(parts(&lab, "etl").await, ["Glue"]);
}

#[tokio::test]
async fn an_arn_has_the_path_of_its_role() {
    let lab = Lab::new(On::Ministack).await;
    let desired = lab.load(
        "lakeform: 1
stack: etl
roles:
  plain: { name: plain-role, trust: glue.amazonaws.com }
  pathed: { path: /lake/, trust: glue.amazonaws.com, description: '${role.plain.arn} ${role.pathed.arn}' }
",
    );
    let pathed = desired.resources.values().find(|role| role.identity == "pathed").expect("a role");
    let account = &lab.cloud.account;
    let expected = format!("arn:aws:iam::{account}:role/plain-role arn:aws:iam::{account}:role/lake/pathed");
    assert_eq!(pathed.fields.get("description"), Some(&Value::Text(expected)));
}

#[tokio::test]
async fn what_iam_would_refuse_is_told_before_any_call() {
    let lab = Lab::new(On::Ministack).await;
    lab.write("bad.json", "{\"Version\": }");
    let cases = [
        ("{ }", "needs `trust`"),
        ("{ trust: [] }", "`trust` names nobody"),
        ("{ trust: glue }", "must look like `glue.amazonaws.com`"),
        ("{ trust: '111122223333' }", "must be a service such as `glue.amazonaws.com`"),
        ("{ trust: { Statement: [] } }", "the trust policy has no statement"),
        ("{ trust: { document: {}, Statement: [] } }", "the trust policy stands here, and again"),
        ("{ trust: a.b, name: 'a b' }", "must not hold ` `"),
        ("{ trust: a.b, path: lake }", "must begin and end with `/`"),
        ("{ trust: a.b, description: '漢' }", "must not hold `漢`: IAM takes only Latin-1"),
        ("{ trust: a.b, max_session_duration: 60 }", "`max_session_duration` must be from 3600 to 43200"),
        ("{ trust: a.b, policies: { A: {} } }", "the policy `A` is empty"),
        ("{ trust: a.b, policies: { A: { preset: glue } } }", "`preset` cannot be `glue`"),
        ("{ trust: a.b, policies: { A: { preset: s3-access } } }", "the policy `A` names no bucket"),
        (
            "{ trust: a.b, policies: { A: { preset: s3-access, buckets: Lake } } }",
            "there is no bucket `Lake`",
        ),
        (
            "{ trust: a.b, policies: { A: { preset: glue-service, buckets: [x] } } }",
            "the policy `A` has `buckets`",
        ),
        (
            "{ trust: a.b, policies: { A: { preset: glue-service, file: x } } }",
            "has a `preset` and a document",
        ),
        ("{ trust: a.b, policies: { A: { file: none.json } } }", "`none.json` does not exist"),
        ("{ trust: a.b, policies: { A: { file: bad.json } } }", "the policy `A` is not JSON"),
        ("{ trust: a.b, policies: { A: { document: '{' } } }", "the policy `A` is not JSON"),
        ("{ trust: a.b, policies: { A: { document: {} } } }", "the policy `A` has no `Statement`"),
        (
            "{ trust: a.b, policies: { 'A b': { preset: glue-service } } }",
            "the key `A b` of `policies` must not hold ` `",
        ),
        ("{ trust: a.b, managed_policies: ['arn:aws:iam::1:policy/x'] }", "must be an ARN such as"),
        ("{ trust: a.b, managed_policies: ['arn:aws:iam::aws:role/x'] }", "must be the ARN of a policy"),
        (
            "{ trust: a.b, managed_policies: [AWSGlueServiceRole, service-role/AWSGlueServiceRole] }",
            "is there twice",
        ),
        (
            "{ trust: { document: { Statement: { Effect: Allow, Principal: '*', Action: 'sts:AssumeRole' } } } }",
            "lets every AWS account assume the role",
        ),
    ];
    for (role, expected) in cases {
        let said = problems(&lab, &format!("  etl: {role}\n"));
        assert!(said.contains(expected), "{role}\n{said}");
    }
}

#[tokio::test]
async fn a_policy_with_a_bucket_of_the_manifest_depends_on_it() {
    // The presets' documents are asserted beside them; here it is what they point at.
    let lab = Lab::new(On::Ministack).await;
    let desired = lab.load(
        "lakeform: 1
stack: etl
roles:
  etl:
    trust: glue.amazonaws.com
    policies: { A: { preset: s3-access, buckets: some-lake } }
",
    );
    let role = desired.resources.values().next().expect("a role");
    let pointers: Vec<(&str, &str)> =
        role.fields.pointers().iter().map(|pointer| (pointer.kind.as_str(), pointer.text.as_str())).collect();
    assert_eq!(pointers, [("bucket", "arn:aws:s3:::some-lake"), ("bucket", "arn:aws:s3:::some-lake/*")]);
}
