//! The play, act by act.

use std::net::TcpListener;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::checks::Checks;
use super::daemon::Daemon;
use super::evidence;
use super::shell::{Ran, Shell};
use super::stage::{PLANTED_CREDENTIAL, PLANTED_MARKER, Stage};
use crate::say;

/// Exit codes of the command line (`scalbotics help exit-codes`).
const DENIED: i32 = 5;
const WAITING: i32 = 6;

/// Lines of a command's output that are shown; what is cut is counted.
const LINES: usize = 40;

/// Lines of an approval: its fields, and the beginning of what would be published.
const LINES_OF_APPROVAL: usize = 24;

/// What is being played.
#[derive(Debug)]
pub(super) struct Play<'a> {
    stage: &'a Stage,
    act: u32,
    port: u16,
    daemon: Option<Daemon>,
}

/// The task, and what it waits for.
#[derive(Debug)]
struct Waiting {
    task: String,
    approval: String,
}

impl<'a> Play<'a> {
    pub(super) fn new(stage: &'a Stage) -> Result<Self> {
        Ok(Self { stage, act: 0, port: free_port()?, daemon: None })
    }

    /// Plays all acts.
    pub(super) fn run(&mut self, checks: &mut Checks) -> Result<()> {
        self.start()?;
        let waiting = self.ask(checks)?;
        self.look_at_the_approval(&waiting, checks)?;
        self.approve_and_kill(&waiting, checks)?;
        self.restart()?;
        self.finish(&waiting, checks)?;
        self.read_the_report(checks)?;
        self.ask_why(&waiting, checks)?;
        self.prove(&waiting, checks)
    }

    fn shell(&self) -> &'a Shell {
        &self.stage.shell
    }

    fn title(&mut self, text: &str) {
        self.act += 1;
        say::line(&format!("\n{}. {text}", self.act));
    }

    fn show(&self, words: &[&str], lines: usize) -> Result<Ran> {
        self.shell().show(words, lines)
    }

    /// An installation with security on, and the example's desired state in it.
    fn start(&mut self) -> Result<()> {
        self.title("Start a whole installation: keys, certificates, two humans, policies, an agent");
        let (folder, desired) = (text(&self.stage.path("box"))?, text(&self.stage.path("desired"))?);
        let port = self.port.to_string();
        let (repo, reports) = (text(&self.stage.path("repo"))?, text(&self.stage.path("reports"))?);
        let words = [
            "scalbotics",
            "dev",
            "--persist",
            &folder,
            "--port",
            &port,
            "--desired",
            &desired,
            "--workspace-root",
            &repo,
            "--workspace-root",
            &reports,
        ];
        say::line(&format!("$ {} &", words.join(" ")));
        self.launch(&words)?;
        let log = std::fs::read_to_string(self.stage.log()).context("cannot read the daemon's log")?;
        log.lines().filter(|line| !line.starts_with('{')).take(LINES).for_each(say::line);
        Ok(())
    }

    fn launch(&mut self, words: &[&str]) -> Result<()> {
        let shell = self.shell();
        let mut daemon = Daemon::start(shell.command(words), &self.stage.log())?;
        daemon.wait_until("the daemon answers", || shell.succeeds(&["scalbotics", "whoami", "-o", "json"]))?;
        self.daemon = Some(daemon);
        Ok(())
    }

    /// The first human asks for a review; it runs until the agent wants to publish.
    fn ask(&mut self, checks: &mut Checks) -> Result<Waiting> {
        self.title("The first human, dev-admin, asks the agent for a review; publishing is tier 2, so the task waits");
        let ran = self.show(&["scalbotics", "task", "run", "--agent", "reviewer", "review the repository"], LINES)?;
        checks.that("the task stops and waits for an approval before it publishes", ran.code == WAITING);
        checks.that("nothing is published before the approval", self.stage.entries().is_empty());
        let task = first_name(&self.shell().ask(&["scalbotics", "task", "list", "-o", "json"])?)?;
        let approval = first_name(&self.shell().ask(&["scalbotics", "approval", "list", "-o", "json"])?)?;
        Ok(Waiting { task, approval })
    }

    /// The asker cannot approve; the other human sees exactly what would run.
    fn look_at_the_approval(&mut self, waiting: &Waiting, checks: &mut Checks) -> Result<()> {
        self.title("Who asked cannot approve");
        let own = self.show(&["scalbotics", "approval", "approve", &waiting.approval, "--reason", "trust me"], LINES)?;
        checks.that("the human who asked has no approval key and cannot approve", own.code == DENIED);
        self.title("The second human, dev-approver, looks at what would run");
        let approver = ["scalbotics", "--context", "dev-approver"];
        let show = [approver.as_slice(), &["approval", "show", &waiting.approval]].concat();
        let shown = self.show(&show, LINES_OF_APPROVAL)?;
        checks.that("the approver sees the exact call", shown.code == 0 && shown.text.contains("report.publish"));
        checks.that("no secret is shown to the approver", !shown.text.contains("SCALBOTICSDEMO00"));
        Ok(())
    }

    /// The worst moment: after the effect, before its record.
    fn approve_and_kill(&mut self, waiting: &Waiting, checks: &mut Checks) -> Result<()> {
        self.title(
            "dev-approver signs; as soon as the entry stands in the ledger, and before the daemon knows, it is killed with -9",
        );
        let words = ["--context", "dev-approver", "approval", "approve", &waiting.approval, "--reason", "numbers look right"];
        let signed = self.show(&[["scalbotics"].as_slice(), &words].concat(), 1)?;
        checks.that("the second human can approve", signed.code == 0);
        let stage = self.stage;
        let mut daemon = self.daemon.take().context("no daemon runs")?;
        daemon.wait_until("the report is published", || !stage.entries().is_empty())?;
        let pid = daemon.pid();
        daemon.kill()?;
        say::line(&format!("$ kill -9 {pid}"));
        let ledger = text(&self.stage.path("ledger"))?;
        self.show(&["ls", &ledger], LINES)?;
        checks.that("the entry was written before the kill", self.stage.entries().len() == 1);
        let down = !self.shell().succeeds(&["scalbotics", "whoami"]);
        checks.that("the daemon is gone", down);
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        self.title(
            "Start the daemon again; recovery proves leftover processes dead, then runs the keyed effect with the same key",
        );
        let config = text(&self.stage.path("box").join("scalbotics.toml"))?;
        let words = ["scalboticsd", "--config", &config];
        say::line(&format!("$ {} &", words.join(" ")));
        self.launch(&words)
    }

    /// The task goes on where it was, and nothing happens twice.
    fn finish(&mut self, waiting: &Waiting, checks: &mut Checks) -> Result<()> {
        self.title("The task comes to its end by itself");
        let watched = self.show(&["scalbotics", "task", "watch", &waiting.task, "--wait"], LINES)?;
        checks.that("the task completes after the kill, without anybody's help", watched.code == 0);
        let shown = self.shell().ask(&["scalbotics", "task", "show", &waiting.task, "-o", "json"])?;
        self.show(&["scalbotics", "task", "show", &waiting.task], LINES)?;
        checks.that("task show says COMPLETED", shown.pointer("/status").and_then(Value::as_str) == Some("COMPLETED"));
        let calls = shown.pointer("/calls").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let publish = calls.iter().find(|call| call.pointer("/tool").and_then(Value::as_str) == Some("report.publish"));
        let attempts = publish.and_then(|call| call.pointer("/attempts")).and_then(Value::as_u64);
        checks.that("publishing took two attempts under one approval", attempts == Some(2));
        let result = self.shell().ask(&["scalbotics", "task", "result", &waiting.task])?;
        self.show(&["scalbotics", "task", "result", &waiting.task], LINES)?;
        checks.that(
            "the second attempt found the first one's entry",
            result.pointer("/existed").and_then(Value::as_bool) == Some(true),
        );
        let ledger = text(&self.stage.path("ledger"))?;
        self.show(&["ls", &ledger], LINES)?;
        checks.that("the ledger has exactly one entry", self.stage.entries().len() == 1);
        Ok(())
    }

    fn read_the_report(&mut self, checks: &mut Checks) -> Result<()> {
        self.title("What the agent found");
        let path = self.stage.path("reports/report.md");
        let report = self.show(&["head", "--lines=40", &text(&path)?], LINES)?;
        checks.that("there is a report", report.code == 0);
        let report = std::fs::read_to_string(&path).context("cannot read the report")?;
        checks.that("the planted credential is found", report.contains(&format!("| AWS access key | `{PLANTED_CREDENTIAL}` |")));
        checks.that("the planted conflict marker is found", report.contains(&format!("| `{PLANTED_MARKER}` |")));
        checks.that("the report does not repeat the credential", !report.contains("SCALBOTICSDEMO00"));
        Ok(())
    }

    /// Decisions can be asked about, and what was not granted is denied.
    fn ask_why(&mut self, waiting: &Waiting, checks: &mut Checks) -> Result<()> {
        self.title("Why was publishing allowed? And what is not?");
        let decision = self.decision_about_publishing(&waiting.task)?;
        let explained = self.show(&["scalbotics", "policy", "explain", &decision], LINES)?;
        checks.that(
            "a decision is explained by the rules that made it",
            explained.code == 0 && explained.text.contains("policies/"),
        );
        let can_i = ["scalbotics", "policy", "can-i", "--agent", "reviewer", "--tool"];
        let write = r#"{"path":"repo/README.md","content":"mine"}"#;
        let denied = self.show(&[can_i.as_slice(), &["fs.write", "--args", write]].concat(), LINES)?;
        checks.that("the agent may not write outside of its reports", denied.code == DENIED);
        let denied = self.show(&[can_i.as_slice(), &["fs.list", "--args", r#"{"path":"repo"}"#]].concat(), LINES)?;
        checks.that("a tool that the agent's file does not list is denied", denied.code == DENIED);
        Ok(())
    }

    /// The id of the decision that let the call of `report.publish` ask for approval, out of the task's events.
    fn decision_about_publishing(&self, task: &str) -> Result<String> {
        let done = self.shell().command(&["scalbotics", "task", "watch", task, "-o", "jsonl"]).output()?;
        let events = String::from_utf8_lossy(&done.stdout);
        let events = events.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let text = |event: &Value, key: &str| event.pointer(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let of_publish = events.filter(|event| text(event, "/tool") == "report.publish").map(|event| text(&event, "/decision"));
        let mut named = of_publish.filter(|id| !id.is_empty());
        named.next_back().context("no event of the task names a decision about report.publish")
    }

    /// The log proves what happened; a changed byte in a copy of it is found.
    fn prove(&mut self, waiting: &Waiting, checks: &mut Checks) -> Result<()> {
        self.title("The audit log of the task; the daemon recomputes all of it");
        self.show(&["scalbotics", "audit", "tail", "--task", &waiting.task], LINES)?;
        let verified = self.show(&["scalbotics", "audit", "verify"], LINES)?;
        checks.that("audit verify is content", verified.code == 0);
        let record = evidence::approval_record(self.shell(), &waiting.task)?;
        self.title("Stop the daemon, verify a copy of its data offline, then change one byte of one record in the copy: the digit of a time");
        let daemon = self.daemon.take().context("no daemon runs")?;
        say::line(&format!("$ kill {}", daemon.pid()));
        checks.that("the daemon drains and ends well", daemon.stop()?);
        evidence::forge(self.stage, &record, checks)
    }
}

fn text(path: &std::path::Path) -> Result<String> {
    path.to_str().map(str::to_owned).with_context(|| format!("the path {} is no text", path.display()))
}

/// The name of the first item of a list.
fn first_name(list: &Value) -> Result<String> {
    match list.pointer("/0/name").and_then(Value::as_str) {
        Some(name) => Ok(name.to_owned()),
        None => bail!("there is none: {list}"),
    }
}

/// A port that is free now, and whose next one is too: the admin address takes that.
fn free_port() -> Result<u16> {
    for _ in 0..100 {
        let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr())?.port();
        let next = port.checked_add(1).filter(|next| TcpListener::bind(("127.0.0.1", *next)).is_ok());
        if next.is_some() {
            return Ok(port);
        }
    }
    bail!("there are no two free ports beside each other on 127.0.0.1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{first_name, free_port};

    #[test]
    fn an_empty_list_is_said_to_be_so() {
        assert_eq!(first_name(&json!([{"name": "task_1"}, {"name": "task_0"}])).unwrap(), "task_1");
        assert!(first_name(&json!([])).unwrap_err().to_string().contains("there is none"));
    }

    #[test]
    fn the_port_and_the_next_are_free() {
        assert!(free_port().unwrap() > 0);
    }
}
