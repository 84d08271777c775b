//! Verbs that write desired state: a commit to the local repository, which is in force when the verb returns.

mod git;
mod write;

pub(crate) use write::{Change, Place, Written, put};
