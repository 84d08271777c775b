//! Workers in processes of their own: how long one may start effects, and the warrant of the one call that it carries out (semantics §8.1,
//! docs/decisions/0061-workers-in-a-process-of-their-own.md).

mod end;
mod lease;
mod warrant;

pub use end::{Cut, End};
pub use lease::{BEAT_EVERY_MS, LEASE_MS, Lease};
pub use warrant::{Act, CallWarrant, QUESTION, START_WITHIN_MS, TooLong, Void, WARRANT_LEN_MAX};
