//! What the kernel says of a process at the other end of a Unix socket: user, group, program and unit.
//!
//! A number of a process is a name that is used again. So the process is held by a descriptor (`pidfd`) from the connection on, its start time is
//! remembered, and everything that was read under its number counts only if the process is still the same afterwards.
//!
//! **Invariant:** what could not be read, or changed while it was read, was not seen.
//! **Invariant:** nothing here blocks a thread of the runtime.

mod attestor;
mod error;
mod hashes;
mod peer;
mod program;
mod stat;

pub use attestor::Attestor;
pub use error::Error;
pub use peer::{Peer, Rights};
pub use program::PROGRAM_LEN_MAX;

#[cfg(test)]
mod tests;
