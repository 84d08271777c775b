//! `model`: what agents may be driven by.

mod verb;

pub(crate) use verb::{Verb, run};
