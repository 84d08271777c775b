//! `tool`: what agents may call.

mod verb;

pub(crate) use verb::{Verb, run};
