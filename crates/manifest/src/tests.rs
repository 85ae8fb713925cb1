//! The loader with two small kinds: a `box` at the top, and `shelf` with `book`s inside.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use lakeform_model::{
    Address, Draft, Entry, Expect, Facts, Fields, Holds, Key, Kind, Kinds, Scope, Shape, Value,
};

use crate::{Folder, LoadOptions, Loaded, json_schema, load, reference};

struct Crate;
struct Shelf;
struct Book;

macro_rules! kind {
    ($type:ty, $name:literal, $place:expr, $keys:expr, $decode:expr) => {
        impl Kind for $type {
            fn facts(&self) -> &'static Facts {
                const KEYS: &[Key] = $keys;
                &Facts {
                    name: $name,
                    place: $place,
                    shape: Shape::Object(KEYS),
                    beside: &[],
                    rules: &[],
                    holds: Holds::Configuration,
                    about: "A thing of the tests.",
                }
            }
            fn identity(&self, entry: &Entry<'_>) -> String {
                let parents = &entry.address.keys()[..entry.address.keys().len() - 1];
                parents.iter().cloned().chain([entry.name()]).collect::<Vec<_>>().join("/")
            }
            fn outputs(
                &self,
                _entry: &Entry<'_>,
                identity: &str,
                scope: &Scope<'_>,
            ) -> BTreeMap<&'static str, String> {
                BTreeMap::from([("arn", format!("arn:{}:{identity}", scope.account))])
            }
            fn decode(&self, entry: &Entry<'_>, scope: &mut Scope<'_>) -> Option<Draft> {
                let fields = ($decode)(entry, scope)?;
                Some(Draft { fields, ..Draft::default() })
            }
        }
    };
}

kind!(
    Crate,
    "crate",
    &["crates"],
    &[
        Key::new("name", Shape::TEXT, "Its name."),
        Key::new("size", Shape::Int { min: 1, max: 9 }, "How big.")
    ],
    |entry: &Entry<'_>, _: &mut Scope<'_>| {
        let mut fields = Fields::new();
        fields.set_some("size", entry.node.get("size").and_then(lakeform_model::Node::as_int));
        Some(fields)
    }
);
kind!(
    Shelf,
    "shelf",
    &["room", "shelves"],
    &[Key::new("in", Shape::TEXT, "Where.")],
    |entry: &Entry<'_>, _: &mut Scope<'_>| {
        let mut fields = Fields::new();
        fields.set_some("in", entry.node.text("in"));
        Some(fields)
    }
);
kind!(
    Book,
    "book",
    &["room", "shelves", "*", "books"],
    &[
        Key::required("title", Shape::TEXT, "What it says on the back."),
        Key::new("version", Shape::TEXT, "Its version."),
        Key::new("crate", Shape::TEXT, "Where it came in."),
    ],
    |entry: &Entry<'_>, scope: &mut Scope<'_>| {
        let mut fields = Fields::new();
        fields.set_some("title", entry.node.text("title"));
        fields.set_some("version", entry.node.text("version"));
        if let Some(node) = entry.node.some("crate") {
            let identity = scope.reference("crate", node)?;
            fields.set("crate", Value::pointer("crate", identity.clone(), identity));
        }
        Some(fields)
    }
);

const KINDS: Kinds = Kinds(&[&Crate, &Shelf, &Book]);

fn loaded(text: &str) -> Loaded {
    loaded_with(text, &LoadOptions::default())
}

fn loaded_with(text: &str, options: &LoadOptions) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lakeform.yaml");
    std::fs::write(&path, text).unwrap();
    let options = LoadOptions { path, ..options.clone() };
    let mut loaded = load(&options, KINDS, &Folder(folder.path().to_owned()));
    for source in &mut loaded.sources.0 {
        source.name = "lakeform.yaml".to_owned();
    }
    loaded
}

/// `line:column: message (hint)` of every problem.
fn problems(loaded: &Loaded) -> Vec<String> {
    let problem = |diagnostic: &lakeform_model::Diagnostic| {
        let at = diagnostic.span.map(|span| loaded.sources.position(span)).unwrap_or_default();
        let hint = diagnostic.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{}: {}{hint}", at.trim_start_matches("lakeform.yaml:"), diagnostic.message)
    };
    loaded.diagnostics.0.iter().map(problem).collect()
}

const GOOD: &str = r#"
lakeform: 1
stack: demo
account: "000011112222"
variables:
  n: { default: 3 }
  who: me
tags: { team: "${var.who}" }
crates:
  a: { name: "a-${var.who}", size: "${var.n}" }
  b:
room:
  shelves:
    top:
      in: ${crate.a}
      books:
        one: { title: "in ${shelf.top}, ${crate.a.arn}", version: 5.0, depends_on: [crate.b] }
        two: { title: "$${kept}", crate: b }
pricing: { dpu_hour: 0.44 }
checks:
  none: { sql: "select 1 from ${crate.a}", expect: empty }
  some: { sql: select 2, expect: ">= 1", severity: warn }
  exactly: { sql: select 3, expect: 0 }
"#;

#[test]
fn a_sound_manifest_becomes_resources_with_dependencies() {
    let options = LoadOptions { account: Some("111122223333".into()), ..LoadOptions::default() };
    let loaded = loaded_with(GOOD, &options);
    assert_eq!(problems(&loaded), Vec::<String>::new());
    let desired = loaded.desired.unwrap();
    assert_eq!((desired.stack.as_str(), desired.account.as_deref()), ("demo", Some("000011112222")));
    let get = |address: &str| &desired.resources[&address.parse::<Address>().unwrap()];
    assert_eq!(get("crate.a").identity, "a-me");
    assert_eq!(get("crate.a").fields.int("size"), Some(3));
    assert_eq!(get("shelf.top").fields.text("in"), Some("a-me"));
    let one = get("book.top.one");
    assert_eq!(one.identity, "top/one");
    assert_eq!(one.fields.text("title"), Some("in top, arn:111122223333:a-me"));
    assert_eq!(one.fields.text("version"), Some("5.0"), "a text stays as it is written");
    let needs = |addresses: &[&str]| {
        addresses.iter().map(|text| text.parse().unwrap()).collect::<BTreeSet<Address>>()
    };
    assert_eq!(one.depends_on, needs(&["crate.a", "crate.b", "shelf.top"]));
    assert_eq!(get("shelf.top").depends_on, needs(&["crate.a"]), "not what its books need");
    assert_eq!(get("book.top.two").fields.text("title"), Some("${kept}"));
    assert_eq!(get("book.top.two").depends_on, needs(&["crate.b", "shelf.top"]));
    assert_eq!(desired.dpu_hour_usd, Some(0.44));
    let expects: Vec<&Expect> = desired.checks.iter().map(|check| &check.expect).collect();
    assert_eq!(expects, [&Expect::Empty, &Expect::Compare(">=".into(), 1.0), &Expect::Scalar(Value::Int(0))]);
    assert_eq!(desired.checks[0].sql, "select 1 from a-me");
}

#[test]
fn every_mistake_is_reported_at_once_at_its_place() {
    let loaded = loaded(
        "lakeform: 2
stack: my stack
regoin: us-east-1
variables: { n: {} }
crates:
  a: { size: 12, nmae: x }
  b c: {}
  d: { name: '${env.NOPE_XYZ}', size: '${var.m}' }
room:
  shelves:
    top:
      in: ${crate.q}
      books:
        one: { crate: e, depends_on: [crate.z] }
checks:
  c: { expect: '>= many' }
",
    );
    same_lines(
        &problems(&loaded),
        &[
            "1:11: `lakeform` must be from 1 to 1",
            "2:8: `stack` must consist of letters, digits, `-` and `_`, and begin with a letter or digit",
            "3:1: the manifest has no key `regoin` (did you mean `region`?)",
            "4:14: the variable `n` has no value (give `--var n=…`, or a `default`)",
            "6:14: `size` must be from 1 to 9",
            "6:18: `crate.a` has no key `nmae` (did you mean `name`?)",
            "7:3: the name `b c` must not hold ` `: only letters, digits, `_` and `-`",
            "8:15: the environment has no `NOPE_XYZ` (set it, or use a variable with a default)",
            "8:40: there is no variable `m` (did you mean `var.n`?)",
            "12:11: there is no crate `q` (did you mean `crate.a`?)",
            "14:14: `book.top.one` needs `title` (What it says on the back.)",
            "14:23: there is no crate `e` (did you mean `a`?)",
            "14:39: there is no resource `crate.z` (did you mean `crate.a`?)",
            "16:3: the check `c` needs `sql` (or `file`, the path of a file with it)",
            "16:16: `>= many` is no comparison with a number (write it like `\">= 1\"`)",
        ],
    );
    assert_eq!(loaded.desired, None);
}

fn same_lines(found: &[String], wanted: &[&str]) {
    assert_eq!(found.join("\n"), wanted.join("\n"));
}

#[test]
fn two_of_one_name_and_a_ring_are_refused() {
    let same = "lakeform: 1\nstack: s\ncrates:\n  a: { name: x }\n  b: { name: x }\n";
    same_lines(
        &problems(&loaded(same)),
        &["5:14: `crate.b` and `crate.a` are both called `x` (give one of them another name)"],
    );
    let ring =
        "lakeform: 1\nstack: s\ncrates:\n  a: { depends_on: [crate.b] }\n  b: { depends_on: [crate.a] }\n";
    same_lines(
        &problems(&loaded(ring)),
        &[
            "4:3: these need each other: `crate.a` -> `crate.b` -> `crate.a` (one of them must come first: remove a reference or a `depends_on`)",
        ],
    );
}

#[test]
fn a_file_that_is_no_manifest_is_said() {
    same_lines(
        &problems(&loaded("")),
        &["1:1: the manifest is empty (`lakeform init` writes one to start from)"],
    );
    same_lines(
        &problems(&loaded("just text")),
        &["1:1: a manifest must be a mapping, not a text (`lakeform init` writes one to start from)"],
    );
    same_lines(
        &problems(&loaded("lakeform: 1\nstack: s\ncrates: { a: { name: ${env.X} } }\n")),
        &[
            "3:23: not valid YAML: while parsing a flow mapping, did not find expected ',' or '}' (inside `{ … }` or `[ … ]` a text with `${…}` needs quotes)",
        ],
    );
    let options = LoadOptions { path: PathBuf::from("nowhere.yaml"), ..LoadOptions::default() };
    let missing = load(&options, KINDS, &Folder(PathBuf::from(".")));
    same_lines(
        &problems(&missing),
        &[": `nowhere.yaml` does not exist (`lakeform init` writes one; `-f` names another)"],
    );
}

#[test]
fn a_problem_is_quoted_with_its_line_and_hint() {
    let loaded = loaded("lakeform: 1\nstack: s\ncrates:\n  a: { nmae: x }\n");
    let text = loaded.render(false);
    for part in [
        "error: `crate.a` has no key `nmae`",
        "--> lakeform.yaml:4:8",
        "4 |   a: { nmae: x }",
        "^^^^",
        "did you mean `name`?",
        "1 error in the manifest",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert_eq!(loaded.to_json()[0]["line"], 4);
    assert_eq!(loaded.to_json()[0]["text"], "nmae");
}

#[test]
fn a_given_variable_wins_and_an_unknown_one_is_refused() {
    let given = |name: &str| LoadOptions {
        variables: vec![(name.to_owned(), "x".to_owned())],
        ..LoadOptions::default()
    };
    let text = "lakeform: 1\nstack: s\nvariables: { who: me }\ncrates: { a: { name: \"${var.who}\" } }\n";
    let desired = loaded_with(text, &given("who")).desired.unwrap();
    assert_eq!(desired.resources[&Address::new("crate", ["a"])].identity, "x");
    same_lines(
        &problems(&loaded_with(text, &given("whom"))),
        &[": `--var whom=…`: the manifest has no variable `whom` (did you mean `who`?)"],
    );
}

#[test]
fn the_schema_and_the_reference_tell_of_every_key() {
    let schema = json_schema(KINDS).to_string();
    let reference = reference(KINDS);
    for key in ["crates", "shelves", "books", "title", "depends_on", "dpu_hour", "severity"] {
        assert!(schema.contains(&format!("\"{key}\"")), "{key} in the schema");
        assert!(reference.contains(key), "{key} in the reference");
    }
}
