//! A sandbox in a directory of its own, and jobs that run this program as the tool.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use scalbotics_adapters::tool::process::{Finished, Job, Limits, Sandbox, Scope};

/// First argument that makes this program a tool.
pub(crate) const TOOL: &str = "tool";

/// First argument that makes this program a daemon with one running tool.
pub(crate) const DRIVER: &str = "driver";

/// A named test.
pub(crate) type Test = (&'static str, fn());

pub(crate) struct Fixture {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) sandbox: Sandbox,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::open("/proc/self/exe".into(), &dir.path().join("run")).unwrap();
        Self { dir, sandbox }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn run(&self, job: &Job) -> Finished {
        runtime().block_on(self.sandbox.run(&Scope::new("eff_1", 1).unwrap(), job, std::future::pending()))
    }

    /// No lock file stays behind.
    pub(crate) fn is_clean(&self) -> bool {
        std::fs::read_dir(self.path("run")).unwrap().count() == 2
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A job that runs `tool::main` with these arguments.
pub(crate) fn job(args: &[&str]) -> Job {
    let exe = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    let argv = [exe.as_str(), TOOL].iter().chain(args).map(|arg| (*arg).to_owned()).collect();
    plain(argv)
}

/// A job that runs a shell script.
pub(crate) fn script(text: &str) -> Job {
    plain(["/bin/sh", "-c", text].map(str::to_owned).to_vec())
}

fn plain(argv: Vec<String>) -> Job {
    Job {
        secrets: Vec::new(),
        argv,
        env: [].into(),
        input: Vec::new(),
        read_paths: Vec::new(),
        data_paths: Vec::new(),
        write_paths: Vec::new(),
        pinned: Vec::new(),
        directory: None,
        network: false,
        limits: Limits { wall: Duration::from_secs(20), ..Limits::default() },
    }
}

/// Whether a tool with the marker on its command line lives, seen from the host. A driver has the marker too, and so has its child
/// between fork and exec, which becomes a helper; both are no tools.
pub(crate) fn lives(marker: &str) -> bool {
    let pids = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    pids.filter_map(|pid| std::fs::read(pid.join("cmdline")).ok()).any(|cmdline| {
        let args = cmdline.split(|byte| *byte == 0).collect::<Vec<_>>();
        args.contains(&marker.as_bytes()) && !args.contains(&DRIVER.as_bytes())
    })
}

/// Looks until the condition holds; fails after ten seconds.
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
