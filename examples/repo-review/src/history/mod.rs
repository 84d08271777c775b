//! What changed how often: the history of one commit, counted per file, riskiest first.

mod count;
mod date;
mod git;
mod read;
mod record;

pub(crate) use read::read;
pub(crate) use record::{Changed, History};
