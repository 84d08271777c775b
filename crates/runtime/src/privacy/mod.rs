//! Privacy: erasing by order and by age, legal holds, and the rotation by which backups forget too (semantics §7.2).
//!
//! **Invariant:** an order to erase is durable, with its record, before the first byte goes; what a crash interrupts is carried on with
//! at the next start. Every step may be done twice.
//! **Invariant:** nothing is erased that a legal hold is on: the commit of an order, and of each batch that goes by age, looks.
//! **Invariant:** one worker at a time changes the marks and destroys payloads.

mod error;
mod finder;
mod pass;
mod rotation;
mod service;
mod trust;
mod upkeep;
mod works;

pub use error::Error;
pub use service::{About, Placed, Service, Standing};
pub use upkeep::{BACKUPS, Ground, PASS_MS, Terms};
