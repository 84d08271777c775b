//! A bundle that the shipped daemon made, and ten thousand that nobody did.
//!
//! `task.evidence` and `trust.json` in `data/` are made anew by `UPDATE_EVIDENCE=1 cargo xtask test a_task_is_proven_to_a_stranger`.
#![forbid(unsafe_code)]
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests may unwrap and index"
)]

mod alone;
mod beside;
mod forged;
mod golden;
mod mutations;
mod restored;
mod structure;

/// The bundle, of a task that was approved and ran.
pub(crate) const BUNDLE: &[u8] = include_bytes!("../data/task.evidence");

/// The trust file of its installation.
pub(crate) const TRUST: &[u8] = include_bytes!("../data/trust.json");

/// Such a bundle, whose records have version 1: a call is named by its digest there.
pub(crate) const OLD_BUNDLE: &[u8] = include_bytes!("../data/version-1.evidence");

/// The trust file of its installation.
pub(crate) const OLD_TRUST: &[u8] = include_bytes!("../data/version-1.trust.json");
