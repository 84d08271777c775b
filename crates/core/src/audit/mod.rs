//! The audit log: records, their Merkle tree (RFC 6962 hashing) signed checkpoints (C2SP tlog-checkpoint),
//! proofs and tiles as others read them (C2SP tlog-proof, tlog-witness, tlog-tiles).
//!
//! **Invariant:** one log per tenant, append only; a leaf is the canonical JSON of a [`Record`], which holds
//! pseudonymous ids and commitments and never names, arguments or reasons (semantics §7.2–7.3).

pub mod checkpoint;
mod glance;
mod line;
pub mod merkle;
pub mod proof_text;
mod record;
mod restore_note;
mod search;
pub mod tile;

pub use record::{DecisionNote, HeadNote, Kind, OutcomeNote, RECORD_LEN_MAX, RESTORE_ACTION, Record};
pub use restore_note::{LostNote, RestoreNote};
pub use search::{Facts, Filter, Order, Ruled};
