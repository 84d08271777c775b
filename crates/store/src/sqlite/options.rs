//! How the store is opened.

use scalbotics_core::ids::InstallationId;

/// Read connections unless told otherwise: one for a listing that takes long, one for everybody else.
const READERS: usize = 2;

/// Room kept for outcomes on a full disk while nothing is under way, in bytes: one outcome with the largest payload, in the WAL
/// and in the database.
const RESERVE_LEN: u64 = 16 << 20;

/// Size that the write-ahead log has from the start, in bytes, so that a commit does not change the file's size.
const WAL_LEN: u64 = 4 << 20;

/// How the store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Identity that a new data directory gets; an existing one keeps its own.
    pub installation: InstallationId,
    /// Read connections, each with a thread; at least 1.
    pub readers: usize,
    /// Least bytes kept for outcomes on a full disk; more are kept while more is under way.
    pub reserve_len: u64,
    /// Bytes that the write-ahead log has from the start.
    pub wal_len: u64,
}

impl Options {
    /// The defaults for an installation.
    #[must_use]
    pub const fn new(installation: InstallationId) -> Self {
        Self { installation, readers: READERS, reserve_len: RESERVE_LEN, wal_len: WAL_LEN }
    }
}
