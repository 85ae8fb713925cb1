//! Manifests of any bytes: `load` with the real kinds, and everything that shows what it found.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use lakeform_aws::kinds::KINDS;
use lakeform_manifest::{Cached, Folder, LoadOptions, Loaded, load};
use lakeform_model::{FileProblem, Files, LocalFile, is_obeyed};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::mutation::mutated;
use crate::{corpus, folder, fuzz, trees};

/// The files beside the STEDI example, with a count of what is asked of them.
pub(crate) struct Counted {
    files: &'static Cached<Folder>,
    asked: AtomicUsize,
}

impl Files for Counted {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileProblem> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.files.read(path)
    }

    fn walk(&self, path: &str) -> Result<Vec<LocalFile>, FileProblem> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.files.walk(path)
    }
}

/// Loads these bytes as a manifest and holds all that must be true of the answer.
pub(crate) fn holds(bytes: &[u8]) -> Loaded {
    static FILES: OnceLock<Cached<Folder>> = OnceLock::new();
    let files = FILES.get_or_init(|| Cached::new(Folder(folder("../manifests/stedi"))));
    let files = Counted { files, asked: AtomicUsize::new(0) };
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("lakeform.yaml");
    std::fs::write(&path, bytes).expect("a file is written");
    let loaded = load(&LoadOptions { path, ..LoadOptions::default() }, KINDS, &files);

    // One entry of a manifest takes some bytes, and none asks for more than a few files.
    let asked = files.asked.into_inner();
    assert!(asked <= bytes.len(), "{asked} questions for {} bytes", bytes.len());
    assert_eq!(loaded.desired.is_none(), loaded.diagnostics.has_errors(), "{:#?}", loaded.diagnostics);
    for diagnostic in &loaded.diagnostics.0 {
        assert!(!diagnostic.message.is_empty(), "{diagnostic:?}");
        if let Some(span) = diagnostic.span {
            let source = loaded.sources.get(span.file).expect("a problem names a file that was read");
            assert!(source.text.get(span.start..span.end).is_some(), "{diagnostic:?} is not inside its file");
        }
    }
    if let Some(desired) = &loaded.desired {
        let spans = desired.resources.values().map(|resource| resource.span);
        for span in spans.chain(desired.checks.iter().map(|check| check.span)) {
            let source = loaded.sources.get(span.file).expect("a resource stands in a file");
            assert!(source.text.get(span.start..span.end).is_some(), "{span:?}");
        }
    }
    let shown = loaded.render(false);
    assert!(shown.chars().all(|c| c == '\n' || !is_obeyed(c)), "{shown:?}");
    assert!(loaded.render(true).len() >= shown.len());
    let json = loaded.to_json();
    assert_eq!(json.as_array().map(Vec::len), Some(loaded.diagnostics.0.len()));
    loaded
}

fn manifests() -> Vec<(String, Vec<u8>)> {
    let mut files = corpus("manifests");
    for example in ["minimal", "stedi"] {
        let path = folder("../manifests").join(example).join("lakeform.yaml");
        files.push((example.to_owned(), std::fs::read(path).expect("an example")));
    }
    files
}

#[test]
fn the_corpus_holds_and_every_nasty_one_is_refused() {
    for (name, bytes) in manifests() {
        let loaded = holds(&bytes);
        let sound = name == "stedi" || name.starts_with("sound-");
        if name != "minimal" {
            assert_eq!(loaded.desired.is_some(), sound, "{name}: {}", loaded.render(false));
        }
    }
}

#[test]
fn any_bytes_hold() {
    fuzz("manifest, any bytes", 1, &vec(any::<u8>(), 0..400), |bytes| drop(holds(&bytes)));
    fuzz("manifest, any text", 1, &any::<String>(), |text| drop(holds(text.as_bytes())));
}

#[test]
fn any_tree_holds() {
    fuzz("manifest, any tree", 1, &trees::manifest(), |tree| {
        drop(holds(tree.to_string().as_bytes()));
        drop(holds(serde_yaml::to_string(&tree).expect("a tree is YAML").as_bytes()));
    });
}

#[test]
fn any_damage_to_a_manifest_holds() {
    fuzz("manifest, damaged", 1, &mutated(manifests()), |bytes| drop(holds(&bytes)));
}
