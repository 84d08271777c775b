//! The runtime over fakes: whole lives of tasks, crashes included, in virtual time.
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::too_many_lines,
    unreachable_pub,
    reason = "tests may unwrap"
)]

mod approvals;
mod audit;
mod authority;
mod bed;
mod crash;
mod desired;
mod driven;
mod evidence;
mod fakes;
mod inputs;
mod joining;
mod keepers;
mod life;
mod limits;
mod logins;
mod models;
mod people;
mod privacy;
mod reads;
mod recent;
mod repo;
mod secrets;
mod services;
mod tenants;
