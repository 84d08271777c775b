//! People and agents as administrators change them: who is there, in which roles, and whether they may act.
//!
//! **Invariant:** suspending somebody raises their epoch for good, and stops what runs for them at once (semantics §4.3).
//! **Invariant:** a tenant always has an active human in the group of administrators.

mod error;
mod service;
mod standing;

pub use error::Error;
pub use service::{ADMINS, GROUPS_MAX, NewHuman, Roles, Service};
pub use standing::Move;
