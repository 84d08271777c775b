//! The checks of an installation on this machine, which `scalboticsd` makes: only it sees keys and data.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::doctor::DoctorArgs;
use super::finding::Finding;
use crate::codes;
use crate::commands::{daemon_program, said};
use crate::failure::{Exit, Failure};

/// What the checks are called where they could not be made.
const CHECK: &str = "installation files";

/// Runs `scalboticsd doctor` and takes over what it found.
pub(super) fn check(config: &Path, args: &DoctorArgs) -> Vec<Finding> {
    let program = daemon_program();
    let mut command = Command::new(&program);
    command.arg("--config").arg(config).args(["--output", "json", "doctor"]);
    command.args(args.fix.then_some("--fix")).args(args.offline.then_some("--offline"));
    let refused = |why: String| {
        let failure = Failure::new(Exit::Failed, codes::NO_DAEMON, format!("cannot run {}", program.display()));
        vec![Finding::of(CHECK, Err(failure.why(why).next("install `scalboticsd` beside `scalbotics`, or on PATH")))]
    };
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return refused(error.to_string()),
    };
    match serde_json::from_slice::<Vec<Value>>(&output.stdout) {
        Ok(items) if !items.is_empty() => items.into_iter().map(Finding::printed).collect(),
        Ok(_) | Err(_) => refused(said(&output.stderr)),
    }
}
