//! Bounded fuzzing of everything that reads what people write: manifests, table definitions, saved plans, policy
//! documents, scripts of faults. Whatever the bytes: no panic, no endless work, every mistake told inside its
//! file.
//!
//! `LAKEFORM_FUZZ_CASES` sets the cases a family (150 by default), `LAKEFORM_FUZZ_SEED` the seed (fixed by
//! default, so that CI is the same every time). A failing case is made small and printed with its seed.

mod ddl;
mod fixed;
mod manifest;
mod mutation;
mod plan_file;
mod policy;
mod trees;

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

const CASES: u32 = 150;
const SEED: u64 = 20_190_411;

fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, which is no number")),
        Err(_) => default,
    }
}

/// Holds a property against the cases of a family. `cost` divides their number where one takes long.
#[expect(clippy::print_stdout, reason = "how many cases there were is told with `--nocapture`")]
fn fuzz<S: Strategy>(family: &str, cost: u32, cases: &S, holds: impl Fn(S::Value))
where
    S::Value: Debug,
{
    let number = (setting("LAKEFORM_FUZZ_CASES", CASES) / cost).max(1);
    let seed = setting("LAKEFORM_FUZZ_SEED", SEED);
    let config = Config {
        cases: number,
        failure_persistence: None,
        max_shrink_iters: 2000,
        source_file: None,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let outcome = TestRunner::new_with_rng(config, random).run(cases, |case| {
        holds(case);
        Ok(())
    });
    match outcome {
        Ok(()) => println!("fuzz cases: {number} ({family}, seed {seed})"),
        Err(error) => panic!(
            "{family}: {error}\nagain with LAKEFORM_FUZZ_SEED={seed} LAKEFORM_FUZZ_CASES={}",
            number * cost
        ),
    }
}

/// The folder of the corpus, or of the examples.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Every file of a folder of the corpus, in the order of their names.
fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder("corpus").join(name)).expect("the corpus is there");
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("a file of the corpus"))
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "tests/corpus/{name} is empty");
    files
}
