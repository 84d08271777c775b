//! `doctor`: what is wrong with an installation, found from its files, with what to do about each; and what is safe to mend, mended.
//!
//! **Invariant:** nothing is made or changed but by `--fix`, and what that does is said; a running daemon's data is only read.
//! **Invariant:** a check that could not be made is not passed: it says so, or names the check that it depends on.

mod command;
mod contexts;
mod data;
mod desired;
mod files;
mod finding;
mod followed;
mod host;
mod issuer;
mod keys;
mod run;
mod work_tree;

pub(crate) use data::is_served;

pub use command::{Doctor, doctor};
pub use finding::{Finding, Outcome};
