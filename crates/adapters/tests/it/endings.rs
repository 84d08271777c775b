//! Every run ends, whatever the tool does and whoever is killed.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use scalbotics_adapters::tool::process::{Leftover, Outcome, Sandbox, Scope};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use crate::fixture::{DRIVER, Fixture, Test, eventually, job, lives, runtime, script, text};

pub(crate) const TESTS: &[Test] = &[
    ("a_tool_that_pours_is_killed", pours),
    ("a_tool_that_writes_a_little_too_much_may_end", writes_too_much),
    ("a_tool_that_hangs_is_killed_with_its_children", hangs),
    ("a_tool_is_stopped_when_asked", stopped),
    ("a_fork_bomb_is_killed", fork_bomb),
    ("what_daemonizes_dies_with_the_tool", daemonizes),
    ("cpu_memory_and_files_are_limited", limits),
    ("a_dropped_run_kills", dropped),
    ("a_killed_daemon_leaves_nothing", killed_daemon),
    ("a_daemon_killed_while_starting_leaves_nothing", killed_while_starting),
    ("without_namespaces_nothing_runs", without_namespaces),
    ("sem_9_6_without_landlock_nothing_runs", without_landlock),
    ("an_attempt_is_killed_from_outside", killed_from_outside),
    ("many_runs_at_once_do_not_disturb_each_other", at_once),
];

/// How the driver ends when its sandbox was destroyed.
const LOST: i32 = 77;

/// How it ends when the tool was refused.
const NEVER_STARTED: i32 = 78;

/// A text that no other process of the machine has on its command line.
fn marker(name: &str) -> String {
    format!("marker-{name}-{}", std::process::id())
}

fn pours() {
    let f = Fixture::new();
    let mut job = job(&["flood", &(1_u64 << 30).to_string()]);
    job.limits.stdout_bytes = 1 << 20;
    let finished = f.run(&job);
    assert_eq!(finished.outcome, Outcome::OutputLimit);
    assert_eq!(finished.stdout.bytes.len(), 1 << 20);
    assert!(finished.stdout.truncated());
    assert!(finished.stdout.total < 18 << 20);
    assert!(f.is_clean());
}

fn writes_too_much() {
    let mut job = job(&["flood", "100000"]);
    job.limits.stdout_bytes = 10_000;
    let finished = Fixture::new().run(&job);
    assert_eq!(finished.outcome, Outcome::Exited { code: 0 });
    assert_eq!((finished.stdout.bytes.len(), finished.stdout.total), (10_000, 100_000));
}

fn hangs() {
    let f = Fixture::new();
    let marker = marker("hang");
    let mut job = job(&["hang", &marker]);
    job.limits.wall = Duration::from_millis(500);
    let begun = Instant::now();
    let finished = f.run(&job);
    assert_eq!(finished.outcome, Outcome::TimedOut);
    assert!(begun.elapsed() < Duration::from_secs(2), "init ended by itself, without the grace: {:?}", begun.elapsed());
    assert!(!lives(&marker));
    assert!(f.is_clean());
}

fn stopped() {
    let f = Fixture::new();
    let (marker, scope) = (marker("stop"), Scope::new("eff_1", 1).unwrap());
    let job = job(&["hang", &marker]);
    let running = async {
        while !lives(&marker) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert_eq!(runtime().block_on(f.sandbox.run(&scope, &job, running)).outcome, Outcome::Stopped);
    assert!(!lives(&marker));
    assert!(f.is_clean());
    // Stopped before anything could begin: that is known, and said.
    let early = runtime().block_on(f.sandbox.run(&scope, &job, async {})).outcome;
    assert!(matches!(early, Outcome::NeverStarted(_) | Outcome::Stopped), "{early:?}");
}

fn fork_bomb() {
    let f = Fixture::new();
    let marker = marker("forks");
    let mut job = job(&["forks", &marker]);
    job.limits.processes = 50;
    job.limits.wall = Duration::from_secs(5);
    let outcome = f.run(&job).outcome;
    // Where the kernel's own limit holds, the bomb only fizzles until the clock ends it.
    assert!(matches!(outcome, Outcome::ProcessLimit | Outcome::TimedOut), "{outcome:?}");
    assert!(!lives(&marker));
    assert!(f.is_clean());
}

fn daemonizes() {
    let f = Fixture::new();
    let (marker, dir) = (marker("leave"), f.path("dir"));
    std::fs::create_dir(&dir).unwrap();
    let sign = dir.join("sign");
    let mut job = job(&["leave", &marker, sign.to_str().unwrap()]);
    job.write_paths = vec![dir];
    job.read_paths = vec![std::env::current_exe().unwrap()];
    let finished = f.run(&job);
    assert_eq!(finished.outcome, Outcome::Exited { code: 0 }, "{}", String::from_utf8_lossy(&finished.stderr.bytes));
    assert_eq!(text(&sign), "alive");
    assert!(!lives(&marker));
    assert!(f.is_clean());
}

fn limits() {
    let mut spin = job(&["spin"]);
    spin.limits.cpu_seconds = 1;
    let spun = Fixture::new().run(&spin).outcome;
    assert!(matches!(spun, Outcome::Killed { signal: 24 | 9 }), "{spun:?}");

    let mut memory = job(&["memory"]);
    memory.limits.address_space_bytes = 128 << 20;
    let finished = Fixture::new().run(&memory);
    let mib = String::from_utf8(finished.stdout.bytes).unwrap().trim().parse::<u64>().unwrap();
    assert!(mib <= 256, "{mib} MiB");

    let mut grow = job(&["grow", "file"]);
    grow.limits.file_bytes = 3 << 20;
    assert_eq!(Fixture::new().run(&grow).outcome, Outcome::Killed { signal: 25 });
    let mut fill = job(&["grow", "file"]);
    fill.limits.scratch_bytes = 5 << 20;
    assert_eq!(String::from_utf8(Fixture::new().run(&fill).stdout.bytes).unwrap(), format!("{}\n", 5 << 20));

    let mut files = job(&["files"]);
    files.limits.open_files = 64;
    let opened = String::from_utf8(Fixture::new().run(&files).stdout.bytes).unwrap().trim().parse::<u32>().unwrap();
    assert!((50..=61).contains(&opened), "{opened}");
}

fn dropped() {
    let f = Fixture::new();
    let (marker, scope) = (marker("drop"), Scope::new("eff_1", 1).unwrap());
    let job = job(&["hang", &marker]);
    runtime().block_on(async {
        let run = f.sandbox.run(&scope, &job, std::future::pending());
        let seen = async {
            while !lives(&marker) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            finished = run => panic!("{finished:?}"),
            () = seen => {}
        }
    });
    eventually("everything is dead", || f.sandbox.leftovers(&scope).unwrap() == Leftover::Dead);
    assert!(!lives(&marker));
    assert!(f.is_clean());
}

/// The marker of a driver whose kernel has no Landlock.
const NO_LANDLOCK: &str = "no-landlock";

/// Makes the kernel answer this process and its children as one without Landlock does.
fn hide_landlock() {
    let rules = [(libc::SYS_landlock_create_ruleset, Vec::new())].into();
    let (pass, gone) = (SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS.unsigned_abs()));
    let filter = SeccompFilter::new(rules, pass, gone, std::env::consts::ARCH.try_into().unwrap()).unwrap();
    seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}

/// A daemon with one running tool: `driver <run_dir> <marker>`.
pub(crate) fn driver(args: &[String]) -> ExitCode {
    if args[1] == NO_LANDLOCK {
        hide_landlock();
    }
    let sandbox = Sandbox::open("/proc/self/exe".into(), args[0].as_ref()).unwrap();
    let job = job(&["hang", &args[1]]);
    let finished = runtime().block_on(sandbox.run(&Scope::new("eff_1", 1).unwrap(), &job, std::future::pending()));
    match finished.outcome {
        Outcome::Exited { .. }
        | Outcome::Killed { .. }
        | Outcome::TimedOut
        | Outcome::Stopped
        | Outcome::OutputLimit
        | Outcome::ProcessLimit
        | Outcome::Changed(_) => panic!("{finished:?}"),
        Outcome::Lost => ExitCode::from(u8::try_from(LOST).unwrap()),
        Outcome::NeverStarted(refusal) => {
            println!("{refusal}");
            ExitCode::from(u8::try_from(NEVER_STARTED).unwrap())
        }
    }
}

fn start_driver(f: &Fixture, marker: &str) -> std::process::Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let child = command.arg(DRIVER).arg(f.path("run")).arg(marker).spawn().unwrap();
    eventually("the tool runs", || lives(marker));
    child
}

fn killed_daemon() {
    for round in 0..5 {
        let f = Fixture::new();
        let (marker, scope) = (marker(&format!("daemon{round}")), Scope::new("eff_1", 1).unwrap());
        let mut driver = start_driver(&f, &marker);
        assert_eq!(f.sandbox.leftovers(&scope).unwrap(), Leftover::Alive);
        driver.kill().unwrap();
        driver.wait().unwrap();
        eventually("everything is dead", || f.sandbox.leftovers(&scope).unwrap() == Leftover::Dead);
        // No looking twice: dead means dead at once.
        assert!(!lives(&marker));
        assert!(f.is_clean());
    }
}

fn killed_from_outside() {
    let f = Fixture::new();
    let (marker, scope) = (marker("outside"), Scope::new("eff_1", 1).unwrap());
    let mut driver = start_driver(&f, &marker);
    // The driver's lifeline is whole, so nothing but the signal ends the attempt.
    f.sandbox.kill(&scope).unwrap();
    eventually("everything is dead", || f.sandbox.leftovers(&scope).unwrap() == Leftover::Dead);
    assert!(!lives(&marker));
    // It says what it knows: the tool was started, and nobody saw it end.
    assert_eq!(driver.wait().unwrap().code(), Some(LOST));
}

/// A daemon is killed in every phase of a start; what is proven dead stays dead.
fn killed_while_starting() {
    let mut markers = Vec::new();
    for round in 0..40 {
        let f = Fixture::new();
        let (marker, scope) = (marker(&format!("start{round}")), Scope::new("eff_1", 1).unwrap());
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut driver = command.arg(DRIVER).arg(f.path("run")).arg(&marker).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(500 * round));
        driver.kill().unwrap();
        driver.wait().unwrap();
        eventually("everything is dead", || f.sandbox.leftovers(&scope).unwrap() == Leftover::Dead);
        assert!(!lives(&marker), "round {round}");
        assert!(f.is_clean());
        markers.push(marker);
    }
    assert!(!markers.iter().any(|marker| lives(marker)));
}

fn without_namespaces() {
    let f = Fixture::new();
    let script = "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$0\" \"$@\"";
    let mut command = Command::new("/usr/bin/unshare");
    command.args(["-Ur", "/bin/sh", "-c", script]).arg(std::env::current_exe().unwrap());
    let output = command.arg(DRIVER).arg(f.path("run")).arg("marker").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(NEVER_STARTED), "{said} {}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("enter new namespaces") && said.contains("allow user namespaces"), "{said}");
}

fn without_landlock() {
    let f = Fixture::new();
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.arg(DRIVER).arg(f.path("run")).arg(NO_LANDLOCK).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(NEVER_STARTED), "{said} {}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("Landlock"), "{said}");
    assert!(f.is_clean());
}

fn at_once() {
    let f = Fixture::new();
    std::thread::scope(|scope| {
        for number in 0..16 {
            let sandbox = &f.sandbox;
            scope.spawn(move || {
                let job = script(&format!("echo {number} >file; cat file; exit {number}"));
                let finished = runtime().block_on(sandbox.run(
                    &Scope::new(&format!("eff_{number}"), 1).unwrap(),
                    &job,
                    std::future::pending(),
                ));
                assert_eq!(finished.outcome, Outcome::Exited { code: number });
                assert_eq!(finished.stdout.bytes, format!("{number}\n").into_bytes());
            });
        }
    });
    assert!(f.is_clean());
}
