//! Approvals: listing them, showing them, and taking an approver's signed statement.
//!
//! **Invariant:** the daemon acts only on bytes equal to its own rebuilding of the statement, signed by an enrolled key of
//! a human for whom the call is not made, or whom policy lets approve such a call too (semantics §5.1–5.4).

mod error;
mod service;
mod statement;

pub use error::Error;
pub use service::{Decided, Service, Shown, SignedAnswer};
