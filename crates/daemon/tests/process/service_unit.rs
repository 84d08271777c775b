//! The unit of systemd in `deploy/`: what must hold is read by a parser of our own, everywhere; systemd itself is asked where it is.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

use crate::command::Answer;
use crate::installation::{Installation, Times, id, shipped};
use crate::ledger::Class;

/// What `systemd-analyze security` may count: half of it are the six kinds of namespaces, of which the sandbox is made, and the
/// network, over which the API is served.
const EXPOSURE_MAX: f32 = 1.8;

/// The same with the drop-in for workloads: it sees the host's users and their processes, and may look into them.
const WORKLOADS_EXPOSURE_MAX: f32 = 2.6;

fn unit() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/systemd/scalboticsd.service");
    std::fs::read_to_string(path).unwrap()
}

/// The drop-in of the page about workloads, as it is published.
fn drop_in() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/book/src/how-to/give-a-process-an-identity.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, behind) = page.split_once("```ini\n").unwrap();
    behind.split_once("```").unwrap().0.to_owned()
}

/// Settings by section and name; a name may stand more than once.
fn parse(text: &str) -> BTreeMap<(String, String), Vec<String>> {
    let mut settings: BTreeMap<_, Vec<String>> = BTreeMap::new();
    let mut section = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.to_owned();
            continue;
        }
        let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("no setting: {line}"));
        assert!(!section.is_empty() && !line.ends_with('\\'), "{line}");
        settings.entry((section.clone(), name.to_owned())).or_default().push(value.to_owned());
    }
    settings
}

#[test]
fn what_must_hold_of_the_unit() {
    let settings = parse(&unit());
    let values = |name: &str| settings.get(&("Service".to_owned(), name.to_owned())).cloned().unwrap_or_default();
    let value = |name: &str| values(name).join(" ");
    for (name, wanted) in [
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("ExecReload", "/bin/kill -HUP $MAINPID"),
        ("User", "scalbotics"),
        ("KillMode", "mixed"),
        ("StateDirectoryMode", "0700"),
        ("UMask", "0077"),
        ("CapabilityBoundingSet", ""),
        ("AmbientCapabilities", ""),
        ("ProtectSystem", "strict"),
        ("ProtectProc", "invisible"),
        ("ProcSubset", "pid"),
        ("DevicePolicy", "closed"),
        ("IPAddressDeny", "any"),
        ("SystemCallArchitectures", "native"),
        ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"),
        ("RestrictNamespaces", "user mnt pid ipc uts net"),
    ] {
        assert_eq!(values(name), [wanted], "{name}");
    }
    for on in [
        "NoNewPrivileges",
        "ProtectHome",
        "PrivateTmp",
        "PrivateDevices",
        "PrivateMounts",
        "PrivateUsers",
        "ProtectClock",
        "ProtectControlGroups",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "LockPersonality",
        "MemoryDenyWriteExecute",
        "RemoveIPC",
        "RestrictRealtime",
        "RestrictSUIDSGID",
    ] {
        assert_eq!(values(on), ["yes"], "{on}");
    }
    // What the sandbox calls beside what every service may, and nothing more.
    let calls = values("SystemCallFilter");
    let sandbox = "mount umount2 capset seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self";
    assert_eq!(calls, ["@system-service", "~@privileged @resources", sandbox]);
    // A drain that systemd cuts off would be a crash; the default of `limits.drain` is 30 s.
    assert!(value("TimeoutStopSec").parse::<u32>().unwrap() > 30);
    // Data and configuration lie where it may write, and the command line is one that the program takes.
    let start = value("ExecStart");
    let (program, rest) = start.split_once(' ').unwrap();
    assert!(program.ends_with("/scalboticsd"));
    let config = rest.strip_prefix("--config ").unwrap();
    assert!(config.starts_with(&format!("{}/", value("ReadWritePaths"))) && value("ReadWritePaths") == "/var/lib/scalbotics");
    let refused = Answer::of(Command::new(shipped()).args(["--config", "/nonexistent/scalbotics.toml"])).exits(1);
    assert!(refused.stderr.contains("CONFIG_INVALID"), "{refused:#?}");
}

/// What the filter of the unit refuses and there is on every architecture, by the sets of systemd 252.
const REFUSED: &[(&str, libc::c_long)] = &[
    ("acct", libc::SYS_acct),
    ("adjtimex", libc::SYS_adjtimex),
    ("bpf", libc::SYS_bpf),
    ("chroot", libc::SYS_chroot),
    ("clock_adjtime", libc::SYS_clock_adjtime),
    ("clock_settime", libc::SYS_clock_settime),
    ("delete_module", libc::SYS_delete_module),
    ("fanotify_init", libc::SYS_fanotify_init),
    ("fanotify_mark", libc::SYS_fanotify_mark),
    ("fchown", libc::SYS_fchown),
    ("fchownat", libc::SYS_fchownat),
    ("finit_module", libc::SYS_finit_module),
    ("fsconfig", libc::SYS_fsconfig),
    ("fsmount", libc::SYS_fsmount),
    ("fsopen", libc::SYS_fsopen),
    ("fspick", libc::SYS_fspick),
    ("init_module", libc::SYS_init_module),
    ("ioprio_set", libc::SYS_ioprio_set),
    ("kexec_file_load", libc::SYS_kexec_file_load),
    ("kexec_load", libc::SYS_kexec_load),
    ("lookup_dcookie", libc::SYS_lookup_dcookie),
    ("mbind", libc::SYS_mbind),
    ("memfd_secret", libc::SYS_memfd_secret),
    ("migrate_pages", libc::SYS_migrate_pages),
    ("mincore", libc::SYS_mincore),
    ("mount_setattr", libc::SYS_mount_setattr),
    ("move_mount", libc::SYS_move_mount),
    ("move_pages", libc::SYS_move_pages),
    ("open_by_handle_at", libc::SYS_open_by_handle_at),
    ("open_tree", libc::SYS_open_tree),
    ("perf_event_open", libc::SYS_perf_event_open),
    ("pidfd_getfd", libc::SYS_pidfd_getfd),
    ("pivot_root", libc::SYS_pivot_root),
    ("pkey_alloc", libc::SYS_pkey_alloc),
    ("pkey_free", libc::SYS_pkey_free),
    ("pkey_mprotect", libc::SYS_pkey_mprotect),
    ("process_mrelease", libc::SYS_process_mrelease),
    ("ptrace", libc::SYS_ptrace),
    ("quotactl", libc::SYS_quotactl),
    ("quotactl_fd", libc::SYS_quotactl_fd),
    ("reboot", libc::SYS_reboot),
    ("sched_setaffinity", libc::SYS_sched_setaffinity),
    ("sched_setattr", libc::SYS_sched_setattr),
    ("sched_setparam", libc::SYS_sched_setparam),
    ("sched_setscheduler", libc::SYS_sched_setscheduler),
    ("set_mempolicy", libc::SYS_set_mempolicy),
    ("set_mempolicy_home_node", libc::SYS_set_mempolicy_home_node),
    ("setdomainname", libc::SYS_setdomainname),
    ("setgroups", libc::SYS_setgroups),
    ("sethostname", libc::SYS_sethostname),
    ("setpriority", libc::SYS_setpriority),
    ("setresuid", libc::SYS_setresuid),
    ("setreuid", libc::SYS_setreuid),
    ("setrlimit", libc::SYS_setrlimit),
    ("settimeofday", libc::SYS_settimeofday),
    ("setuid", libc::SYS_setuid),
    ("swapoff", libc::SYS_swapoff),
    ("swapon", libc::SYS_swapon),
    ("syslog", libc::SYS_syslog),
    ("vhangup", libc::SYS_vhangup),
];

/// Likewise, of this architecture alone.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[(&str, libc::c_long)] = &[
    ("chown", libc::SYS_chown),
    ("ioperm", libc::SYS_ioperm),
    ("iopl", libc::SYS_iopl),
    ("lchown", libc::SYS_lchown),
    ("modify_ldt", libc::SYS_modify_ldt),
    ("sysfs", libc::SYS_sysfs),
    ("uselib", libc::SYS_uselib),
    ("ustat", libc::SYS_ustat),
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[(&str, libc::c_long)] = &[];

/// Confines this thread, and whatever it starts, as the unit does.
fn confine() {
    let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let rules = REFUSED.iter().chain(REFUSED_HERE).map(|(_, call)| (*call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch).unwrap();
    apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}

#[test]
fn a_daemon_and_its_sandbox_need_no_call_that_the_unit_refuses() {
    let installation = Installation::new();
    let confined = std::thread::spawn(move || {
        confine();
        let own = std::fs::File::open(installation.config()).unwrap();
        let owner = own.metadata().unwrap().uid();
        assert!(std::os::unix::fs::fchown(&own, Some(owner), None).is_err(), "nothing is refused");
        let daemon = installation.start();
        // Each runs an own tool in the sandbox; the one waits for a person.
        for (class, entry) in [(Class::Pure, "confined"), (Class::Keyed, "approved")] {
            let task = id(&installation.submit(class, entry, Times::default()));
            assert!(!installation.finish(class, entry, &task));
        }
        installation.ann(&["doctor"]).exits(0);
        installation.verify_audit();
        assert!(daemon.stop().0.success());
    });
    confined.join().unwrap();
}

#[test]
fn what_is_refused_is_what_systemd_refuses() {
    let program = Path::new("/usr/bin/systemd-analyze");
    if !program.is_file() {
        // Then the table is what holds.
        assert!(REFUSED.is_sorted());
        return;
    }
    let said = Answer::of(Command::new(program).arg("syscall-filter")).exits(0).stdout;
    let mut sets: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut newest = "";
    for line in said.lines().filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty()) {
        if line.starts_with('@') {
            newest = line.trim();
        } else {
            sets.entry(newest).or_default().push(line.trim());
        }
    }
    let mut allowed = calls_of("@system-service", &sets);
    for closed in ["@privileged", "@resources"] {
        let closed = calls_of(closed, &sets);
        allowed.retain(|call| !closed.contains(call));
    }
    for (name, _) in REFUSED.iter().chain(REFUSED_HERE) {
        assert!(!allowed.contains(name), "{name} is allowed");
    }
}

/// The calls of a set, and of the sets in it.
fn calls_of<'s>(set: &str, sets: &BTreeMap<&'s str, Vec<&'s str>>) -> Vec<&'s str> {
    let all = sets.get(set).map(Vec::as_slice).unwrap_or_default().iter();
    all.flat_map(|item| if item.starts_with('@') { calls_of(item, sets) } else { vec![*item] }).collect()
}

#[test]
fn every_open_setting_says_why() {
    let text = unit();
    let comments: String = text.lines().take_while(|line| line.starts_with('#')).collect();
    for open in
        ["RestrictNamespaces", "SystemCallFilter", "RestrictAddressFamilies", "PrivateNetwork", "IPAddressDeny", "RootDirectory"]
    {
        assert!(comments.contains(open), "{open}");
    }
}

#[test]
fn the_drop_in_for_workloads_opens_what_it_says_and_nothing_else() {
    let (unit, drop_in) = (parse(&unit()), parse(&drop_in()));
    let wanted = [
        ("AmbientCapabilities", "CAP_SYS_PTRACE"),
        ("CapabilityBoundingSet", "CAP_SYS_PTRACE"),
        ("PrivateUsers", "no"),
        ("ProtectProc", "default"),
        ("RuntimeDirectory", "scalbotics"),
        ("RuntimeDirectoryMode", "0755"),
    ];
    let found = drop_in.iter().map(|((section, name), values)| (section.as_str(), name.as_str(), values.join(" ")));
    let wanted = wanted.map(|(name, value)| ("Service", name, value.to_owned()));
    assert_eq!(found.collect::<Vec<_>>(), wanted);
    // What it opens, the unit closes: else the page would tell of nothing.
    for (_, name, _) in wanted.iter().filter(|(_, name, _)| !name.starts_with("RuntimeDirectory")) {
        assert!(unit.contains_key(&("Service".to_owned(), (*name).to_owned())), "{name}");
    }
}

#[test]
fn systemd_itself_has_nothing_against_it() {
    let found = ["/usr/bin/systemd-analyze", "/bin/systemd-analyze"].map(PathBuf::from).into_iter().find(|path| path.is_file());
    let Some(program) = found else {
        // Then the rows above are what holds.
        what_must_hold_of_the_unit();
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scalboticsd.service");
    std::fs::write(&path, unit().replace("/usr/local/bin/scalboticsd", shipped().to_str().unwrap())).unwrap();
    let verified = Answer::of(Command::new(&program).arg("verify").arg(&path)).exits(0);
    assert!(!verified.stderr.contains("scalboticsd.service"), "{verified:#?}");
    let security = Answer::of(Command::new(&program).args(["security", "--offline=true", "--no-pager"]).arg(&path));
    assert!(exposure(&security) <= EXPOSURE_MAX, "{security:#?}");
    // The same with the drop-in of the page about workloads.
    std::fs::create_dir(folder.path().join("scalboticsd.service.d")).unwrap();
    std::fs::write(folder.path().join("scalboticsd.service.d/workload.conf"), drop_in()).unwrap();
    let verified = Answer::of(Command::new(&program).arg("verify").arg(&path)).exits(0);
    assert!(!verified.stderr.contains("scalboticsd.service"), "{verified:#?}");
    let security = Answer::of(Command::new(&program).args(["security", "--offline=true", "--no-pager"]).arg(&path));
    let opened = exposure(&security);
    assert!(opened > EXPOSURE_MAX && opened <= WORKLOADS_EXPOSURE_MAX, "it was not read, or opens more: {security:#?}");
}

/// The overall figure of `systemd-analyze security`.
fn exposure(security: &Answer) -> f32 {
    let line =
        security.stdout.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_else(|| panic!("{security:#?}"));
    line.split(": ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().parse().unwrap()
}
