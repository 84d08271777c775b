//! Landlock: which files the tool may touch.

use std::os::fd::OwnedFd;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags,
};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, open, openat2};

use super::outcome::Refusal;
use super::wire::Spec;

/// Without this much Landlock nothing runs: Debian 12's kernel 6.1 has it.
const REQUIRED: ABI = ABI::V2;

/// The first Landlock that controls `truncate`.
const TRUNCATE: ABI = ABI::V3;

/// The newest rights that are asked for, where the kernel knows them.
const WANTED: ABI = ABI::V6;

const NEXT: &str = "run on a kernel of 6.1 or later with Landlock (boot parameter lsm=landlock,…)";

/// What dynamic programs, interpreters and C libraries need.
const SYSTEM_PROGRAMS: [&str; 6] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"];

/// Configuration without secrets that C libraries read.
const SYSTEM_FILES: [&str; 12] = [
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/alternatives",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/group",
    "/etc/ssl",
    "/etc/ca-certificates",
    "/etc/mime.types",
    "/proc",
];

/// What resolving names needs beside.
const NETWORK_FILES: [&str; 6] =
    ["/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols"];

/// Devices without a memory.
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Restricts this process and all its children for good. Answers whether `truncate` stays open, to be closed by seccomp.
pub(super) fn restrict(spec: &Spec) -> Result<bool, Refusal> {
    let refused = |error: RulesetError| Refusal::new("restrict files with Landlock", error, NEXT);
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(REQUIRED))
        .map_err(refused)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WANTED))
        .map_err(refused)?
        .scope(Scope::from_all(WANTED))
        .map_err(refused)?;
    if !spec.network {
        ruleset = ruleset.handle_access(AccessNet::from_all(WANTED)).map_err(refused)?;
    }
    let mut rules = ruleset.create().map_err(refused)?.set_compatibility(CompatLevel::BestEffort);
    let run = make_bitflags!(AccessFs::{Execute | ReadFile | ReadDir});
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let device = make_bitflags!(AccessFs::{ReadFile | WriteFile});
    let network = if spec.network { NETWORK_FILES.as_slice() } else { &[] };
    let system = [(SYSTEM_PROGRAMS.as_slice(), run), (&SYSTEM_FILES, read), (network, read), (&DEVICES, device)];
    for (paths, rights) in system {
        for path in paths {
            rules = allow(rules, Path::new(path), rights, Missing::Skip)?;
        }
    }
    let copies = (!spec.pinned.is_empty()).then_some(spec.copies.as_path());
    let program = spec.argv.first().map(Path::new).filter(|program| !program.starts_with(&spec.copies));
    let declared = [
        (spec.read_paths.iter().map(AsRef::as_ref).collect::<Vec<_>>(), run, Missing::RefuseLinks),
        (program.into_iter().chain(copies).collect(), run, Missing::Refuse),
        (spec.data_paths.iter().map(AsRef::as_ref).collect(), read, Missing::Refuse),
        (spec.write_paths.iter().map(AsRef::as_ref).collect(), writable(), Missing::RefuseLinks),
        (vec![spec.scratch.as_path()], writable(), Missing::Refuse),
    ];
    for (paths, rights, missing) in declared {
        for path in paths {
            rules = allow(rules, path, rights, missing)?;
        }
    }
    let status = rules.restrict_self().map_err(refused)?;
    if status.ruleset == RulesetStatus::NotEnforced {
        return Err(Refusal::new("restrict files with Landlock", "the kernel does not enforce it", NEXT));
    }
    Ok(match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi < TRUNCATE,
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => true,
    })
}

/// Reading and writing of files, directories and links; no execution, no sockets, FIFOs or devices.
fn writable() -> BitFlags<AccessFs> {
    make_bitflags!(AccessFs::{
        ReadFile | ReadDir | WriteFile | Truncate | RemoveFile | RemoveDir | MakeReg | MakeDir | MakeSym | Refer
    })
}

#[derive(Clone, Copy)]
enum Missing {
    Skip,
    Refuse,
    /// The same, and refuses links on the way: where the path leads was judged before, and one that is put there since leads elsewhere.
    RefuseLinks,
}

fn allow(rules: RulesetCreated, path: &Path, rights: BitFlags<AccessFs>, missing: Missing) -> Result<RulesetCreated, Refusal> {
    let refused = |reason: &dyn std::fmt::Display| {
        Refusal::new(
            format!("give the tool `{}`", path.display()),
            reason,
            "correct argv, read_paths or write_paths of the tool, or make the path",
        )
    };
    let fd: OwnedFd = match missing {
        Missing::RefuseLinks => {
            let (flags, links) = (OFlags::PATH | OFlags::CLOEXEC, ResolveFlags::NO_SYMLINKS);
            openat2(CWD, path, flags, Mode::empty(), links).map_err(|errno| refused(&errno))?
        }
        Missing::Skip | Missing::Refuse => match open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
            Ok(fd) => fd,
            Err(_) if matches!(missing, Missing::Skip) => return Ok(rules),
            Err(errno) => return Err(refused(&errno)),
        },
    };
    let stat = rustix::fs::fstat(&fd).map_err(|errno| refused(&errno))?;
    let is_dir = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir();
    let rights = if is_dir { rights } else { rights & AccessFs::from_file(WANTED) };
    rules.add_rule(PathBeneath::new(fd, rights)).map_err(|error| refused(&error))
}
