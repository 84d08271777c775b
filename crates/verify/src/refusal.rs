//! Why something is refused: a reason of one word, a place, and what is wrong there.

use std::fmt;

/// Why something is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, one word: `form`, `schema`, `trust`, `signature`, `inclusion`, `sequence`, …
    pub reason: &'static str,
    /// Where, as `log.records[3].record.seq`; empty when it is the whole.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}

impl Refusal {
    /// A refusal for `reason` at `place`.
    #[must_use]
    pub fn new(reason: &'static str, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { reason, place: place.into(), what: what.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        if !self.place.is_empty() {
            write!(f, " at {}", self.place)?;
        }
        write!(f, ": {}", self.what)
    }
}

impl std::error::Error for Refusal {}
