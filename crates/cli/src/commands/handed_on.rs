//! Verbs that need the installation's keys: they become `scalboticsd`.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;

use crate::failure::{Exit, Failure};

/// The daemon's program: beside this one, else by `PATH`.
fn daemon() -> PathBuf {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name("scalboticsd"));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from("scalboticsd"))
}

/// Replaces this process by `scalboticsd VERB ARGUMENTS`; comes back only to say why not.
pub(super) fn exec<S: AsRef<OsStr>>(verb: S, arguments: &[OsString]) -> Result<(), Failure> {
    let program = daemon();
    let error = std::process::Command::new(&program).arg(verb).args(arguments).exec();
    Err(Failure::new(Exit::Failed, "CLI_NO_DAEMON", format!("cannot run {}", program.display()))
        .why(error.to_string())
        .next("install scalboticsd beside scalbotics, or on PATH"))
}
