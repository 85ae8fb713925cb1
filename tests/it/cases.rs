//! Planner cases: a folder each, with a manifest (or in `args` the one of another case), a recorded account and
//! the plan's text as a user sees it.
//! `make plan-NAME` prints one in colour; `INSTA_UPDATE=always` writes the snapshots anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::binary;

fn folders() -> Vec<PathBuf> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(cases).expect("tests/cases").map(|entry| entry.expect("a folder").path()).collect();
    folders.sort();
    folders
}

fn output(folder: &Path, more: &[&str]) -> std::process::Output {
    let arguments = std::fs::read_to_string(folder.join("args")).unwrap_or_default();
    binary::command(folder)
        .args(["plan", "--live", "live.yaml"])
        .args(arguments.split_whitespace())
        .args(more)
        .output()
        .expect("the binary runs")
}

#[test]
fn every_case_plans_as_its_snapshot_says() {
    for folder in folders() {
        let said = binary::said(&output(&folder, &[]));
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&folder);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_description(folder.file_name().expect("a name").to_string_lossy());
        settings.bind(|| insta::assert_snapshot!("plan", said));
    }
}

/// Every action with every reason, every way to be blocked and every finding has a case.
#[test]
fn no_action_reason_or_finding_is_without_a_case() {
    let mut seen = BTreeSet::new();
    for folder in folders() {
        let answer = output(&folder, &["--json"]).stdout;
        let plan: serde_json::Value =
            serde_json::from_slice(&answer).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let word = |value: &serde_json::Value| match value {
            serde_json::Value::String(word) => word.clone(),
            other => other.as_object().and_then(|map| map.keys().next().cloned()).unwrap_or_default(),
        };
        let all = |list: &str| plan[list].as_array().cloned().unwrap_or_default();
        seen.extend(
            all("steps").iter().map(|step| format!("{} {}", word(&step["action"]), word(&step["why"]))),
        );
        seen.extend(all("blocked").iter().map(|blocked| format!("blocked {}", word(&blocked["by"]))));
        seen.extend(all("findings").iter().map(|finding| format!("finding {}", word(&finding["code"]))));
        if plan["kept"].as_object().is_some_and(|kept| !kept.is_empty()) {
            seen.insert("kept".to_owned());
        }
    }
    let wanted = [
        "create not_found",
        "update differs",
        "update released",
        "replace immutable",
        "replace renamed",
        "delete left_manifest",
        "delete destroy",
        "adopt unmarked",
        "blocked unreadable",
        "blocked conflict",
        "blocked dependency",
        "finding data-loss",
        "finding protected",
        "finding adoption",
        "finding refused",
        "finding not-searched",
        "kept",
    ];
    let missing: Vec<&str> = wanted.into_iter().filter(|word| !seen.contains(*word)).collect();
    assert!(missing.is_empty(), "no case shows {missing:?}; there are {seen:?}");
}
