//! The steps of a verification, each by itself; what one refuses the next ones still look at.

mod approvals;
mod calls;
mod chain;
mod decisions;
mod installation;
mod log;
mod openings;
mod policies;
mod run;
mod statement;
mod story;
mod submission;
mod token;

pub use run::{Options, verify};
