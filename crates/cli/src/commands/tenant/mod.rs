//! `tenant`

mod add;
mod verb;

pub(crate) use verb::{Verb, run};
