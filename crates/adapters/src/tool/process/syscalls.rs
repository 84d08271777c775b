//! seccomp: which system calls the tool may make.
//!
//! A list of refusals, under a ceiling: calls newer than the list do not exist for the tool. Refused calls fail with
//! `EPERM` so that a program can go another way; calls of a foreign architecture kill.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition as Condition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter, sock_filter,
};

/// Calls above this number fail with `ENOSYS`: nobody has looked at them yet. It is `mseal`, of Linux 6.10.
const CEILING: u32 = 462;

/// Bit of the x32 calls on x86-64, which pass the check of the architecture but have other numbers.
const X32: u32 = 0x4000_0000;

/// Refused whatever their arguments.
const REFUSED: &[libc::c_long] = &[
    // The tree of mounts, and ways around path rules.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_fanotify_init,
    // Other processes, and new namespaces.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    // Kernel surface that tools do not need and that broke often. io_uring would also pass by this filter.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_lookup_dcookie,
    // The machine as a whole.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_syslog,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
];

/// Likewise, where they exist.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[libc::c_long] =
    &[libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt, libc::SYS_uselib, libc::SYS_ustat, libc::SYS_sysfs];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[libc::c_long] = &[];

/// Flags of `clone` that make a namespace.
const NAMESPACES: [libc::c_int; 8] = [
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
    CLONE_NEWTIME,
];

/// `CLONE_NEWTIME` of `linux/sched.h`; shares its bit with the exit signal of `clone`, whose numbers never reach it.
const CLONE_NEWTIME: libc::c_int = 0x80;

/// The bit of `O_TMPFILE` that is not `O_DIRECTORY`'s.
const O_TMPFILE_ALONE: libc::c_int = libc::O_TMPFILE & !libc::O_DIRECTORY;

/// Why the filter is not in force.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The rules do not make a program.
    #[error("building the filter")]
    Build(#[from] seccompiler::BackendError),
    /// The kernel refuses the program.
    #[error("the kernel refuses the filter")]
    Apply(#[from] seccompiler::Error),
}

/// Puts the filter in force for this process and all its children.
pub(super) fn restrict(network: bool, truncate_is_open: bool) -> Result<(), Error> {
    Ok(apply_filter(&program(network, truncate_is_open)?)?)
}

fn program(network: bool, truncate_is_open: bool) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for call in REFUSED.iter().chain(REFUSED_HERE) {
        rules.insert(*call, Vec::new());
    }
    let mut clone = Vec::new();
    for flag in NAMESPACES {
        let flag = u64::try_from(flag).unwrap_or_default();
        clone.push(SeccompRule::new(vec![Condition::new(0, Len::Qword, Op::MaskedEq(flag), flag)?])?);
    }
    rules.insert(libc::SYS_clone, clone);
    rules.insert(libc::SYS_socket, refused_sockets(network)?);
    let truncating = if truncate_is_open { truncate_rules()? } else { Vec::new() };
    for (call, more) in set_id_rules()?.into_iter().chain(truncating) {
        rules.entry(call).or_default().extend(more);
    }
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let eperm = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, eperm, arch)?;
    let mut program = first_looks();
    program.extend(BpfProgram::try_from(filter)?);
    Ok(program)
}

/// Without the network no socket at all (`socketpair` stays); with it, the internet's two families. Sockets of the local
/// machine are refused always: Landlock does not guard the paths of, say, a container engine's.
fn refused_sockets(network: bool) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    if !network {
        return Ok(Vec::new());
    }
    let other_than = |family: libc::c_int| Condition::new(0, Len::Dword, Op::Ne, u64::try_from(family).unwrap_or_default());
    Ok(vec![SeccompRule::new(vec![other_than(libc::AF_INET)?, other_than(libc::AF_INET6)?])?])
}

/// No file that runs as another: what a tool leaves in a workspace belongs to the daemon's user, and anybody on the host may find it.
fn set_id_rules() -> Result<Vec<(i64, Vec<SeccompRule>)>, seccompiler::BackendError> {
    let bit = |argument: u8, bit: libc::mode_t| Condition::new(argument, Len::Dword, Op::MaskedEq(bit.into()), bit.into());
    let mode = |argument: u8| -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
        [libc::S_ISUID, libc::S_ISGID].into_iter().map(|set| SeccompRule::new(vec![bit(argument, set)?])).collect()
    };
    // Without one of these flags there is no mode, and whatever is in its place means nothing.
    let opening = |flags: u8| -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
        let mut rules = Vec::new();
        for making in [libc::O_CREAT, O_TMPFILE_ALONE] {
            let making = u64::try_from(making).unwrap_or_default();
            for set in [libc::S_ISUID, libc::S_ISGID] {
                let made = Condition::new(flags, Len::Dword, Op::MaskedEq(making), making)?;
                rules.push(SeccompRule::new(vec![made, bit(flags.saturating_add(1), set)?])?);
            }
        }
        Ok(rules)
    };
    let mut rules = vec![
        (libc::SYS_fchmod, mode(1)?),
        (libc::SYS_fchmodat, mode(2)?),
        (libc::SYS_fchmodat2, mode(2)?),
        (libc::SYS_mkdirat, mode(2)?),
        (libc::SYS_mknodat, mode(2)?),
        (libc::SYS_openat, opening(2)?),
    ];
    #[cfg(target_arch = "x86_64")]
    rules.extend([
        (libc::SYS_chmod, mode(1)?),
        (libc::SYS_creat, mode(1)?),
        (libc::SYS_mkdir, mode(1)?),
        (libc::SYS_mknod, mode(1)?),
        (libc::SYS_open, opening(1)?),
    ]);
    Ok(rules)
}

/// Landlock before ABI 3 lets `truncate` pass, and opening with `O_TRUNC` for reading only; opening for writing it guards.
fn truncate_rules() -> Result<Vec<(i64, Vec<SeccompRule>)>, seccompiler::BackendError> {
    let mask = u64::try_from(libc::O_TRUNC | libc::O_ACCMODE).unwrap_or_default();
    let truncating = u64::try_from(libc::O_TRUNC | libc::O_RDONLY).unwrap_or_default();
    let opening = |argument: u8| -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
        Ok(vec![SeccompRule::new(vec![Condition::new(argument, Len::Dword, Op::MaskedEq(mask), truncating)?])?])
    };
    let mut rules = vec![(libc::SYS_truncate, Vec::new()), (libc::SYS_openat, opening(2)?)];
    #[cfg(target_arch = "x86_64")]
    rules.push((libc::SYS_open, opening(1)?));
    Ok(rules)
}

/// What the list cannot say, in front of it: no x32, nothing above the ceiling, and `ENOSYS` for calls whose arguments lie in
/// memory where no filter sees them; C libraries then use `clone` and `openat`.
fn first_looks() -> BpfProgram {
    // linux/bpf_common.h: load a word of `seccomp_data` (the number is the first), jumps that compare with a constant, return.
    let (load, if_equal, if_greater, if_at_least, give) = (0x20, 0x15, 0x25, 0x35, 0x06);
    let enosys = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
    let hidden = [libc::SYS_clone3, libc::SYS_openat2];
    let mut program = vec![sock_filter { code: load, jt: 0, jf: 0, k: 0 }];
    let mut unless = |code, k, answer| {
        program.push(sock_filter { code, jt: 0, jf: 1, k });
        program.push(sock_filter { code: give, jt: 0, jf: 0, k: answer });
    };
    unless(if_at_least, X32, libc::SECCOMP_RET_KILL_PROCESS);
    unless(if_greater, CEILING, enosys);
    for call in hidden {
        unless(if_equal, u32::try_from(call).unwrap_or(u32::MAX), enosys);
    }
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_builds_and_fits() {
        for network in [false, true] {
            for truncate in [false, true] {
                let program = program(network, truncate).unwrap();
                assert!(program.len() < 1000, "{}", program.len());
            }
        }
    }

    #[test]
    fn the_ceiling_is_above_every_listed_call() {
        let highest = REFUSED.iter().chain(REFUSED_HERE).max().unwrap();
        assert!(*highest <= i64::from(CEILING));
    }

    /// What Landlock leaves open before its ABI 3 (Debian 12's kernel), tried on a thread of its own.
    #[test]
    fn truncation_is_closed_where_landlock_leaves_it_open() {
        use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
        use rustix::io::Errno;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "content").unwrap();
        let run = |truncate_is_open| {
            std::thread::scope(|scope| {
                let tried = scope.spawn(|| {
                    restrict(false, truncate_is_open).unwrap();
                    let open = |flags| openat(CWD, &path, flags, Mode::empty()).map(drop);
                    let openat2 = openat2(CWD, &path, OFlags::RDONLY, Mode::empty(), ResolveFlags::empty()).map(drop);
                    (open(OFlags::RDONLY), open(OFlags::RDONLY | OFlags::TRUNC), openat2, open(OFlags::WRONLY | OFlags::TRUNC))
                });
                tried.join().unwrap()
            })
        };
        assert_eq!(run(true), (Ok(()), Err(Errno::PERM), Err(Errno::NOSYS), Ok(())));
        assert_eq!(run(false), (Ok(()), Ok(()), Err(Errno::NOSYS), Ok(())));
    }

    #[test]
    fn no_file_runs_as_another() {
        use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, chmodat, fchmod, mkdirat, mknodat, openat};
        use rustix::io::Errno;
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("file"), "content").unwrap();
        std::thread::scope(|scope| {
            let tried = scope.spawn(|| {
                let file = std::fs::File::open(at("file")).unwrap();
                restrict(false, false).unwrap();
                for set in [Mode::SUID, Mode::SGID] {
                    let mode = set | Mode::RWXU;
                    let making = |name: &str, flags| openat(CWD, at(name), OFlags::WRONLY | flags, mode).map(drop);
                    assert_eq!(fchmod(&file, mode), Err(Errno::PERM));
                    assert_eq!(chmodat(CWD, at("file"), mode, AtFlags::empty()), Err(Errno::PERM));
                    assert_eq!(mkdirat(CWD, at("dir"), mode), Err(Errno::PERM));
                    assert_eq!(mknodat(CWD, at("node"), FileType::RegularFile, mode, 0), Err(Errno::PERM));
                    assert_eq!(making("new", OFlags::CREATE), Err(Errno::PERM));
                    assert_eq!(making(".", OFlags::TMPFILE), Err(Errno::PERM));
                    // Nothing is made, so the mode means nothing.
                    making("file", OFlags::empty()).unwrap();
                }
                fchmod(&file, Mode::RWXU).unwrap();
                openat(CWD, at("other"), OFlags::WRONLY | OFlags::CREATE, Mode::RWXU).unwrap();
            });
            tried.join().unwrap();
        });
    }
}
