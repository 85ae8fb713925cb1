//! The `account:` of a manifest: with credentials of another account, no command asks AWS anything but whose they
//! are.

use lakeform_sandbox::{CallRecord, Proxy, ProxyConfig};

use crate::binary::{at, said};
use lakeform_tests::lab::{emulator, new_account};

const MANIFEST: &str = "
lakeform: 1
stack: guarded
region: us-east-1
account: \"ACCOUNT\"
buckets:
  lake: { name: guarded-ACCOUNT, force_destroy: true }
roles:
  glue: { trust: glue.amazonaws.com }
athena:
  workgroups:
    w: { results: 's3://${bucket.lake}/athena/' }
jobs:
  clean: { script: clean.py, role: glue }
checks:
  one: { sql: select 1, expect: 1 }
";

#[test]
fn with_another_account_every_command_asks_only_whose_the_credentials_are() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(emulator().endpoint(), ProxyConfig::default()).unwrap();
    let (account, other) = (new_account(), new_account());
    std::fs::write(folder.path().join("lakeform.yaml"), MANIFEST.replace("ACCOUNT", &account)).unwrap();
    std::fs::write(folder.path().join("clean.py"), "print('clean')\n").unwrap();
    let lakeform = |account: &str, arguments: &[&str]| {
        at(folder.path(), proxy.endpoint(), account).args(arguments).output().unwrap()
    };
    let planned = lakeform(&account, &["plan", "--out", "saved.plan"]);
    assert!(planned.status.success(), "{}", said(&planned));
    for arguments in [
        &["plan"][..],
        &["plan", "--json"],
        &["apply", "--yes"],
        &["apply", "--yes", "--adopt"],
        &["apply", "--yes", "saved.plan"],
        &["apply", "--yes", "--run", "--check"],
        &["destroy", "--yes"],
        &["destroy", "--yes", "--include-adopted"],
        &["run", "--all"],
        &["query", "select 1"],
        &["check"],
    ] {
        proxy.forget_calls();
        let output = lakeform(&other, arguments);
        let told = said(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}\n{told}");
        assert!(told.contains(&format!("is for account {account}")), "{arguments:?}\n{told}");
        let calls: Vec<String> = proxy.calls().iter().map(CallRecord::name).collect();
        assert_eq!(calls, ["sts:GetCallerIdentity"], "{arguments:?}");
    }
    // With the right one the same plan goes through.
    let applied = lakeform(&account, &["apply", "--yes", "saved.plan"]);
    assert!(applied.status.success(), "{}", said(&applied));
}
