//! The steps of a verification, each by itself; what one refuses the next ones still look at.

mod approvals;
mod calls;
mod certificates;
mod chain;
mod decisions;
mod installation;
mod log;
mod openings;
mod policies;
mod run;
mod secrets;
mod statement;
mod story;
mod submission;
mod token;
mod tools;

pub use run::{Options, verify};
