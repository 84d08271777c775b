//! Tools that act on this machine: the file tools and the sandbox of own tools.
//!
//! **Boundary:** B3 and B4 of the security model. Nothing here decides whether a call may run; it makes sure that a call
//! that may run touches only what it was given.

pub mod fs;
pub mod process;
mod runner;

pub use self::runner::{LocalRunner, Workspaces};
