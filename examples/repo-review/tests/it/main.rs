//! The program from outside: its tools one after the other as the workflow calls them, a kill at the worst moment, and the
//! independent check of what came out.
#![forbid(unsafe_code)]
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests may unwrap"
)]

mod check;
mod fixture;
mod publish;
