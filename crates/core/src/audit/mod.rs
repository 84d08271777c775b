//! The audit log: records, their Merkle tree (RFC 6962 hashing) and signed checkpoints (C2SP tlog-checkpoint).
//!
//! **Invariant:** one log per tenant, append only; a leaf is the canonical JSON of a [`Record`], which holds
//! pseudonymous ids and commitments and never names, arguments or reasons (semantics §7.2–7.3).

pub mod checkpoint;
pub mod merkle;
mod record;

pub use record::{DecisionNote, Kind, OutcomeNote, RECORD_LEN_MAX, Record};
