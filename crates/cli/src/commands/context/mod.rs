//! `context`: installations and identities to act in.

mod issuer;
mod run;

pub(crate) use run::{Verb, run};
