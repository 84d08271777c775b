//! A sandbox that is tried out: a program that does nothing, run as a tool would be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Job, Limits, Outcome, Refusal, Sandbox, Scope};

/// A program that is on every machine and does nothing.
const NOTHING: &str = "/bin/true";

/// Runs a program that does nothing in a sandbox; `run_dir` is a directory for this trial alone.
///
/// # Errors
/// [`Refusal`], with what the machine lacks.
pub async fn try_out(exe: PathBuf, run_dir: &Path) -> Result<(), Refusal> {
    let next = "check the limits of the daemon's user on processes, memory and open files";
    let refused = |reason: String| Refusal::new("try out the sandbox", reason, next);
    let sandbox = Sandbox::open(exe, run_dir).map_err(|error| Refusal::of_file("prepare the sandbox", &error, next))?;
    let scope = Scope::new("trial", 1).ok_or_else(|| refused("it has no name".to_owned()))?;
    let job = Job {
        argv: vec![NOTHING.to_owned()],
        env: BTreeMap::new(),
        secrets: Vec::new(),
        input: Vec::new(),
        read_paths: Vec::new(),
        data_paths: Vec::new(),
        write_paths: Vec::new(),
        pinned: Vec::new(),
        network: false,
        directory: None,
        limits: Limits::default(),
    };
    match sandbox.run(&scope, &job, std::future::pending()).await.outcome {
        Outcome::Exited { code: 0 } => Ok(()),
        Outcome::NeverStarted(refusal) => Err(refusal),
        other @ (Outcome::Exited { .. }
        | Outcome::Killed { .. }
        | Outcome::TimedOut
        | Outcome::Stopped
        | Outcome::OutputLimit
        | Outcome::ProcessLimit
        | Outcome::Changed(_)
        | Outcome::Lost) => Err(refused(format!("{NOTHING} ended as {other:?}"))),
    }
}
