//! Sizes and shapes that would take a reader's memory or time, each once. A reader that is not bounded hangs here
//! or is ended by the system.

use std::path::Path;
use std::process::{Command, Output};

use lakeform_aws::kinds::KINDS;
use lakeform_manifest::{Folder, LoadOptions, Loaded, load};
use lakeform_tests::binary;

use crate::manifest::holds;

const HEAD: &str = "lakeform: 1\nstack: fuzz\nregion: us-east-1\n";

/// What one manifest may take of the system, whatever it says.
const MEBIBYTES: usize = 1024;
const SECONDS: usize = 15;

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

/// Lines made of their numbers.
fn list(number: usize, line: impl Fn(usize) -> String) -> String {
    (0..number).map(line).collect()
}

/// Manifests of very much of one thing, by what it is; `part` makes them so many times smaller.
fn floods(part: usize) -> Vec<(&'static str, String)> {
    let many = |number: usize| number / part;
    let buckets = list(many(20_000), |n| format!("  lake-{n}: {{}}\n"));
    let wrong = list(many(20_000), |n| format!("  b{n}: {{ nmae: x, name: '${{bucket.z{n}}}' }}\n"));
    let chain = list(many(5_000), |n| format!("  lake-{}: {{ depends_on: [bucket.lake-{n}] }}\n", n + 1));
    let names = list(many(150_000), |n| format!("${{bucket.y{n}}}"));
    let table = |n: usize| {
        format!("      t{n}: {{ location: 's3://lake-{n}/t/', format: json, columns: {{ a: int }} }}\n")
    };
    let tables = list(many(10_000), table);
    let keyed =
        list(many(10_000), |n| format!("  j{n}: {{ script: s{n}.py, role: nobody, reads: [a.b{n}] }}\n"));
    let uploads = list(many(12_000), |n| {
        format!("  u{n}: {{ from: lakeform.yaml, to: 's3://lake/{n}/', prune: true }}\n")
    });
    let bucket_names = list(many(60_000), |n| format!("bucket-{n}, "));
    let columns = list(many(40_000), |n| format!("c{n}: int, "));
    let defined = list(many(10_000), |n| format!("      t{n}: {{ ddl: large.sql }}\n"));
    let queries = list(many(10_000), |n| format!("  q{n}: {{ sql: select 1, database: none }}\n"));
    let endless = |text: &str, number: usize| text.repeat(many(number));
    vec![
        ("buckets", format!("{HEAD}buckets:\n{buckets}")),
        ("mistakes", format!("{HEAD}buckets:\n{wrong}")),
        ("unknown keys", format!("{HEAD}{}", list(many(15_000), |n| format!("k{n}: 1\n")))),
        ("a chain", format!("{HEAD}buckets:\n  lake-0: {{}}\n{chain}")),
        ("unknown names", format!("{HEAD}tags:\n  x: '{names}'\nbuckets:\n{buckets}")),
        (
            "a long tag on all",
            format!("{HEAD}tags: {{ x: {} }}\nbuckets:\n{buckets}", endless("x", 5_000_000)),
        ),
        ("tables", format!("{HEAD}databases:\n  d:\n    tables:\n{tables}")),
        ("jobs", format!("{HEAD}buckets:\n{buckets}jobs:\n{keyed}")),
        ("a large file", format!("{HEAD}databases:\n  d:\n    tables:\n{defined}")),
        ("uploads", format!("{HEAD}uploads:\n{uploads}")),
        (
            "a policy's buckets",
            format!(
                "{HEAD}roles:\n  r:\n    trust: glue.amazonaws.com\n    policies:\n      p: {{ preset: s3-access, buckets: [{bucket_names}] }}\n"
            ),
        ),
        (
            "columns",
            format!(
                "{HEAD}databases:\n  d:\n    tables:\n      t: {{ location: 's3://lake/t/', format: json, columns: {{ {columns} }} }}\n"
            ),
        ),
        ("queries", format!("{HEAD}queries:\n{queries}")),
        ("open names", format!("{HEAD}tags: {{ x: '{}' }}\n", endless("${", 1_000_000))),
        ("escaped names", format!("{HEAD}tags: {{ x: '{}' }}\n", endless("$${", 1_000_000))),
        ("a long key", format!("{HEAD}tags: {{ {}: x }}\n", endless("k", 2_000_000))),
        ("lists in lists", format!("{HEAD}{}", endless("- ", 100_000))),
        ("open lists", format!("{HEAD}x: {}", endless("[", 1_000_000))),
        ("open mappings", format!("{HEAD}x: {}", endless("{a: ", 300_000))),
        ("open keys", format!("{HEAD}x: {}", endless("? ", 100_000))),
        ("a long block", format!("{HEAD}x: |\n{}", endless("  y\n", 500_000))),
        ("a long quote", format!("{HEAD}x: \"{}\"", endless("\\n", 1_000_000))),
        ("empty lines", endless("\n", 5_000_000)),
        ("a long comment", endless("#", 2_000_000)),
        ("aliases of what is around them", endless("- &a [*a, *a]\n", 10_000)),
    ]
}

#[test]
fn a_flood_of_anything_is_told_inside_its_file() {
    for (_, text) in floods(50) {
        holds(text.as_bytes());
    }
}

/// The binary with a limit of its memory and of its processor's time, not of the clock's: the system ends one that
/// goes beyond. What a debug build does in this time is linear in the file, or nearly so.
fn limited(folder: &Path) -> Output {
    let limits = format!("ulimit -v {} && ulimit -t {SECONDS} && exec \"$@\"", MEBIBYTES * 1024);
    let plain = binary::command(folder);
    let mut command = Command::new("sh");
    command
        .env_clear()
        .current_dir(folder)
        .args(["-c", &limits, "sh"])
        .arg(plain.get_program())
        .arg("validate");
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.output().expect("the binary runs")
}

#[test]
fn a_flood_of_anything_ends_soon_and_in_bounded_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    // Large, and named by thousands.
    std::fs::write(folder.path().join("large.sql"), "-".repeat(1 << 20)).expect("a file");
    for (what, text) in floods(1) {
        std::fs::write(folder.path().join("lakeform.yaml"), text).expect("a manifest");
        let output = limited(folder.path());
        assert!(matches!(output.status.code(), Some(0 | 1)), "{what}: {}", cut(&binary::said(&output)));
        assert!(output.stderr.len() < 2_000_000, "{what}: {} bytes of problems", output.stderr.len());
    }
}

/// Large, and nothing wrong with it.
#[test]
fn a_manifest_of_two_thousand_tables_is_read_within_the_same_limits() {
    let column =
        |n: usize| format!("          - {{ name: column_{n}, type: 'array<struct<a:int,b:string>>' }}\n");
    let table = |n: usize| {
        let columns = list(20, column);
        format!(
            "      t{n}:\n        location: 's3://${{bucket.lake}}/t{n}/'\n        format: parquet\n        columns:\n{columns}"
        )
    };
    let tables = list(2_000, table);
    let text = format!("{HEAD}buckets:\n  lake: {{}}\ndatabases:\n  d:\n    tables:\n{tables}");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("lakeform.yaml"), text).expect("a manifest");
    let output = limited(folder.path());
    assert!(binary::said(&output).contains("is valid: 2,002 resources"), "{}", cut(&binary::said(&output)));
}

fn cut(text: &str) -> String {
    text.chars().take(2000).collect()
}
