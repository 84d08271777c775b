//! `secret`

mod value;
mod verb;

pub(crate) use verb::{Verb, run};
