//! The whole daemon in process: real store, keys, TLS, git and policies; port 0, no network.
#![forbid(unsafe_code)]
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::too_many_lines,
    clippy::disallowed_methods,
    reason = "tests may unwrap"
)]

mod audit;
mod control_characters;
mod every_rpc;
mod forged;
mod hostile_models;
mod joining;
mod limits;
mod outside;
mod possession;
mod provider;
mod proving;
mod repository;
mod session;
mod task;
mod trace;
mod wire;
mod world;
