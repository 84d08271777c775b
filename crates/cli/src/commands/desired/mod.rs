//! Verbs that write desired state: a commit to the local repository, which is in force when the verb returns.

mod git;
mod membership;
mod write;

pub(crate) use membership::Move;
pub(crate) use write::{Change, Place, Written, commit, put};
