//! `task`: run, watch, and settle.

mod follow;
mod list;
mod run;
mod settle;
mod show;
mod tree;
mod until;
mod verb;

pub(crate) use verb::{Verb, run};
