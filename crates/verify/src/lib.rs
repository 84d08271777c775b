//! Verifies the evidence of one task offline, against a trust file that the verifier brings (semantics §5.3, §7).
//!
//! **Invariant:** only the one text of a bundle is accepted, and each of its bytes is bound by what was checked: by a record's leaf in a
//! signed log, by a commitment or by a digest. What could not be checked is said.
//! **Boundary:** depends on no other crate of the workspace; what both sides agree on is the page of the book about the format, RFC 8785,
//! RFC 6962, C2SP `tlog-checkpoint` and `signed-note`, RFC 7515 and RFC 8032.
//! **Boundary:** reads bytes that were given; no file, no clock, no network.
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
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        clippy::too_many_lines,
        reason = "tests may unwrap and be long"
    )
)]

mod base;
mod bundle;
mod certificate;
mod fields;
mod hash;
mod json;
mod key;
mod merkle;
mod note;
mod record;
mod refusal;
mod report;
mod steps;
mod trust;

pub use bundle::BUNDLE_LEN_MAX;
pub use refusal::Refusal;
pub use report::{Outcome, Report, Step};
pub use steps::{Options, verify};
pub use trust::TRUST_LEN_MAX;
