//! Commands that go on looking, and commands that wait: through restarts of the daemon, and no longer than they were told to.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::installation::{ANN, BOB, Installation, Times, id};
use crate::ledger::Class;
use crate::people::CAROL;
use crate::process::until;

/// Time that a look, a restart and a busy machine take.
const SEEN_MAX: Duration = Duration::from_secs(40);

/// Time in which a watch looks more than once.
const LOOKS: Duration = Duration::from_secs(5);

/// A command that prints JSON lines until it is ended.
struct Watch {
    child: Child,
    lines: Receiver<Value>,
}

impl Watch {
    fn start(installation: &Installation, context: &str, words: &[&str]) -> Self {
        let mut command = installation.cli(context, words);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (send, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _test_is_over = send.send(serde_json::from_str(&line).unwrap());
            }
        });
        Self { child, lines }
    }

    /// The next line for which this holds; others are let pass.
    #[track_caller]
    fn next(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + SEEN_MAX;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|error| panic!("{what}: {error}"));
            if holds(&line) {
                return line;
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

#[test]
fn status_is_watched_through_a_restart() {
    let installation = Installation::new();
    let daemon = installation.start();
    installation.ann(&["status", "--watch", "--exit-code"]).exits(2);
    let watch = Watch::start(&installation, ANN, &["status", "--watch"]);
    let first = watch.next("the state", |_| true);
    assert_eq!((&first["health"], &first["approvals_waiting"]), (&json!("ok"), &json!(0)), "{first:#}");
    let task = id(&installation.submit(Class::Opaque, "watched", Times::default()));
    let approval = installation.approval_of(&task);
    watch.next("the approval", |seen| seen["approvals_waiting"] == 1);
    let _ended = daemon.stop();
    let away = watch.next("the end of the daemon", |seen| seen["health"] == "unreachable");
    assert_eq!(away["approvals_waiting"], 1, "what was last seen is still told");
    let _daemon = installation.start();
    let back = watch.next("the daemon is back", |seen| seen["health"] == "ok");
    assert_ne!(back["started"], first["started"]);
    installation.approve(&approval);
    watch.next("the approval is answered", |seen| seen["approvals_waiting"] == 0);
}

#[test]
fn approvals_are_watched_and_mine_are_those_of_others() {
    let installation = Installation::new();
    let daemon = installation.start();
    // One that sees nothing goes on as well, through several looks at nobody.
    let idle = Watch::start(&installation, BOB, &["approval", "watch"]);
    std::thread::sleep(LOOKS);
    let _ended = daemon.stop();
    std::thread::sleep(LOOKS);
    let daemon = installation.start();
    let task = id(&installation.submit(Class::Opaque, "first", Times::default()));
    let first = installation.approval_of(&task);
    assert_eq!(idle.next("what comes after a restart", |_| true)["name"], first.as_str());
    let watch = Watch::start(&installation, BOB, &["approval", "watch", "--mine"]);
    assert_eq!(watch.next("what waits already", |_| true)["name"], first.as_str());
    let task = id(&installation.submit(Class::Opaque, "second", Times::default()));
    let second = installation.approval_of(&task);
    let seen = watch.next("what comes", |seen| seen["name"] == second.as_str());
    assert_eq!((&seen["status"], &seen["agent"]), (&json!("WAITING"), &json!("clerk")));
    let _ended = daemon.stop();
    let _daemon = installation.start();
    installation.bob(&["approval", "deny", &first, "--reason", "no"]).exits(0);
    let seen = watch.next("what was answered", |seen| seen["name"] == first.as_str());
    assert_eq!(seen["status"], "DENIED");

    let list = |context: &str, words: &[&str]| {
        let answer = crate::command::Answer::of(&mut installation.cli(context, &[&["approval", "list"], words].concat()));
        let names = |answer: &crate::command::Answer| {
            answer.json().as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        if answer.code == 0 { Ok(names(&answer)) } else { Err(answer.error()) }
    };
    assert_eq!(list(BOB, &["--mine"]).unwrap(), std::slice::from_ref(&second));
    assert_eq!(list(BOB, &["--mine", "--all"]).unwrap(), [second.clone(), first.clone()]);
    assert_eq!(list(BOB, &["--all", "--limit", "1"]).unwrap(), std::slice::from_ref(&second));
    let error = list(ANN, &["--mine"]).unwrap_err();
    assert_eq!(error.code, "CLI_NO_APPROVAL_KEY");
    // What was asked for Bob himself is somebody else's to answer.
    installation.ann(&["human", "bind", "bob", "--group", "approvers", "--group", "operators"]).exits(0);
    let input = json!({ "entry": "own", "before_ms": 0, "after_ms": 0 }).to_string();
    let run = ["task", "run", "--agent", "clerk", "--workflow", "opaque", "--detach", "--input", &input];
    let own = installation.approval_of(&id(&installation.bob(&run)));
    assert_eq!(list(BOB, &[]).unwrap(), [own, second.clone()]);
    assert_eq!(list(BOB, &["--mine"]).unwrap(), [second]);
}

#[test]
fn a_wait_is_for_a_state_and_no_longer_than_it_was_told() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let input = |entry: &str| json!({ "entry": entry, "before_ms": 0, "after_ms": 0 }).to_string();
    let run = |entry: &str, words: &[&str]| {
        let input = input(entry);
        installation.ann(
            &[&["task", "run", "--agent", "clerk", "--workflow", "opaque", "--input", &input, "--timeout", "10s"], words]
                .concat(),
        )
    };
    // It waits for a person, for which was waited.
    run("one", &["--wait=input_required"]).exits(0);
    let one = installation.waiting()[0]["task"].as_str().unwrap().to_owned();
    let began = Instant::now();
    let late = installation.ann(&["task", "watch", &one, "--wait", "--timeout", "1s"]).exits(9).error();
    assert_eq!(late.code, "CLI_TIMED_OUT");
    assert!(late.what.contains("is not ENDED after 1000 ms") && began.elapsed() < SEEN_MAX, "{late:?}");
    let late = installation.ann(&["task", "watch", &one, "--wait=COMPLETED", "--timeout", "1s"]).exits(9).error();
    crate::next_steps::follow(&installation, ANN, &late.next).exits(0);
    // Without --wait the time is that of a call, and the task's waiting the answer.
    installation.ann(&["task", "watch", &one, "--timeout", "10s"]).exits(6);
    // A cancellation that is waited for, and a task that came to another end.
    installation.ann(&["task", "cancel", &one, "--wait=CANCELED", "--timeout", "30s"]).exits(0);
    installation.ann(&["task", "watch", &one, "--wait=CANCELED"]).exits(0);
    installation.ann(&["task", "watch", &one, "--wait=COMPLETED"]).exits(1);
    installation.ann(&["task", "watch", &one, "--wait=NEVER"]).exits(2);
    installation.ann(&["task", "retry", &one, "--wait=INPUT_REQUIRED", "--timeout", "30s"]).exits(0);
    let pure = id(&installation.submit(Class::Pure, "done", Times::default()));
    installation.ann(&["task", "watch", &pure, "--wait=COMPLETED"]).exits(0);
    let other = installation.ann(&["task", "watch", &pure, "--wait=FAILED"]).exits(1).error();
    assert!(other.what.contains("will not be FAILED") && other.why.contains("COMPLETED"), "{other:?}");
}

#[test]
fn a_tree_shows_what_each_call_belongs_to() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let task = id(&installation.submit(Class::Pure, "tree", Times::default()));
    installation.rest(&task);
    let shown = installation.ann(&["task", "show", &task, "--tree"]).exits(0).json();
    let calls: Vec<_> = shown["calls"].as_array().unwrap().iter().map(|call| (&call["step"], &call["parent"])).collect();
    assert_eq!(calls, [(&json!("act"), &json!("")), (&json!("note"), &json!(""))]);
    let mut drawn = installation.environment(&crate::installation::cli());
    let drawn = crate::command::Answer::of(drawn.args(["--context", ANN, "task", "show", &task, "--tree"])).exits(0).stdout;
    assert!(drawn.contains("├─ act   ledger.pure  tier 0  landed\n└─ note  ledger.pure  tier 0  landed\n"), "{drawn}");
}

#[test]
fn a_team_goes_when_nobody_is_in_it() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let team = |words: &[&str]| installation.ann(&[&["team"], words].concat());
    let refused = team(&["remove", "ops", "--yes"]).exits(7).error();
    assert!(refused.why.contains("clerk"), "{refused:?}");
    team(&["remove", "none", "--yes"]).exits(10);
    team(&["add", "short", "--description", "Goes soon."]).exits(0);
    team(&["remove", "short"]).exits(2);
    let dry = team(&["remove", "short", "--dry-run"]).exits(0).json();
    assert_eq!((&dry["commit"], &dry["files"]), (&json!(""), &json!(["teams/short.yaml"])));
    team(&["show", "short"]).exits(0);
    let gone = team(&["remove", "short", "--yes"]).exits(0).json();
    assert_eq!(installation.ann(&["repo", "status"]).exits(0).json()["commit"], gone["commit"]);
    team(&["show", "short"]).exits(10);
    // The name may be used again, and who may not change desired state changes nothing.
    team(&["add", "short", "--description", "Again."]).exits(0);
    installation.add_carol(&[]);
    let carol = crate::command::Answer::of(&mut installation.cli(CAROL, &["team", "remove", "short", "--yes"]));
    carol.exits(5);
    until("it is still there", Duration::from_secs(5), || (team(&["show", "short"]).code == 0).then_some(()));
}
