//! People, services and agents as administrators change them: who is there, in which roles, and whether they may act.
//!
//! **Invariant:** suspending somebody raises their epoch for good, and stops what runs for them at once (semantics §4.3).
//! **Invariant:** a tenant always has an active human in the group of administrators; a service has a human who sponsors it, and is in
//! no group that decides about others (decisions/0024).
//! **Invariant:** a login key is of one human or one service of its tenant, for good.

mod arrival;
mod error;
mod roll;
mod service;
mod services;
mod standing;
mod turn;

pub use arrival::Arrival;
pub use error::Error;
pub use roll::{HUMANS_MAX, SERVICES_MAX};
pub use service::{ADMINS, GROUPS_MAX, NewHuman, Roles, Service};
pub use services::{NewService, Renewal, Services};
pub use standing::Move;
pub use turn::Still;
