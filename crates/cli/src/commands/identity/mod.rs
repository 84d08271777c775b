//! `identity`: who signs certificates, and by what everybody verifies them.

mod ca;
mod rotate;
mod verb;

pub(crate) use verb::{Verb, offline, run};
