//! The SPIFFE Workload API: identities for processes of this host, on a Unix socket of its own.
//!
//! Nobody says who they are here. The kernel says which process asks, desired state says which agents that process is, and the registry whether they
//! may act; each call and each renewal looks anew.
//!
//! **Invariant:** a private key is made for one response and kept nowhere.
//! **Invariant:** whoever is no agent, or a suspended one, learns nothing: not even whom the trust domain believes.

mod crowd;
mod expected;
mod identities;
mod lenient;
mod server;
mod service;
mod socket;
mod svids;
mod watcher;

pub(crate) use server::{FILES_MAX, Server};
pub(crate) use socket::bind;
pub(crate) use svids::Material;
