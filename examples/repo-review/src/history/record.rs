//! The answer of `history`, which is a part of the input of `report` as well.

use serde::{Deserialize, Serialize};

/// A repository's history up to one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct History {
    /// The commit's id.
    pub(crate) commit: String,
    /// Commits up to it that are no merges.
    pub(crate) commits: u64,
    /// Regular files in it.
    pub(crate) files: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Lines that all commits added, in files that are gone too; binary files have none.
    pub(crate) lines_added: u64,
    /// Lines that they removed.
    pub(crate) lines_removed: u64,
    /// The files of highest risk first; lock files, which programs write, are not ranked.
    pub(crate) riskiest: Vec<Changed>,
}

/// A file and how it changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changed {
    /// Its path from the repository's root; bytes that are no UTF-8 are replaced.
    pub(crate) path: String,
    /// Commits that changed it, merges left out. Renames are not followed.
    pub(crate) commits: u64,
    /// Lines that they added.
    pub(crate) lines_added: u64,
    /// Lines that they removed.
    pub(crate) lines_removed: u64,
    /// Its size now.
    pub(crate) bytes: u64,
    /// `commits × bytes`: often changed and large is where mistakes live.
    pub(crate) risk: u64,
    /// Day of the newest of those commits in UTC, as `2026-01-31`; empty if none.
    pub(crate) last_changed: String,
}
