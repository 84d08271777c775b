//! The keepers of checkpoints that the configuration names, as the checkpoints are given to them.

mod git;
mod made;
mod witness;

pub(crate) use made::keepers;
