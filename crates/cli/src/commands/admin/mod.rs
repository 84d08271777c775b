//! `admin`

mod erase;
mod hold;
mod retention;
mod verb;

pub(crate) use verb::{Verb, offline, run};
