//! The store in one SQLite database: WAL, `synchronous=FULL`, one writer at a time with group commit, readers beside it.
//!
//! **Invariant:** leaf order of an audit log is commit order; what was acknowledged is on disk; a group of jobs costs one fsync,
//! and no job's failure fails another of its group.
//! **Invariant:** a failed fsync ends the writer for good, since what the page cache then says cannot be believed; a full disk
//! stops effects and lets outcomes through (semantics §1.3).

mod approvals;
mod audit_log;
mod audit_search;
mod audit_tail;
mod audit_tree;
mod checkpointer;
mod column;
mod connect;
mod data_lock;
mod decisions;
mod desk;
mod diagnosis;
mod epochs;
mod failure;
mod fault;
mod fold;
mod group;
mod growth;
mod handle;
mod index;
mod job;
mod journal;
mod kept;
mod leaves;
mod log_damage;
mod log_tree;
mod logs;
mod notes;
mod offline;
mod open_error;
mod options;
mod payloads;
mod prepared;
mod readers;
mod registry;
mod reserve;
mod schema;
mod secrets;
mod services;
mod snapshot;
mod task_log;
mod threads;
mod verify;
mod writer;

pub use fault::{Damage, Fault, Place};
pub use fold::{FoldFault, Folded};
pub use handle::SqliteStore;
pub use offline::{Offline, open_read_only};
pub use open_error::OpenError;
pub use options::Options;
pub use verify::Report;
