//! `context`: installations and identities to act in.

mod run;

pub(crate) use run::{Verb, run};
