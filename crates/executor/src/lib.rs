//! Reads an account and runs a plan against it: dependency order, bounded concurrency, a reread before
//! every change, retries, events. Prints nothing and knows no kind by name.

mod apply;
mod events;
mod patience;
mod remainder;
mod step;
mod survey;

pub use apply::{ApplyOptions, Stop, apply};
pub use events::{Event, Outcome, Summary};
pub use survey::{survey, take_inventories};
