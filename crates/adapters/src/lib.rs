//! The outside world behind the ports of core: files, processes, policy engines, git, model servers, witnesses.
//!
//! **Invariant:** modules of this crate never import one another; only the daemon knows more than one.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::allow_attributes,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::disallowed_methods,
        reason = "tests may unwrap"
    )
)]

pub mod attest;
mod build;
pub mod git;
pub mod issuer;
pub mod keeper;
pub mod model;
pub mod policy;
pub mod tool;
