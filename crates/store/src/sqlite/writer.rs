//! The writer: commits a group and answers. Its thread takes what waits as one group; callers find it at the [`Desk`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use rusqlite::Connection;
use scalbotics_core::ports::StoreError;
use tokio::sync::{mpsc, watch};

use super::checkpointer::Checkpointer;
use super::data_lock::DataLock;
use super::desk::Desk;
use super::failure::Failure;
use super::group;
use super::growth::Growth;
use super::index::Indexer;
use super::job::Job;
use super::logs::Logs;
use super::reserve::{Change, Reserve};
use super::threads;

/// Jobs that may wait; a caller beyond that waits itself.
pub(super) const QUEUE_LEN: usize = 256;

/// Most jobs of one group: beyond it the first of a group waits longer than one fsync takes.
const GROUP_JOBS_MAX: usize = 128;

/// Most bytes of one group, so that the log stays inside its first size.
const GROUP_BYTES_MAX: usize = 2 << 20;

/// What was attempted, for errors of a whole group.
const ATTEMPT: &str = "make a group of writes durable";

/// Why the store can write no more; the daemon ends the process when it sees this.
pub(super) type Fatal = watch::Sender<Option<String>>;

/// Everything that writing needs.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) conn: Connection,
    /// The epoch that this writer began; nothing is committed under another.
    pub(super) epoch: i64,
    pub(super) checkpointer: Checkpointer,
    pub(super) reserve: Reserve,
    pub(super) growth: Arc<Growth>,
    pub(super) index: Arc<Indexer>,
    pub(super) fatal: Arc<Fatal>,
    /// Last, so that the data is given up only when the connection is closed.
    pub(super) lock: DataLock,
}

/// Sets up the desk and starts the thread.
pub(super) fn start(mut writer: Writer, jobs: mpsc::Receiver<Box<dyn Job>>) -> std::io::Result<(Desk, JoinHandle<()>)> {
    let pages = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&pages);
    let hooked = writer.conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, in_log: std::ffi::c_int| {
        counted.store(u32::try_from(in_log).unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }));
    if let Err(error) = hooked {
        return Err(std::io::Error::other(error));
    }
    let growth = Arc::clone(&writer.growth);
    let desk = Desk::new(writer, pages);
    let own = desk.clone();
    let thread = threads::start("store-writer", move || run(&own, jobs, &growth))?;
    Ok((desk, thread))
}

fn run(desk: &Desk, mut jobs: mpsc::Receiver<Box<dyn Job>>, growth: &Growth) {
    while let Some(first) = jobs.blocking_recv() {
        // Whoever else comes while the desk is taken joins the group.
        let mut hand = desk.take();
        if hand.commit(gather(first, &mut jobs)).is_err() {
            break;
        }
    }
    jobs.close();
    while let Some(job) = jobs.blocking_recv() {
        job.finish(Err(StoreError::Closing));
    }
    growth.close();
}

/// The first job and all that wait behind it, within the limits of a group.
fn gather(first: Box<dyn Job>, jobs: &mut mpsc::Receiver<Box<dyn Job>>) -> Vec<Box<dyn Job>> {
    let mut bytes = first.weight();
    let mut group = vec![first];
    while group.len() < GROUP_JOBS_MAX && bytes < GROUP_BYTES_MAX {
        let Ok(job) = jobs.try_recv() else { break };
        bytes = bytes.saturating_add(job.weight());
        group.push(job);
    }
    group
}

impl Writer {
    /// Commits a group and answers; an error means that nothing more may be written.
    pub(super) fn write(&mut self, logs: &mut Logs, group: Vec<Box<dyn Job>>) -> Result<(), ()> {
        // While the room for outcomes is not held, only outcomes are written: nothing new may start.
        let changes: Vec<&Change> = group.iter().map(|job| job.change()).collect();
        let held = self.reserve.take(&changes);
        let group = if held { group } else { essential_of(group) };
        match self.attempt(logs, group) {
            Ok(()) => Ok(()),
            Err((Failure::Full, group)) => self.write_with_kept_room(logs, essential_of(group)),
            Err((failure, group)) => self.give_up(&failure, group),
        }
    }

    /// Writes outcomes into the room that was kept for them, giving back no more of it at a time than they may take.
    fn write_with_kept_room(&mut self, logs: &mut Logs, mut outcomes: Vec<Box<dyn Job>>) -> Result<(), ()> {
        loop {
            let bytes = outcomes.iter().fold(0, |sum: usize, job| sum.saturating_add(job.weight()));
            let more = !outcomes.is_empty() && self.reserve.release(bytes);
            outcomes = match self.attempt(logs, outcomes) {
                Ok(()) => return Ok(()),
                Err((Failure::Full, outcomes)) if more => outcomes,
                Err((failure, outcomes)) => return self.give_up(&failure, outcomes),
            };
        }
    }

    /// Commits and answers; gives the jobs back when the whole group failed.
    fn attempt(&mut self, logs: &mut Logs, mut group: Vec<Box<dyn Job>>) -> Result<(), (Failure, Vec<Box<dyn Job>>)> {
        if group.is_empty() {
            return Ok(());
        }
        match group::commit(&self.conn, self.epoch, logs, &mut group) {
            Ok(done) => {
                for (job, result) in group.into_iter().zip(done.results) {
                    if result.is_ok() {
                        self.reserve.note(job.change());
                    }
                    job.finish(result);
                }
                self.index.saw(&done.appended);
                for (tenant, size) in done.grown {
                    self.growth.reached(&tenant, size);
                    self.index.reached(&tenant, size);
                }
                Ok(())
            }
            Err(failure) => Err((failure, group)),
        }
    }

    fn give_up(&self, failure: &Failure, group: Vec<Box<dyn Job>>) -> Result<(), ()> {
        for job in group {
            job.finish(Err(failure.to_error(ATTEMPT)));
        }
        let said = match failure {
            Failure::Unsynced(said) => format!("an fsync failed: {said}"),
            Failure::Superseded => "a later writer has taken the data over".to_owned(),
            Failure::Full | Failure::Corrupt(_) | Failure::Other(_) => return Ok(()),
        };
        tracing::error!(error = said, lock = ?self.lock, "the store writes nothing more");
        self.fatal.send_replace(Some(said));
        Err(())
    }
}

/// The jobs that may use the room for outcomes; the others are told that there is none.
fn essential_of(group: Vec<Box<dyn Job>>) -> Vec<Box<dyn Job>> {
    let mut kept = Vec::new();
    for job in group {
        if job.essential() {
            kept.push(job);
        } else {
            job.finish(Err(StoreError::Full));
        }
    }
    kept
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::sqlite::job::{Class, Tx, Work};
    use crate::sqlite::{connect, schema};

    pub(in crate::sqlite) fn writer(dir: &std::path::Path) -> (Writer, watch::Receiver<Option<String>>) {
        let path = connect::database(dir);
        let lock = DataLock::take(dir).unwrap();
        let mut conn = connect::writer(&path).unwrap();
        schema::migrate(&mut conn, &path).unwrap();
        let checkpointer = Checkpointer::start(connect::checkpointer(&path).unwrap(), |_| {}).unwrap();
        let (fatal, seen) = watch::channel(None);
        let growth = Arc::new(Growth::default());
        conn.execute("INSERT INTO installation (one, id, writer_epoch) VALUES (1, x'00', 7)", []).unwrap();
        let reserve = Reserve::open(dir, 4_096);
        let index = Arc::new(Indexer::new(&path));
        (Writer { conn, epoch: 7, checkpointer, reserve, growth, index, fatal: Arc::new(fatal), lock }, seen)
    }

    pub(in crate::sqlite) type Answer = tokio::sync::oneshot::Receiver<Result<(), StoreError>>;

    pub(in crate::sqlite) fn job(essential: bool, mut errors: Vec<StoreError>) -> (Box<dyn Job>, Answer) {
        let apply = move |_: &mut Tx<'_>| errors.pop().map_or(Ok(()), Err);
        Work::boxed(Class::new(1, essential), apply, |()| ())
    }

    #[test]
    fn sem_1_3_only_a_failed_fsync_or_a_later_writer_ends_the_writer() {
        let dir = tempfile::tempdir().unwrap();
        let (writer, fatal) = writer(dir.path());
        for (failure, ends) in [
            (Failure::Full, false),
            (Failure::Other("busy".to_owned()), false),
            (Failure::Corrupt("page 7".to_owned()), false),
            (Failure::Unsynced("disk I/O error".to_owned()), true),
            (Failure::Superseded, true),
        ] {
            let (job, mut answer) = job(true, Vec::new());
            assert_eq!(writer.give_up(&failure, vec![job]).is_err(), ends, "{failure:?}");
            assert_eq!(fatal.borrow().is_some(), ends, "{failure:?}");
            assert!(answer.try_recv().unwrap().is_err());
        }
    }

    #[test]
    fn on_a_full_disk_outcomes_are_tried_again_and_the_rest_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (mut writer, fatal) = writer(dir.path());
        let mut logs = Logs::default();
        let (new, mut new_answer) = job(false, Vec::new());
        let (outcome, mut outcome_answer) = job(true, vec![StoreError::Full]);
        let (late, mut late_answer) = job(true, vec![StoreError::Full, StoreError::Full]);
        assert!(writer.write(&mut logs, vec![new, outcome]).is_ok());
        assert!(matches!(new_answer.try_recv().unwrap(), Err(StoreError::Full)));
        assert!(outcome_answer.try_recv().unwrap().is_ok(), "with the room that was kept");
        assert!(writer.write(&mut logs, vec![late]).is_ok());
        assert!(matches!(late_answer.try_recv().unwrap(), Err(StoreError::Full)), "not even with it");
        assert!(fatal.borrow().is_none());
    }

    #[test]
    fn sem_2_1_nothing_is_committed_once_a_later_writer_began() {
        let dir = tempfile::tempdir().unwrap();
        let (mut writer, fatal) = writer(dir.path());
        let mut logs = Logs::default();
        let (first, mut first_answer) = job(false, Vec::new());
        assert!(writer.write(&mut logs, vec![first]).is_ok());
        assert!(first_answer.try_recv().unwrap().is_ok());
        writer.conn.execute("UPDATE installation SET writer_epoch = 8", []).unwrap();
        let (late, mut late_answer) = job(true, Vec::new());
        assert!(writer.write(&mut logs, vec![late]).is_err(), "not even an outcome: the later writer settles it");
        assert!(matches!(late_answer.try_recv().unwrap(), Err(StoreError::Superseded)));
        assert!(fatal.borrow().is_some());
    }

    #[test]
    fn groups_have_limits() {
        let (sender, mut jobs) = mpsc::channel(QUEUE_LEN);
        for _ in 0..GROUP_JOBS_MAX + 10 {
            assert!(sender.try_send(job(true, Vec::new()).0).is_ok());
        }
        assert_eq!(gather(job(true, Vec::new()).0, &mut jobs).len(), GROUP_JOBS_MAX);
        let heavy = Work::boxed(Class::new(GROUP_BYTES_MAX, true), |_: &mut Tx<'_>| Ok(()), |()| ()).0;
        assert_eq!(gather(heavy, &mut jobs).len(), 1);
        assert_eq!(gather(job(true, Vec::new()).0, &mut jobs).len(), 12);
    }
}
