//! `lakeform iam-policy` is complete and minimal: behind a proxy that refuses what a policy does not allow, the
//! whole life of the STEDI lakehouse works, and without any one part of the policy it does not.

mod life;
mod need;

use std::collections::BTreeSet;

use self::life::{Account, Without, later};
use self::need::{parts, statements, texts};
use crate::binary;

/// Actions on S3 and Glue that Athena asks for in the caller's name, which the emulator's Athena does not, and what
/// is asked for only when a run is interrupted.
const UNASKED_BY_RUNS: &[&str] = &[
    "athena:StopQueryExecution",
    "glue:BatchStopJobRun",
    "glue:GetDatabase",
    "glue:GetTable",
    "s3:AbortMultipartUpload",
    "s3:GetBucketLocation",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:ListBucketMultipartUploads",
    "s3:PutObject",
];

/// Every statement that either version's policy has, or every action.
fn removals(account: &Account, actions: bool) -> Vec<Without> {
    let mut removals = BTreeSet::new();
    for manifest in [account.manifest.clone(), later(&account.manifest)] {
        account.load(&manifest);
        for statement in statements(&account.printed("apply")) {
            if actions {
                removals.extend(texts(&statement["Action"]).into_iter().map(Without::Action));
            } else {
                let sid = statement["Sid"].as_str().expect("a Sid").to_owned();
                removals.insert(Without::Statement(sid));
            }
        }
    }
    removals.into_iter().collect()
}

/// A life of which something is taken out, on a thread of its own; what breaks.
fn life(without: &Without) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let lives = Account::new(Some(without.clone())).await.live().await;
        lives.err().unwrap_or_else(|| panic!("nothing needs {without:?}"))
    })
}

/// Lives without each in turn; gives what broke, a line each.
async fn deny_each(actions: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let removals = removals(&Account::new(None).await, actions);
    for group in removals.chunks(4) {
        std::thread::scope(|scope| {
            let running: Vec<_> = group.iter().map(|one| (one, scope.spawn(|| life(one)))).collect();
            for (without, life) in running {
                let Ok(broken) = life.join() else { panic!("{without:?} taken out went wrong") };
                lines.push(format!("without {without:?}: {broken}"));
            }
        });
    }
    lines
}

#[tokio::test]
async fn the_printed_policies_are_enough_and_no_part_of_them_is_too_much() {
    let account = Account::new(None).await;
    account.live().await.unwrap();
    let reads = ["Get", "List", "Describe", "BatchGet"];
    for statement in statements(&account.printed("plan")) {
        for action in texts(&statement["Action"]) {
            let operation = action.split(':').nth(1).unwrap();
            assert!(reads.iter().any(|read| operation.starts_with(read)), "a plan only reads: {action}");
        }
    }
    let parts = parts(&account.phases());
    let needless: Vec<String> = parts
        .iter()
        .filter(|(_, needed)| !**needed)
        .map(|(part, _)| format!("{} on {}", part.action, part.resource))
        .collect();
    assert_eq!(needless, Vec::<String>::new(), "in the policy, and never asked for");
    let actions: BTreeSet<&str> = parts.keys().map(|part| part.action.as_str()).collect();
    println!("torture: permissions denied in recorded calls: {}", parts.len());
    assert!(actions.len() > 60, "{actions:?}");
}

/// With `LAKEFORM_TORTURE=full` it goes by action, which takes a minute more.
#[tokio::test]
async fn without_any_one_statement_something_breaks_and_is_told() {
    let actions = std::env::var("LAKEFORM_TORTURE").is_ok_and(|form| form == "full");
    let lines = deny_each(actions).await;
    println!("{}", lines.join("\n"));
    let what = if actions { "actions" } else { "statements" };
    println!("torture: lives with {what} denied one by one: {}", lines.len());
    assert!(lines.len() > if actions { 60 } else { 20 }, "{}", lines.len());
}

/// A count that is refused is no proof that nothing would be lost.
#[test]
fn what_cannot_be_counted_is_told_before_it_is_deleted() {
    for (action, told) in [
        ("glue:GetJobRuns", "would lose data: what is in it is not known"),
        ("s3:ListBucketVersions", "could not count what would be lost"),
    ] {
        let broken = life(&Without::Action(action.to_owned()));
        assert!(broken.contains(told), "{action}: {broken}");
    }
}

/// Each command by the binary with nothing but what it prints for itself.
#[tokio::test]
async fn the_binary_does_with_its_own_policies() {
    let account = Account::new(None).await;
    account.load(&account.manifest);
    for (purpose, arguments) in [
        ("plan", &["plan"][..]),
        ("apply", &["apply", "--yes"]),
        ("plan", &["plan", "--detailed-exitcode"]),
        ("run", &["run", "--all"]),
        ("run", &["query", "select 1"]),
        ("run", &["check"]),
        ("apply", &["destroy", "--yes"]),
    ] {
        account.allow(purpose);
        let output = account.lakeform(arguments);
        let denied = account.denied();
        assert!(denied.is_empty(), "{arguments:?}: {denied:#?}");
        // The jobs only pretend here, so the checks have nothing to prove.
        assert!(
            output.status.success() || arguments == ["check"],
            "{arguments:?}\n{}",
            binary::said(&output)
        );
    }
    let phases = account.phases();
    let runs: Vec<_> = phases.into_iter().skip(3).take(3).collect();
    let parts = parts(&runs);
    let needless: BTreeSet<&str> =
        parts.iter().filter(|(_, needed)| !**needed).map(|(part, _)| part.action.as_str()).collect();
    assert_eq!(needless, UNASKED_BY_RUNS.iter().copied().collect());
    let denied = parts.values().filter(|needed| **needed).count();
    println!("torture: permissions of runs denied in recorded calls: {denied}");
}
