//! Sizes and shapes that would take a reader's memory or time, each once. A reader that is not bounded hangs here
//! or is ended by the system.

use std::fmt::Write as _;

use lakeform_aws::kinds::KINDS;
use lakeform_manifest::{Folder, LoadOptions, Loaded, load};

use crate::manifest::holds;

const HEAD: &str = "lakeform: 1\nstack: fuzz\nregion: us-east-1\n";

fn loaded(folder: &tempfile::TempDir) -> Loaded {
    let options = LoadOptions { path: folder.path().join("lakeform.yaml"), ..LoadOptions::default() };
    load(&options, KINDS, &Folder(folder.path().to_owned()))
}

/// A file of so many bytes that takes no room.
fn sparse(folder: &tempfile::TempDir, name: &str, size: u64) {
    let file = std::fs::File::create(folder.path().join(name)).expect("a file is made");
    file.set_len(size).expect("it gets its size");
}

#[test]
fn a_manifest_far_too_large_is_refused_unread() {
    for size in [100_000_000, 100_000_000_000] {
        let folder = tempfile::tempdir().expect("a folder");
        sparse(&folder, "lakeform.yaml", size);
        let loaded = loaded(&folder);
        assert!(loaded.sources.0.is_empty());
        assert!(loaded.render(false).contains("is larger than 10 MiB"), "{}", loaded.render(false));
    }
}

#[test]
fn a_definition_far_too_large_is_refused_unread() {
    for size in [100_000_000, 100_000_000_000] {
        let folder = tempfile::tempdir().expect("a folder");
        sparse(&folder, "t.sql", size);
        let manifest = format!("{HEAD}databases:\n  d:\n    tables:\n      t: {{ ddl: t.sql }}\n");
        std::fs::write(folder.path().join("lakeform.yaml"), manifest).expect("a manifest");
        let shown = loaded(&folder).render(false);
        assert!(shown.contains("`t.sql` is larger than 4 MiB"), "{shown}");
    }
}

#[test]
fn many_entries_and_many_problems_take_no_endless_time() {
    let list = |number: usize, line: &dyn Fn(usize) -> String| (0..number).map(line).collect::<String>();
    let buckets = list(20_000, &|n| format!("  b{n}: {{}}\n"));
    let wrong = list(20_000, &|n| format!("  b{n}: {{ nmae: x, name: ${{bucket.z{n}}} }}\n"));
    let unknown = list(30_000, &|n| format!("k{n}: 1\n"));
    let chain = list(5_000, &|n| format!("  b{}: {{ depends_on: [bucket.b{n}] }}\n", n + 1));
    let mut names = format!("{HEAD}tags:\n  x: '");
    for number in 0..300_000 {
        let _ = write!(names, "${{bucket.y{number}}}");
    }
    for text in [
        format!("{HEAD}buckets:\n{buckets}"),
        format!("{HEAD}buckets:\n{wrong}"),
        format!("{HEAD}{unknown}"),
        format!("{HEAD}buckets:\n  b0: {{}}\n{chain}"),
        format!("{names}'\nbuckets:\n{buckets}"),
        format!("{HEAD}tags: {{ x: '{}' }}\n", "${".repeat(1_000_000)),
        format!("{HEAD}tags: {{ x: '{}' }}\n", "$${".repeat(1_000_000)),
        format!("{HEAD}tags: {{ {}: x }}\n", "k".repeat(5_000_000)),
        format!("{HEAD}{}", "- ".repeat(100_000)),
        format!("{HEAD}x: {}", "[".repeat(1_000_000)),
        format!("{HEAD}x: {}", "{a: ".repeat(300_000)),
        format!("{HEAD}x: {}", "? ".repeat(100_000)),
        format!("{HEAD}x: |\n{}", "  y\n".repeat(500_000)),
        format!("{HEAD}x: \"{}\"", "\\n".repeat(1_000_000)),
        "\n".repeat(5_000_000),
        "#".repeat(5_000_000),
        "- &a [*a, *a]\n".repeat(10_000),
    ] {
        holds(text.as_bytes());
    }
}
