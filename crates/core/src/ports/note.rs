//! What becomes durable with a change that a request made.

use super::{SealedDecision, StoredAnswer};
use crate::audit::Record;

/// What becomes durable in the same commit as a change of the registry or of the secrets (semantics §1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The one audit record of the change.
    pub record: Record,
    /// Decisions that the record notes.
    pub decisions: Vec<SealedDecision>,
    /// The answer to keep under (principal, method, request id); a second one under its key fails the commit.
    pub answer: Option<(String, StoredAnswer)>,
}

impl From<Record> for Note {
    /// A change that nobody asked for through the API.
    fn from(record: Record) -> Self {
        Self { record, decisions: Vec::new(), answer: None }
    }
}
