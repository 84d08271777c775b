//! What a running daemon has of each tenant: its repository, and what erases in its data.
//!
//! **Invariant:** the tenant that the configuration names operates the installation; the others are rows of the registry, each with a folder,
//! a repository, a wrapping key and a log of its own (docs/decisions/0060-who-operates-an-installation.md).

mod followed;
pub(crate) mod guest;
mod premises;
mod served;

pub(crate) use followed::{Place, Repositories};
pub(crate) use premises::Premises;
pub(crate) use served::{Seed, Served, Tenants, registered};
