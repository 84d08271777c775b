//! Certificates of agents: who gets one, what is written about it, and what ends it before its time (semantics §4.1–4.3, 4.8).
//!
//! **Invariant:** a certificate leaves the process after its entry in the book and its audit record are durable, in one commit.
//! **Invariant:** it names the agent that the registry knows, and nobody else; of whoever asks nothing is believed but the key.

mod alarms;
mod error;
mod event;
mod issuance;
mod joining;
mod renewal;
mod rotation;

pub use error::{Error, Spoiled};
pub use event::Event;
pub use issuance::{Basis, By, Issuance, Order, Terms, TimeTrust};
pub use joining::{Enrolment, Made};
