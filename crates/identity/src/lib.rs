//! The only keys, signatures and ciphers of the workspace (plain hashing is in core).
//!
//! Half [`holder`] is for whoever holds a key of their own: make a key, sign, connect. Half `authority` (a cargo
//! feature, enabled by the daemon alone) is what the installation does: certificate authority, keystore, issuer of
//! tokens, encryption of payloads.
//!
//! **Invariant:** no clock is read here; `now` is an argument, or rustls' time provider given by the caller.
//! **Invariant:** secrets are zeroized when dropped, and `Debug` prints nothing of them.
//! **Invariant:** the TLS provider is aws-lc-rs, named at each use; a process-wide default is never relied on.
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
        reason = "tests may unwrap"
    )
)]

#[cfg(feature = "authority")]
pub mod authority;
pub mod holder;

mod document;
mod encoding;
mod entropy;
mod jws;
mod pem;
pub mod private_file;
