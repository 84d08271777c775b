//! The private view of the file system: a scratch directory in memory, and a `/proc` that shows the sandbox only.

use std::ffi::CString;

use rustix::fs::{CWD, Dir, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};

use super::outcome::Refusal;
use super::readonly;
use super::wire::Spec;

/// Files and directories in the scratch directory; each takes kernel memory of its own.
const SCRATCH_FILES_MAX: u64 = 16_384;

const NEXT: &str = "allow mounts in user namespaces (AppArmor, container profile), or run no own tools on this host";

/// Counts the processes of the sandbox, where its `/proc` could be mounted.
#[derive(Debug)]
pub(super) struct ProcessCount {
    proc: Option<Dir>,
}

impl ProcessCount {
    /// Processes of the namespace, init among them.
    pub(super) fn now(&mut self) -> Option<u64> {
        let dir = self.proc.as_mut()?;
        dir.rewind();
        let mut count = 0;
        while let Some(Ok(entry)) = dir.read() {
            count += u64::from(entry.file_name().to_bytes().first().is_some_and(u8::is_ascii_digit));
        }
        Some(count)
    }
}

/// Mounts both over what becomes read-only but for the paths to write; nothing of it is seen outside. A container that masks its own `/proc` forbids a new one: then there is none for
/// the tool, and the count of processes is left to the kernel's limit.
pub(super) fn prepare(spec: &Spec) -> Result<ProcessCount, Refusal> {
    let (scratch, bytes) = (spec.scratch.as_path(), spec.limits.scratch_bytes);
    let refused = |attempt: &'static str| move |errno: Errno| Refusal::new(attempt, errno, NEXT);
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).map_err(refused("make mounts private"))?;
    readonly::seal(&spec.write_paths)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let options = CString::new(format!("size={bytes},nr_inodes={SCRATCH_FILES_MAX},mode=0700")).unwrap_or_default();
    mount("scratch", scratch, "tmpfs", flags, Some(options.as_c_str())).map_err(refused("mount the scratch directory"))?;
    let proc = match mount("proc", "/proc", "proc", flags, None) {
        Ok(()) => Some(open_proc().map_err(refused("read the sandbox's /proc"))?),
        Err(Errno::PERM) => None,
        Err(errno) => return Err(refused("mount /proc")(errno)),
    };
    Ok(ProcessCount { proc })
}

fn open_proc() -> Result<Dir, Errno> {
    let fd = openat(CWD, "/proc", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    Dir::new(fd)
}
