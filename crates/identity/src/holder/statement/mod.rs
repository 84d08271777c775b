//! Signed statements: what an approver approved, and which key is an approver's (semantics §5.1, §5.2).
//!
//! **Invariant:** each kind is signed behind its own tag, so that no signature of one kind, of a token or of a note
//! is ever good for another.

mod approval;
mod enrolment;
mod error;

pub use approval::{APPROVAL_LEN_MAX, sign_approval, verify_approval};
pub use enrolment::{Enrolment, Signed, sign_enrolment, verify_enrolment};
pub use error::Error;

#[cfg(test)]
mod tests;
