//! The database: ours, whole, of a version that is known.

use std::fs::{File, TryLockError};
use std::path::Path;

use scalbotics_store::{Offline, OpenError, open_read_only};

use super::finding::Finding;
use super::run::Patient;
use crate::anchor::{self, Anchor, Refused};

/// What this check is called.
const CHECK: &str = "database";

/// Whether a daemon serves this data now: it holds the lock, which the kernel drops with the process.
pub(crate) fn is_served(dir: &Path) -> bool {
    // A lock file that is left behind is nobody's: it is looked at, never removed.
    let Ok(file) = File::open(dir.join("lock")) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// What is remembered of the database outside of it. Only a start compares the two.
pub(super) fn anchor(patient: &Patient<'_>) -> Finding {
    const CHECK: &str = "anchor";
    let config = patient.config;
    let others = |what: &str| Finding::warn(CHECK, format!("it was not looked at: {what}"), "mend that first");
    let Ok(trust) = crate::keys::trust(config) else { return others("the trust file cannot be used") };
    let path = Anchor::path(&config.keystore);
    match anchor::load(&config.keystore, config.installation, &trust.log_keys) {
        Ok(Some(anchor)) if anchor.restoring => {
            let error = Refused::Unfinished;
            Finding::error(CHECK, &error, error.next_step())
        }
        Ok(Some(anchor)) => {
            Finding::ok(CHECK, format!("incarnation {}, {} logs remembered", anchor.incarnation, anchor.logs.len()))
        }
        Ok(None) if !config.keystore.is_file() => others("the keystore that it lies beside is not there"),
        Err(Refused::Foreign { .. }) => others("configuration and keystore are of different installations"),
        Ok(None) => {
            let error = Refused::Absent { path };
            Finding::error(CHECK, &error, error.next_step())
        }
        Err(error) => Finding::error(CHECK, &error, error.next_step()),
    }
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
