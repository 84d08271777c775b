//! A copy of the database as it stood at one moment, made beside a daemon that goes on writing; and what a restore does to a copy before
//! it becomes the database.
//!
//! The copy is made by `VACUUM INTO`: whole pages of what is there, and nothing of what was deleted. It holds one snapshot for as long as it
//! takes (decisions/0032); commits go on meanwhile, and only the write-ahead log grows.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use scalbotics_core::failpoint;

use super::connect::{self, beside, engine};
use super::data_lock::DataLock;
use super::failure::Failure;
use super::{OpenError, schema};

/// Steps of SQLite's machine between two looks at the copy: some milliseconds of copying.
const LOOK_EVERY: i32 = 20_000;

/// How long the reading connection waits for a lock.
const BUSY: Duration = Duration::from_secs(10);

/// Why there is no copy. What was written of it is gone.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The database cannot be opened.
    #[error("database cannot be read")]
    Open(#[from] OpenError),
    /// The disk of the copy is full.
    #[error("there is no room for the copy `{path}`")]
    Full {
        /// The copy.
        path: PathBuf,
    },
    /// The copy cannot be written.
    #[error("copy `{path}` cannot be written")]
    Io {
        /// The copy.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The engine did not copy.
    #[error("database cannot be copied to `{path}`")]
    Engine {
        /// The copy.
        path: PathBuf,
        /// What the engine said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Copies the database of the store in `dir` into the directory `to`, which is there and holds none, under the same name; `progress` is told
/// the bytes written and about how many there will be. Blocks for as long as that takes. A daemon may serve `dir`.
///
/// # Errors
/// [`CopyError`].
pub fn copy_database(dir: &Path, to: &Path, mut progress: impl FnMut(u64, u64) + Send + 'static) -> Result<(), CopyError> {
    let (path, copy) = (connect::database(dir), connect::database(to));
    if !path.try_exists().map_err(|source| OpenError::Io { path: path.clone(), source })? {
        return Err(OpenError::Missing { dir: dir.to_owned() }.into());
    }
    connect::refuse_damaged_log(&path)?;
    let mut conn = source(&path)?;
    if schema::check(&conn, &path)? == 0 {
        return Err(OpenError::Missing { dir: dir.to_owned() }.into());
    }
    let pages = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(engine(&path, "read"));
    let total = pages("page_count")?.unsigned_abs().saturating_mul(pages("page_size")?.unsigned_abs());
    let watched = copy.clone();
    let look = move || {
        progress(std::fs::metadata(&watched).map_or(0, |found| found.len()), total);
        false
    };
    let hooked = conn.progress_handler(LOOK_EVERY, Some(look));
    hooked.map_err(engine(&path, "watch"))?;
    let text = copy.to_str().ok_or_else(|| CopyError::Io { path: copy.clone(), source: ErrorKind::InvalidFilename.into() })?;
    let copied = conn.execute("VACUUM INTO ?1", [text]);
    copied.map_err(|error| match Failure::of(&error) {
        Failure::Full => CopyError::Full { path: copy.clone() },
        Failure::Corrupt(what) => OpenError::Corrupt { path: path.clone(), what }.into(),
        Failure::Unsynced(_) | Failure::Superseded | Failure::Other(_) => {
            CopyError::Engine { path: copy.clone(), source: Box::new(error) }
        }
    })?;
    sync(&copy).map_err(|source| CopyError::Io { path: copy.clone(), source })
}

/// A connection that copies: it may write nowhere but into the copy.
fn source(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(engine(path, "open"))?;
    let set = || -> rusqlite::Result<()> {
        conn.busy_timeout(BUSY)?;
        conn.pragma_update(None, "trusted_schema", false)?;
        conn.pragma_update(None, "temp_store", "MEMORY")?;
        conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(())
    };
    set().map_err(engine(path, "set up"))?;
    Ok(conn)
}

/// The lock of a data directory, without a store: nobody serves it meanwhile.
#[derive(Debug)]
pub struct Held {
    _lock: DataLock,
}

impl Held {
    /// Takes the lock.
    ///
    /// # Errors
    /// [`OpenError::Locked`] while a daemon serves the directory; [`OpenError::Io`].
    pub fn take(dir: &Path) -> Result<Self, OpenError> {
        Ok(Self { _lock: DataLock::take(dir)? })
    }
}

/// Has the next writer of the store in `dir` begin an epoch later than `epoch`: warrants of the database that it takes the place of are void.
///
/// # Errors
/// [`OpenError`].
pub fn raise_writer_epoch(dir: &Path, epoch: u64) -> Result<(), OpenError> {
    let path = connect::database(dir);
    let conn = connect::writer(&path)?;
    schema::check(&conn, &path)?;
    let epoch = i64::try_from(epoch).unwrap_or(i64::MAX - 1);
    conn.execute("UPDATE installation SET writer_epoch = max(writer_epoch, ?1)", [epoch]).map_err(engine(&path, "write"))?;
    Ok(())
}

/// Moves everything of the write-ahead log into the database, so that the one file is the whole store; nobody may serve it.
///
/// # Errors
/// [`OpenError`].
pub fn settle(dir: &Path) -> Result<PathBuf, OpenError> {
    let path = connect::database(dir);
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Io { path, source }
    };
    let conn = connect::writer(&path)?;
    failpoint!("commit.before");
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(engine(&path, "empty the log of"))?;
    failpoint!("commit.after");
    drop(conn);
    for suffix in ["-wal", "-shm"] {
        let file = beside(&path, suffix);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(&file)(error)),
            Ok(()) | Err(_) => {}
        }
    }
    sync(&path).map_err(io(&path))?;
    Ok(path)
}

fn sync(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()?;
    File::open(path.parent().unwrap_or(path))?.sync_all()
}
