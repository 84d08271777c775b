//! The play, act by act.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::checks::Checks;
use super::evidence;
use super::shell::{Part, Ran, Shell, WHOLE, part, typed};
use super::stage::{PLANTED_CREDENTIAL, PLANTED_MARKER, Stage};
use crate::daemon::Daemon;
use crate::ports;

/// Exit codes of the command line (`scalbotics help exit-codes`).
const DENIED: i32 = 5;
const WAITING: i32 = 6;

/// The second human's commands begin with this.
const AS_APPROVER: [&str; 3] = ["scalbotics", "--context", "dev-approver"];

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
        Ok(Self { stage, act: 0, port: ports::free_pair()?, daemon: None })
    }

    /// Plays all acts.
    pub(super) fn run(&mut self, checks: &mut Checks) -> Result<()> {
        self.start()?;
        let waiting = self.ask(checks)?;
        self.look_at_the_approval(&waiting, checks)?;
        self.approve_and_kill(&waiting, checks)?;
        self.recover(&waiting, checks)?;
        self.read_the_report(checks)?;
        self.ask_why(&waiting, checks)?;
        self.prove(&waiting, checks)
    }

    fn shell(&self) -> &'a Shell {
        &self.stage.shell
    }

    fn title(&mut self, text: &str) {
        self.act += 1;
        self.shell().say(&format!("\n{}. {text}", self.act));
    }

    fn show(&self, words: &[&str], part: Part) -> Result<Ran> {
        self.shell().show(words, part)
    }

    /// An installation with security on, and the example's desired state in it.
    fn start(&mut self) -> Result<()> {
        self.title("A whole installation in one command: certificates, two humans, policies, an agent");
        let port = self.port.to_string();
        let roots = ["--workspace-root", "repo", "--workspace-root", "reports"];
        let words = ["scalbotics", "dev", "--persist", "box", "--port", &port, "--desired", "desired"];
        self.launch(&[words.as_slice(), &roots].concat())?;
        let log = std::fs::read_to_string(self.stage.log()).context("cannot read the daemon's log")?;
        log.lines().filter(|line| !line.starts_with('{')).for_each(|line| self.shell().say(line));
        Ok(())
    }

    fn launch(&mut self, words: &[&str]) -> Result<()> {
        let shell = self.shell();
        shell.say_command(&format!("{} &", typed(words)));
        let mut daemon = Daemon::start(shell.command(words), &self.stage.log())?;
        daemon.wait_until("the daemon answers", || shell.succeeds(&["scalbotics", "whoami", "-o", "json"]))?;
        self.daemon = Some(daemon);
        Ok(())
    }

    /// The first human asks for a review; it runs until the agent wants to publish.
    fn ask(&mut self, checks: &mut Checks) -> Result<Waiting> {
        self.title("dev-admin asks for a review: a workflow of local tools runs, until a call needs another human");
        let ran = self.show(&["scalbotics", "task", "run", "--agent", "reviewer", "review the repository"], part(3, 4))?;
        checks
            .that("the task waits for an approval, and nothing is published before", ran.code == WAITING && self.entries() == 0);
        let task = first_name(&self.shell().ask(&["scalbotics", "task", "list", "-o", "json"])?)?;
        let approval = first_name(&self.shell().ask(&["scalbotics", "approval", "list", "-o", "json"])?)?;
        Ok(Waiting { task, approval })
    }

    /// The asker cannot approve; the other human sees exactly what would run.
    fn look_at_the_approval(&mut self, waiting: &Waiting, checks: &mut Checks) -> Result<()> {
        self.title("Who asked cannot approve; dev-approver looks at what exactly would run");
        let own = self.show(&["scalbotics", "approval", "approve", &waiting.approval, "--reason", "trust me"], part(1, 0))?;
        checks.that("the human who asked cannot approve", own.code == DENIED);
        let words = ["approval", "show", &waiting.approval, "--fields", "tool,tier,inputs,call_digest,args"];
        let shown = self.show(&[&AS_APPROVER[..], &words].concat(), WHOLE)?;
        let is_exact = shown.code == 0 && shown.text.contains("report.publish") && shown.text.contains(PLANTED_MARKER);
        checks.that("the approver sees the exact call, and no secret in it", is_exact && !has_secret(&shown.text));
        Ok(())
    }

    /// The worst moment: after the effect, before its record.
    fn approve_and_kill(&mut self, waiting: &Waiting, checks: &mut Checks) -> Result<()> {
        self.title("dev-approver signs. The report is published, and before the daemon can note that, it is killed with -9");
        let words = ["approval", "approve", &waiting.approval, "--reason", "numbers look right"];
        let signed = self.show(&[&AS_APPROVER[..], &words].concat(), part(0, 1))?;
        let mut daemon = self.daemon.take().context("no daemon runs")?;
        daemon.wait_until("the report is published", || self.entries() > 0)?;
        let pid = daemon.pid();
        daemon.kill()?;
        self.shell().say_command(&format!("kill -9 {pid}"));
        self.show(&["ls", "ledger"], WHOLE)?;
        let is_down = !self.shell().succeeds(&["scalbotics", "whoami"]);
        checks
            .that("another human can, and the daemon dies behind the effect", signed.code == 0 && is_down && self.entries() == 1);
        Ok(())
    }

    /// The task goes on where it was, and nothing happens twice.
    fn recover(&mut self, waiting: &Waiting, checks: &mut Checks) -> Result<()> {
        self.title("Started again, it proves that no process of the old run lives, and repeats the keyed call with the same key");
        self.launch(&["scalboticsd", "--config", "box/scalbotics.toml"])?;
        let watched = self.show(&["scalbotics", "task", "watch", &waiting.task, "--wait"], part(0, 4))?;
        let shown = self.shell().ask(&["scalbotics", "task", "show", &waiting.task, "-o", "json"])?;
        let is_done = shown.pointer("/status").and_then(Value::as_str) == Some("COMPLETED");
        checks.that("after the kill the task completes without anybody's help", watched.code == 0 && is_done);
        let calls = shown.pointer("/calls").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let publish = calls.iter().find(|call| call.pointer("/tool").and_then(Value::as_str) == Some("report.publish"));
        let attempts = publish.and_then(|call| call.pointer("/attempts")).and_then(Value::as_u64);
        let result = self.shell().ask(&["scalbotics", "task", "result", &waiting.task])?;
        let existed = result.pointer("/existed").and_then(Value::as_bool) == Some(true);
        self.show(&["ls", "ledger"], WHOLE)?;
        let is_one = attempts == Some(2) && existed && self.entries() == 1;
        checks.that("two attempts under one approval, and one entry: the second found the first one's", is_one);
        Ok(())
    }

    fn read_the_report(&mut self, checks: &mut Checks) -> Result<()> {
        self.title("What the agent found; a script that shares nothing with it recomputes every number from the same commit");
        let rows = "commits,|credentials|conflict markers|deploy/|^. 1 ";
        self.show(&["grep", "--extended-regexp", rows, "reports/report.md"], WHOLE)?;
        let report = std::fs::read_to_string(self.stage.path("reports/report.md")).context("cannot read the report")?;
        let credential = report.contains(&format!("| AWS access key | `{PLANTED_CREDENTIAL}` |"));
        let is_found = credential && report.contains(&format!("| `{PLANTED_MARKER}` |"));
        checks.that(
            "the planted credential and marker are found, and the secret is not repeated",
            is_found && !has_secret(&report),
        );
        evidence::recompute(self.shell(), checks)
    }

    /// Decisions can be asked about, and what was not granted is denied.
    fn ask_why(&mut self, waiting: &Waiting, checks: &mut Checks) -> Result<()> {
        self.title("Why was publishing allowed? And what is not?");
        let decision = self.decision_about_publishing(&waiting.task)?;
        let explained = self.show(&["scalbotics", "policy", "explain", &decision], part(0, 2))?;
        let is_explained = explained.code == 0 && explained.text.contains("policies/");
        checks.that("a decision is explained by the rules that made it", is_explained);
        let can_i = ["scalbotics", "policy", "can-i", "--agent", "reviewer", "--tool"];
        let write = r#"{"path":"repo/README.md","content":"mine"}"#;
        let denied = self.show(&[&can_i[..], &["fs.write", "--args", write, "--fields", "why"]].concat(), part(1, 0))?;
        let list = [&can_i[..], &["fs.list", "--args", r#"{"path":"repo"}"#, "-o", "json"]].concat();
        let unlisted = self.shell().command(&list).output()?.status.code();
        let is_denied = denied.code == DENIED && unlisted == Some(DENIED);
        checks.that("the agent may not write elsewhere, nor use a tool that its file does not list", is_denied);
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
        self.title("The audit log has all of it: the call was intended twice and landed once");
        let fields = "index,record/kind,record/action,record/outcome/word,record/effect";
        self.show(&["scalbotics", "audit", "tail", "--task", &waiting.task, "--lines", "4", "--fields", fields], WHOLE)?;
        let verified = self.show(&["scalbotics", "audit", "verify"], part(2, 1))?;
        checks.that("audit verify is content", verified.code == 0);
        let record = evidence::approval_record(self.shell(), &waiting.task)?;
        self.title("One file proves it to a stranger: in an empty directory, by a program that shares no code with the daemon");
        evidence::hand_over(self.stage, &waiting.task, checks)?;
        self.title("The daemon stops. A copy of its data verifies offline; then one bit of one record in the copy is changed");
        let daemon = self.daemon.take().context("no daemon runs")?;
        self.shell().say_command(&format!("kill {}", daemon.pid()));
        let is_drained = daemon.stop()?;
        evidence::forge(self.stage, is_drained, &record, checks)
    }

    /// Entries in the ledger.
    fn entries(&self) -> usize {
        self.stage.entries().len()
    }
}

fn has_secret(text: &str) -> bool {
    text.contains("SCALBOTICSDEMO00")
}

/// The name of the first item of a list.
fn first_name(list: &Value) -> Result<String> {
    match list.pointer("/0/name").and_then(Value::as_str) {
        Some(name) => Ok(name.to_owned()),
        None => bail!("there is none: {list}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::first_name;

    #[test]
    fn an_empty_list_is_said_to_be_so() {
        assert_eq!(first_name(&json!([{"name": "task_1"}, {"name": "task_0"}])).unwrap(), "task_1");
        assert!(first_name(&json!([])).unwrap_err().to_string().contains("there is none"));
    }
}
