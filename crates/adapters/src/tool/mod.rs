//! Tools that act: the file tools, the sandbox of programs, and requests that leave the machine.
//!
//! **Boundary:** B3 and B4 of the security model. Nothing here decides whether a call may run; it makes sure that a call
//! that may run touches only what it was given.

mod content;
pub mod fs;
pub mod http;
pub mod process;
mod runner;

pub use self::runner::{LocalRunner, Workspaces};
