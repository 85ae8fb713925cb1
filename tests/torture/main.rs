//! Torture: killed at every change, a fifth of all calls failing, several hands at once. The real binary and
//! the real kinds against the emulator, behind a proxy that makes the trouble; and the same in memory, over
//! generated stacks.
//!
//! `LAKEFORM_TORTURE=full` tries every kill point, all seeds and many more cases, `LAKEFORM_TORTURE=short` a
//! sample; without either, the few that every run of the tests can afford.

mod census;
mod console;
mod crash;
mod eventual;
mod faults;
mod memory;
mod races;
mod stage;

use lakeform_tests::binary;

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// In every run of the tests: enough to see that the torture itself works.
    Glance,
    /// Before a change lands.
    Short,
    /// Everything.
    Full,
}

impl Form {
    fn asked() -> Self {
        let asked = std::env::var("LAKEFORM_TORTURE").unwrap_or_default();
        match asked.as_str() {
            "" => Self::Glance,
            "short" => Self::Short,
            "full" => Self::Full,
            _ => panic!("LAKEFORM_TORTURE is `short` or `full`, not `{asked}`"),
        }
    }

    /// One of three.
    fn choose<T>(self, glance: T, short: T, full: T) -> T {
        match self {
            Self::Glance => glance,
            Self::Short => short,
            Self::Full => full,
        }
    }
}

/// Says how much was tried; `make torture` adds the numbers up by their names.
#[expect(clippy::print_stdout, reason = "the figures are for people to read")]
fn figures(what: &str, number: usize) {
    println!("torture: {what}: {number}");
}
