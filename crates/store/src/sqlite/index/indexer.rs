//! The thread that indexes: started when a segment is whole, and not before, so that a small installation has none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use scalbotics_core::ports::{AuditFound, Search, StoreError};
use scalbotics_core::tenant::TenantId;

use super::super::failure::{Failure, failed};
use super::super::logs::{self, Appended};
use super::super::{connect, threads};
use super::build::{end_of, segments};
use super::entries::SEGMENT;
use super::file::{self, File, Stopped};
use super::held::Held;
use super::search::{self, View};

/// Most segments that are indexed in one transaction, and for as many the thread waits where a log grows fast: whoever asks meanwhile reads
/// no more leaves than ten milliseconds allow.
const TOGETHER: u64 = 4;

/// How long the thread waits for the next segment.
const PAUSE: Duration = Duration::from_millis(100);

/// How long both connections stay open with nothing to index: to open and close them is as much work as a few segments are.
const LINGER: Duration = Duration::from_secs(1);

/// Who tells the thread that there is something to do, and waits for its end.
#[derive(Debug)]
struct Worker {
    asks: SyncSender<()>,
    thread: JoinHandle<()>,
}

/// What callers and the writer know.
#[derive(Debug, Default)]
struct Told {
    /// Whole segments of each log, as last told to the thread.
    segments: BTreeMap<TenantId, u64>,
    worker: Option<Worker>,
}

/// The index of one store.
#[derive(Debug)]
pub(in crate::sqlite) struct Indexer {
    database: PathBuf,
    told: Mutex<Told>,
    orders: Arc<Orders>,
}

/// What the thread has to mind, and what it is given.
#[derive(Debug, Default)]
pub(super) struct Orders {
    /// To end.
    closing: AtomicBool,
    /// To make the file anew.
    damaged: AtomicBool,
    held: Mutex<Held>,
}

impl Indexer {
    /// The index beside a database; starts nothing.
    pub(in crate::sqlite) fn new(database: &Path) -> Self {
        Self { database: database.to_owned(), told: Mutex::default(), orders: Arc::default() }
    }

    /// Says that the tenant's log has `size` leaves now. Never waits.
    pub(in crate::sqlite) fn reached(&self, tenant: &TenantId, size: u64) {
        let whole = size / SEGMENT;
        if whole == 0 {
            return;
        }
        let mut told = self.told();
        match told.segments.get_mut(tenant) {
            Some(known) if *known >= whole => return,
            Some(known) => *known = whole,
            None => drop(told.segments.insert(tenant.clone(), whole)),
        }
        self.ask(&mut told);
    }

    /// Takes what the records of a group say, which is durable. Told before [`Indexer::reached`], in the order of the log.
    pub(in crate::sqlite) fn saw(&self, appended: &[Appended]) {
        let mut held = self.orders.held.lock().unwrap_or_else(PoisonError::into_inner);
        appended.iter().for_each(|appended| held.add(appended));
    }

    /// A page of what is looked for. The index is asked where it is there and sound; what it does not hold is read.
    pub(in crate::sqlite) fn search(
        &self,
        core: &Connection,
        tenant: &TenantId,
        wanted: &Search,
    ) -> Result<AuditFound, StoreError> {
        let Some(log) = logs::load(core, tenant)? else { return Ok(AuditFound::default()) };
        let (key, size) = (log.key, log.frontier.size());
        let file = match File::to_read(&file::path(&self.database)) {
            Ok(file) => file,
            Err(error) => {
                tracing::warn!(%error, "the index of the audit log cannot be read; the log is");
                None
            }
        };
        let view = file.and_then(|file| View::of(core, file, (key, size)));
        let indexed = view.as_ref().map_or(0, |view| view.segments);
        if indexed < size / SEGMENT {
            self.ask(&mut self.told());
        }
        if let Some(view) = &view {
            match search::page(core, Some(view), (key, size), wanted) {
                Err(Stopped::Index(error)) => {
                    tracing::warn!(%error, "the index of the audit log is damaged; it is made anew");
                    self.orders.damaged.store(true, Ordering::Relaxed);
                    self.ask(&mut self.told());
                }
                Err(Stopped::Log(error)) => return Err(error),
                Ok(found) => return Ok(found),
            }
        }
        match search::page(core, None, (key, size), wanted) {
            Ok(found) => Ok(found),
            Err(Stopped::Log(error)) => Err(error),
            Err(Stopped::Index(error)) => Err(failed("read the audit log")(error)),
        }
    }

    /// Ends the thread after the segment that it is at.
    pub(in crate::sqlite) fn close(&self) {
        self.orders.closing.store(true, Ordering::Relaxed);
        self.finish();
    }

    /// Waits until the thread has done what it was told, and ends it.
    pub(super) fn finish(&self) {
        let worker = self.told().worker.take();
        if let Some(Worker { asks, thread }) = worker {
            drop(asks);
            let _panicked = thread.join();
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, told: &mut Told) {
        if self.orders.closing.load(Ordering::Relaxed) {
            return;
        }
        if told.worker.is_none() {
            let (asks, asked) = sync_channel(1);
            let (database, orders) = (self.database.clone(), Arc::clone(&self.orders));
            match threads::start("store-index", move || run(&database, &asked, &orders)) {
                Ok(thread) => told.worker = Some(Worker { asks, thread }),
                Err(error) => tracing::warn!(%error, "the audit log is not indexed"),
            }
        }
        if let Some(worker) = &told.worker {
            // One that waits already is enough.
            let _told = worker.asks.try_send(());
        }
    }
}

/// Both connections are open for as long as there is something to index, and somewhat longer: an idle daemon holds none.
fn run(database: &Path, asked: &Receiver<()>, orders: &Orders) {
    let path = file::path(database);
    let mut open: Option<Both> = None;
    loop {
        let ask = match open {
            Some(_) => asked.recv_timeout(LINGER),
            None => asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match ask {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => {
                open = None;
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
        // The next segments of a log that grows fast. Whoever ends the thread waits for nothing.
        let _more = (1..TOGETHER).take_while(|_| asked.recv_timeout(PAUSE).is_ok()).count();
        let mut damaged = orders.damaged.swap(false, Ordering::Relaxed);
        // Made anew once: what is damaged again at once is not mended by that.
        let done = loop {
            let both = if damaged { None } else { open.take() };
            let removed = if damaged { file::remove(&path) } else { Ok(()) };
            let done = removed.map_err(|error| Stopped::Index(file::unusable(&path, &error)));
            match done.and_then(|()| caught_up(both, (database, &path), orders)) {
                Err(Stopped::Index(error)) if !damaged && matches!(Failure::of(&error), Failure::Corrupt(_)) => {
                    tracing::warn!(%error, "the index of the audit log is damaged; it is made anew");
                    damaged = true;
                }
                done => break done,
            }
        };
        match done {
            Ok(both) => open = Some(both),
            Err(stopped) => {
                tracing::warn!(error = ?stopped, "the audit log is not indexed; whoever looks for records waits longer");
            }
        }
    }
}

/// Catches up with the connections that are open, if the file is still theirs, or with new ones.
fn caught_up(both: Option<Both>, (database, path): (&Path, &Path), orders: &Orders) -> Result<Both, Stopped> {
    let both = match both.filter(|both| both.file.is_at(path)) {
        Some(both) => both,
        None => Both::open(database, path)?,
    };
    both.catch_up(orders)?;
    Ok(both)
}

/// The database and the index.
#[derive(Debug)]
pub(super) struct Both {
    core: Connection,
    file: File,
}

/// What is attempted, for errors.
const ATTEMPT: &str = "index the audit log";

impl Both {
    /// Opens both; makes the index where there is none.
    pub(super) fn open(database: &Path, path: &Path) -> Result<Self, Stopped> {
        let core =
            connect::reader(database).map_err(|source| StoreError::Failed { attempt: ATTEMPT, source: Box::new(source) })?;
        Ok(Self { core, file: File::to_write(path).map_err(Stopped::Index)? })
    }

    /// Indexes all whole segments of all logs.
    pub(super) fn catch_up(&self, orders: &Orders) -> Result<(), Stopped> {
        let Self { core, file } = self;
        for (log, size) in heads(core)? {
            let mut next = match end_of(core, file, log, size)? {
                Some(segments) => segments,
                None => {
                    file.forget(log).map_err(Stopped::Index)?;
                    0
                }
            };
            while next < size / SEGMENT && !orders.closing.load(Ordering::Relaxed) {
                let end = next.saturating_add(TOGETHER).min(size / SEGMENT);
                segments(core, file, &orders.held, log, next..end)?;
                next = end;
            }
            orders.held.lock().unwrap_or_else(PoisonError::into_inner).forget_before(log, next);
        }
        Ok(())
    }
}

/// Keys and sizes of all logs.
fn heads(core: &Connection) -> Result<Vec<(i64, u64)>, StoreError> {
    let mut select = core.prepare_cached("SELECT log, size FROM audit_head ORDER BY log").map_err(failed(ATTEMPT))?;
    let heads = select.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))).map_err(failed(ATTEMPT))?;
    heads.collect::<rusqlite::Result<_>>().map_err(failed(ATTEMPT))
}
