//! Rules that every implementation of a storage port keeps. A suite panics at the first rule that is broken.
//!
//! Suites use tenants of their own names, so that all of them can run on one store.

mod approval_store;
mod audit_log;
mod audit_search;
mod decision_store;
mod epochs;
mod join_tokens;
mod key_authority;
mod log_tree;
mod payload_store;
mod privacy_store;
mod registry;
mod secret_store;
mod service_registry;
mod store;
mod svid_book;
mod task_log;
mod tenant_registry;

pub use key_authority::{AuthorityGround, key_authority};
pub use store::{Store, all};
