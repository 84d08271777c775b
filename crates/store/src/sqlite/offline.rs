//! Reading a store that no daemon serves, or one that a daemon serves right now, without making or changing anything.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use scalbotics_core::agent::Standing;
use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::in_words;
use scalbotics_core::ports::{Human, StoreError, Tenant};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;

use super::connect::{self, beside, engine};
use super::fault::Fault;
use super::verify::{self, Report};
use super::{FoldFault, Folded, OpenError, audit_log, fold, schema, tenants};

/// Bytes of a database that are mapped and not copied page by page, which is a quarter of what a check of a long log costs; it is as many as
/// SQLite maps. Whoever maps a file of which the disk cannot read a page, or that somebody cuts meanwhile, is ended by a signal.
const MAPPED_LEN_MAX: i64 = 0x7fff_0000;

/// Bytes of a path that stand for themselves in a URI.
const PLAIN: &[u8] = b"/-_.~";

/// A store that is only read.
#[derive(Debug)]
pub struct Offline {
    conn: Connection,
    path: PathBuf,
}

/// As [`open_read_only`], and maps the database: only for a process whose end somebody waits for who reads page by page then.
///
/// # Errors
/// Those of [`open_read_only`].
pub fn open_mapped(dir: &Path) -> Result<Offline, OpenError> {
    let store = open_read_only(dir)?;
    store.conn.pragma_update(None, "mmap_size", MAPPED_LEN_MAX).map_err(engine(&store.path, "map"))?;
    Ok(store)
}

/// Opens the store in `dir` for reading. Makes nothing: neither directory nor lock, and no file beside the database.
///
/// # Errors
/// [`OpenError::Missing`] when there is no store, and the others.
pub fn open_read_only(dir: &Path) -> Result<Offline, OpenError> {
    let path = connect::database(dir);
    let here = path.try_exists().map_err(|source| OpenError::Io { path: path.clone(), source })?;
    let len = if here { std::fs::metadata(&path).map_or(0, |metadata| metadata.len()) } else { 0 };
    connect::refuse_damaged_log(&path)?;
    let conn = if len == 0 && log_is_empty(&path)? {
        return Err(OpenError::Missing { dir: dir.to_owned() });
    } else if beside(&path, "-shm").try_exists().unwrap_or(false) {
        // Sees what a running daemon commits; without one, SQLite reads the log into its own memory.
        uri(&path, "mode=ro&readonly_shm=1")?
    } else if log_is_empty(&path)? {
        uri(&path, "mode=ro&immutable=1")?
    } else {
        exclusive(&path)?
    };
    connect::read_only(&conn).map_err(engine(&path, "set up"))?;
    if schema::check(&conn, &path)? == 0 {
        return Err(OpenError::Missing { dir: dir.to_owned() });
    }
    Ok(Offline { conn, path })
}

impl Offline {
    /// Tenants that have an audit log, by name.
    ///
    /// # Errors
    /// [`OpenError`] when the database cannot be read.
    pub fn tenants(&self) -> Result<Vec<TenantId>, OpenError> {
        let names = || -> rusqlite::Result<Vec<String>> {
            let mut select = self.conn.prepare("SELECT tenant FROM audit_head WHERE size > 0 ORDER BY tenant")?;
            select.query_map([], |row| row.get(0))?.collect()
        };
        let parse = |name: String| {
            TenantId::parse(&name).map_err(|error| OpenError::Corrupt { path: self.path.clone(), what: error.to_string() })
        };
        names().map_err(engine(&self.path, "read"))?.into_iter().map(parse).collect()
    }

    /// Registered tenants, by name; of a database that was written before tenants were registered, whoever has a log.
    ///
    /// # Errors
    /// [`OpenError`] when the database cannot be read.
    pub fn registered(&self) -> Result<Vec<Tenant>, OpenError> {
        if !self.has_registry().map_err(engine(&self.path, "read"))? {
            // As the migration registers them.
            let (standing, created_at) = (Standing::Active, Timestamp::from_unix_ms(0));
            let one = |id| Tenant {
                id,
                standing,
                created_at,
                branch: "main".to_owned(),
                overlay: None,
                host_access: false,
                remote: None,
            };
            return Ok(self.tenants()?.into_iter().filter(|id| !id.is_system()).map(one).collect());
        }
        tenants::all(&self.conn).map_err(|error| OpenError::Corrupt { path: self.path.clone(), what: in_words(&error) })
    }

    fn has_registry(&self) -> rusqlite::Result<bool> {
        self.conn
            .query_row("SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = 'tenant'", [], |row| row.get(0))
    }

    /// Whether the pages of the database fit together; `None` when they do, else what the engine found first.
    ///
    /// # Errors
    /// [`OpenError`] when the database cannot be read.
    pub fn damage(&self) -> Result<Option<String>, OpenError> {
        let found: rusqlite::Result<String> = self.conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
        let found = found.map_err(engine(&self.path, "check"))?;
        Ok((found != "ok").then_some(found))
    }

    /// Names of the secrets of a tenant.
    ///
    /// # Errors
    /// [`OpenError`] when the database cannot be read.
    pub fn secrets(&self, tenant: &TenantId) -> Result<BTreeSet<String>, OpenError> {
        let names = || -> rusqlite::Result<BTreeSet<String>> {
            let mut select = self.conn.prepare("SELECT name FROM secret WHERE tenant = ?1")?;
            select.query_map([tenant.as_str()], |row| row.get(0))?.collect()
        };
        names().map_err(engine(&self.path, "read"))
    }

    /// Names of the agents of a tenant that were offboarded.
    ///
    /// # Errors
    /// [`OpenError`] when the database cannot be read.
    pub fn offboarded(&self, tenant: &TenantId) -> Result<BTreeSet<String>, OpenError> {
        let names = || -> rusqlite::Result<BTreeSet<String>> {
            let mut select = self.conn.prepare("SELECT name FROM agent WHERE tenant = ?1 AND standing = 'offboarded'")?;
            select.query_map([tenant.as_str()], |row| row.get(0))?.collect()
        };
        names().map_err(engine(&self.path, "read"))
    }

    /// Humans of a tenant, by name.
    ///
    /// # Errors
    /// [`OpenError`] when the database cannot be read.
    pub fn humans(&self, tenant: &TenantId) -> Result<Vec<Human>, OpenError> {
        let rows = || -> rusqlite::Result<Vec<Vec<u8>>> {
            let mut select = self.conn.prepare("SELECT human FROM human WHERE tenant = ?1 ORDER BY name")?;
            select.query_map([tenant.as_str()], |row| row.get(0))?.collect()
        };
        let parse = |row: Vec<u8>| {
            serde_json::from_slice(&row)
                .map_err(|error| OpenError::Corrupt { path: self.path.clone(), what: format!("a human: {error}") })
        };
        rows().map_err(engine(&self.path, "read"))?.into_iter().map(parse).collect()
    }

    /// Checks the whole audit log of a tenant; `progress` is told the number of leaves checked and the size.
    ///
    /// # Errors
    /// [`Fault`], the first thing from the start of the log that does not fit; also when there is no log.
    pub fn verify_audit(&self, tenant: &TenantId, progress: impl FnMut(u64, u64)) -> Result<Report, Fault> {
        verify::run(&self.conn, tenant, &[], progress)
    }

    /// As [`Offline::verify_audit`], and compares the log with checkpoints that were kept elsewhere.
    ///
    /// # Errors
    /// As [`Offline::verify_audit`]; [`Fault::Short`] and [`Fault::Kept`] for what only they show.
    pub fn verify_audit_against(&self, tenant: &TenantId, kept: &[Checkpoint]) -> Result<Report, Fault> {
        verify::run(&self.conn, tenant, kept, |_, _| {})
    }

    /// Hands the first `size` leaves of a tenant's log to `each`, in their order, until it says `false`.
    ///
    /// # Errors
    /// [`OpenError`] when the database cannot be read; [`OpenError::Corrupt`] when a leaf is missing.
    pub fn leaves(&self, tenant: &TenantId, size: u64, each: impl FnMut(&[u8]) -> bool) -> Result<(), OpenError> {
        let corrupt = |error: StoreError| OpenError::Corrupt { path: self.path.clone(), what: in_words(&error) };
        audit_log::each_leaf(&self.conn, tenant, size, each).map_err(corrupt)
    }

    /// The newest signed checkpoint of a tenant's log.
    ///
    /// # Errors
    /// [`OpenError`] when the database cannot be read.
    pub fn newest_checkpoint(&self, tenant: &TenantId) -> Result<Option<String>, OpenError> {
        let note = || {
            let mut select = self.conn.prepare(
                "SELECT note FROM audit_checkpoint JOIN audit_head USING (log) WHERE tenant = ?1 \
                 ORDER BY audit_checkpoint.size DESC LIMIT 1",
            )?;
            select.query_row([tenant.as_str()], |row| row.get(0)).optional()
        };
        note().map_err(engine(&self.path, "read"))
    }

    /// Checks that the stored state of every task of every tenant is the fold of its events.
    ///
    /// # Errors
    /// [`FoldFault`], the first task whose state is not.
    pub fn verify_tasks(&self) -> Result<Folded, FoldFault> {
        fold::run(&self.conn, None)
    }

    /// All signed checkpoints of a tenant, oldest first, for the check of their signatures.
    ///
    /// # Errors
    /// [`OpenError`] when the database cannot be read.
    pub fn checkpoints(&self, tenant: &TenantId) -> Result<Vec<String>, OpenError> {
        let notes = || -> rusqlite::Result<Vec<String>> {
            let mut select = self.conn.prepare(
                "SELECT note FROM audit_checkpoint JOIN audit_head USING (log) WHERE tenant = ?1 ORDER BY audit_checkpoint.size",
            )?;
            select.query_map([tenant.as_str()], |row| row.get(0))?.collect()
        };
        notes().map_err(engine(&self.path, "read"))
    }
}

/// Whether the write-ahead log holds nothing: absent, without length, or never written since it was given its size.
fn log_is_empty(path: &Path) -> Result<bool, OpenError> {
    use std::io::Read as _;
    let wal = beside(path, "-wal");
    let mut header = [0; 4];
    match std::fs::File::open(&wal) {
        Ok(mut file) => Ok(file.read_exact(&mut header).is_err() || header == [0; 4]),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(source) => Err(OpenError::Io { path: wal, source }),
    }
}

/// Without a shared-memory file the log can only be read by somebody who has the database alone, and then in own memory.
fn exclusive(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(engine(path, "open"))?;
    conn.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(engine(path, "lock"))?;
    Ok(conn)
}

fn uri(path: &Path, parameters: &str) -> Result<Connection, OpenError> {
    use std::os::unix::ffi::OsStrExt as _;
    let mut text = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || PLAIN.contains(byte) {
            text.push(char::from(*byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text.push('?');
    text.push_str(parameters);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(text, flags).map_err(engine(path, "open"))
}
