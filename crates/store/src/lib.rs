//! The only SQL of the workspace: implementations of core's storage ports.
//!
//! **Boundary:** nothing outside of this crate knows how a task, an audit record or an agent is stored; what every
//! implementation must do stands in testkit's conformance suites.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::allow_attributes,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "tests may unwrap"
    )
)]

mod sqlite;

pub use sqlite::{
    CopyError, Damage, Fault, FoldFault, Folded, Gap, Held, Offline, OpenError, Options, Place, Report, SqliteStore,
    copy_database, open_mapped, open_read_only, raise_writer_epoch, settle,
};
