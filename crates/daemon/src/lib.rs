//! The daemon: configuration, wiring, and the API in front of the runtime.
//!
//! **Boundary:** only this crate knows which implementation stands behind a port.
//! **Invariant:** nothing is decided here but who calls and whether a call may come in; what happens is core's and the
//! runtime's.
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
        clippy::too_many_lines,
        clippy::disallowed_methods,
        reason = "tests may unwrap"
    )
)]

mod admin;
mod anchor;
mod authorities;
pub mod clock;
mod clock_mark;
mod compiler;
pub mod config;
mod covering;
mod disaster;
pub mod doctor;
mod export;
#[cfg(feature = "failpoints")]
pub mod failpoint;
mod following;
pub mod id_source;
mod issuer_document;
mod issuer_keys;
mod jwt_keys;
mod keepers;
mod keyring;
mod keys;
mod keystore_file;
pub mod layout;
pub mod logging;
mod mapped;
pub mod notify;
pub mod offline;
mod open_files;
mod open_metrics;
mod own_secrets;
mod places;
pub mod program;
mod roots;
pub mod rpc;
mod running;
pub mod setup;
mod start_error;
mod tenants;
mod usage;
mod wiring;
mod witness;
mod workspaces;

pub use anchor::Refused;
pub use running::Running;
pub use start_error::StartError;
pub use wiring::{Start, check, start};
