//! No character that a terminal obeys reaches it from a name, a tag, a description, a message or a live value.

use std::cell::Cell;
use std::path::Path;
use std::process::Output;

use aws_sdk_glue::types::DatabaseInput;
use lakeform_model::is_obeyed;
use lakeform_sandbox::{Effect, Fault, Faults, Proxy, ProxyConfig};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::binary;
use lakeform_tests::lab::{Lab, emulator, new_account};

/// What a hostile colleague puts into a description.
const HOSTILE: &[&str] = &[
    "\u{1b}[2J\u{1b}[H",
    "\u{1b}]0;title\u{7}",
    "\u{1b}]52;c;cm0gLXJmIC8=\u{7}",
    "\u{9b}31m",
    "\u{90}q\u{9c}",
    "\u{202e}gnp.exe",
    "\u{2066}\u{2069}",
    "\u{61c}",
    "\r+ create",
    "\u{8}\u{8}\u{8}",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\0",
    "\n  - delete bucket.spoof",
];

/// JSON that readers of YAML take, too: they refuse some of these characters as they are.
fn in_ascii(value: &Value) -> String {
    let text = value.to_string();
    text.chars()
        .map(|c| if is_obeyed(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() })
        .collect()
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => proptest::sample::select(HOSTILE).prop_map(str::to_owned),
        1 => proptest::sample::select((0..32_u8).chain(127..=159).collect::<Vec<_>>()).prop_map(|c| char::from(c).to_string()),
        1 => any::<String>(),
    ];
    proptest::collection::vec(piece, 1..4).prop_map(|pieces| format!("x{}", pieces.concat()))
}

/// Runs the binary and holds everything it says.
fn holds(folder: &Path, arguments: &[&str]) -> String {
    let output =
        binary::command(folder).args(arguments).args(["--color", "never"]).output().expect("it runs");
    harmless(&output, arguments)
}

/// What a run said, if no terminal would obey any of it.
fn harmless(output: &Output, arguments: &[&str]) -> String {
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        let text = String::from_utf8(bytes.clone()).expect("the output is UTF-8");
        let obeyed: Vec<char> = text.chars().filter(|c| *c != '\n' && is_obeyed(*c)).collect();
        assert!(obeyed.is_empty(), "{name} of {arguments:?} holds {obeyed:?}: {text:?}");
        let spoofed = text.lines().any(|line| line.trim_start().starts_with("- delete bucket.spoof"));
        assert!(!spoofed, "{name} of {arguments:?} has a line that is no step: {text}");
    }
    binary::said(output)
}

fn cases(number: u32, holds: impl Fn(Vec<String>)) {
    let config = Config { cases: number, failure_persistence: None, source_file: None, ..Config::default() };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let texts = proptest::collection::vec(hostile(), 8);
    let outcome = TestRunner::new_with_rng(config, random).run(&texts, |texts| {
        holds(texts);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// Texts wherever a manifest takes one without holding it to a rule of AWS's.
fn manifest(t: &[String]) -> Value {
    json!({
        "lakeform": 1, "stack": "demo", "region": "us-east-1",
        "buckets": { "lake": { "name": "hostile-lake" } },
        "roles": { "r": { "trust": "glue.amazonaws.com", "description": "plain" } },
        "databases": { "shop": { "description": t[0], "tables": { "orders": {
            "location": "s3://${bucket.lake}/orders/", "format": "json", "description": t[1],
            "columns": [{ "name": "id", "type": "int", "comment": "plain" }],
            "parameters": { "k": t[2], "l": t[3] },
        } } } },
        "checks": { "c": { "sql": "select 1", "expect": 1, "description": t[4] } },
    })
}

/// The same places in an account, and what only an account can say.
fn live(t: &[String]) -> Value {
    let mark = |address: &str| json!({ "stack": "demo", "address": address });
    json!({ "resources": [
        { "kind": "bucket", "identity": "hostile-lake", "mark": mark("bucket.lake"),
          "fields": { "region": "us-east-1", "tags": { "team": t[7], t[6].clone(): "x" } } },
        { "kind": "database", "identity": "shop", "conflict": t[0] },
        { "kind": "role", "identity": "r", "mark": mark("role.r"),
          "fields": { "description": t[1], "tags": { t[2].clone(): t[3] }, "trust": { "Statement": t[4], t[5].clone(): {} } } },
        { "kind": "bucket", "identity": t[3], "mark": mark("bucket.old"), "fields": { "tags": { "a": t[0] } }, "holds": [t[1]] },
        { "kind": "workgroup", "identity": t[5], "unreadable": t[6], "fields": {} },
    ], "blind": { "job": t[4] } })
}

#[test]
fn a_plan_of_hostile_values_commands_no_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let planned = Cell::new(0);
    cases(24, |texts| {
        // No field takes a NUL, and such a plan would show nothing.
        let texts: Vec<String> = texts.iter().map(|text| text.replace('\0', "")).collect();
        let put = |name: &str, value: &Value| {
            std::fs::write(folder.path().join(name), in_ascii(value)).expect("a file is written");
        };
        put("lakeform.yaml", &manifest(&texts));
        put("live.yaml", &live(&texts));
        put("empty.yaml", &json!({}));
        for arguments in [
            &["validate"] as &[&str],
            &["plan", "--live", "live.yaml"],
            &["plan", "--live", "live.yaml", "--full"],
            &["plan", "--live", "live.yaml", "--json"],
            &["plan", "--live", "live.yaml", "--destroy"],
            &["plan", "--live", "empty.yaml", "--full"],
            &["graph"],
        ] {
            let said = holds(folder.path(), arguments);
            planned.set(planned.get() + usize::from(said.contains("Plan: ")));
        }
    });
    assert!(planned.get() >= 96, "only {} plans were shown", planned.get());
}

/// The values do arrive: a test that showed none would hold nothing.
#[test]
fn hostile_values_are_shown_as_escapes() {
    let folder = tempfile::tempdir().unwrap();
    let mut texts = vec!["plain".to_owned(); 8];
    texts[0] = "a\u{1b}[2Jb".to_owned();
    texts[1] = "\u{202e}c".to_owned();
    std::fs::write(folder.path().join("lakeform.yaml"), manifest(&texts).to_string()).unwrap();
    std::fs::write(folder.path().join("live.yaml"), "{}").unwrap();
    let said = holds(folder.path(), &["plan", "--live", "live.yaml", "--full"]);
    assert!(said.contains("exit code: 0"), "{said}");
    assert!(said.contains("a\\u{1b}[2Jb") && said.contains("\\u{202e}c"), "{said}");
}

#[test]
fn a_hostile_manifest_is_quoted_harmlessly() {
    let folder = tempfile::tempdir().unwrap();
    cases(24, |texts| {
        let mut manifests = vec![
            json!({ "lakeform": 1, "stack": texts[0], "region": texts[1], texts[2].clone(): texts[3] }).to_string(),
            json!({ "lakeform": 1, "stack": "demo", "buckets": { texts[0].clone(): { texts[1].clone(): texts[2] } },
                    "roles": { "r": { "trust": texts[3], "policies": { texts[4].clone(): { "document": texts[5] } } } },
                    "uploads": { "u": { "from": texts[6], "to": texts[7] } } })
            .to_string(),
        ];
        // As they are, too: YAML refuses most of it, and quotes the line.
        manifests.push(format!(
            "lakeform: 1\nstack: demo\ntags: {{ x: '{}' }}\n{}: ${{{}}}\n",
            texts[0], texts[1], texts[2]
        ));
        manifests.push(texts.concat());
        for manifest in manifests {
            std::fs::write(folder.path().join("lakeform.yaml"), manifest).expect("a manifest");
            holds(folder.path(), &["validate"]);
            holds(folder.path(), &["validate", "--json"]);
        }
        let name = texts[0].replace(['\0', '/'], "");
        holds(folder.path(), &["validate", "-f", &name]);
        holds(folder.path(), &["apply", &name]);
        holds(folder.path(), &["plan", "--live", &name]);
        holds(folder.path(), &["query", "-f", &name]);
        let variable = format!("{name}=x");
        holds(folder.path(), &["validate", "--var", &variable]);
        holds(folder.path(), &["plan", "--live", "live.yaml", "--target", &name]);
        // The usage error repeats the user's own line breaks.
        holds(folder.path(), &[&name.replace('\n', " ")]);
    });
}

/// AWS's own words: what somebody named a thing, and what an error says.
#[tokio::test]
async fn what_aws_says_commands_no_terminal() {
    let proxy = Proxy::start(emulator().endpoint(), ProxyConfig::default()).unwrap();
    let lab = Lab::at(proxy.endpoint(), &new_account(), None).await;
    let hostile = "\u{1b}[2J\u{9b}31m\u{202e}";
    let input = DatabaseInput::builder().name("shop").description(hostile).parameters(hostile, hostile);
    lab.cloud.glue().create_database().database_input(input.build().unwrap()).send().await.unwrap();
    let manifest = "lakeform: 1\nstack: demo\nregion: us-east-1\nbuckets:\n  lake: { name: 'escapes-${account}' }\n\
        databases:\n  shop: { description: plain, adopt: true }\n  other: {}\n";
    lab.write("lakeform.yaml", manifest);
    let run = |arguments: &[&str]| {
        let output = binary::at(lab.folder.path(), proxy.endpoint(), &lab.cloud.account)
            .args(arguments)
            .args(["--color", "never"])
            .output()
            .expect("it runs");
        harmless(&output, arguments)
    };
    let planned = run(&["plan"]);
    assert!(planned.contains("\\u{1b}[2J\\u{9b}31m\\u{202e}"), "{planned}");
    run(&["plan", "--json"]);

    let error = |on: &str| {
        let message = Some(format!("no {hostile} way"));
        Fault::on(on, Effect::Error { code: "AccessDeniedException".to_owned(), message, status: None })
    };
    let play = |faults: Vec<Fault>| proxy.set_faults(Faults { seed: 1, faults });
    play(vec![error("glue:*").on_changes()]);
    let applied = run(&["apply", "--yes"]);
    assert!(applied.contains("exit code: 1") && applied.contains("no \\u{1b}[2J"), "{applied}");
    run(&["apply", "--yes", "--json"]);
    play(vec![error("glue:*"), error("s3:*")]);
    for arguments in [&["plan"] as &[&str], &["plan", "--json"], &["plan", "-vv"], &["destroy", "--yes"]] {
        let said = run(arguments);
        assert!(said.contains("exit code: 1"), "{said}");
        assert!(said.contains("no \\u{1b}[2J") || said.contains("no \\u001b[2J"), "{said}");
    }
    play(vec![error("sts:*")]);
    for arguments in [&["plan"] as &[&str], &["apply"], &["run", "--all"], &["query", "select 1"], &["check"]]
    {
        assert!(run(arguments).contains("exit code: 1"), "{arguments:?}");
    }
}
