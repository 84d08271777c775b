//! `policy`: why something was or would be decided.

mod verb;

pub(crate) use verb::{Verb, explain, run};
