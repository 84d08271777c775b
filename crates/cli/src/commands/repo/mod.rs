//! `repo`: the repository of desired state.

mod verb;

pub(crate) use verb::{Verb, run};
