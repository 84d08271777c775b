//! The two helpers of one sandbox as the daemon holds them: a process, its two outputs, and the socket that keeps it alive.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use super::host::{HOST_NETWORK, OUTER, SUBCOMMAND};
use super::outcome::Refusal;
use super::wire::READY;

/// What operators can do when a helper cannot be started.
pub(super) const NEXT_HELPER: &str = "check the daemon's run directory and its limits on processes and open files";

/// A pair that was started; dropping `control` ends both and everything below them.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) child: Child,
    pub(super) control: UnixStream,
}

impl Pair {
    /// Starts both under a lock file that exists; with `network` they keep the host's.
    pub(super) fn start(exe: &Path, lock: &Path, network: bool) -> Result<Self, Refusal> {
        let refused = |attempt: &'static str| move |error: io::Error| Refusal::of_file(attempt, &error, NEXT_HELPER);
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(refused("make a socket"))?;
        ours.set_nonblocking(true).map_err(refused("make a socket"))?;
        let control = UnixStream::from_std(ours).map_err(refused("make a socket"))?;
        let mut command = Command::new(exe);
        command.args([SUBCOMMAND, OUTER]).arg(lock);
        if network {
            command.arg(HOST_NETWORK);
        }
        let child = command
            .env_clear()
            .current_dir("/")
            // A terminal's interrupt is for the daemon, which then decides about its tools.
            .process_group(0)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(refused("start the sandbox's helper"))?;
        Ok(Self { child, control })
    }

    /// Waits until init holds the lock and would read a job; any other word of it, or its end, is `InvalidData` or `UnexpectedEof`.
    pub(super) async fn ready(&mut self) -> io::Result<()> {
        let mut line = [0; READY.len()];
        self.control.read_exact(&mut line).await?;
        if line == *READY { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    /// Whether the outer helper, which ends with init, still runs.
    pub(super) fn live(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}
