//! The catalog against the files it lists, and the reference against the page in the docs.

use std::collections::BTreeSet;
use std::path::Path;

use lakeform_aws::kinds::KINDS;
use lakeform_model::{Literal, Unset};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn every_file_of_a_kind_is_in_the_catalog() {
    let files: BTreeSet<String> = std::fs::read_dir(root().join("crates/aws/src/kinds"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| name != "mod")
        .collect();
    let names: BTreeSet<String> = KINDS.0.iter().map(|kind| kind.name().to_owned()).collect();
    assert_eq!(files, names);
}

#[test]
fn every_default_in_a_rule_reads_as_json() {
    for kind in KINDS.0 {
        for rule in kind.facts().rules {
            if let Unset::Default(Literal::Json(text)) = rule.unset {
                let read: Result<serde_json::Value, _> = serde_json::from_str(text);
                assert!(read.is_ok(), "{} {}: {text}", kind.name(), rule.path);
            }
        }
    }
}

/// `make docs` writes the page anew.
#[test]
fn the_manifest_reference_in_the_docs_is_what_lakeform_prints() {
    let page = root().join("docs/src/manifest.md");
    let wanted = lakeform_manifest::reference(KINDS);
    let found = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(found == wanted, "docs/src/manifest.md is not what `lakeform reference` prints: run `make docs`");
}
