//! The hidden subcommand `sandbox`: entry of both helpers, and the outer one.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};

use rustix::process::{getgid, getuid};
use rustix::thread::UnshareFlags;

use super::init;
use super::outcome::Refusal;
use super::pinned::Failed;
use super::scope::{Hold, open_proc};
use super::wire::Report;

/// The subcommand of the daemon under which [`sandbox_main`] is reached.
pub const SUBCOMMAND: &str = "sandbox";

/// First argument of the outer helper, of init, and its argument that keeps the host's network.
pub(super) const OUTER: &str = "outer";
const INIT: &str = "init";
pub(super) const HOST_NETWORK: &str = "host-network";

/// What operators can do when namespaces are refused.
const NEXT_NAMESPACES: &str = "allow user namespaces for the daemon's user (sysctl user.max_user_namespaces, \
     kernel.unprivileged_userns_clone, AppArmor's userns rule), or run no own tools on this host";

/// Runs a helper of the sandbox. `main` calls it before anything else when its first argument is [`SUBCOMMAND`], with the
/// arguments behind it; it must run before threads, signal handlers or a runtime exist.
///
/// Standard input is the daemon's socket; called by hand it refuses and ends.
#[must_use]
pub fn sandbox_main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = arguments.into_iter().collect::<Vec<_>>();
    let word = |index: usize| arguments.get(index).and_then(|argument| argument.to_str()).unwrap_or_default();
    let done = match (word(0), arguments.get(1)) {
        (OUTER, Some(lock)) => outer(Path::new(lock), word(2) == HOST_NETWORK).map_err(Failed::from),
        (INIT, Some(lock)) => init::run(Path::new(lock)),
        _ => Err(Refusal::new("start a sandbox", "it is the daemon's own helper", "start tools through the daemon").into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            report(&failed.into());
            ExitCode::FAILURE
        }
    }
}

/// Tells the daemon; when the daemon is gone nobody needs to be told.
pub(super) fn report(report: &Report) {
    if let Ok(mut line) = serde_json::to_vec(report) {
        line.push(b'\n');
        let mut rest = line.as_slice();
        while let Ok(written @ 1..) = rustix::io::write(io::stdin(), rest) {
            rest = rest.get(written..).unwrap_or_default();
        }
    }
}

/// The shared lock of the attempt, or why nothing may start without it.
pub(super) fn held(hold: io::Result<Hold>) -> Result<Hold, Refusal> {
    hold.map_err(|error| Refusal::new("lock the attempt", error, "nothing: the daemon that wanted it is gone"))
}

fn outer(lock: &Path, host_network: bool) -> Result<(), Refusal> {
    let hold = held(Hold::take(lock))?;
    let refused = |attempt: &str, error: io::Error| Refusal::new(attempt, error, NEXT_NAMESPACES);
    // Out of memory: the tool goes first, not the daemon. Raising the score needs no right and never fails in practice.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let noting = |error| Refusal::of_file("write the attempt down", &error, NEXT_NAMESPACES);
    let proc = open_proc().map_err(noting)?;
    hold.note(&proc, std::process::id()).map_err(noting)?;
    enter_namespaces(host_network).map_err(|error| refused("enter new namespaces", error))?;
    // The first child is pid 1 of the new namespace. It is this program again, by an exec: no code runs after a fork.
    let mut child = Command::new("/proc/self/exe")
        .args([SUBCOMMAND, INIT])
        .arg(lock)
        .spawn()
        .map_err(|error| refused("start the sandbox's init", error))?;
    // Without this line a recovery could not kill a hanging init, so it is worth ending over.
    let noted = hold.note(&proc, child.id()).or_else(|error| child.kill().and(Err(error)));
    let ended = child.wait();
    noted.and(ended).map(drop).map_err(|error| refused("follow the sandbox's init", error))
}

fn enter_namespaces(host_network: bool) -> io::Result<()> {
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    let mut flags =
        UnshareFlags::NEWUSER | UnshareFlags::NEWPID | UnshareFlags::NEWNS | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    if !host_network {
        flags |= UnshareFlags::NEWNET;
    }
    #[expect(deprecated, reason = "the successor is unsafe only because of CLONE_FILES, which is not among these flags")]
    rustix::thread::unshare(flags)?;
    // Only the own id exists inside; it is called 0 there so that init may mount, and keeps no right after that.
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("0 {group} 1"))
}
