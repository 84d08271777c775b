//! The tenants of an installation, for whoever operates it: added, suspended, resumed.
//!
//! **Invariant:** a tenant is registered last: whatever is made for it before that is inert, and made again where it was cut short.
//! **Invariant:** who operates an installation reads nothing of its tenants (semantics §3.7).

mod error;
mod newcomer;
mod service;

pub use error::Error;
pub use newcomer::{NewAdmin, NewTenant, Premises};
pub use service::Service;
