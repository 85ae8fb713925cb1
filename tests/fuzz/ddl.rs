//! Table definitions of any bytes: alone, and as a file of a manifest.

use lakeform_aws::kinds::KINDS;
use lakeform_manifest::{Folder, LoadOptions, ddl, load};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::mutation::mutated;
use crate::{corpus, folder, fuzz};

const MANIFEST: &str = "lakeform: 1\nstack: fuzz\nregion: us-east-1\nbuckets:\n  lake: {}\n\
    databases:\n  d:\n    tables:\n      t: { ddl: t.sql }\n";

fn holds(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match ddl::parse(&text) {
        Ok(tables) => {
            for table in tables {
                assert!(text.get(table.name_range.clone()).is_some(), "{table:?}");
                assert!(table.location_range.is_none_or(|range| text.get(range).is_some()));
                for column in table.columns.iter().chain(&table.partition_keys) {
                    assert_eq!(ddl::canonical_type(&column.type_name).as_ref(), Ok(&column.type_name));
                }
            }
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!(text.get(error.range.clone()).is_some(), "{error:?} is not inside {text:?}");
                assert!(!error.message.is_empty());
            }
        }
    }
}

/// The same text through a manifest: interpolated, decoded, and its mistakes quoted.
fn holds_in_a_manifest(bytes: &[u8]) {
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("lakeform.yaml");
    std::fs::write(&path, MANIFEST).expect("a manifest");
    std::fs::write(place.path().join("t.sql"), bytes).expect("a definition");
    let options = LoadOptions { path, ..LoadOptions::default() };
    let loaded = load(&options, KINDS, &Folder(place.path().to_owned()));
    assert_eq!(loaded.desired.is_none(), loaded.diagnostics.has_errors());
    for span in loaded.diagnostics.0.iter().filter_map(|diagnostic| diagnostic.span) {
        let source = loaded.sources.get(span.file).expect("a file");
        assert!(source.text.get(span.start..span.end).is_some(), "{span:?}");
    }
    let shown = loaded.render(false);
    assert!(shown.chars().all(|c| c == '\n' || !lakeform_model::is_obeyed(c)), "{shown:?}");
    drop(loaded.to_json());
}

fn definitions() -> Vec<(String, Vec<u8>)> {
    let mut files = corpus("ddl");
    for table in ["customer_landing", "accelerometer_landing", "step_trainer_landing"] {
        let path = folder("../manifests/stedi/sql").join(table).with_extension("sql");
        files.push((table.to_owned(), std::fs::read(path).expect("an example")));
    }
    files
}

#[test]
fn the_corpus_holds() {
    for (_, bytes) in definitions() {
        holds(&bytes);
        holds_in_a_manifest(&bytes);
    }
}

#[test]
fn any_bytes_hold() {
    fuzz("ddl, any bytes", 1, &vec(any::<u8>(), 0..400), |bytes| {
        holds(&bytes);
        holds_in_a_manifest(&bytes);
    });
}

#[test]
fn any_damage_to_a_definition_holds() {
    fuzz("ddl, damaged", 1, &mutated(definitions()), |bytes| {
        holds(&bytes);
        holds_in_a_manifest(&bytes);
    });
}
