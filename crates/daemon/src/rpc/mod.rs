//! The API: method table, layers, services.
//!
//! **Invariant:** a call reaches a handler only through the gate, and its success leaves only when it was authorized and audited.
//! **Boundary:** only `status` knows gRPC codes; only `methods` says what a method needs; services parse, call the runtime and
//! convert.

mod agent_service;
mod approval_service;
mod audit;
mod audit_names;
mod audit_service;
mod authenticate;
mod authentications;
mod call;
mod certified;
pub mod codes;
mod context;
mod convert;
mod ended;
mod exchange;
mod failure;
mod gate;
mod guard;
mod held;
mod human_service;
mod identity_service;
mod installation_service;
mod intake;
mod join_service;
mod limits;
pub mod methods;
pub mod metrics;
mod model_service;
mod names;
mod policy_service;
mod possession;
mod privacy_service;
mod probe;
mod registered;
mod repository_service;
mod routes;
mod secret_service;
mod server;
mod service_service;
mod serving;
mod session_service;
mod status;
mod strangers;
mod svid_service;
mod task_service;
mod team_service;
mod tenancy;
mod tenant_service;
mod time_limit;
mod tool_service;
mod used;
mod worker_service;
pub(crate) mod workload;

pub use context::{Context, Installation};
pub use exchange::Outsiders;
pub use limits::Limits;
pub use possession::UsedProofs;
pub use routes::{RoutesError, routes};
pub use server::Server;
pub use used::UsedAssertions;
