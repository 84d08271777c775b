//! Pid 1 of a sandbox: confines itself, starts the tool, and takes everything with it when it ends.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Pid, PidfdFlags, Resource, Rlimit, Signal, WaitOptions, WaitStatus, kill_process_group, pidfd_open,
    set_dumpable_behavior, setrlimit, wait,
};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, disable_transparent_huge_pages, set_capabilities,
    set_capabilities_secure_bits, set_no_new_privs,
};

use super::host::{held, report};
use super::job::{FIXED_ENV, Limits};
use super::mounts::{self, ProcessCount};
use super::outcome::Refusal;
use super::pinned::{self, Failed};
use super::scope::Hold;
use super::wire::{self, Report, Spec};
use super::{paths, syscalls};

/// Least value that the kernel takes for `pid_max`: the reserved ids and one.
const PID_MAX_LEAST: u64 = 301;

/// Largest value of `pid_max` that is asked for; the kernel's own on 64 bits.
const PID_MAX_MOST: u64 = 4_194_304;

/// Orphans reaped between two counts of the processes.
const REAPED_MAX: u32 = 256;

/// Time between two counts of the processes; a fork bomb makes a few hundred in it.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 25_000_000 };

/// Processes beside the tool's own that the kernel counts: init and the outer helper.
const HELPERS: u64 = 2;

/// What operators can do when a confinement is refused.
const NEXT_KERNEL: &str = "run on a kernel of 6.1 or later with Landlock (boot parameter lsm=landlock,…) and seccomp";

/// Runs one job to the end of every process of the namespace.
pub(super) fn run(lock: &Path) -> Result<(), Failed> {
    if std::process::id() != 1 {
        return Err(Refusal::new("be pid 1", "init was started outside a sandbox", "start tools through the daemon").into());
    }
    let _hold = held(Hold::follow(lock))?;
    report(&Report::Ready);
    let (mut spec, input) = wire::decode(io::stdin().lock())
        .map_err(|error| Refusal::new("read the job", error, "nothing: the daemon that wanted it is gone"))?;
    let program = spec.argv.first().cloned().unwrap_or_default();
    let count = confine(&mut spec)?;
    let input = memory_file(&input).map_err(|error| Refusal::new("hand over the input", error, "free memory on the host"))?;
    if lifeline_speaks(&[], &Timespec::default()) {
        return Err(Refusal::new("start the tool", "the daemon is gone or has changed its mind", "nothing").into());
    }
    report(&Report::Starting);
    let child = start(&spec, &program, input)?;
    let end = supervise(child, &spec.limits, count);
    kill_all();
    match end {
        End::Of(status) => report(&told(status)),
        End::TooMany => report(&Report::ProcessLimit),
        End::Lifeline => {}
    }
    Ok(())
}

/// Everything that cannot be undone, in the only order that works: mounts need rights, rights go last but seccomp.
fn confine(spec: &mut Spec) -> Result<ProcessCount, Failed> {
    let refused = |attempt: &'static str| move |errno: Errno| Refusal::new(attempt, errno, NEXT_KERNEL);
    // The daemon does without huge pages, which an exec does not change; the tool shall have what the host gives it.
    disable_transparent_huge_pages(false).map_err(refused("give huge pages back"))?;
    // A tool of the same user could otherwise reach the daemon's socket through /proc/1/fd.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(refused("hide init"))?;
    let count = mounts::prepare(spec)?;
    pinned::prepare(&spec.copies, &spec.pinned, &mut spec.argv)?;
    narrow_pids(spec.limits.processes);
    let image = image_bytes().map_err(|error| Refusal::new("measure init", error, NEXT_KERNEL))?;
    set_no_new_privs(true).map_err(refused("give up privileges"))?;
    let truncate_is_open = paths::restrict(spec)?;
    limit(&spec.limits, image).map_err(refused("set limits"))?;
    let bits = CapabilitiesSecureBits::NO_ROOT
        | CapabilitiesSecureBits::NO_ROOT_LOCKED
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED;
    set_capabilities_secure_bits(bits).map_err(refused("give up root's meaning"))?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
        .map_err(refused("give up capabilities"))?;
    syscalls::restrict(spec.network, truncate_is_open)
        .map_err(|error| Refusal::new("filter system calls", error, NEXT_KERNEL))?;
    Ok(count)
}

/// Lets the namespace have few process ids: from Linux 6.14 on `pid_max` is the namespace's own, and holds for a daemon of root
/// too, whom `RLIMIT_NPROC` does not bind. An older kernel refuses, and the count of [`supervise`] is left.
fn narrow_pids(processes: u64) {
    let most = processes.saturating_add(HELPERS).clamp(PID_MAX_LEAST, PID_MAX_MOST);
    let _older_kernel = std::fs::write("/proc/sys/kernel/pid_max", most.to_string());
}

fn limit(limits: &Limits, image: u64) -> Result<(), Errno> {
    let rows = [
        (Resource::Cpu, limits.cpu_seconds),
        // Init is under the limit too, and must stay able to start the tool.
        (Resource::As, limits.address_space_bytes.saturating_add(image)),
        (Resource::Nproc, limits.processes.saturating_add(HELPERS)),
        (Resource::Fsize, limits.file_bytes),
        (Resource::Nofile, limits.open_files),
        (Resource::Core, 0),
        (Resource::Msgqueue, 0),
    ];
    rows.into_iter().try_for_each(|(resource, most)| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }))
}

/// Address space that init itself uses.
fn image_bytes() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|kib| kib.parse::<u64>().ok());
    kib.map(|kib| kib.saturating_mul(1024)).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn memory_file(input: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("input", MemfdFlags::CLOEXEC)?);
    file.write_all(input)?;
    file.rewind()?;
    Ok(file)
}

/// Starts the tool; `called` is the name that it is told, its path before it was copied.
fn start(spec: &Spec, called: &str, input: File) -> Result<Pid, Refusal> {
    let refused = |reason: &dyn std::fmt::Display| {
        Refusal::new("start the tool", reason, "check the first element of argv: the file, its mode, its interpreter")
    };
    let (program, arguments) = spec.argv.split_first().ok_or_else(|| refused(&"its argv is empty"))?;
    let child = Command::new(program)
        .arg0(called)
        .args(arguments)
        .env_clear()
        .envs(&spec.env)
        .envs(FIXED_ENV)
        .env("HOME", &spec.scratch)
        .env("TMPDIR", &spec.scratch)
        .current_dir(spec.directory.as_ref().unwrap_or(&spec.scratch))
        .stdin(Stdio::from(input))
        .spawn()
        .map_err(|error| refused(&error))?;
    // Waiting is done for every process of the namespace alike, so the handle of this one is not kept.
    i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| refused(&"it has no pid"))
}

enum End {
    Of(WaitStatus),
    TooMany,
    Lifeline,
}

/// Waits for the tool's end, the daemon's end, or too many processes; reaps orphans meanwhile.
fn supervise(tool: Pid, limits: &Limits, mut count: ProcessCount) -> End {
    // A tool that is gone already has a descriptor all the same: nobody reaped it yet.
    let Ok(pidfd) = pidfd_open(tool, PidfdFlags::empty()) else { return End::Lifeline };
    loop {
        let cut = lifeline_speaks(&[&pidfd], &TICK);
        // Bounded, so that a program whose orphans die as fast as they are reaped cannot keep the count from being taken.
        for _ in 0..REAPED_MAX {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == tool => return End::Of(status),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        if cut {
            return End::Lifeline;
        }
        if count.now().is_some_and(|now| now > limits.processes.saturating_add(1)) {
            return End::TooMany;
        }
    }
}

/// Waits for an event and answers whether the daemon closed its end, or sent a byte, which it never does.
fn lifeline_speaks(others: &[&OwnedFd], timeout: &Timespec) -> bool {
    let stdin = io::stdin();
    let mut fds = vec![PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN | PollFlags::RDHUP)];
    fds.extend(others.iter().map(|other| PollFd::new(*other, PollFlags::IN)));
    match poll(&mut fds, Some(timeout)) {
        Ok(_) | Err(Errno::INTR) => fds.first().is_some_and(|fd| !fd.revents().is_empty()),
        Err(_) => true,
    }
}

/// Kills and reaps until no other process of the namespace exists. A fork that races the signal is caught by the next round.
fn kill_all() {
    loop {
        // The group of pid 1 in `kill(2)` is -1: every process but the caller.
        let _ = kill_process_group(Pid::INIT, Signal::KILL);
        match wait(WaitOptions::empty()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

fn told(status: WaitStatus) -> Report {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Report::Exited(code),
        (None, signal) => Report::Signaled(signal.unwrap_or_default()),
    }
}
