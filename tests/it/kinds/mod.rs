//! What is particular to one kind, against the emulators.

mod database;
mod table;
