//! Ctrl-C: the first one asks to come to an end, the second one ends at once.

use lakeform_engine::{Halt, Wish};
use lakeform_executor::Stop;

use crate::ui::{can_ask, interject, read_line};

/// The exit code of a process that was interrupted.
const INTERRUPTED: i32 = 130;

/// Lets the first Ctrl-C do something and the second one end the process, as long as it lives.
pub(crate) struct Interrupt(tokio::task::JoinHandle<()>);

impl Interrupt {
    /// The first Ctrl-C says so on stderr and calls `first`.
    fn new(said: &'static str, first: impl FnOnce() + Send + 'static) -> Self {
        Self(tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_err() {
                return;
            }
            interject(&format!("\n{said}\n"));
            first();
            if tokio::signal::ctrl_c().await.is_ok() {
                // The user asked twice: nothing is worth waiting for.
                std::process::exit(INTERRUPTED);
            }
        }))
    }

    /// No further step begins; running ones finish.
    pub(crate) fn stops_steps(stop: &Stop) -> Self {
        let stop = stop.clone();
        let said = "interrupted: no further step begins, running calls finish; once more ends at once";
        Self::new(said, move || stop.request())
    }

    /// What is under way is stopped.
    pub(crate) fn stops_queries(halt: &Halt) -> Self {
        let halt = halt.clone();
        Self::new("interrupted: queries are being cancelled; once more ends at once", move || {
            halt.ask(Wish::Stop);
        })
    }

    /// No further job begins; what happens with the runs under way is asked, where there is somebody to ask.
    pub(crate) fn asks_about_runs(halt: &Halt) -> Self {
        let halt = halt.clone();
        Self::new("interrupted: no further job begins; once more ends at once", move || {
            halt.ask(Wish::BeginNothing);
            if !can_ask() {
                interject("the runs under way go on in AWS\n");
                halt.ask(Wish::Leave);
                return;
            }
            // A line of its own: the one below moves and would wipe it away.
            interject("\rstop the runs under way, too? [y/N]\n");
            // On a thread of its own: a second Ctrl-C must be heard meanwhile.
            std::thread::spawn(move || {
                let stop = read_line().is_ok_and(|answer| matches!(answer.as_str(), "y" | "Y" | "yes"));
                halt.ask(if stop { Wish::Stop } else { Wish::Leave });
            });
        })
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.0.abort();
    }
}
