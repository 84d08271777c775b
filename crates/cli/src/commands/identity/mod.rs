//! `identity`: who signs certificates, and by what everybody verifies them.

mod ca;
mod rotate;
mod svid;
mod verb;

pub(crate) use svid::svids;
pub(crate) use verb::{Verb, offline, run};
