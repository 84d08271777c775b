//! Where the tests put a store.

use std::path::Path;

use scalbotics_core::ids::InstallationId;
use scalbotics_store::{Options, SqliteStore};

/// Small files, so that many stores are made quickly.
pub(crate) fn options() -> Options {
    Options { reserve_len: 64 << 10, wal_len: 256 << 10, ..Options::new(InstallationId::from_u128(77)) }
}

pub(crate) fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(dir, &options()).unwrap()
}
