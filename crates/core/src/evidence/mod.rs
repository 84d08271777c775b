//! Evidence of one task: what leaves the machine as one file, for whoever does not trust it (semantics §7.2, §9.2).
//!
//! **Invariant:** a bundle has one text: the canonical JSON (RFC 8785) of its fields; nothing stands in it that a record of the
//! audit log does not bind, by its leaf, by a commitment or by a digest, so that no byte of it can be changed unseen.
//! **Boundary:** `scalbotics-verify` shares no code with this module; what both agree on is the page of the book about the format.

mod bundle;
mod submission;

pub use bundle::{Bundle, Called, Cosigned, Defined, Entry, FORMAT, LEN_MAX, Opening};
pub use submission::Submission;
