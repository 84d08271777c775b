//! A store in memory: the simplest thing that keeps the rules of the storage ports, for the tests of everything above them.
//!
//! It shares no code with the SQLite store; both pass the same [`crate::conformance`] suites.

mod audit;
mod privacy;
mod reads;
mod registry;
mod secrets;
mod services;
mod state;
mod svids;
mod tasks;
mod tenants;

pub use state::MemoryStore;
