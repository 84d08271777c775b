//! Helpers that wait for a job: the next run gets them, and they end with the daemon, used or not.

use std::future::pending;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use scalbotics_adapters::tool::process::{Finished, Job, Leftover, Outcome, Sandbox, Scope};

use crate::fixture::{Fixture, Test, eventually, job, runtime, script, text};

pub(crate) const TESTS: &[Test] = &[
    ("waiting_helpers_get_the_next_job", next_job),
    ("waiting_helpers_get_one_job", one_job),
    ("waiting_helpers_that_died_are_not_used", died),
    ("a_job_with_a_network_gets_helpers_of_its_own", network),
    ("waiting_helpers_end_with_the_daemon", killed_daemon),
    ("a_dropped_run_kills_helpers_that_waited", dropped),
];

/// First argument that makes this program a daemon with waiting helpers.
pub(crate) const READY_DRIVER: &str = "ready-driver";

impl Fixture {
    fn ready() -> Self {
        let Self { dir, sandbox } = Self::new();
        Self { dir, sandbox: sandbox.with_helpers_ready().unwrap() }
    }

    fn lock_of(&self, id: &str) -> PathBuf {
        self.path("run").join(format!("{id}.1.lock"))
    }

    /// What the waiting pair wrote into its lock file, once it is there: the outer helper, then init.
    async fn waiting(&self, number: u32) -> String {
        let file = self.path("run/ready").join(number.to_string());
        for _ in 0..1000 {
            match std::fs::read_to_string(&file) {
                Ok(noted) if noted.lines().count() == 2 => return noted,
                Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
        panic!("no pair waits");
    }

    async fn run_as(&self, id: &str, job: &Job) -> Finished {
        self.sandbox.run(&Scope::new(id, 1).unwrap(), job, pending()).await
    }
}

fn pids(noted: &str) -> Vec<Pid> {
    noted.lines().map(|line| Pid::from_raw(line.split(' ').next().unwrap().parse().unwrap()).unwrap()).collect()
}

fn gone(noted: &str) -> bool {
    // One that nobody has reaped yet is dead too.
    let dead = |pid: &Pid| {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        test_kill_process(*pid).is_err() || stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
    };
    pids(noted).iter().all(dead)
}

fn next_job() {
    let f = Fixture::ready();
    runtime().block_on(async {
        assert_eq!(f.run_as("eff_1", &script("exit 3")).await.outcome, Outcome::Exited { code: 3 });
        let noted = f.waiting(0).await;
        let long = script("cat; echo $HOME >&2; sleep 0.2; exit 4");
        let long = Job { input: b"hello".to_vec(), ..long };
        let looks = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            (text(&f.lock_of("eff_2")), f.sandbox.leftovers(&Scope::new("eff_2", 1).unwrap()).unwrap())
        };
        let (finished, (lock, leftover)) = tokio::join!(f.run_as("eff_2", &long), looks);
        assert_eq!((lock, leftover), (noted.clone(), Leftover::Alive));
        assert_eq!(finished.outcome, Outcome::Exited { code: 4 });
        assert_eq!(finished.stdout.bytes, b"hello");
        assert!(gone(&noted) && !f.lock_of("eff_2").exists());
        assert_ne!(f.waiting(1).await, noted);
    });
}

/// Each attempt runs once, with waiting helpers too, and each pair serves one.
fn one_job() {
    let f = Fixture::ready();
    runtime().block_on(async {
        for number in 0..8 {
            let job = script(&format!("echo {number} >file; ls; exit {number}"));
            let finished = f.run_as(&format!("eff_{number}"), &job).await;
            assert_eq!(finished.outcome, Outcome::Exited { code: number });
            assert_eq!(finished.stdout.bytes, b"file\n");
        }
        let noted = f.waiting(7).await;
        std::fs::write(f.lock_of("eff_9"), "").unwrap();
        assert!(matches!(f.run_as("eff_9", &script("exit 0")).await.outcome, Outcome::NeverStarted(_)));
        eventually("a pair without a job ends", || gone(&noted));
    });
}

fn died() {
    let f = Fixture::ready();
    runtime().block_on(async {
        f.run_as("eff_1", &script("exit 0")).await;
        let noted = f.waiting(0).await;
        for pid in pids(&noted) {
            kill_process(pid, Signal::KILL).unwrap();
        }
        eventually("both are dead", || gone(&noted));
        assert_eq!(f.run_as("eff_2", &script("exit 5")).await.outcome, Outcome::Exited { code: 5 });
    });
}

fn network() {
    let f = Fixture::ready();
    runtime().block_on(async {
        let shown = Job { network: true, ..script("cat /proc/net/dev | grep -c :") };
        let own = f.run_as("eff_1", &shown).await.stdout.bytes;
        let noted = f.waiting(0).await;
        assert_eq!(f.run_as("eff_2", &shown).await.stdout.bytes, own);
        assert!(!gone(&noted));
        let none = f.run_as("eff_3", &script("cat /proc/net/dev | grep -v lo: | grep -c :")).await;
        assert_eq!(none.stdout.bytes, b"0\n");
        assert!(gone(&noted));
    });
}

fn dropped() {
    let f = Fixture::ready();
    let noted = runtime().block_on(async {
        f.run_as("eff_1", &script("exit 0")).await;
        let noted = f.waiting(0).await;
        let job = script("sleep 60");
        assert!(tokio::time::timeout(Duration::from_millis(200), f.run_as("eff_2", &job)).await.is_err());
        noted
    });
    let scope = Scope::new("eff_2", 1).unwrap();
    eventually("everything is dead", || f.sandbox.leftovers(&scope).unwrap() == Leftover::Dead);
    eventually("the pair ends", || gone(&noted));
}

/// A daemon whose helpers wait: `ready-driver <run_dir>`.
pub(crate) fn driver(args: &[String]) -> ExitCode {
    let sandbox = Sandbox::open("/proc/self/exe".into(), args[0].as_ref()).unwrap().with_helpers_ready().unwrap();
    runtime().block_on(async {
        sandbox.run(&Scope::new("eff_1", 1).unwrap(), &job(&["exit", "0"]), pending()).await;
        pending().await
    })
}

fn killed_daemon() {
    let f = Fixture::new();
    let mut driver = Command::new(std::env::current_exe().unwrap()).arg(READY_DRIVER).arg(f.path("run")).spawn().unwrap();
    let noted = runtime().block_on(f.waiting(0));
    driver.kill().unwrap();
    driver.wait().unwrap();
    eventually("the pair ends", || gone(&noted));
    assert!(f.path("run/ready/0").exists());
    let Fixture { dir, sandbox } = f;
    let _swept = sandbox.with_helpers_ready().unwrap();
    assert_eq!(std::fs::read_dir(dir.path().join("run/ready")).unwrap().count(), 0);
}
