//! Connections: how each kind is set up.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::OpenError;
use super::failure::Failure;
use super::log_damage;

/// Name of the database.
pub(super) const NAME: &str = "core.db";

/// How long a connection waits for a lock of another one of this process.
pub(super) const BUSY: Duration = Duration::from_secs(10);

/// Statements kept prepared by a connection: every text of this crate.
const STATEMENTS: usize = 64;

/// Page cache of the writer, in KiB (negative by SQLite's rule): the hot pages of a working installation.
const CACHE_KIB: i64 = -2_000;

/// Page cache of a connection that reads, in KiB: what one listing goes through; the system keeps the rest.
const READ_CACHE_KIB: i64 = -400;

/// Bytes of a page of a new database; an older one keeps its own. Three or four records of the audit log share one, where two of them often did
/// not fit 2 KiB by some bytes (decisions/0054).
const PAGE_LEN: i64 = 4_096;

/// Bytes written at a time when a file is extended.
static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// Path of the database in a data directory.
pub(super) fn database(dir: &Path) -> PathBuf {
    dir.join(NAME)
}

/// Path of a companion file: `-wal`, `-shm`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Turns the engine's error into the opener's.
pub(super) fn engine(path: &Path, attempt: &'static str) -> impl Fn(rusqlite::Error) -> OpenError {
    move |error| match Failure::of(&error) {
        Failure::Corrupt(what) => OpenError::Corrupt { path: path.to_owned(), what },
        Failure::Full | Failure::Unsynced(_) | Failure::Superseded | Failure::Other(_) => {
            OpenError::Engine { path: path.to_owned(), attempt, source: Box::new(error) }
        }
    }
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> OpenError {
    move |source| OpenError::Io { path: path.to_owned(), source }
}

/// Makes the database file for the owner alone; what SQLite makes beside it gets the same mode.
pub(super) fn prepare_file(path: &Path) -> Result<(), OpenError> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map_err(io(path))?;
    let dir = path.parent().unwrap_or(path);
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io(dir))
}

/// Refuses a write-ahead log of which SQLite would silently drop acknowledged commits.
pub(super) fn refuse_damaged_log(path: &Path) -> Result<(), OpenError> {
    let wal = beside(path, "-wal");
    match log_damage::find(path).map_err(io(&wal))? {
        Some(what) => Err(OpenError::Corrupt { path: wal, what }),
        None => Ok(()),
    }
}

/// Gives the write-ahead log its size by writing zeros behind its end, which reading it stops at.
///
/// A commit inside of that size has no length to make durable. Called before anybody else writes.
pub(super) fn extend_log(path: &Path, wal_len: u64) -> Result<(), OpenError> {
    let wal = beside(path, "-wal");
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&wal).map_err(io(&wal))?;
    let len = file.metadata().map_err(io(&wal))?.len();
    if len < wal_len && append_zeros(&mut file, wal_len - len).is_err() {
        // A full disk is no reason not to start: commits then extend the file themselves, or say that there is no room.
        file.set_len(len).map_err(io(&wal))?;
    }
    Ok(())
}

fn append_zeros(file: &mut File, len: u64) -> std::io::Result<()> {
    let mut left = len;
    while left > 0 {
        let piece = usize::try_from(left).unwrap_or(usize::MAX).min(ZEROS.len());
        file.write_all(ZEROS.get(..piece).unwrap_or_default())?;
        left = left.saturating_sub(piece as u64);
    }
    file.sync_all()
}

/// The one connection that writes.
pub(super) fn writer(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(engine(path, "open"))?;
    let set = || -> rusqlite::Result<()> {
        conn.busy_timeout(BUSY)?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS);
        conn.pragma_update(None, "page_size", PAGE_LEN)?;
        conn.pragma_update(None, "journal_mode", "WAL")?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.pragma_update(None, "foreign_keys", true)?;
        conn.pragma_update(None, "wal_autocheckpoint", 0)?;
        conn.pragma_update(None, "cache_size", CACHE_KIB)?;
        // What a page that is written anyway holds no more is overwritten, so that nothing of a row that moved stays behind.
        conn.pragma_update(None, "secure_delete", "FAST")?;
        // What a savepoint may have to put back stays off the disk: it is no more than a group writes.
        conn.pragma_update(None, "temp_store", "MEMORY")?;
        conn.pragma_update(None, "trusted_schema", false)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        // The log keeps its size across restarts; reading it again at the next start takes milliseconds.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(())
    };
    set().map_err(engine(path, "set up"))?;
    Ok(conn)
}

/// The connection that moves pages from the log into the database.
pub(super) fn checkpointer(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(engine(path, "open"))?;
    let set = || -> rusqlite::Result<()> {
        conn.busy_timeout(BUSY)?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.pragma_update(None, "wal_autocheckpoint", 0)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(())
    };
    set().map_err(engine(path, "set up"))?;
    Ok(conn)
}

/// The connection for look-ups on the caller's thread: it reads, and waits for nobody.
pub(super) fn near(path: &Path) -> Result<Connection, OpenError> {
    let conn = reader(path)?;
    conn.busy_timeout(Duration::ZERO).map_err(engine(path, "set up"))?;
    Ok(conn)
}

/// A connection that only reads.
pub(super) fn reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(engine(path, "open"))?;
    read_only(&conn).map_err(engine(path, "set up"))?;
    Ok(conn)
}

/// What every reading connection has in common.
pub(super) fn read_only(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.pragma_update(None, "query_only", true)?;
    conn.pragma_update(None, "cache_size", READ_CACHE_KIB)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(())
}
