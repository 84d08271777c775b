//! The unit of systemd in `deploy/`: what must hold is read by a parser of our own, everywhere; systemd itself is asked where it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::Answer;
use crate::installation::shipped;

/// What `systemd-analyze security` may count: half of it are the six kinds of namespaces, of which the sandbox is made, and the
/// network, over which the API is served.
const EXPOSURE_MAX: f32 = 1.8;

fn unit() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/systemd/scalboticsd.service");
    std::fs::read_to_string(path).unwrap()
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
    let line =
        security.stdout.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_else(|| panic!("{security:#?}"));
    let exposure: f32 = line.split(": ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().parse().unwrap();
    assert!(exposure <= EXPOSURE_MAX, "{line}");
}
