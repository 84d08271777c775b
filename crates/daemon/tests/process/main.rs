//! The daemon from outside: killed, signalled, starved, given rubbish. Truth is kept by a ledger that the daemon does not own.
//!
//! `cargo xtask test process` runs these tests; it builds both daemons, the shipped one and the one with failpoints.
#![forbid(unsafe_code)]
#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests may unwrap, wait by the clock, and start themselves again as a process"
)]

mod again;
mod approvals;
mod authorities;
mod backup;
mod canaries;
mod checkpoint_branch;
mod clock;
mod command;
mod configuration;
mod control_characters;
mod cut_meanwhile;
mod damage;
mod denied;
mod desired;
mod dev;
mod disk;
mod doctor;
mod driven;
mod egress;
mod envelope;
mod erasure;
mod evidence;
mod failpoints;
mod first_minutes;
mod git_server;
mod https;
mod identity_numbers;
mod installation;
mod issuers;
mod joining;
mod keyring;
mod keystore;
mod kills;
mod ledger;
mod logins;
mod logout;
mod neighbours;
mod next_steps;
mod people;
mod process;
mod prompts;
mod remote;
mod repository;
mod restore;
mod reviewed;
mod revocation;
mod rollback;
mod rotation;
mod same_second;
mod second_tenant;
mod secrets;
mod service_unit;
mod services;
mod serving;
mod signals;
mod silent;
mod skills;
mod stolen_key;
mod tenants;
mod tenants_checked;
mod tenants_enrolled;
mod tenants_restored;
mod tools;
mod traces;
mod vault;
mod watching;
mod web;
mod witness;
mod workers;
mod workload;
