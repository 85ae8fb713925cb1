//! The documents say what is so.

use std::path::Path;

/// The page of guarantees names tests by file and function: each of them exists.
#[test]
fn every_test_that_the_guarantees_name_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("docs/src/guarantees.md")).unwrap();
    let mut source = String::new();
    let mut named = 0;
    for word in page.split('`').skip(1).step_by(2) {
        if Path::new(word).extension().is_some_and(|extension| extension == "rs") {
            source =
                std::fs::read_to_string(root.join(word)).unwrap_or_else(|error| panic!("{word}: {error}"));
        } else if word.contains('_')
            && word.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '_' | '0'..='9'))
        {
            named += 1;
            assert!(source.contains(&format!("fn {word}(")), "{word} is in no test");
        }
    }
    assert!(named > 40, "{named} tests are named");
}
