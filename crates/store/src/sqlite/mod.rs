//! The store in one SQLite database: WAL, `synchronous=FULL`, one writer at a time with group commit, readers beside it.
//!
//! **Invariant:** leaf order of an audit log is commit order; what was acknowledged is on disk; a group of jobs costs one fsync,
//! and no job's failure fails another of its group.
//! **Invariant:** a failed fsync ends the writer for good, since what the page cache then says cannot be believed; a full disk
//! stops effects and lets outcomes through (semantics §1.3).
//! **Invariant:** what was erased stands in no page and no frame of these files once a scrub has answered (semantics §7.2).

mod anchored;
mod approvals;
mod audit_log;
mod audit_search;
mod audit_tail;
mod audit_tree;
mod backup;
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
mod gaps;
mod group;
mod growth;
mod handle;
mod index;
mod job;
mod joins;
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
mod privacy;
mod readers;
mod registry;
mod reserve;
mod schema;
mod scrub;
mod secrets;
mod services;
mod snapshot;
mod svids;
mod task_log;
mod tenants;
mod threads;
mod verify;
mod wrap;
mod writer;

pub use backup::{CopyError, Held, copy_database, raise_writer_epoch, settle};
pub use fault::{Damage, Fault, Place};
pub use fold::{FoldFault, Folded};
pub use gaps::Gap;
pub use handle::SqliteStore;
pub use offline::{Offline, open_mapped, open_read_only};
pub use open_error::OpenError;
pub use options::Options;
pub use verify::Report;
