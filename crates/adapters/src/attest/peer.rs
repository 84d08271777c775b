//! The process at the other end of a connection, and what the daemon may look at.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::OnceLock;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, getegid, geteuid, pidfd_open};
use rustix::thread::{CapabilitySet, capabilities};
use tokio::net::UnixStream;

use super::error::{Error, system};
use super::stat;

/// The user that stands for all whom a namespace of users does not know (user_namespaces(7)).
const OVERFLOW_ID: u32 = 65_534;

/// The mapping of users of the host itself: everybody is who they are.
const EVERYBODY: [&str; 3] = ["0", "0", "4294967295"];

/// A process, held so that its number cannot become another's unnoticed.
#[derive(Debug)]
pub struct Peer {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pid: i32,
    pidfd: OwnedFd,
    /// In ticks since the host started, as it was when the process was first looked at.
    pub(super) started: OnceLock<u64>,
}

impl Peer {
    /// The process that connected, held at once; nothing else is looked at, so that nothing is waited for.
    ///
    /// Between its call of connect and this one it may have ended, and its number may be another's: that one counts only if
    /// it has the same effective user and group.
    ///
    /// # Errors
    /// [`Error`].
    pub fn of(stream: &UnixStream) -> Result<Self, Error> {
        let credentials = stream.peer_cred().map_err(system("ask who connected"))?;
        let pid = credentials.pid().ok_or(Error::Unknown)?;
        Self::of_process(pid, credentials.uid(), credentials.gid())
    }

    /// The process with this number, which connected as this user and group.
    ///
    /// # Errors
    /// [`Error`].
    pub(super) fn of_process(pid: i32, uid: u32, gid: u32) -> Result<Self, Error> {
        let named = Pid::from_raw(pid).ok_or(Error::Unknown)?;
        if uid == OVERFLOW_ID && !maps_everybody() {
            return Err(Error::Unknown);
        }
        let pidfd = pidfd_open(named, PidfdFlags::empty()).map_err(|error| match error {
            rustix::io::Errno::SRCH => Error::Gone,
            other => system("hold the process")(other),
        })?;
        Ok(Self { uid, gid, pid, pidfd, started: OnceLock::new() })
    }

    /// Its effective user when it connected.
    #[must_use]
    pub const fn uid(&self) -> u32 {
        self.uid
    }

    /// Its effective group when it connected.
    #[must_use]
    pub const fn gid(&self) -> u32 {
        self.gid
    }

    /// Its number, for the log.
    #[must_use]
    pub const fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether it has not ended.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::System`].
    pub fn check_alive(&self) -> Result<(), Error> {
        let mut waits = [PollFd::new(&self.pidfd, PollFlags::IN)];
        let ended =
            poll(&mut waits, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).map_err(system("look whether the process is there"))?;
        if ended == 0 { Ok(()) } else { Err(Error::Gone) }
    }

    /// Whether it is the process that connected, as the user and group that it connected as. Asked after each look under its number.
    pub(super) fn check(&self) -> Result<(), Error> {
        let status = stat::text(&self.file("status")).map_err(gone)?;
        let started = self.start_time()?;
        self.check_alive()?;
        let is_same = started == *self.started.get_or_init(|| started) && stat::effective(&status) == Some((self.uid, self.gid));
        if is_same { Ok(()) } else { Err(Error::Changed) }
    }

    /// A file below its folder of `/proc`.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        ["/proc", &self.pid.to_string(), name].iter().collect()
    }

    fn start_time(&self) -> Result<u64, Error> {
        let text = stat::text(&self.file("stat")).map_err(gone)?;
        stat::start_time(&text).ok_or(Error::Unknown)
    }
}

/// What is said where a file of a process is not there: the process ended, or is hidden.
fn gone(source: std::io::Error) -> Error {
    // ESRCH is said by a file that was opened before the process ended.
    let is_gone = source.kind() == std::io::ErrorKind::NotFound || source.raw_os_error() == Some(libc::ESRCH);
    if is_gone { Error::Gone } else { system("look at the process")(source) }
}

fn maps_everybody() -> bool {
    let map = stat::text(std::path::Path::new("/proc/self/uid_map")).unwrap_or_default();
    map.split_ascii_whitespace().eq(EVERYBODY)
}

/// Whose programs the daemon may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    uid: u32,
    gid: u32,
    sees_others: bool,
}

impl Rights {
    /// Those of this process. Another user's program needs `CAP_SYS_PTRACE`.
    #[must_use]
    pub fn own() -> Self {
        let held = capabilities(None).map(|sets| sets.effective).unwrap_or(CapabilitySet::empty());
        Self { uid: geteuid().as_raw(), gid: getegid().as_raw(), sees_others: held.contains(CapabilitySet::SYS_PTRACE) }
    }

    /// Those of a process of this user and group without any capability.
    #[must_use]
    pub const fn plain(uid: u32, gid: u32) -> Self {
        Self { uid, gid, sees_others: false }
    }

    /// Whether the program of a process of this user and group may be looked at, where `None` stands for anybody.
    #[must_use]
    pub fn see(&self, uid: Option<u32>, gid: Option<u32>) -> bool {
        self.sees_others || (uid == Some(self.uid) && gid.is_none_or(|gid| gid == self.gid))
    }
}
