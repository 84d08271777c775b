//! The database: ours, whole, of a version that is known.

use std::fs::{File, TryLockError};
use std::path::Path;

use scalbotics_store::{Offline, OpenError, open_read_only};

use super::finding::Finding;
use super::run::Patient;

/// What this check is called.
const CHECK: &str = "database";

/// Whether a daemon serves this data now: it holds the lock, which the kernel drops with the process.
pub(super) fn is_served(dir: &Path) -> bool {
    // A lock file that is left behind is nobody's: it is looked at, never removed.
    let Ok(file) = File::open(dir.join("lock")) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let dir = &patient.config.data_dir;
    let served = if patient.is_served { "; a daemon serves it" } else { "; no daemon serves it" };
    vec![match open_read_only(dir) {
        Ok(store) => whole(&store, dir, served),
        Err(OpenError::Missing { .. }) => Finding::fail(
            CHECK,
            format!("there is none in {}", dir.display()),
            "restore a backup; `initialize` again makes a new one",
        ),
        Err(error) => Finding::error(CHECK, &error, error.next_step()),
    }]
}

fn whole(store: &Offline, dir: &Path, served: &str) -> Finding {
    let next = "keep a copy of the data directory as it is, then restore the newest backup";
    match store.damage() {
        Ok(None) => Finding::ok(CHECK, format!("{} is whole{served}", dir.display())),
        Ok(Some(damage)) => Finding::fail(CHECK, format!("{} is corrupt: {damage}", dir.display()), next),
        Err(error) => Finding::error(CHECK, &error, next),
    }
}
