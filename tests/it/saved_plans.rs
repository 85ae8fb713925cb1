//! Saved plans: refused with the reason, and before any call that the refusal does not need.

use std::path::Path;
use std::process::Output;

use crate::binary;
use lakeform_tests::lab::{new_account, proxy};

fn manifest(stack: &str, more: &str) -> String {
    format!(
        "lakeform: 1\nstack: {stack}\n{more}buckets:\n  lake: {{ name: 'saved-${{account}}', force_destroy: true }}\n"
    )
}

fn run(folder: &Path, account: &str, arguments: &[&str]) -> Output {
    binary::at(folder, proxy().endpoint(), account).args(arguments).output().expect("the binary runs")
}

/// The calls of an account, in their order.
fn calls(account: &str) -> Vec<String> {
    proxy().calls_of(account).iter().map(|call| format!("{}:{}", call.service, call.operation)).collect()
}

/// A folder with a manifest and a plan of it.
fn planned(account: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("lakeform.yaml"), manifest("saved", "")).expect("a manifest");
    let output = run(folder.path(), account, &["plan", "--out", "plan.json"]);
    assert!(output.status.success(), "{}", binary::said(&output));
    folder
}

#[test]
fn a_plan_does_what_it_says_once() {
    let account = new_account();
    let folder = planned(&account);
    let output = run(folder.path(), &account, &["apply", "plan.json", "--yes"]);
    assert!(output.status.success(), "{}", binary::said(&output));
    assert!(calls(&account).contains(&"s3:CreateBucket".to_owned()));
    // Without `--yes` somebody must be asked.
    let said = binary::said(&run(folder.path(), &account, &["apply", "plan.json"]));
    assert!(said.contains("exit code: 1") && said.contains("nobody to ask"), "{said}");
    // It has been done: what is there is not what the plan was made on.
    let before = calls(&account).iter().filter(|call| *call == "s3:CreateBucket").count();
    run(folder.path(), &account, &["apply", "plan.json", "--yes"]);
    assert_eq!(calls(&account).iter().filter(|call| *call == "s3:CreateBucket").count(), before);
    let settled = run(folder.path(), &account, &["plan", "--detailed-exitcode"]);
    assert_eq!(settled.status.code(), Some(0), "{}", binary::said(&settled));
}

#[test]
fn a_plan_that_was_touched_or_is_anothers_is_refused_before_any_call() {
    let account = new_account();
    let folder = planned(&account);
    let path = folder.path().join("plan.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    let before = calls(&account).len();
    let version = format!("\"lakeform\": \"{}\"", env!("CARGO_PKG_VERSION"));
    for (from, to, why) in [
        (version.as_str(), "\"lakeform\": \"0.0.1\"", "it was made by lakeform 0.0.1"),
        ("\"format\": 1", "\"format\": 9", "it was made by lakeform"),
        ("\"stack\": \"saved\"", "\"stack\": \"savet\"", "its digest does not fit"),
        (account.as_str(), "999999999999", "its digest does not fit"),
        ("us-east-1", "us-east-2", "its digest does not fit"),
        ("\"permitted\": false", "\"permitted\": true", "its digest does not fit"),
        ("\"digest\": \"", "\"digest\": \"0", "its digest does not fit"),
        ("{\n", "{\n\"more\": 1,", "it was changed since it was made"),
        ("\n}", "\n", "it is not a plan"),
    ] {
        assert!(whole.contains(from), "{from} is not in\n{whole}");
        std::fs::write(&path, whole.replacen(from, to, 1)).unwrap();
        let said = binary::said(&run(folder.path(), &account, &["apply", "plan.json", "--yes"]));
        assert!(said.contains("exit code: 1"), "{said}");
        assert!(said.contains("the plan `plan.json` is refused") && said.contains(why), "{why}: {said}");
    }
    std::fs::write(&path, &whole).unwrap();
    for (name, why) in
        [("missing.json", "No such file"), (".", "it is not a file"), ("/dev/zero", "it is not a file")]
    {
        let said = binary::said(&run(folder.path(), &account, &["apply", name, "--yes"]));
        assert!(said.contains(&format!("cannot read the plan `{name}`")) && said.contains(why), "{said}");
    }
    for (text, why) in [
        (manifest("other", ""), "the plan is of the stack `saved`, the manifest of `other`"),
        (manifest("saved", "account: '123456789012'\n"), "the manifest for 123456789012"),
    ] {
        std::fs::write(folder.path().join("lakeform.yaml"), text).unwrap();
        let said = binary::said(&run(folder.path(), &account, &["apply", "plan.json", "--yes"]));
        assert!(said.contains("exit code: 1") && said.contains(why), "{said}");
    }
    assert_eq!(calls(&account).len(), before, "AWS was asked");
}

#[test]
fn a_plan_for_another_account_or_region_costs_one_call() {
    let (account, other) = (new_account(), new_account());
    let folder = planned(&account);
    let said = binary::said(&run(folder.path(), &other, &["apply", "plan.json", "--yes"]));
    assert!(said.contains(&format!("the plan is for account {account}, not for {other}")), "{said}");
    assert_eq!(calls(&other), ["sts:GetCallerIdentity"]);
    let before = calls(&account).len();
    let said = binary::said(&run(
        folder.path(),
        &account,
        &["apply", "plan.json", "--yes", "--region", "eu-west-1"],
    ));
    assert!(said.contains("the plan is for region us-east-1, not for eu-west-1"), "{said}");
    assert_eq!(calls(&account)[before..], ["sts:GetCallerIdentity"]);
}
