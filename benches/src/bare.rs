//! The peer: SQLite with the same guarantees and nothing else.

use std::path::Path;

use anyhow::{Context as _, Result};
use rusqlite::{Connection, OpenFlags};

/// A database with one table. Its write-ahead log is emptied as SQLite does by itself.
pub(crate) struct Bare {
    conn: Connection,
    bytes: u32,
}

impl Bare {
    /// A new database whose commits write `bytes` each.
    pub(crate) fn create(path: &Path, bytes: u32) -> Result<Self> {
        let conn = Connection::open(path).context("cannot make the bare database")?;
        conn.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, x BLOB)",
        )
        .context("cannot set the bare database up")?;
        Ok(Self { conn, bytes })
    }

    /// One row, one commit, one fsync.
    pub(crate) fn commit(&self) -> Result<()> {
        let mut insert = self.conn.prepare_cached("INSERT INTO t (x) VALUES (randomblob(?1))")?;
        insert.execute([self.bytes])?;
        Ok(())
    }
}

/// Size of a store's database in bytes, its write-ahead log included.
pub(crate) fn size(database: &Path) -> Result<u64> {
    let conn = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).context("cannot open the store")?;
    let ask = |pragma: &str| conn.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let (pages, page_len) = (ask("PRAGMA page_count")?, ask("PRAGMA page_size")?);
    Ok(pages.unsigned_abs().saturating_mul(page_len.unsigned_abs()))
}
