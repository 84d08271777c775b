//! Evidence of a task: everything that a stranger needs to check it, gathered from the stores (semantics §7.2).
//!
//! **Invariant:** nothing leaves that the audit log does not bind, and the exporter decides nothing: what is there is in the bundle,
//! and what is not is named in it as withheld.

mod contents;
mod error;
mod gather;
mod seen;
mod service;
mod texts;
mod token;

pub use error::Error;
pub use service::{Authority, Service, Wanted};
