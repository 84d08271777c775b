//! People and agents from outside: added, bound, suspended in the middle of what they do, and gone for good.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command::Answer;
use crate::installation::{ANN, Installation, Times, id, shipped};
use crate::ledger::Class;
use crate::process::until;

/// The context of the human whom the tests add.
pub(crate) const CAROL: &str = "acme-carol";

/// Time within which a suspension bites (security row 5), and what a busy machine adds to starting the command that looks.
const BITES: Duration = Duration::from_secs(1);
const BUSY: Duration = Duration::from_secs(2);

/// How long a step of the tests runs when nobody stops it, in milliseconds.
const LONG_MS: u64 = 3_500;

impl Installation {
    pub(crate) fn carol(&self, arguments: &[&str]) -> Answer {
        Answer::of(&mut self.cli(CAROL, arguments))
    }

    /// Carol, by the way that the command line tells: her key pair, her registration, her context.
    pub(crate) fn add_carol(&self, groups: &[&str]) -> Value {
        let key = self.path("carol.pem").display().to_string();
        let public = format!("{key}.pub");
        self.ann(&["human", "keygen", &key]).exits(0);
        let groups: Vec<&str> = groups.iter().flat_map(|group| ["--group", group]).collect();
        let added = self.ann(&[&["human", "add", "carol", "--login-key", &public], groups.as_slice()].concat()).exits(0).json();
        let (server, trust) = (format!("https://127.0.0.1:{}", self.api), self.trust_file());
        let uid = added["uid"].as_str().unwrap();
        let context = [
            "context",
            "add",
            CAROL,
            "--server",
            &server,
            "--trust-file",
            trust.to_str().unwrap(),
            "--of-tenant",
            "acme",
            "--human",
            "carol",
            "--human-uid",
            uid,
            "--login-key",
            &key,
        ];
        self.ann(&context).exits(0);
        added
    }

    /// Carol's context as an approver's, by a key of her own.
    fn carol_approves(&self, key: &str) {
        let contexts = self.path("config").join("contexts.toml");
        let text = std::fs::read_to_string(&contexts).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("approval_key") || !line.contains("carol"));
        let text: Vec<&str> = lines.collect();
        let entry = format!("[contexts.{CAROL}]\napproval_key = \"{key}\"");
        std::fs::write(&contexts, text.join("\n").replacen(&format!("[contexts.{CAROL}]"), &entry, 1)).unwrap();
    }

    /// The trust file, as Ann's context names it.
    pub(crate) fn trust_file(&self) -> std::path::PathBuf {
        let contexts = self.ann(&["context", "list"]).exits(0).json();
        let ann = contexts.as_array().unwrap().iter().find(|context| context["name"] == ANN).unwrap().clone();
        ann["trust_file"].as_str().unwrap().into()
    }

    fn carol_submits(&self, class: Class, entry: &str, times: Times) -> String {
        let input = json!({ "entry": entry, "before_ms": times.before_ms, "after_ms": times.after_ms }).to_string();
        id(&self.carol(&["task", "run", "--agent", "clerk", "--workflow", class.word(), "--detach", "--input", &input]))
    }

    fn human(&self, name: &str) -> Value {
        self.ann(&["human", "show", name]).exits(0).json()
    }
}

#[test]
fn a_human_is_added_by_a_key_of_their_own_and_works() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let refused = installation.ann(&["human", "add", "carol"]).exits(2).error();
    assert!(refused.next.contains("scalbotics human keygen"), "{refused:?}");
    let dry_key = installation.path("dry.pem").display().to_string();
    installation.ann(&["human", "keygen", &dry_key]).exits(0);
    installation.ann(&["human", "keygen", &dry_key]).exits(1);
    let private = installation.ann(&["human", "add", "carol", "--login-key", &dry_key]).exits(2).error();
    assert!(private.why.contains("private half"), "{private:?}");
    let public = format!("{dry_key}.pub");
    installation.ann(&["human", "add", "carol", "--login-key", &public, "--dry-run"]).exits(0);
    installation.ann(&["human", "show", "carol"]).exits(10);
    let added = installation.add_carol(&["operators"]);
    assert_eq!((&added["standing"], &added["groups"]), (&json!("active"), &json!(["operators"])));
    let me = installation.carol(&["whoami"]).exits(0).json();
    assert_eq!(me["groups"], json!(["operators"]));
    let task = installation.carol_submits(Class::Pure, "carol-1", Times::default());
    assert_eq!(installation.rest(&task)["status"], "COMPLETED");
    assert_eq!(installation.ann(&["human", "add", "carol", "--login-key", &public]).exits(7).error().code, "NAME_TAKEN");
    // Who may not, may not; who is not there, is not there, also for another tenant's name.
    assert_eq!(installation.carol(&["human", "suspend", "bob"]).exits(5).error().code, "POLICY_DENIED");
    assert_eq!(installation.bob(&["human", "bind", "bob", "--group", "admins"]).exits(5).error().code, "POLICY_DENIED");
    for absent in ["nobody", "tenants/other/humans/ann"] {
        assert_eq!(installation.ann(&["human", "suspend", absent]).exits(10).error().code, "NOT_FOUND");
    }
    let listed = installation.ann(&["human", "list"]).exits(0).json();
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|human| human["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["ann", "bob", "carol"]);
    installation.verify_audit();
}

#[test]
fn a_suspended_human_is_stopped_within_a_second() {
    let installation = Installation::new();
    let _daemon = installation.start();
    installation.add_carol(&["operators"]);
    let times = Times { before_ms: LONG_MS, after_ms: 0 };
    let tasks = [Class::Keyed, Class::Pure].map(|class| (class, installation.carol_submits(class, class.word(), times)));
    for (class, task) in &tasks {
        if class.tier() == 2 {
            installation.approve(&installation.approval_of(task));
        }
        until("the tool is at work", Duration::from_secs(30), || installation.ledger.has(class.word(), "begin").then_some(()));
    }
    let mut stream =
        installation.cli(CAROL, &["task", "watch", &tasks[0].1]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(stream.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(!first.is_empty(), "the stream is open");

    installation.ann(&["human", "suspend", "carol"]).exits(0);
    let begun = Instant::now();
    until("the tools are gone", BITES + BUSY, || installation.ledger.living().is_empty().then_some(()));
    assert!(begun.elapsed() < BITES, "running tools took {:?}", begun.elapsed());
    let ended = until("the stream is cut", BITES + BUSY, || stream.try_wait().unwrap());
    assert!(begun.elapsed() < BITES, "the open stream took {:?}", begun.elapsed());
    assert!(!ended.success());
    let refused = installation.carol(&["whoami"]);
    assert!(refused.code != 0, "the kept token is void: {refused:#?}");
    for (class, task) in &tasks {
        let shown = installation.rest(task);
        assert_ne!(shown["status"], "COMPLETED", "{shown:#}");
        assert!(!installation.ledger.has(class.word(), "landed"), "nothing of it arrived");
    }
    // A token of before does not count after it either; a new login does.
    let token = std::fs::read_to_string(installation.path("state").join("tokens").join(format!("{CAROL}.json")));
    assert_eq!(installation.ann(&["human", "resume", "carol"]).exits(0).json()["standing"], "active");
    if token.is_ok() {
        let stale = installation.carol(&["whoami"]).exits(4).error();
        assert!(["PRINCIPAL_SUSPENDED", "UNAUTHENTICATED"].contains(&stale.code.as_str()), "{stale:?}");
    }
    installation.carol(&["login"]).exits(0);
    installation.carol(&["whoami"]).exits(0);
    installation.verify_audit();
}

#[test]
fn security_7_a_role_that_is_taken_away_counts_in_the_middle_of_a_task() {
    let installation = Installation::new();
    let _daemon = installation.start();
    installation.add_carol(&["operators"]);
    let task = installation.carol_submits(Class::Pure, "bound", Times { before_ms: 1_500, after_ms: 0 });
    until("the tool is at work", Duration::from_secs(30), || installation.ledger.has("bound", "begin").then_some(()));
    let bound = installation.ann(&["human", "bind", "carol", "--remove", "operators", "--group", "auditors"]).exits(0).json();
    assert_eq!(bound["groups"], json!(["auditors"]));
    let shown = installation.rest(&task);
    assert_eq!((&shown["status"], &shown["failure"]), (&json!("FAILED"), &json!("POLICY_DENIED")), "{shown:#}");
    assert!(!installation.ledger.has("bound-note", "landed"), "the second step was not sent");
    let again = installation.ann(&["human", "bind", "carol", "--group", "auditors"]).exits(0).json();
    assert_eq!(again, bound, "nothing to change is no error");
}

#[test]
fn the_last_administrator_stays_and_who_is_gone_is_gone() {
    let installation = Installation::new();
    let _daemon = installation.start();
    for verb in [&["suspend", "ann"] as &[&str], &["offboard", "ann", "--yes"], &["bind", "ann", "--remove", "admins"]] {
        let refused = installation.ann(&[&["human"], verb].concat()).exits(7).error();
        assert_eq!(refused.code, "CONFLICT", "{refused:?}");
        assert!(refused.why.contains("bind somebody else"), "{refused:?}");
    }
    installation.add_carol(&["admins"]);
    installation.carol(&["human", "suspend", "ann"]).exits(0);
    assert!(installation.ann(&["whoami"]).code != 0);
    assert_eq!(
        installation.carol(&["human", "suspend", "carol"]).exits(7).error().code,
        "CONFLICT",
        "a suspended one does not count"
    );
    installation.carol(&["human", "resume", "ann"]).exits(0);
    installation.ann(&["login"]).exits(0);
    assert_eq!(installation.ann(&["human", "offboard", "carol"]).exits(2).error().code, "CLI_NOT_CONFIRMED");
    assert_eq!(installation.human("carol")["standing"], "active");
    installation.ann(&["human", "offboard", "carol", "--dry-run"]).exits(0);
    let gone = installation.ann(&["human", "offboard", "carol", "--yes"]).exits(0).json();
    assert_eq!((&gone["standing"], &gone["epoch"]), (&json!("offboarded"), &json!(1)));
    installation.ann(&["human", "resume", "carol"]).exits(7);
    let public = format!("{}.pub", installation.path("carol.pem").display());
    assert_eq!(installation.ann(&["human", "add", "carol", "--login-key", &public]).exits(7).error().code, "NAME_TAKEN");
    assert!(installation.carol(&["login"]).code != 0);
    installation.verify_audit();
}

#[test]
fn a_suspended_agent_sends_nothing_and_an_offboarded_one_never_again() {
    let installation = Installation::new();
    let daemon = installation.start();
    let task = id(&installation.submit(Class::Keyed, "agent", Times { before_ms: LONG_MS, after_ms: 0 }));
    installation.approve(&installation.approval_of(&task));
    until("the tool is at work", Duration::from_secs(30), || installation.ledger.has("agent", "begin").then_some(()));
    let suspended = installation.ann(&["agent", "suspend", "clerk"]).exits(0).json();
    let begun = Instant::now();
    assert_eq!(suspended["standing"], "suspended");
    until("the tool is gone", BITES + BUSY, || installation.ledger.living().is_empty().then_some(()));
    assert!(begun.elapsed() < BITES, "the running tool took {:?}", begun.elapsed());
    assert_ne!(installation.rest(&task)["status"], "COMPLETED");
    assert!(!installation.ledger.has("agent", "landed"));
    let refused = installation.submit(Class::Pure, "later", Times::default()).exits(7).error();
    assert_eq!(refused.code, "AGENT_NOT_ACTIVE");
    assert_eq!(installation.bob(&["agent", "resume", "clerk"]).exits(5).error().code, "POLICY_DENIED");
    installation.ann(&["agent", "resume", "clerk"]).exits(0);
    let next = id(&installation.submit(Class::Pure, "again", Times::default()));
    assert_eq!(installation.rest(&next)["status"], "COMPLETED");

    let logs: Vec<Value> = installation.ann(&["agent", "logs", "clerk", "-n", "500"]).exits(0).lines();
    let tasks: std::collections::BTreeSet<_> = logs.iter().map(|line| line["record"]["task"].as_str().unwrap()).collect();
    assert!(tasks.contains(task.as_str()) && tasks.contains(next.as_str()), "{tasks:?}");
    assert!(logs.windows(2).all(|pair| pair[0]["index"].as_u64() < pair[1]["index"].as_u64()), "newest last");
    assert_eq!(installation.ann(&["agent", "logs", "clerk", "-n", "3"]).exits(0).lines().len(), 3);

    assert_eq!(installation.ann(&["agent", "offboard", "clerk"]).exits(2).error().code, "CLI_NOT_CONFIRMED");
    installation.ann(&["agent", "offboard", "clerk", "--yes"]).exits(0);
    assert_eq!(installation.ann(&["agent", "resume", "clerk"]).exits(7).error().code, "NAME_TAKEN");
    daemon.kill();
    let _daemon = installation.start();
    let shown = installation.ann(&["agent", "show", "clerk"]).exits(0).json();
    assert_eq!(shown["standing"], "offboarded", "desired state names it, and it stays gone");
    assert_eq!(installation.submit(Class::Pure, "never", Times::default()).exits(7).error().code, "AGENT_NOT_ACTIVE");
    installation.verify_audit();
}

#[test]
fn an_opaque_call_that_was_sent_gets_a_little_time_and_is_then_in_doubt() {
    let installation = Installation::new();
    let _daemon = installation.start();
    installation.add_carol(&["operators"]);
    let task = installation.carol_submits(Class::Opaque, "sent", Times { before_ms: LONG_MS * 3, after_ms: 0 });
    installation.approve(&installation.approval_of(&task));
    until("the tool is at work", Duration::from_secs(30), || installation.ledger.has("sent", "begin").then_some(()));
    installation.ann(&["human", "suspend", "carol"]).exits(0);
    let shown = installation.rest(&task);
    assert_eq!((&shown["status"], &shown["calls"][0]["phase"]), (&json!("INPUT_REQUIRED"), &json!("in_doubt")), "{shown:#}");
    assert!(!installation.ledger.has("sent", "landed"));
    assert!(installation.ledger.living().is_empty());
}

#[test]
fn teams_are_shown_with_their_agents() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let teams = installation.ann(&["team", "list"]).exits(0).json();
    assert_eq!(teams, json!([{ "name": "ops", "description": "Tests.", "lead": "clerk", "members": ["clerk"] }]));
    assert_eq!(installation.bob(&["team", "show", "ops"]).exits(0).json(), teams[0]);
    for absent in ["none", "tenants/other/teams/ops"] {
        assert_eq!(installation.ann(&["team", "show", absent]).exits(10).error().code, "NOT_FOUND");
    }
}

/// An agent that is gone keeps its name: the file of another would bind nobody, so that none is committed.
fn nobody_comes_after(installation: &Installation, gone: &str) {
    let head = || installation.ann(&["repo", "status"]).exits(0).json()["head"].clone();
    let before = head();
    let taken = installation.ann(&["agent", "add", gone, "--team", "ops", "--description", "Comes back."]).exits(7).error();
    assert_eq!((taken.code.as_str(), taken.next.as_str()), ("NAME_TAKEN", "choose another name"));
    assert_eq!(head(), before);
}

#[test]
fn an_agent_and_its_team_are_added_by_a_commit_that_is_in_force() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let team = ["team", "add", "research", "--description", "Finds things out."];
    installation.ann(&[&team[..], &["--dry-run"]].concat()).exits(0);
    installation.ann(&["team", "show", "research"]).exits(10);
    let before = installation.ann(&["repo", "status"]).exits(0).json()["commit"].clone();
    let added = installation.ann(&team).exits(0).json();
    assert_eq!(installation.ann(&["repo", "status"]).exits(0).json()["commit"], added["commit"]);
    assert_ne!(before, added["commit"]);
    assert_eq!(installation.ann(&team).exits(7).error().next, "scalbotics team show research");
    let agent = ["agent", "add", "scout", "--team", "research", "--description", "Looks around.", "--tool", "ledger.pure"];
    installation.ann(&[&agent[..], &["--workflow", "pure"]].concat()).exits(0);
    installation.ann(&["agent", "add", "../scout", "--team", "research", "--description", "X."]).exits(2);
    let shown = installation.ann(&["agent", "show", "scout"]).exits(0).json();
    assert_eq!(
        (&shown["team"], &shown["standing"], &shown["tools"]),
        (&json!("research"), &json!("active"), &json!(["ledger.pure"]))
    );
    let input = json!({ "entry": "scouted", "before_ms": 0, "after_ms": 0 }).to_string();
    let run = ["task", "run", "--agent", "scout", "--workflow", "pure", "--detach", "--input", &input];
    assert_eq!(installation.rest(&id(&installation.ann(&run)))["status"], "COMPLETED");
    // Who is not known leads nothing, and neither does who is gone.
    installation.ann(&["team", "set-lead", "research", "nobody"]).exits(10);
    installation.ann(&["agent", "add", "gone", "--team", "ops", "--description", "Goes."]).exits(0);
    installation.ann(&["agent", "offboard", "gone", "--yes"]).exits(0);
    nobody_comes_after(&installation, "gone");
    let gone = installation.ann(&["team", "set-lead", "research", "gone"]).exits(7).error();
    assert_eq!((gone.code.as_str(), gone.next.as_str()), ("AGENT_NOT_ACTIVE", "scalbotics agent list"));
    let lead = ["team", "set-lead", "research", "scout"];
    installation.ann(&lead).exits(0);
    assert_eq!(installation.ann(&["team", "show", "research"]).exits(0).json()["lead"], "scout");
    // A lead stays in its team, who is not there cannot go, and an agent is always in a team.
    let head = installation.ann(&["repo", "status"]).exits(0).json()["head"].clone();
    for leads in [&["add", "ops", "scout"] as &[&str], &["remove", "research", "scout", "--to", "ops"]] {
        let refused = installation.ann(&[&["team", "member"], leads].concat()).exits(7).error();
        assert_eq!(
            (refused.what.as_str(), refused.next.as_str()),
            ("agent scout leads team research", "scalbotics team show research")
        );
    }
    installation.ann(&["team", "member", "add", "research", "nobody"]).exits(10);
    installation.ann(&["agent", "add", "second", "--team", "ops", "--description", "Helps."]).exits(0);
    let stranger = installation.ann(&["team", "member", "remove", "research", "second", "--to", "ops"]).exits(7).error();
    assert_eq!(
        (stranger.what.as_str(), stranger.next.as_str()),
        ("agent second is not in team research", "scalbotics agent show second")
    );
    installation.ann(&["team", "member", "remove", "ops", "second"]).exits(2);
    installation.ann(&["team", "member", "remove", "ops", "second", "--to", "nowhere"]).exits(10);
    assert_eq!(installation.bob(&["team", "member", "add", "research", "second"]).exits(5).error().code, "POLICY_DENIED");
    installation.ann(&["team", "member", "remove", "ops", "second", "--to", "research", "--dry-run"]).exits(0);
    let removed = installation.ann(&["team", "member", "remove", "ops", "second", "--to", "research"]).exits(0).json();
    assert_ne!(removed["commit"], head);
    assert_eq!(installation.ann(&["team", "show", "research"]).exits(0).json()["members"], json!(["scout", "second"]));
    installation.ann(&["team", "member", "remove", "research", "second", "--to", "ops"]).exits(0);
    let added = installation.ann(&["team", "member", "add", "research", "second"]).exits(0).json();
    assert_eq!(installation.ann(&["team", "show", "research"]).exits(0).json()["members"], json!(["scout", "second"]));
    // One that would be refused is taken back: the repository stays good.
    let bad = ["agent", "add", "lost", "--team", "nowhere", "--description", "In no team."];
    let refused = installation.ann(&bad).exits(7).error();
    assert_eq!(refused.code, "DESIRED_STATE_REFUSED", "{refused:?}");
    assert!(refused.why.contains("taken back"), "{refused:?}");
    let status = installation.ann(&["repo", "status"]).exits(0).json();
    assert_eq!((&status["commit"], &status["head"]), (&added["commit"], &added["commit"]), "{status:#}");
    assert_eq!(
        installation.ann(&["agent", "add", "x", "--team", "ops", "--description", "X.", "--repository", "/nowhere"]).code,
        2
    );
    assert_eq!(
        installation.bob(&["agent", "add", "mine", "--team", "ops", "--description", "X."]).exits(5).error().code,
        "POLICY_DENIED"
    );
}

/// The text of a file of the repository, as it is in force.
fn committed(installation: &Installation, path: &str) -> String {
    let mut git = installation.environment(std::path::Path::new("git"));
    git.arg("--git-dir").arg(installation.root.join("desired.git")).args(["show", &format!("main:{path}")]);
    Answer::of(&mut git).exits(0).stdout
}

#[test]
fn an_agent_is_added_with_its_limits_and_the_rule_that_permits_what_was_asked_for() {
    // Nothing is permitted to agents but what rules of their own say.
    let installation = Installation::with(|desired| drop(desired.files.remove("policies/agents.cedar")));
    let _daemon = installation.start();
    let words = ["agent", "add", "scout", "--team", "ops", "--description", "Looks around.", "--tool", "ledger.pure"];
    let more = ["--tool", "process.run", "--program", "/bin/true", "--budget", "calls=7,seconds=600", "--tier-max", "2"];
    let bad = installation.ann(&[&words[..], &["--budget", "hours=1"]].concat()).exits(2).error();
    assert!(bad.why.contains("hours=1"), "{bad:?}");
    installation.ann(&[&words[..], &["--tier-max", "3"]].concat()).exits(2);
    assert_eq!(installation.ann(&[&words[..], &["--model", "ghost"]].concat()).exits(7).error().code, "DESIRED_STATE_REFUSED");
    let added = installation.ann(&[&words[..], &more, &["--workflow", "pure"]].concat()).exits(0).json();
    assert!(added["files"].as_array().unwrap().contains(&json!("policies/agent-scout.cedar")), "{added:#}");
    let file = committed(&installation, "agents/scout.yaml");
    for part in ["calls: 7", "seconds: 600", "tier_max: 2", "/bin/true"] {
        assert!(file.contains(part), "{part}: {file}");
    }
    let can = |agent: &str, tool: &str| {
        let input = json!({ "entry": "x", "before_ms": 0, "after_ms": 0 }).to_string();
        installation.ann(&["policy", "can-i", "--agent", agent, "--tool", tool, "--args", &input]).code
    };
    assert_eq!(can("scout", "ledger.pure"), 0);
    // Neither another tool for it, nor its tool for another agent.
    assert_eq!((can("scout", "ledger.keyed"), can("clerk", "ledger.pure")), (5, 5));
    let input = json!({ "entry": "bound", "before_ms": 0, "after_ms": 0 }).to_string();
    let run = ["task", "run", "--agent", "scout", "--workflow", "pure", "--detach", "--input", &input];
    assert_eq!(installation.rest(&id(&installation.ann(&run)))["status"], "COMPLETED");
    // An agent without a tool gets no rule.
    let bare = ["agent", "add", "idle", "--team", "ops", "--description", "Waits."];
    let bare = installation.ann(&bare).exits(0).json();
    assert!(!bare["files"].to_string().contains("policies/"), "{bare:#}");
}

#[test]
fn sem_5_2_a_second_approver_is_enrolled_by_the_approver_admins_key_alone() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let added = installation.add_carol(&["approvers"]);
    let config = installation.config().display().to_string();
    let pair = |name: &str| {
        let key = installation.path(name).display().to_string();
        installation.ann(&["human", "keygen", &key]).exits(0);
        (key.clone(), format!("{key}.pub"))
    };
    let ((key, public), (newer, newer_public)) = (pair("carol-approval.pem"), pair("carol-newer.pem"));
    let waiting = |entry: &str| {
        let task = id(&installation.submit(Class::Opaque, entry, Times { before_ms: 0, after_ms: 0 }));
        (installation.approval_of(&task), task)
    };
    let (approval, task) = waiting("first");
    let approve = |approval: &str| installation.carol(&["approval", "approve", approval, "--reason", "as shown"]);
    installation.carol_approves(&key);
    assert_eq!(approve(&approval).exits(5).error().code, "APPROVER_NOT_ENROLLED");

    // Who may not administer people enrols nobody, not even themselves and with a statement that counts.
    let statement = |public: &str| {
        let mut command = installation.serve(&shipped());
        command.args(["enroll", "--human-uid", added["uid"].as_str().unwrap(), "--approval-key", public]);
        Answer::of(&mut command)
    };
    let file = installation.path("carol.enrolment");
    std::fs::write(&file, statement(&public).exits(0).stdout).unwrap();
    let file = file.display().to_string();
    assert_eq!(installation.carol(&["approval", "enroll", "--statement", &file]).exits(5).error().code, "POLICY_DENIED");
    // Nor does an administrator, for somebody else than was signed, or with what nobody signed.
    let enroll = |words: &[&str]| installation.ann(&[&["approval", "enroll"], words].concat());
    assert_eq!(enroll(&["bob", "--statement", &file]).exits(2).error().code, "ENROLMENT_REFUSED");
    let forged = installation.path("forged").display().to_string();
    std::fs::write(&forged, std::fs::read_to_string(&file).unwrap().replacen("\"signature\":\"", "\"signature\":\"A", 1))
        .unwrap();
    assert_eq!(enroll(&["carol", "--statement", &forged]).exits(2).error().code, "ENROLMENT_REFUSED");
    // The private half is not taken, and neither is the key that logs in.
    let refused = enroll(&["carol", "--approval-key", &key, "--config", &config]).exits(1).error();
    assert!(refused.code == "CLI_SIGN" && refused.why.contains("private half"), "{refused:?}");
    let login = installation.path("carol.pem.pub").display().to_string();
    let refused = enroll(&["carol", "--approval-key", &login, "--config", &config]).exits(2).error();
    assert!(refused.why.contains("is the login key"), "{refused:?}");
    assert_eq!(approve(&approval).exits(5).error().code, "APPROVER_NOT_ENROLLED");

    let dry = enroll(&["carol", "--statement", &file, "--dry-run"]).exits(0).json();
    assert_eq!(
        (&dry["can_approve"], &installation.ann(&["human", "show", "carol"]).exits(0).json()["can_approve"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(enroll(&["carol", "--statement", &file]).exits(0).json()["can_approve"], true);
    approve(&approval).exits(0);
    assert_eq!(installation.rest(&task)["status"], "COMPLETED");

    // Another key takes its place; the old one does not count any more, and does not come back.
    enroll(&["carol", "--approval-key", &newer_public, "--config", &config]).exits(0);
    let (approval, task) = waiting("second");
    assert_eq!(approve(&approval).error().code, "STATEMENT_REFUSED");
    assert_eq!(enroll(&["carol", "--statement", &file]).exits(2).error().code, "ENROLMENT_REFUSED");
    installation.carol_approves(&newer);
    approve(&approval).exits(0);
    assert_eq!(installation.rest(&task)["status"], "COMPLETED");
    // Without the approver-admin's key nobody is enrolled, whoever asks.
    let admin_key = installation.root.join("keys/approver-admin.key");
    let away = installation.path("vault.key");
    std::fs::rename(&admin_key, &away).unwrap();
    let refused = enroll(&["carol", "--approval-key", &public, "--config", &config]).exits(1).error();
    assert!(refused.code == "CLI_SIGN" && refused.why.contains("key file"), "{refused:?}");
    enroll(&["carol", "--approval-key", &public, "--config", &config, "--admin-key-file", away.to_str().unwrap()]).exits(0);
    // Each enrolment names its key in the log.
    let records = installation.ann(&["audit", "tail", "--lines", "400"]).exits(0).lines();
    let enrolled = |record: &&Value| record["record"]["action"] == "human.enroll" && record["record"]["outcome"]["word"] == "ok";
    let targets: Vec<String> = records.iter().filter(enrolled).map(|record| record["record"]["target"].to_string()).collect();
    assert!(targets.iter().filter(|target| target.contains('/')).count() == 3, "{targets:?}");
    installation.verify_audit();
}

/// Who has read the file with Ann's token, and not the key beside it, is nobody; the file goes on counting for her.
#[test]
fn sem_4_4_a_stolen_token_file_is_worth_nothing() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let ann = installation.ann(&["whoami"]).exits(0).json();
    let (server, trust) = (format!("https://127.0.0.1:{}", installation.api), installation.trust_file());
    let key = installation.path("thief.pem").display().to_string();
    installation.ann(&["human", "keygen", &key]).exits(0);
    let place = ["context", "add", "thief", "--server", &server, "--trust-file", trust.to_str().unwrap(), "--of-tenant", "acme"];
    let whose = ["--human", "ann", "--human-uid", ann["uid"].as_str().unwrap(), "--login-key", &key];
    installation.ann(&[place.as_slice(), &whose].concat()).exits(0);
    let tokens = installation.path("state").join("tokens");
    let (hers, theirs) = (tokens.join(format!("{ANN}.json")), tokens.join("thief.json"));
    for arguments in [["whoami"].as_slice(), &["task", "list"], &["approval", "watch"]] {
        std::fs::copy(&hers, &theirs).unwrap();
        let refused = Answer::of(&mut installation.cli("thief", arguments)).exits(4).error();
        assert_eq!((refused.code.as_str(), refused.next.as_str()), ("UNAUTHENTICATED", "scalbotics login"));
        assert!(refused.why.contains("another key"), "{refused:?}");
    }
    std::fs::remove_file(&theirs).unwrap();
    assert_eq!(Answer::of(&mut installation.cli("thief", &["whoami"])).exits(4).error().code, "ASSERTION_REFUSED");
    let kept = std::fs::read(&hers).unwrap();
    installation.ann(&["whoami"]).exits(0);
    assert_eq!(std::fs::read(&hers).unwrap(), kept, "she did not have to log in anew");
}
