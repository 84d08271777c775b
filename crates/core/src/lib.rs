//! What is true in ScalBotics: domain values, state machines, decisions, and the ports to everything else.
//!
//! **Invariant:** nothing here does I/O, reads a clock, draws randomness or knows an async runtime; time, ids and
//! random bytes are arguments or ports, so that one seed replays a whole run.
//!
//! **Boundary:** every other crate of the workspace may depend on this one; this one depends on none of them.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::allow_attributes,
        clippy::string_slice,
        clippy::wildcard_enum_match_arm,
        reason = "tests may slice texts that they wrote themselves, and look at a few events only"
    )
)]

pub mod agent;
pub mod approval;
pub mod audit;
pub mod conversation;
pub mod desired;
pub mod digest;
pub mod egress;
pub mod evidence;
pub mod failpoint;
pub mod identity;
pub mod ids;
pub mod json;
pub mod model;
pub mod outside;
pub mod payload;
pub mod policy;
pub mod ports;
pub mod principal;
pub mod privacy;
pub mod redaction;
pub mod rpc;
pub mod secret;
pub mod service;
pub mod task;
pub mod tenant;
pub mod time;
pub mod tool;
pub mod worker;
pub mod workflow;
pub mod workload;

mod in_words;
mod shell;

pub use in_words::in_words;
pub use shell::shell_word;
