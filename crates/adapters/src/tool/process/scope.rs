//! The proof that an attempt's processes are dead.
//!
//! Before it starts anything, the daemon makes the attempt's lock file. Both helpers take a shared lock on it before they do
//! anything else and keep it until they end: init ends after every other process of its namespace, and the outer helper
//! after the kernel reported init's end. So whoever gets the exclusive lock knows that nothing lives. It then unlinks
//! the file under that lock, and a helper that is late (it was started, but has not locked yet) finds no file, or one
//! without a name, and ends before it starts anything.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, RenameFlags, flock, fstat, openat, renameat_with};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Bytes of an effect id in a file name.
const EFFECT_BYTES_MAX: usize = 128;

/// Bytes of a lock file: at most two lines of two numbers.
const FILE_BYTES_MAX: u64 = 128;

/// Time that one killed process gets to disappear; a process that the kernel cannot end in that time hangs in a driver.
const KILL_WAIT: Duration = Duration::from_secs(5);

/// Rounds of killing, and the pause between two.
const KILL_ROUNDS_MAX: usize = 20;
const KILL_PAUSE: Duration = Duration::from_millis(50);

/// One attempt of one effect, as the sandbox knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    name: String,
}

/// Whether processes of an attempt live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leftover {
    /// None lives, and none can start any more: proven by the exclusive lock, or the attempt was never begun or has ended.
    Dead,
    /// At least one helper lives, and so perhaps the tool.
    Alive,
}

impl Scope {
    /// Names the attempt; nothing when the effect id is not 1 to 128 ASCII letters, digits, `_` or `-`.
    #[must_use]
    pub fn new(effect_id: &str, attempt: u32) -> Option<Self> {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let fits = (1..=EFFECT_BYTES_MAX).contains(&effect_id.len());
        (fits && effect_id.bytes().all(sound)).then(|| Self { name: format!("{effect_id}.{attempt}.lock") })
    }

    pub(super) fn file(&self, run_dir: &Path) -> PathBuf {
        run_dir.join(&self.name)
    }

    /// Makes the lock file; an attempt runs once, so an existing one is an error.
    pub(super) fn begin(&self, run_dir: &Path) -> io::Result<()> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.file(run_dir)).map(drop)
    }

    /// The same with a lock file that helpers without a job hold: their locks go with the file.
    pub(super) fn begin_with(&self, run_dir: &Path, waiting: &Path) -> io::Result<()> {
        Ok(renameat_with(CWD, waiting, CWD, self.file(run_dir), RenameFlags::NOREPLACE)?)
    }

    /// Looks whether processes live, and closes the attempt for good when none does.
    pub(super) fn settle(&self, run_dir: &Path) -> io::Result<Leftover> {
        let path = self.file(run_dir);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Leftover::Dead),
            Err(error) => return Err(error),
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(Leftover::Alive),
            Err(errno) => return Err(errno.into()),
        }
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(Leftover::Dead),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Leftover::Dead),
            Err(error) => Err(error),
        }
    }

    /// Kills what lives, waits for its end, and looks again.
    pub(super) fn kill(&self, run_dir: &Path) -> io::Result<Leftover> {
        let pause = Timespec::try_from(KILL_PAUSE).map_err(|_| io::ErrorKind::InvalidInput)?;
        for _ in 0..KILL_ROUNDS_MAX {
            for process in self.noted(run_dir)? {
                process.kill()?;
            }
            if self.settle(run_dir)? == Leftover::Dead {
                return Ok(Leftover::Dead);
            }
            // A helper that has just started is not in the file yet.
            poll(&mut [], Some(&pause))?;
        }
        self.settle(run_dir)
    }

    /// The processes in the lock file. Init is the second line and comes first: with it the namespace dies, and the outer helper
    /// ends by itself.
    fn noted(&self, run_dir: &Path) -> io::Result<Vec<Process>> {
        let mut text = String::new();
        match File::open(self.file(run_dir)) {
            Ok(file) => file.take(FILE_BYTES_MAX).read_to_string(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        Ok(text.lines().rev().filter_map(Process::parse).collect())
    }
}

/// A helper's end of the lock, held until the process ends.
#[derive(Debug)]
pub(super) struct Hold {
    file: File,
}

impl Hold {
    /// Takes the shared lock.
    ///
    /// # Errors
    /// When the attempt is closed (no file, or no name left) or being closed (locked exclusively): nothing may start.
    pub(super) fn take(path: &Path) -> io::Result<Self> {
        Self::lock(OpenOptions::new().append(true).open(path)?)
    }

    /// The same for a helper that notes nothing: a file open for writing would keep its mount from becoming read-only.
    pub(super) fn follow(path: &Path) -> io::Result<Self> {
        Self::lock(File::open(path)?)
    }

    fn lock(file: File) -> io::Result<Self> {
        flock(&file, FlockOperation::NonBlockingLockShared)?;
        if fstat(&file)?.st_nlink == 0 {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Self { file })
    }

    /// Writes down a process of the attempt, by a pid of the host.
    pub(super) fn note(&self, proc: &OwnedFd, pid: u32) -> io::Result<()> {
        let started_at = started_at(proc, pid)?;
        (&self.file).write_all(format!("{pid} {started_at}\n").as_bytes())
    }
}

/// A process that cannot be confused with a later one of the same pid.
#[derive(Debug)]
struct Process {
    pid: u32,
    /// Clock ticks after boot, field 22 of `/proc/<pid>/stat`.
    started_at: u64,
}

impl Process {
    fn parse(line: &str) -> Option<Self> {
        let (pid, started_at) = line.split_once(' ')?;
        Some(Self { pid: pid.parse().ok()?, started_at: started_at.parse().ok()? })
    }

    fn kill(&self) -> io::Result<()> {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            Err(Errno::SRCH) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        };
        // The descriptor pins the process, so that what is compared now is what is killed below.
        match started_at(&open_proc()?, self.pid) {
            Ok(now) if now == self.started_at => {}
            Ok(_) => return Ok(()),
            Err(error) if is_gone(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
        match pidfd_send_signal(&pidfd, Signal::KILL) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(errno) => return Err(errno.into()),
        }
        let timeout = Timespec::try_from(KILL_WAIT).map_err(|_| io::ErrorKind::InvalidInput)?;
        poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timeout))?;
        Ok(())
    }
}

/// Opens `/proc` as it is now: init mounts another one over it, in the outer helper's view too.
pub(super) fn open_proc() -> io::Result<OwnedFd> {
    Ok(openat(CWD, "/proc", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Whether reading about a process failed because it ended, before its file was opened or after.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::SRCH.raw_os_error())
}

fn started_at(proc: &OwnedFd, pid: u32) -> io::Result<u64> {
    let fd = openat(proc, format!("{pid}/stat"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let stat = io::read_to_string(File::from(fd))?;
    // The command in field 2 may hold spaces and brackets; fields after its last bracket start with the third.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    fields.split_ascii_whitespace().nth(19).and_then(|field| field.parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effect_ids_cannot_leave_the_directory() {
        assert!(Scope::new("eff_0199-a", 1).is_some());
        for id in ["", "a/b", "..", ".", "a\0", "é", &"a".repeat(129)] {
            assert_eq!(Scope::new(id, 1), None, "{id:?}");
        }
    }

    #[test]
    fn the_lock_tells_and_a_late_helper_is_turned_away() {
        let dir = tempfile::tempdir().unwrap();
        let scope = Scope::new("eff_1", 1).unwrap();
        assert_eq!(scope.settle(dir.path()).unwrap(), Leftover::Dead);
        scope.begin(dir.path()).unwrap();
        assert!(scope.begin(dir.path()).is_err());
        let outer = Hold::take(&scope.file(dir.path())).unwrap();
        let init = Hold::follow(&scope.file(dir.path())).unwrap();
        assert_eq!(scope.settle(dir.path()).unwrap(), Leftover::Alive);
        drop(outer);
        assert_eq!(scope.settle(dir.path()).unwrap(), Leftover::Alive);
        drop(init);
        assert_eq!(scope.settle(dir.path()).unwrap(), Leftover::Dead);
        for late in [Hold::take, Hold::follow] {
            assert_eq!(late(&scope.file(dir.path())).unwrap_err().kind(), io::ErrorKind::NotFound);
        }
    }

    #[test]
    fn another_process_of_the_same_pid_is_spared() {
        let mut child = std::process::Command::new("/bin/sleep").arg("60").spawn().unwrap();
        let pid = child.id();
        let now = started_at(&open_proc().unwrap(), pid).unwrap();
        Process { pid, started_at: now + 1 }.kill().unwrap();
        assert!(child.try_wait().unwrap().is_none());
        Process { pid, started_at: now }.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        Process { pid, started_at: now }.kill().unwrap();
    }
}
