//! `xtask/ratchet.toml`: numbers that may only shrink.

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::tree::Tree;

/// Where the numbers stand.
pub(crate) const PATH: &str = "xtask/ratchet.toml";

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ratchet {
    /// Lints expected away.
    pub(crate) expect: Expect,
    /// What a default user builds.
    pub(crate) default_build: DefaultBuild,
}

/// The count of `#[expect(…)]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    /// Attributes in production code.
    pub(crate) count: usize,
}

/// The dependency budget.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DefaultBuild {
    /// Crates linked, own ones included.
    pub(crate) crates: usize,
    /// Number of the decision that allows as many, four digits.
    pub(crate) decision: String,
}

impl Ratchet {
    /// Reads the file of `tree`.
    ///
    /// # Errors
    /// When it is missing or not of this shape.
    pub(crate) fn load(tree: &Tree) -> Result<Self> {
        let text = tree.text(PATH).with_context(|| format!("{PATH} is missing"))?;
        Self::parse(text)
    }

    /// Parses `text`.
    ///
    /// # Errors
    /// When it is not of this shape.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).with_context(|| format!("{PATH} is not valid"))
    }
}
