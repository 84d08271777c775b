//! The store from outside: conformance, damage, full disks, kills, concurrency.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests may unwrap, measure time, and start themselves again as a process"
)]

mod concurrent;
mod conform;
mod cut;
mod damage;
mod erased;
mod fold;
mod full_disk;
mod killed;
mod open;
mod place;
mod rights;
mod verify;
mod windows;
