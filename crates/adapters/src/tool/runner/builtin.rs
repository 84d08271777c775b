//! The file tools, on a thread that may block.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use scalbotics_core::desired::Mount;
use scalbotics_core::in_words;
use scalbotics_core::ports::Stop;
use scalbotics_core::tool::{Call, NotDone, Outcome, Verification};
use serde_json::Value;

use crate::tool::fs::{self, Error, Mounts, Tool, Verdict};

/// Withdraws the call when it is dropped, so that no thread works for a caller who is gone.
struct Withdraw(Arc<AtomicBool>);

impl Drop for Withdraw {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(super) async fn run(
    tool: Tool,
    mounts: Vec<Mount>,
    call: &Call,
    time: Duration,
    stop: &dyn Stop,
) -> Result<Outcome, NotDone> {
    if let Some(outcome) = at_once(tool, &mounts, &call.args) {
        return Ok(outcome);
    }
    let args = Arc::clone(&call.args);
    let withdrawn = Arc::new(AtomicBool::new(false));
    let guard = Withdraw(Arc::clone(&withdrawn));
    let mut work = tokio::task::spawn_blocking(move || {
        let arguments = parse(&args)?;
        let done = open(mounts)?.call(tool, &arguments, &|| withdrawn.load(Ordering::Relaxed));
        outcome(tool, done)
    });
    let joined = tokio::select! {
        biased;
        joined = &mut work => joined,
        () = stop.stopped() => { drop(guard); work.await }
        () = tokio::time::sleep(time) => { drop(guard); work.await }
    };
    joined.unwrap_or_else(|_| Ok(Outcome::Unknown { reason: format!("`{}` broke off", tool.id()) }))
}

/// A small piece of a file that the kernel has in memory, without a thread for it: the way there and back takes several times as
/// long as the read. Whatever is wrong is for the thread to say.
fn at_once(tool: Tool, mounts: &[Mount], args: &[u8]) -> Option<Outcome> {
    if tool != Tool::Read {
        return None;
    }
    let places: Vec<(&str, &Path)> = mounts.iter().map(|mount| (mount.name.as_str(), Path::new(&mount.path))).collect();
    let output = Mounts::read_at_once(&places, &parse(args).ok()?)?;
    let bytes = scalbotics_core::json::canonical(&output.value).ok()?;
    Some(Outcome::Landed { output: bytes, truncated: output.truncated })
}

pub(super) async fn verify(mounts: Vec<Mount>, call: &Call) -> (Verification, Option<Vec<u8>>) {
    let args = Arc::clone(&call.args);
    let work = tokio::task::spawn_blocking(move || {
        let arguments = parse(&args)?;
        let answer = open(mounts)?.verify_write(&arguments);
        answer.map_err(|error| NotDone::Unavailable { reason: in_words(&error) })
    });
    match work.await {
        Ok(Ok(Verdict::Landed { result })) => (Verification::Landed, Some(result.to_string().into_bytes())),
        Ok(Ok(Verdict::NotLanded)) => (Verification::NotLanded, None),
        Ok(Err(_)) | Err(_) => (Verification::Unknown, None),
    }
}

fn parse(args: &[u8]) -> Result<Value, NotDone> {
    serde_json::from_slice(args).map_err(|error| NotDone::Arguments { reason: error.to_string() })
}

fn open(mounts: Vec<Mount>) -> Result<Mounts, NotDone> {
    let open = |mount: Mount| match fs::Workspace::open(Path::new(&mount.path)) {
        Ok(workspace) => Ok(fs::Mount { name: mount.name.to_string(), workspace, write: mount.write }),
        Err(error) => Err(NotDone::Unavailable { reason: format!("mount `{}` cannot be opened: {error}", mount.name) }),
    };
    Ok(Mounts::new(mounts.into_iter().map(open).collect::<Result<_, _>>()?))
}

fn outcome(tool: Tool, done: Result<fs::Output, Error>) -> Result<Outcome, NotDone> {
    match done {
        Ok(output) => {
            let bytes = scalbotics_core::json::canonical(&output.value);
            Ok(match bytes {
                Ok(bytes) => Outcome::Landed { output: bytes, truncated: output.truncated },
                Err(error) => Outcome::Failed { reason: in_words(&error) },
            })
        }
        Err(error @ (Error::Arguments { .. } | Error::Argument { .. } | Error::Pattern { .. })) => {
            Err(NotDone::Arguments { reason: in_words(&error) })
        }
        // Asked for before the rename, so nothing was changed.
        Err(Error::Cancelled) => Err(NotDone::Void { reason: "the call was stopped or ran out of time".to_owned() }),
        // The rename is done, but whether it survives a power loss is not known.
        Err(error @ Error::Io { operation: "sync", .. }) if tool == Tool::Write => {
            Ok(Outcome::Unknown { reason: in_words(&error) })
        }
        Err(
            error @ (Error::Outside { .. }
            | Error::NotFound { .. }
            | Error::Kind { .. }
            | Error::HardLink { .. }
            | Error::Protected { .. }
            | Error::ReadOnly { .. }
            | Error::TooManyEntries { .. }
            | Error::Io { .. }),
        ) => Ok(Outcome::Failed { reason: in_words(&error) }),
    }
}
