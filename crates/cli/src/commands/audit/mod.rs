//! `audit`: the log of what happened.

mod verb;
mod verify;

pub(crate) use verb::{Verb, offline, print, run};
