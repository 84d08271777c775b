//! `team`

mod add;
mod remove;
mod verb;

pub(crate) use verb::{Verb, run};
