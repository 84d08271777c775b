//! The input of `report`.

use serde::{Deserialize, Serialize};

use crate::history::History;

/// What the steps before found.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Findings {
    /// The mount that was searched; goes from the front of the paths.
    pub(super) mount: String,
    /// Answer of `history`.
    pub(super) history: History,
    /// Answer of the search for private keys.
    pub(super) private_keys: Search,
    /// Answer of the search for access keys of AWS.
    pub(super) aws_keys: Search,
    /// Answer of the search for tokens.
    pub(super) tokens: Search,
    /// Answer of the search for conflict markers.
    pub(super) conflict_markers: Search,
}

/// An answer of `fs.search`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    pub(super) matches: Vec<Match>,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) skipped: Skipped,
}

/// A line that matched.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Match {
    pub(super) path: String,
    pub(super) line: u64,
    /// Byte from 1 at which the match begins.
    pub(super) column: u64,
    pub(super) text: String,
    /// Whether the text is only the line's beginning.
    #[serde(default)]
    pub(super) cut: bool,
}

/// What was not searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Skipped {
    pub(super) binary: u64,
    pub(super) large: u64,
    pub(super) links: u64,
    pub(super) special: u64,
    pub(super) unreadable: u64,
    pub(super) deep: u64,
}
