//! The first ten minutes of somebody who has the two programs and a model: a refund that waits for another human, a crash, and what
//! the log says of it; once with a model of desired state, and once with nothing but a server's address and its key.

use std::path::{Path, PathBuf};
use std::time::Duration;

use scalbotics_testkit::model::{Answer, Asked, ScriptedServer, Wish};
use serde_json::{Value, json};

use crate::command::Answer as Printed;
use crate::desired::Desired;
use crate::dev::Home;
use crate::installation::{ports, shipped};
use crate::ledger::{Class, Ledger};
use crate::process::until;
use crate::secrets;
use crate::serving::Daemon;

/// How long a refund takes after it has landed, in milliseconds: long enough for a kill between.
const SLOW_MS: u64 = 1_500;

const PATIENCE: Duration = Duration::from_secs(60);

/// Nobody refunds what takes so long.
const LIMIT: &str = "// A refund has its limit.\n@id(\"refund-limit\")\n\
                     forbid (principal is Agent, action == Action::\"tool/ledger.keyed\", resource)\n\
                     when { context.args.after_ms > 30000 };\n";

/// Says how a refund is made, turn by turn.
fn clerk(asked: &Asked) -> Answer {
    match asked.body["messages"].as_array().unwrap().len() {
        2 => Answer::Call(vec![Wish::new("ledger_pure", json!({"entry": "A-8891-read", "before_ms": 0, "after_ms": 0}))]),
        4 => Answer::Call(vec![Wish::new("ledger_keyed", json!({"entry": "A-8891", "before_ms": 0, "after_ms": SLOW_MS}))]),
        _ => Answer::Say("Order A-8891 is refunded.".to_owned()),
    }
}

/// Somebody with a `dev` installation in `box` whose clerk is driven by a model.
struct Story {
    home: Home,
    ports: (u16, u16),
    root: PathBuf,
    ledger: Ledger,
}

impl Story {
    /// The refund, from the question to the end of the agent; the daemon is killed in between.
    fn refund(&self, daemon: Daemon, server: &ScriptedServer) {
        let Self { home, ledger, .. } = self;
        let asked_before = server.asked().len();
        let asked =
            home.scalbotics("dev", &["task", "run", "--agent", "clerk", "refund order A-8891, it arrived damaged"]).exits(6);
        let approval = asked.stderr.split_whitespace().find(|word| word.starts_with("apr_")).unwrap().to_owned();
        assert!(ledger.has("A-8891-read", "landed") && !ledger.has("A-8891", "landed"));
        let shown = home.scalbotics("dev-approver", &["approval", "show", &approval]).exits(0);
        assert!(shown.stdout.contains("A-8891") && shown.stdout.contains("ledger.keyed"), "{shown:#?}");
        home.scalbotics("dev-approver", &["approval", "approve", &approval, "--reason", "photo checked"]).exits(0);
        until("the refund has landed", PATIENCE, || ledger.has("A-8891", "landed").then_some(()));
        daemon.kill();

        let _daemon = self.again();
        let listed = home.scalbotics("dev", &["task", "list", "-o", "json"]).exits(0).json();
        let task = listed[0]["name"].as_str().unwrap();
        home.scalbotics("dev", &["task", "watch", task, "--wait"]).exits(0);
        ledger.check(Class::Keyed, "A-8891");
        let log = home.log();
        assert!(log.contains("recovered 1 task"), "{log}");
        assert!(log.contains("ledger.keyed: its outcome was not known, asked again by its key"), "{log}");
        let result = home.scalbotics("dev", &["task", "result", task, "-o", "json"]).exits(0);
        assert!(result.stdout.contains("Order A-8891 is refunded."), "{result:#?}");
        assert_eq!(server.asked().len() - asked_before, 3, "one question a turn, crash or not");
        self.explained();
        home.scalbotics("dev", &["audit", "verify"]).exits(0);
        self.suspended();
    }

    /// The shipped daemon on what `dev` left behind.
    fn again(&self) -> Daemon {
        let mut command = self.home.command(&shipped());
        command.arg("--config").arg(self.root.join("scalbotics.toml"));
        let mut daemon = Daemon::spawn(command, &self.home.path("log"), self.ports.1);
        assert!(daemon.is_ready(), "{}", self.home.log());
        daemon
    }

    /// What would be decided, asked without doing it: the rule stands beside the answer, and no decision is made of the question.
    fn explained(&self) {
        let call = |after_ms: u64| json!({"entry": "B", "before_ms": 0, "after_ms": after_ms}).to_string();
        let ask = |verb: &str, after_ms: u64, more: &[&str]| -> Printed {
            let args = call(after_ms);
            let words = ["policy", verb, "--agent", "clerk", "--tool", "ledger.keyed", "--args", &args];
            self.home.scalbotics("dev", &[&words[..], more].concat())
        };
        let denied = ask("explain", 60_000, &[]).exits(0);
        let line = denied.stdout.lines().find(|line| line.contains("policies/limits.cedar:2") && line.contains("DENY"));
        assert!(line.is_some() && !denied.stdout.contains("dec_"), "{denied:#?}");
        let told = ask("explain", 60_000, &["-o", "json"]).exits(0).json();
        assert_eq!((&told["ruling"], &told["name"]), (&json!("DENY"), &json!("")), "{told:#}");
        assert!(ask("explain", 0, &[]).exits(0).stdout.contains("ALLOW"));
        ask("can-i", 60_000, &[]).exits(5);
        ask("can-i", 0, &[]).exits(0);
        for wrong in [&["policy", "explain"][..], &["policy", "explain", "dec_1", "--agent", "clerk"]] {
            self.home.scalbotics("dev", wrong).exits(2);
        }
    }

    /// The end of the agent: what of its work is stopped, and what waits.
    fn suspended(&self) {
        let waits = self.home.scalbotics("dev", &["task", "run", "--agent", "clerk", "refund it again"]).exits(6);
        assert!(waits.stderr.contains("apr_"), "{waits:#?}");
        let dry = self.home.scalbotics("dev", &["agent", "suspend", "clerk", "--dry-run"]).exits(0);
        assert!(dry.stderr.contains("0 running to stop · 0 queued to end · 1 waiting held"), "{dry:#?}");
        let suspended = self.home.scalbotics("dev", &["agent", "suspend", "clerk"]).exits(0);
        assert!(suspended.stderr.contains("0 running stopped · 0 queued ended · 1 waiting held"), "{suspended:#?}");
        let refused = self.home.scalbotics("dev", &["task", "run", "--agent", "clerk", "refund it again"]);
        assert!(refused.code != 0 && refused.stderr.contains("AGENT_NOT_ACTIVE"), "{refused:#?}");
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_refund_is_asked_for_approved_and_made_once_over_a_crash() {
    let server = ScriptedServer::choosing(0, clerk).unwrap();
    let home = Home::new();
    let (ledger, work, files) = (home.path("ledger"), home.path("work"), home.path("desired"));
    for folder in [&ledger, &work, &files] {
        std::fs::create_dir_all(folder).unwrap();
    }
    let mut desired = Desired::new(&ledger, &work);
    let model = json!({
        "id": "small", "base_url": server.base_url(), "model": "scripted", "context_tokens": 100_000, "output_tokens_max": 500,
    });
    desired.put("models/small.yaml", model);
    desired.drive(&["small"]);
    desired.files.insert("policies/limits.cedar".to_owned(), LIMIT.to_owned());
    desired.write(&files);
    let (ports, root) = (ports(), home.path("box"));
    let words = ["--persist", &text(&root), "--desired", &text(&files), "--workspace-root", &text(&work)];
    let daemon = home.dev_with(ports, &words, &[]);
    Story { home, ports, root, ledger: Ledger { folder: ledger } }.refund(daemon, &server);
}

/// Puts files into the repository of a `dev` installation and into force.
fn commit(home: &Home, root: &Path, files: &std::collections::BTreeMap<String, String>) {
    let tree = home.path("checkout");
    let git = |arguments: &[&str], folder: &Path| {
        let mut command = home.command(Path::new("git"));
        command.args(["-c", "user.name=test", "-c", "user.email=test@localhost"]);
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").current_dir(folder);
        Printed::of(command.args(arguments)).exits(0)
    };
    git(&["clone", "--quiet", "--branch", "main", &text(&root.join("desired.git")), &text(&tree)], &home.path("."));
    for (path, text) in files {
        let path = tree.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    git(&["add", "--all", "."], &tree);
    git(&["commit", "--quiet", "--message", "The clerk keeps a ledger"], &tree);
    git(&["push", "--quiet", "origin", "HEAD:main"], &tree);
    home.scalbotics("dev", &["repo", "apply"]).exits(0);
}

#[test]
fn an_address_and_a_key_are_enough() {
    let key = "sk-first-0123456789abcdef";
    let server = ScriptedServer::choosing(0, clerk).unwrap();
    let home = Home::new();
    let (root, base, ledger, ports) = (home.path("box"), server.base_url(), home.path("ledger"), ports());
    let variables = [("OPENAI_BASE_URL", base.as_str()), ("OPENAI_API_KEY", key)];
    let daemon = home.dev_with(ports, &["--persist", root.to_str().unwrap()], &variables);
    let banner = std::fs::read_to_string(home.path("banner")).unwrap();
    assert!(banner.contains(&format!("model      gpt-4o-mini at {base}")) && !banner.contains(key), "{banner}");
    // Where a workflow serves the goal, no model is asked.
    home.scalbotics("dev", &["task", "run", "take stock"]).exits(0);
    assert_eq!(server.asked().len(), 0);

    // The same refund as with a model of desired state: tools, policies and the agent's file, and not a word of a model.
    std::fs::create_dir_all(&ledger).unwrap();
    let mut desired = Desired::new(&ledger, &root.join("files"));
    desired.set_agent("model", json!({ "route": ["openai"] }));
    desired.files.insert("policies/limits.cedar".to_owned(), LIMIT.to_owned());
    assert!(!desired.files.keys().any(|path| path.starts_with("models/")));
    commit(&home, &root, &desired.files);
    let story = Story { home, ports, root, ledger: Ledger { folder: ledger } };
    story.refund(daemon, &server);
    for asked in server.asked() {
        assert_eq!(
            (asked.headers["authorization"].as_str(), &asked.body["model"]),
            (&*format!("Bearer {key}"), &Value::from("gpt-4o-mini"))
        );
    }
    let mut files = secrets::files(&story.root);
    files.extend([story.home.path("log"), story.home.path("banner")].into_iter().filter(|path| path.is_file()));
    secrets::search(&files, &[("the key", key.to_owned())]);
}
