//! An installation in a folder of its own: made by `initialize`, served by the daemon, asked by the command line.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::command::Answer;
use crate::desired::Desired;
use crate::ledger::{Class, Ledger};
use crate::process::{until, with_marker};
use crate::serving::Daemon;

/// The environment variable by which `cargo xtask test` tells where the daemon with failpoints is.
const FAILPOINT_DAEMON: &str = "SCALBOTICS_FAILPOINT_DAEMON";

/// Time that a task gets to come to rest.
const TASK_PATIENCE: Duration = Duration::from_secs(60);

/// Tasks whose evidence is looked at, at the end of a test.
const EVIDENCE_MAX: usize = 8;

/// The human who runs things, and the one who approves.
pub(crate) const ANN: &str = "acme-ann";
pub(crate) const BOB: &str = "acme-bob";

/// The shipped daemon.
pub(crate) fn shipped() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_scalboticsd"))
}

/// The command line, which stands beside it.
pub(crate) fn cli() -> PathBuf {
    let path = shipped().with_file_name("scalbotics");
    assert!(path.is_file(), "{} is not built: run `cargo xtask test process`, which builds everything first", path.display());
    path
}

/// The daemon that can be told to die.
pub(crate) fn mortal() -> PathBuf {
    let path = std::env::var_os(FAILPOINT_DAEMON).map(PathBuf::from);
    let path = path.expect("these tests need the daemon with failpoints: run `cargo xtask test process`, which builds it first");
    assert!(path.is_file(), "{FAILPOINT_DAEMON} names {}, which is no file", path.display());
    path
}

/// An installation.
pub(crate) struct Installation {
    dir: tempfile::TempDir,
    /// Its directory.
    pub(crate) root: PathBuf,
    /// What `initialize` said.
    pub(crate) made: String,
    pub(crate) ledger: Ledger,
    pub(crate) api: u16,
    pub(crate) admin: u16,
}

impl Installation {
    /// One with the ledger's tools.
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    /// One whose desired state was changed.
    pub(crate) fn with(change: impl FnOnce(&mut Desired)) -> Self {
        let dir = tempfile::Builder::new().prefix("scalbotics-").tempdir().unwrap();
        Self::within(dir, change)
    }

    /// One in this folder.
    pub(crate) fn within(dir: tempfile::TempDir, change: impl FnOnce(&mut Desired)) -> Self {
        let base = dir.path().canonicalize().unwrap();
        let folder = |name: &str| {
            std::fs::create_dir_all(base.join(name)).unwrap();
            base.join(name)
        };
        let mut desired = Desired::new(&folder("ledger"), &folder("work"));
        change(&mut desired);
        desired.write(&folder("desired"));
        folder("home");
        let (api, admin) = ports();
        let ledger = Ledger { folder: base.join("ledger") };
        let mut installation = Self { root: base.join("box"), made: String::new(), ledger, api, admin, dir };
        let mut make = installation.environment(&shipped());
        make.args([
            "initialize",
            "--yes",
            "--trust-domain",
            "acme.example",
            "--tenant-name",
            "acme",
            "--admin",
            "ann",
            "--approver",
            "bob",
        ]);
        make.arg("--dir").arg(&installation.root).arg("--desired").arg(base.join("desired"));
        make.arg("--workspace-root").arg(base.join("work"));
        make.args(["--listen", &format!("127.0.0.1:{api}"), "--admin-listen", &format!("127.0.0.1:{admin}")]);
        installation.made = Answer::of(&mut make).exits(0).stdout;
        installation
    }

    /// A path beside the installation.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.root.join("scalbotics.toml")
    }

    /// The daemon's log, of all its runs.
    pub(crate) fn log(&self) -> PathBuf {
        self.path("daemon.log")
    }

    pub(crate) fn log_text(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log()).unwrap_or_default()).into_owned()
    }

    /// A command with nothing of this process's environment but the way to programs.
    pub(crate) fn environment(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.path("home"));
        command.env("SCALBOTICS_CONFIG_DIR", self.path("config")).env("SCALBOTICS_STATE_DIR", self.path("state"));
        command
    }

    /// A command that serves this installation.
    pub(crate) fn serve(&self, program: &Path) -> Command {
        let mut command = self.environment(program);
        command.arg("--config").arg(self.config());
        command
    }

    /// The shipped daemon, ready.
    #[track_caller]
    pub(crate) fn start(&self) -> Daemon {
        let mut daemon = Daemon::spawn(self.serve(&shipped()), &self.log(), self.admin);
        assert!(daemon.is_ready(), "the daemon ended at start: {}", self.log_text());
        daemon
    }

    /// The daemon that dies at the `count`-th hit of a failpoint; perhaps before it is ready.
    pub(crate) fn start_mortal(&self, point: &str, count: usize) -> Daemon {
        let mut command = self.serve(&mortal());
        command.env("SCALBOTICSD_FAILPOINT", format!("{point}:{count}"));
        Daemon::spawn(command, &self.log(), self.admin)
    }

    /// The command line as this person.
    pub(crate) fn cli(&self, context: &str, arguments: &[&str]) -> Command {
        let mut command = self.environment(&cli());
        command.args(["--context", context, "--quiet", "-o", "json"]).args(arguments);
        command
    }

    pub(crate) fn ann(&self, arguments: &[&str]) -> Answer {
        Answer::of(&mut self.cli(ANN, arguments))
    }

    pub(crate) fn bob(&self, arguments: &[&str]) -> Answer {
        Answer::of(&mut self.cli(BOB, arguments))
    }

    /// `task run --detach` of a ledger workflow; the entry is the request's id too.
    pub(crate) fn submit(&self, class: Class, entry: &str, times: Times) -> Answer {
        let input = json!({ "entry": entry, "before_ms": times.before_ms, "after_ms": times.after_ms }).to_string();
        let arguments = ["task", "run", "--agent", "clerk", "--workflow", class.word(), "--detach", "--request-id", entry];
        self.ann(&[&arguments[..], &["--input", &input]].concat())
    }

    /// Submits a workflow of one tool and answers the task's id.
    #[track_caller]
    pub(crate) fn run(&self, workflow: &str, input: &Value) -> String {
        let input = input.to_string();
        id(&self.ann(&["task", "run", "--agent", "clerk", "--workflow", workflow, "--detach", "--input", &input]))
    }

    #[track_caller]
    pub(crate) fn task(&self, id: &str) -> Value {
        self.ann(&["task", "show", id]).exits(0).json()
    }

    /// Waits until a task has come to rest: it has ended, or waits for a person.
    #[track_caller]
    pub(crate) fn rest(&self, task: &str) -> Value {
        until("the task comes to rest", TASK_PATIENCE, || Some(self.task(task)).filter(is_at_rest))
    }

    /// Approvals that wait.
    pub(crate) fn waiting(&self) -> Vec<Value> {
        let answer = self.bob(&["approval", "list"]);
        if answer.code == 0 { answer.json().as_array().cloned().unwrap_or_default() } else { vec![] }
    }

    /// The approval that a task waits for.
    #[track_caller]
    pub(crate) fn approval_of(&self, task: &str) -> String {
        let found = until("the task asks for an approval", TASK_PATIENCE, || {
            self.waiting().into_iter().find(|approval| approval["task"].as_str().is_some_and(|name| name.ends_with(task)))
        });
        found["name"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn approve(&self, approval: &str) {
        self.bob(&["approval", "approve", approval, "--reason", "as shown"]).exits(0);
    }

    /// Brings a task to its end: approves what waits, and settles what is in doubt by the ledger's word. Answers whether
    /// anything was in doubt.
    #[track_caller]
    pub(crate) fn finish(&self, class: Class, entry: &str, task: &str) -> bool {
        let mut doubted = false;
        until("the task ends", TASK_PATIENCE, || {
            let shown = self.rest(task);
            match shown["status"].as_str().unwrap() {
                "COMPLETED" => return Some(doubted),
                "INPUT_REQUIRED" => {}
                other => panic!("the task is {other}: {shown:#}"),
            }
            let call = |phase: &str| shown["calls"].as_array().unwrap().iter().find(|call| call["phase"] == phase);
            if let Some(call) = call("in_doubt") {
                assert_eq!(class, Class::Opaque, "only an opaque effect can stay in doubt: {shown:#}");
                doubted = true;
                self.settle(task, entry, call);
            } else if let Some(call) = call("waiting") {
                self.approve(call["approval"].as_str().unwrap());
            }
            None
        })
    }

    #[track_caller]
    fn settle(&self, task: &str, entry: &str, call: &Value) {
        let effect = call["name"].as_str().unwrap();
        // Both helpers of an attempt, one of them the first process of its namespace, have the effect on their command line.
        assert_eq!(with_marker(effect), Vec::<u32>::new(), "in doubt, and the sandbox lives: {call:#}");
        assert!(!self.ledger.is_at_work(entry), "in doubt, and the tool lives: {call:#}");
        let settle = ["task", "settle", task, effect, "--reason", "read in the ledger"];
        if self.ledger.has(entry, "landed") {
            let result = json!({ "entry": entry, "existed": true }).to_string();
            self.ann(&[&settle[..], &["--landed", "--result", &result]].concat()).exits(0);
        } else {
            self.ann(&[&settle[..], &["--not-landed"]].concat()).exits(0);
        }
    }

    /// The daemon's own word on its log, and the files' without it.
    #[track_caller]
    pub(crate) fn verify_audit(&self) -> Value {
        let verified = self.ann(&["audit", "verify"]).exits(0).json();
        assert_eq!(verified["ok"], true, "{verified:#}");
        assert!(verified["records"].as_u64().unwrap() > 0, "{verified:#}");
        self.verify_evidence();
        verified
    }

    /// Whatever became of them: the evidence of the newest tasks verifies.
    #[track_caller]
    fn verify_evidence(&self) {
        let tasks = self.ann(&["task", "list"]).exits(0).json();
        for (number, task) in tasks.as_array().unwrap().iter().take(EVIDENCE_MAX).enumerate() {
            let (task, out) = (task["name"].as_str().unwrap(), self.path(&format!("evidence-{number}")));
            let _ = std::fs::remove_file(&out);
            self.ann(&["audit", "export", "--task", task, "--out", out.to_str().unwrap()]).exits(0);
            let bundle = std::fs::read(&out).unwrap();
            crate::evidence::verify(&bundle, &self.root.join("trust.json"), &["--open"]).exits(0);
        }
    }
}

/// How long a ledger entry takes before and after it lands, in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Times {
    pub(crate) before_ms: u64,
    pub(crate) after_ms: u64,
}

/// The task's id in the answer of a submission.
#[track_caller]
pub(crate) fn id(answer: &Answer) -> String {
    assert_eq!(answer.code, 0, "{answer:#?}");
    answer.json()["name"].as_str().unwrap().to_owned()
}

pub(crate) fn is_at_rest(task: &Value) -> bool {
    !matches!(task["status"].as_str(), Some("SUBMITTED" | "WORKING"))
}

/// Two ports that nobody uses: below those that the system gives out by itself, and others for each process.
pub(crate) fn ports() -> (u16, u16) {
    static USED: AtomicU16 = AtomicU16::new(0);
    loop {
        // Processes that begin one after the other take rooms of eight, so that two installations of the one meet none of the other.
        let offset = (std::process::id() % 1_250) as u16 * 8 + USED.fetch_add(1, Ordering::Relaxed);
        let first = 12_000 + (offset % 10_000) * 2;
        let free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
        if free(first) && free(first + 1) {
            return (first, first + 1);
        }
    }
}

impl Installation {
    /// Commits files (`None` removes one) to the desired state, and answers the commit.
    pub(crate) fn commit(&self, changes: &[(&str, Option<&str>)]) -> String {
        self.commit_to(&self.root.join("desired.git"), "checkout", changes)
    }

    /// The same to this repository, of which `checkout` is the work tree.
    pub(crate) fn commit_to(&self, repository: &Path, checkout: &str, changes: &[(&str, Option<&str>)]) -> String {
        let tree = self.path(checkout);
        let git = |arguments: &[&str], folder: &Path| {
            let mut command = self.environment(Path::new("git"));
            command.args(["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "core.hooksPath=/dev/null"]);
            command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
            Answer::of(command.args(arguments).current_dir(folder)).exits(0).stdout.trim().to_owned()
        };
        if !tree.is_dir() {
            git(&["clone", "--quiet", "--branch", "main", repository.to_str().unwrap(), tree.to_str().unwrap()], &self.path("."));
        }
        for (path, text) in changes {
            let path = tree.join(path);
            match text {
                Some(text) => {
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    std::fs::write(path, text).unwrap();
                }
                None => std::fs::remove_file(path).unwrap(),
            }
        }
        git(&["add", "--all", "--force", "."], &tree);
        git(&["commit", "--quiet", "--message", "Change"], &tree);
        git(&["push", "--quiet", "origin", "HEAD:main"], &tree);
        git(&["rev-parse", "HEAD"], &tree)
    }
}
