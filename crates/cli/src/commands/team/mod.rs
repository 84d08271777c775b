//! `team`

mod verb;

pub(crate) use verb::{Verb, run};
