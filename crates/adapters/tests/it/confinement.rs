//! What a tool can see, touch and call.

use std::os::unix::fs::PermissionsExt;

use scalbotics_adapters::tool::process::{Finished, Outcome};
use serde_json::{Value, json};

use crate::fixture::{Fixture, Test, job, script, text};

pub(crate) const TESTS: &[Test] = &[
    ("a_tool_gets_its_arguments_input_and_nothing_else", gets_its_arguments),
    ("nothing_outside_can_be_touched", nothing_outside),
    ("paths_are_given_with_the_rights_that_were_asked_for", path_rights),
    ("the_network_is_only_there_when_asked_for", network),
    ("a_tool_may_have_huge_pages_though_the_daemon_has_none", huge_pages),
    ("exit_codes_and_signals_are_told_apart", exit_codes),
    ("what_cannot_start_never_started", never_started),
    ("an_attempt_runs_once", runs_once),
    ("helpers_called_by_hand_refuse", by_hand),
];

fn output(finished: &Finished) -> Value {
    assert_eq!(finished.outcome, Outcome::Exited { code: 0 }, "{}", String::from_utf8_lossy(&finished.stderr.bytes));
    serde_json::from_slice(&finished.stdout.bytes).unwrap()
}

fn gets_its_arguments() {
    // A descriptor as a careless parent leaves it to the daemon: open across an exec.
    let left = std::fs::File::open("/etc/passwd").unwrap();
    rustix::io::fcntl_setfd(&left, rustix::io::FdFlags::empty()).unwrap();
    let f = Fixture::new();
    let mut job = job(&["echo", "a b", "$(x)", ""]);
    job.input = b"{\"k\":\"v\"}".to_vec();
    job.env = [("KEY".to_owned(), "eff_1".to_owned()), ("PATH".to_owned(), "/evil".to_owned())].into();
    let finished = f.run(&job);
    let seen = output(&finished);
    let scratch = f.path("run/scratch");
    assert_eq!(seen["args"], json!(["echo", "a b", "$(x)", ""]));
    assert_eq!(seen["input"], "{\"k\":\"v\"}");
    assert_eq!(seen["cwd"], json!(scratch));
    let env = json!({ "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": scratch, "TMPDIR": scratch, "KEY": "eff_1" });
    assert_eq!(seen["env"], env);
    let fds = seen["fds"].as_array().unwrap().iter().map(|fd| fd.as_str().unwrap()).collect::<Vec<_>>();
    assert!(fds[0].starts_with("/memfd:input") && fds[1].starts_with("pipe:") && fds[2].starts_with("pipe:"), "{fds:?}");
    // The last one is the directory of descriptors that the tool itself reads.
    assert_eq!(fds.len(), 4, "{fds:?}");
    assert_eq!(seen["pid"], 2);
    assert_eq!(finished.stderr.bytes, b"a word on the side\n");
    assert!(f.is_clean());
}

fn nothing_outside() {
    let f = Fixture::new();
    let (outside, inside) = (f.path("outside"), f.path("inside"));
    std::fs::create_dir(&outside).unwrap();
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(outside.join("file"), "secret").unwrap();
    std::fs::set_permissions(outside.join("file"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut job = job(&["probe", outside.to_str().unwrap(), inside.to_str().unwrap()]);
    job.write_paths = vec![inside.clone()];
    let seen = output(&f.run(&job));
    let (yes, no) = ("allowed", "refused");
    let want = json!({
        "read outside": no, "list outside": no, "write outside": no, "truncate outside": no, "remove outside": no,
        "change mode outside": no, "change times outside": no, "set attribute outside": no, "change mode of the system's": no,
        "change mode inside": yes, "change times inside": yes, "link outside": no, "read shadow": no, "read root's home": no, "read another's environment": no,
        "read init's descriptors": no, "write init's memory": no, "write /usr": no, "write sysctl": no, "write inside": yes, "write scratch": yes,
        "run from scratch": no, "run from inside": no, "run the system's": yes, "tcp": no, "udp": no, "unix": no,
        "socket pair": yes, "mount": no, "unshare": no, "trace": no, "kill init": yes, "thread": yes,
        "no new privileges": "1", "capabilities": "0000000000000000", "seccomp": "2", "processes": 2,
    });
    // `kill` answers 0 for init, and nothing happens: the rest of the report is the proof.
    assert_eq!(seen, want);
    assert_eq!(text(&outside.join("file")), "secret");
    assert_eq!(std::fs::metadata(outside.join("file")).unwrap().permissions().mode() & 0o777, 0o600, "its mode is as it was");
    assert!(f.is_clean());
    assert_eq!(std::fs::read_dir(f.path("run/scratch")).unwrap().count(), 0, "scratch is private");
}

fn path_rights() {
    let f = Fixture::new();
    let dir = f.path("dir");
    std::fs::create_dir(&dir).unwrap();
    let program = dir.join("program");
    std::fs::write(&program, "#!/bin/sh\necho ran\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let line = format!(
        "cat {p} >/dev/null && echo read; {p}; echo x >{d}/new && echo written",
        p = program.display(),
        d = dir.display()
    );
    let check = |set: fn(&mut scalbotics_adapters::tool::process::Job, std::path::PathBuf), want: &str| {
        let mut job = script(&format!("({line}) 2>/dev/null; exit 0"));
        set(&mut job, dir.clone());
        let finished = Fixture::new().run(&job);
        assert_eq!(String::from_utf8(finished.stdout.bytes).unwrap(), want);
    };
    check(|_, _| (), "");
    check(|job, dir| job.data_paths = vec![dir], "read\n");
    check(|job, dir| job.read_paths = vec![dir], "read\nran\n");
    assert!(!dir.join("new").try_exists().unwrap());
    check(|job, dir| job.write_paths = vec![dir], "read\nwritten\n");
    assert_eq!(text(&dir.join("new")), "x\n");
}

fn network() {
    let mut job = job(&["network"]);
    job.network = true;
    let finished = Fixture::new().run(&job);
    // The internet's families, and still no socket of the local machine.
    assert_eq!(String::from_utf8(finished.stdout.bytes).unwrap(), "true false\n");
}

fn huge_pages() {
    rustix::thread::disable_transparent_huge_pages(true).unwrap();
    let finished = Fixture::new().run(&script("grep THP_enabled /proc/self/status"));
    assert_eq!(String::from_utf8(finished.stdout.bytes).unwrap(), "THP_enabled:\t1\n");
}

fn exit_codes() {
    let check = |text: &str, want: Outcome| assert_eq!(Fixture::new().run(&script(text)).outcome, want, "{text}");
    check("exit 0", Outcome::Exited { code: 0 });
    check("exit 255", Outcome::Exited { code: 255 });
    check("kill -TERM $$", Outcome::Killed { signal: 15 });
    check("kill -KILL $$", Outcome::Killed { signal: 9 });
}

fn never_started() {
    let f = Fixture::new();
    let plain = f.path("plain");
    std::fs::write(&plain, "no program").unwrap();
    let check = |change: &dyn Fn(&mut scalbotics_adapters::tool::process::Job), want: &str| {
        let mut job = script("echo ran");
        change(&mut job);
        let finished = f.run(&job);
        let Outcome::NeverStarted(refusal) = &finished.outcome else { panic!("{:?}", finished.outcome) };
        assert!(refusal.to_string().contains(want), "{refusal}");
        assert!(!refusal.next.is_empty());
        assert_eq!(finished.stdout.total, 0);
        assert!(f.is_clean());
    };
    check(&|job| job.argv[0] = "/no/such/program".into(), "/no/such/program");
    check(&|job| job.argv[0] = plain.to_str().unwrap().into(), "start the tool");
    check(&|job| job.argv[1] = "a\0b".into(), "start the tool");
    check(&|job| job.argv = Vec::new(), "start the tool");
    check(&|job| job.read_paths = vec!["/no/such/path".into()], "/no/such/path");
    check(&|job| job.input = vec![0; 5 << 20], "4 MiB");
    check(&|job| job.argv.push("x".repeat(2 << 20)), "1 MiB");
}

fn runs_once() {
    let f = Fixture::new();
    let (mut job, file) = (script("echo x >>$FILE"), f.path("dir/file"));
    std::fs::create_dir(f.path("dir")).unwrap();
    std::fs::write(f.path("run/eff_1.1.lock"), "").unwrap();
    job.write_paths = vec![f.path("dir")];
    job.env = [("FILE".to_owned(), file.to_str().unwrap().to_owned())].into();
    assert!(matches!(f.run(&job).outcome, Outcome::NeverStarted(_)));
    assert!(!file.try_exists().unwrap());
}

fn by_hand() {
    for args in [&["sandbox"][..], &["sandbox", "init", "/tmp/x"], &["sandbox", "outer", "/no/such/lock"], &["sandbox", "sh"]] {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let status = command.args(args).stdin(std::process::Stdio::null()).status().unwrap();
        assert!(!status.success(), "{args:?}");
    }
}
