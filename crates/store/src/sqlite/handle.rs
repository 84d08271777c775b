//! The store as its users hold it: cheap to clone, closed when the last clone goes.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::Connection;
use scalbotics_core::agent::Agent;
use scalbotics_core::failpoint;
use scalbotics_core::identity::Svid;
use scalbotics_core::ids::{AgentUid, HumanUid, InstallationId, ServiceUid};
use scalbotics_core::ports::{Human, StoreError, Tenant};
use scalbotics_core::service::Service;
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use super::checkpointer::Checkpointer;
use super::data_lock::DataLock;
use super::desk::Desk;
use super::failure::Failure;
use super::fault::Fault;
use super::fold::{self, FoldFault, Folded};
use super::growth::Growth;
use super::index::Indexer;
use super::job::{Class, Job, Tx, Work};
use super::kept::Kept;
use super::readers::Readers;
use super::reserve::Reserve;
use super::verify::{self, Report};
use super::writer::{self, QUEUE_LEN, Writer};
use super::{OpenError, Options, audit_tail, connect, schema};

/// The store of one installation.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

/// What was read when the store opened.
#[derive(Debug, Clone, Copy)]
struct Facts {
    installation: InstallationId,
    writer_epoch: u64,
    last_commit_at: Option<Timestamp>,
}

/// Rows that every call, or every decision about one, looks up.
#[derive(Debug, Default)]
pub(super) struct Callers {
    pub(super) tenants: Kept<TenantId, Tenant>,
    pub(super) humans: Kept<HumanUid, Human>,
    pub(super) services: Kept<ServiceUid, Service>,
    pub(super) agents: Kept<AgentUid, Agent>,
    pub(super) named_agents: Kept<(TenantId, Name), Agent>,
    pub(super) svids: Kept<String, Svid>,
    /// Rises after rows of tenants, humans, services, agents or their certificates were forgotten, and before the change is acknowledged.
    rights: watch::Sender<u64>,
}

impl Callers {
    /// Tells whoever watches that somebody's rights may be others.
    pub(super) fn tell(&self) {
        self.rights.send_modify(|told| *told = told.wrapping_add(1));
    }
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    wal_len: u64,
    facts: Facts,
    desk: Desk,
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    readers: Readers,
    callers: Arc<Callers>,
    growth: Arc<Growth>,
    index: Arc<Indexer>,
    fatal: watch::Receiver<Option<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Inner {
    /// Lets the writer finish what was handed in, so that the data can be opened again at once.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
        self.index.close();
    }
}

impl SqliteStore {
    /// Opens the store in `dir`, makes it if there is none, brings it to the newest schema, checks head and tail of every audit
    /// log, and begins a new writer epoch. Blocks for the time of a few disk writes.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(dir: &Path, options: &Options) -> Result<Self, OpenError> {
        let io = |path: &Path, source| OpenError::Io { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| io(dir, error))?;
        let lock = DataLock::take(dir)?;
        let path = connect::database(dir);
        connect::prepare_file(&path)?;
        connect::refuse_damaged_log(&path)?;
        let mut conn = connect::writer(&path)?;
        schema::migrate(&mut conn, &path)?;
        audit_tail::check(&conn).map_err(|what| OpenError::Corrupt { path: path.clone(), what })?;
        let facts = begin(&conn, options.installation).or_else(|error| match Failure::of(&error) {
            Failure::Full => {
                Reserve::surrender(dir);
                begin(&conn, options.installation)
            }
            Failure::Corrupt(_) | Failure::Unsynced(_) | Failure::Superseded | Failure::Other(_) => Err(error),
        });
        let facts = facts.map_err(connect::engine(&path, "begin a writer epoch"))?;
        connect::extend_log(&path, options.wal_len)?;
        let (fatal, fatal_seen) = watch::channel(None);
        let fatal = Arc::new(fatal);
        let told = Arc::clone(&fatal);
        let tell = move |failure: &Failure| drop(told.send_replace(Some(format!("{failure:?}"))));
        let readers = (0..options.readers.max(1)).map(|_| connect::reader(&path)).collect::<Result<Vec<_>, _>>()?;
        let near = connect::near(&path)?;
        let readers = Readers::start(near, readers).map_err(|error| io(&path, error))?;
        let checkpointer = Checkpointer::start(connect::checkpointer(&path)?, tell).map_err(|error| io(&path, error))?;
        let growth = Arc::new(Growth::default());
        let reserve = Reserve::open(dir, options.reserve_len);
        let epoch = i64::try_from(facts.writer_epoch).unwrap_or(i64::MAX);
        let index = Arc::new(Indexer::new(&path));
        let grown = (Arc::clone(&growth), Arc::clone(&index));
        let writer = Writer { conn, epoch, checkpointer, reserve, growth: grown.0, index: grown.1, fatal, lock };
        let (jobs, queue) = mpsc::channel(QUEUE_LEN);
        let callers = Arc::default();
        let (desk, thread) = writer::start(writer, queue).map_err(|error| io(&path, error))?;
        let (wal_len, jobs, fatal, thread) = (options.wal_len, Some(jobs), fatal_seen, Some(thread));
        let inner = Inner { path, wal_len, facts, desk, jobs, readers, callers, growth, index, fatal, thread };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The installation that this data belongs to.
    #[must_use]
    pub fn installation(&self) -> InstallationId {
        self.inner.facts.installation
    }

    /// Rises with each opening; warrants of an older one are void.
    #[must_use]
    pub fn writer_epoch(&self) -> u64 {
        self.inner.facts.writer_epoch
    }

    /// Latest time of any audit record when the store opened, for the clock guard (semantics §4.7); `None` in a new store.
    #[must_use]
    pub fn last_commit_at(&self) -> Option<Timestamp> {
        self.inner.facts.last_commit_at
    }

    /// Turns to `Some` when an fsync failed: nothing more is written, and the process has to end (semantics §1.3).
    #[must_use]
    pub fn fatal(&self) -> watch::Receiver<Option<String>> {
        self.inner.fatal.clone()
    }

    /// Checks the whole audit log of a tenant; `progress` is told the number of leaves checked and the size. Blocks: call it on
    /// a thread that may.
    ///
    /// # Errors
    /// [`Fault`], the first thing from the start of the log that does not fit; also when there is no log.
    pub fn verify_audit(&self, tenant: &TenantId, progress: impl FnMut(u64, u64)) -> Result<Report, Fault> {
        let conn = connect::reader(&self.inner.path).map_err(|error| Fault::Unreadable { what: error.to_string() })?;
        verify::run(&conn, tenant, &[], progress)
    }

    /// Checks that the stored state of every task of a tenant is the fold of its events. Blocks: call it on a thread that may.
    ///
    /// # Errors
    /// [`FoldFault`], the first task whose state is not.
    pub fn verify_tasks(&self, tenant: &TenantId) -> Result<Folded, FoldFault> {
        let conn = connect::reader(&self.inner.path).map_err(|error| FoldFault::Unreadable { what: error.to_string() })?;
        fold::run(&conn, Some(tenant))
    }

    /// A number that rises whenever the row of a human, a service or an agent was written, or certificates were cut short: whoever keeps
    /// something that rests on them reads it again then. A number cannot be missed, however late somebody looks.
    #[must_use]
    pub fn rights(&self) -> watch::Receiver<u64> {
        self.inner.callers.rights.subscribe()
    }

    /// The rows of callers that are kept.
    pub(super) fn callers(&self) -> &Arc<Callers> {
        &self.inner.callers
    }

    /// What an attempt to scrub needs: the desk, the database's path, and the size that its log gets again.
    pub(super) fn scrubbed(&self) -> (Desk, PathBuf, u64) {
        (self.inner.desk.clone(), self.inner.path.clone(), self.inner.wal_len)
    }

    pub(super) fn growth(&self) -> &Growth {
        &self.inner.growth
    }

    /// The index of the audit logs.
    pub(super) fn index(&self) -> &Arc<Indexer> {
        &self.inner.index
    }

    /// Runs `read` on a reading thread.
    pub(super) async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.inner.readers.run(read).await
    }

    /// Looks up a single row of a small table by its key, on this thread where that is possible.
    pub(super) async fn look_up<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.inner.readers.look_up(read).await
    }

    /// Runs `apply` in a transaction of the writer, on this thread where that is quick; `seal` makes the answer once it is durable.
    pub(super) async fn write<Made, Answer, Apply, Seal>(
        &self,
        class: Class,
        apply: Apply,
        seal: Seal,
    ) -> Result<Answer, StoreError>
    where
        Made: Send + 'static,
        Answer: Send + 'static,
        Apply: FnMut(&mut Tx<'_>) -> Result<Made, StoreError> + Send + 'static,
        Seal: FnOnce(Made) -> Answer + Send + 'static,
    {
        let (job, answer): (_, oneshot::Receiver<_>) = Work::boxed(class, apply, seal);
        let jobs = self.inner.jobs.as_ref().ok_or(StoreError::Closing)?;
        // What waits goes first, and all of it together.
        let waiting = if jobs.capacity() == jobs.max_capacity() { self.inner.desk.at_once(job) } else { Some(job) };
        if let Some(job) = waiting {
            jobs.send(job).await.map_err(|_| StoreError::Closing)?;
        }
        answer.await.map_err(|_| StoreError::Closing)?
    }
}

/// Begins a writer epoch, and the installation if it is new.
fn begin(conn: &Connection, installation: InstallationId) -> rusqlite::Result<Facts> {
    let tx = conn.unchecked_transaction()?;
    let (id, epoch): ([u8; 16], i64) = tx.query_row(
        "INSERT INTO installation (one, id, writer_epoch) VALUES (1, ?1, 1) \
         ON CONFLICT (one) DO UPDATE SET writer_epoch = writer_epoch + 1 RETURNING id, writer_epoch",
        [installation.as_u128().to_be_bytes()],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let last_at: Option<i64> = tx.query_row("SELECT max(last_at) FROM audit_head WHERE size > 0", [], |row| row.get(0))?;
    failpoint!("commit.before");
    tx.commit()?;
    failpoint!("commit.after");
    Ok(Facts {
        installation: InstallationId::from_u128(u128::from_be_bytes(id)),
        writer_epoch: epoch.unsigned_abs(),
        last_commit_at: last_at.map(Timestamp::from_unix_ms),
    })
}
