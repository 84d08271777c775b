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
    if truncate_is_open {
        rules.extend(truncate_rules()?);
    }
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let eperm = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, eperm, arch)?;
    let mut program = first_looks(truncate_is_open);
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
fn first_looks(truncate_is_open: bool) -> BpfProgram {
    // linux/bpf_common.h: load a word of `seccomp_data` (the number is the first), jumps that compare with a constant, return.
    let (load, if_equal, if_greater, if_at_least, give) = (0x20, 0x15, 0x25, 0x35, 0x06);
    let enosys = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
    let hidden = [Some(libc::SYS_clone3), truncate_is_open.then_some(libc::SYS_openat2)];
    let mut program = vec![sock_filter { code: load, jt: 0, jf: 0, k: 0 }];
    let mut unless = |code, k, answer| {
        program.push(sock_filter { code, jt: 0, jf: 1, k });
        program.push(sock_filter { code: give, jt: 0, jf: 0, k: answer });
    };
    unless(if_at_least, X32, libc::SECCOMP_RET_KILL_PROCESS);
    unless(if_greater, CEILING, enosys);
    for call in hidden.into_iter().flatten() {
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
        assert_eq!(run(false), (Ok(()), Ok(()), Ok(()), Ok(())));
    }
}
