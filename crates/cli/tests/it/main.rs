//! The built program from outside, without a daemon.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests may unwrap, and this one sets the environment of programs"
)]

mod completions;
mod contexts;
mod errors;
mod help;
mod keyring;
mod logins;
mod pipes;
mod program;
