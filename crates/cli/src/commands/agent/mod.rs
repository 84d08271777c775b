//! `agent`

mod add;
mod logs;
mod verb;

pub(crate) use verb::{Verb, run};
