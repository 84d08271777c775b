//! One group of jobs as one transaction: a savepoint a job where there are several, one commit, one fsync.

use rusqlite::Connection;
use scalbotics_core::failpoint;
use scalbotics_core::ports::StoreError;
use scalbotics_core::tenant::TenantId;

use super::epochs::writer_epoch;
use super::failure::Failure;
use super::job::{Job, Tx};
use super::logs::{Appended, Logs};

/// What became of each job, and the logs that grew.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) results: Vec<Result<(), StoreError>>,
    pub(super) grown: Vec<(TenantId, u64)>,
    pub(super) appended: Vec<Appended>,
}

/// Does the jobs and commits under the writer's epoch. On failure nothing of the group is durable, unless the fsync itself failed.
pub(super) fn commit(conn: &Connection, epoch: i64, logs: &mut Logs, jobs: &mut [Box<dyn Job>]) -> Result<Done, Failure> {
    let done = within(conn, epoch, logs, jobs);
    if done.is_err() {
        logs.forget();
        if !conn.is_autocommit() {
            // When even this fails the connection is still in the transaction, and the next group says so.
            let _ended = run(conn, "ROLLBACK");
        }
    }
    done
}

fn within(conn: &Connection, epoch: i64, logs: &mut Logs, jobs: &mut [Box<dyn Job>]) -> Result<Done, Failure> {
    run(conn, "BEGIN IMMEDIATE")?;
    // The lock of the data is a file that somebody may remove; the epoch is in the transaction (semantics §2.1).
    if writer_epoch(conn).map_err(|error| Failure::of(&error))? != epoch {
        return Err(Failure::Superseded);
    }
    let results = match jobs {
        [only] => vec![alone(conn, logs, only.as_mut())?],
        many => many.iter_mut().map(|job| one(conn, logs, job.as_mut())).collect::<Result<Vec<_>, _>>()?,
    };
    let grown = logs.write_heads(conn).map_err(|error| of_store(&error))?;
    if results.iter().all(Result::is_err) {
        run(conn, "ROLLBACK")?;
        return Ok(Done { results, grown, appended: Vec::new() });
    }
    failpoint!("commit.before");
    run(conn, "COMMIT")?;
    failpoint!("commit.after");
    Ok(Done { results, grown, appended: logs.take_appended() })
}

/// The only job of its group: what it did goes with the transaction. A savepoint would keep a copy of every page that it changes.
fn alone(conn: &Connection, logs: &mut Logs, job: &mut dyn Job) -> Result<Result<(), StoreError>, Failure> {
    logs.begin_job();
    match job.apply(&mut Tx { conn, logs: &mut *logs }) {
        Ok(()) => Ok(Ok(())),
        Err(error) if conn.is_autocommit() => Err(of_store(&error)),
        Err(StoreError::Full) => Err(Failure::Full),
        Err(error) => {
            logs.undo_job();
            Ok(Err(error))
        }
    }
}

fn one(conn: &Connection, logs: &mut Logs, job: &mut dyn Job) -> Result<Result<(), StoreError>, Failure> {
    run(conn, "SAVEPOINT job")?;
    logs.begin_job();
    let result = job.apply(&mut Tx { conn, logs: &mut *logs });
    match result {
        Ok(()) => {
            run(conn, "RELEASE job")?;
            Ok(Ok(()))
        }
        // The engine may have ended the whole transaction by itself.
        Err(error) if conn.is_autocommit() => Err(of_store(&error)),
        Err(StoreError::Full) => Err(Failure::Full),
        Err(error) => {
            run(conn, "ROLLBACK TO job")?;
            run(conn, "RELEASE job")?;
            logs.undo_job();
            Ok(Err(error))
        }
    }
}

fn run(conn: &Connection, statement: &str) -> Result<(), Failure> {
    conn.prepare_cached(statement).and_then(|mut prepared| prepared.execute([])).map(|_| ()).map_err(|error| Failure::of(&error))
}

fn of_store(error: &StoreError) -> Failure {
    match error {
        StoreError::Full => Failure::Full,
        StoreError::Corrupt { what } => Failure::Corrupt(what.clone()),
        StoreError::Failed { source, .. } => Failure::Other(source.to_string()),
        StoreError::Superseded => Failure::Superseded,
        StoreError::Conflict { .. }
        | StoreError::Revoked { .. }
        | StoreError::Taken { .. }
        | StoreError::Quota { .. }
        | StoreError::Unwitnessed
        | StoreError::Closing => Failure::Other(error.to_string()),
    }
}
