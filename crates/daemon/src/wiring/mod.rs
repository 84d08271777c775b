//! Everything built, in one readable order.

mod checks;
mod loops;
mod parts;
mod start;
mod trust;
mod workloads;

pub use checks::check;
pub(crate) use checks::compiler;
pub(crate) use parts::{Unserved, git, offline, roots};
pub use start::{Start, start};
