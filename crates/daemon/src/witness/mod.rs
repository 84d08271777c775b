//! `audit witness`: cosigns checkpoints of logs that only ever grew (C2SP tlog-witness), on another host than the logs'.
//!
//! **Invariant:** what was cosigned is on disk before the answer; of one log no two histories are cosigned, whatever is asked, by how many
//! at one time, and wherever it is killed.

mod book;
mod judge;
mod server;
mod verb;

pub(crate) use verb::{Witness, run};

#[cfg(test)]
mod tests;
