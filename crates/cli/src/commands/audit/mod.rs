//! `audit`: the log of what happened.

mod export;
mod query;
mod verb;
mod verify;

pub(crate) use verb::{Verb, offline, print, run};
