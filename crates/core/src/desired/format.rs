//! The syntax of desired-state files, which an adapter knows.

use super::{AgentFile, OverlayFile, SkillFile, TeamFile};
use crate::egress::Destination;
use crate::model;
use crate::tool::Manifest;
use crate::workflow;

/// Reads text into the files' types.
///
/// An implementation refuses unknown and doubled keys and anything that grows beyond its text (anchors, merges), and
/// answers hostile text of [`super::FILE_LEN_MAX`] bytes within 100 ms and 64 MiB.
pub trait Format: Send + Sync + std::fmt::Debug {
    /// Reads `teams/<id>.yaml`.
    ///
    /// # Errors
    /// [`Syntax`].
    fn team(&self, text: &str) -> Result<TeamFile, Syntax>;

    /// Reads `agents/<id>.yaml`.
    ///
    /// # Errors
    /// [`Syntax`].
    fn agent(&self, text: &str) -> Result<AgentFile, Syntax>;

    /// Reads `models/<id>.yaml`.
    ///
    /// # Errors
    /// [`Syntax`].
    fn model(&self, text: &str) -> Result<model::File, Syntax>;

    /// Reads `destinations/<id>.yaml`.
    ///
    /// # Errors
    /// [`Syntax`].
    fn destination(&self, text: &str) -> Result<Destination, Syntax>;

    /// Reads `tools/<id>.yaml`.
    ///
    /// # Errors
    /// [`Syntax`].
    fn tool(&self, text: &str) -> Result<Manifest, Syntax>;

    /// Reads `workflows/<id>.yaml`.
    ///
    /// # Errors
    /// [`Syntax`].
    fn workflow(&self, text: &str) -> Result<workflow::File, Syntax>;

    /// Reads `env/<name>.yaml`.
    ///
    /// # Errors
    /// [`Syntax`].
    fn overlay(&self, text: &str) -> Result<OverlayFile, Syntax>;

    /// Reads the front matter of `workspaces/<agent>/skills/<name>/SKILL.md`.
    ///
    /// # Errors
    /// [`Syntax`].
    fn skill(&self, text: &str) -> Result<SkillFile, Syntax>;
}

/// Why text is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("text is refused: {reason}")]
pub struct Syntax {
    /// The line from 1, where it is known.
    pub line: Option<u64>,
    /// What is wrong, one line.
    pub reason: String,
}
