//! Every printed next step that is a command is run as printed, by a shell; and no command that the sources print is left out.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::command::Answer;
use crate::damage::spoil;
use crate::denied::forbid;
use crate::installation::{ANN, BOB, Installation, Times, cli, id, shipped};
use crate::ledger::Class;
use crate::process::until;
use crate::serving::Daemon;

/// Crates whose sources print to people.
const PRINTING: [&str; 7] = ["adapters", "cli", "core", "daemon", "identity", "runtime", "store"];

/// Printed in a situation that nobody can bring about from outside; run as they would be printed.
const OUT_OF_REACH: [(&str, &str); 2] = [
    ("scalbotics version", "the command line calls only methods that there are"),
    ("scalbotics whoami", "the command line names only objects of its own tenant"),
];

/// Commands that did what they are for and end with another code than 0: what they look at is not well.
const ANSWERS: [(&str, &[i32]); 4] = [
    ("scalbotics audit verify", &[1]),
    ("scalbotics doctor", &[1]),
    ("scalbotics repo apply", &[7]),
    ("scalbotics repo status", &[7]),
];

/// Commands that wait for a value on standard input.
const WANT_A_VALUE: [&str; 2] = ["scalbotics secret put ", "scalbotics secret rotate "];

/// The commands of a next step. It is a command as a whole, or words in which commands stand in backticks.
#[track_caller]
pub(crate) fn commands(next: &str) -> Vec<String> {
    if next.starts_with("scalbotic") {
        assert!(!next.contains('`'), "half a command: {next}");
        return vec![next.to_owned()];
    }
    let (words, quoted): (Vec<_>, Vec<_>) = next.split('`').enumerate().partition(|(at, _)| at % 2 == 0);
    let stray = |part: &str| ["scalbotics ", "scalboticsd "].iter().any(|program| part.contains(program));
    assert!(!words.iter().any(|(_, part)| stray(part)), "a command outside of backticks: {next}");
    quoted.into_iter().map(|(_, part)| part.to_owned()).filter(|part| stray(part)).collect()
}

/// A shell of a person with this context, in which both programs are on the path.
fn shell(installation: &Installation, context: &str, line: &str) -> Command {
    let folder = cli().parent().unwrap().to_owned();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = installation.environment(Path::new("/bin/sh"));
    // What a step writes beside it is gone with the installation.
    command.args(["-c", line]).env("PATH", path).current_dir(installation.path(""));
    // A second installation on this machine must not meet the ports of the first.
    command.env("SCALBOTICS_DEV_PORT", "0");
    if !context.is_empty() {
        command.env("SCALBOTICS_CONTEXT", context);
    }
    command
}

/// Runs a printed command as a person would: in a shell, with their context.
pub(crate) fn follow(installation: &Installation, context: &str, next: &str) -> Answer {
    Answer::of(&mut shell(installation, context, next))
}

/// Runs every command of a step; a command line that is refused, a program that is not there, and a crash fail.
#[track_caller]
fn run(installation: &Installation, context: &str, next: &str) -> Vec<String> {
    let commands = commands(next);
    for command in &commands {
        let wants = WANT_A_VALUE.iter().any(|begin| command.starts_with(begin));
        let typed = if wants { format!("printf %s a-new-value | {command}") } else { command.clone() };
        let answer = follow(installation, context, &typed);
        let others = ANSWERS.iter().filter(|(begin, _)| command.starts_with(begin)).flat_map(|(_, codes)| codes.iter());
        let works = answer.code == 0 || others.into_iter().any(|code| *code == answer.code);
        assert!(works, "`{command}` does not work: {answer:#?}");
    }
    commands
}

/// Runs the next steps in the text of an error; there is one at least.
#[track_caller]
pub(crate) fn run_steps(installation: &Installation, text: &str) -> Vec<String> {
    let steps: Vec<_> = text.lines().filter_map(|line| line.strip_prefix(" next: ")).collect();
    assert!(!steps.is_empty(), "no next step: {text}");
    steps.into_iter().flat_map(|step| run(installation, "", step)).collect()
}

/// What was run so far.
#[derive(Default)]
struct Followed(BTreeSet<String>);

impl Followed {
    /// Runs the commands of a step.
    #[track_caller]
    fn step(&mut self, installation: &Installation, context: &str, next: &str) {
        self.0.extend(run(installation, context, next));
    }

    /// The steps of answers that ran with `-o json`.
    #[track_caller]
    fn answers(&mut self, installation: &Installation, context: &str, answers: &[Answer]) {
        for answer in answers {
            self.step(installation, context, &answer.error().next);
        }
    }

    /// The steps of an error in words.
    #[track_caller]
    fn text(&mut self, installation: &Installation, answer: &Answer) {
        self.0.extend(run_steps(installation, &answer.stderr));
    }

    /// The rest of the first line behind `word`, run as a command that has to succeed.
    #[track_caller]
    fn behind(&mut self, installation: &Installation, context: &str, (text, word): (&str, &str)) {
        let line = text.lines().find_map(|line| line.split_once(word)).map(|(_, rest)| rest.trim());
        let command = line.unwrap_or_else(|| panic!("no line has `{word}`: {text}"));
        let from = command.find("scalbotic").unwrap_or_else(|| panic!("no command behind `{word}`: {text}"));
        follow(installation, context, &command[from..]).exits(0);
        self.0.insert(command[from..].to_owned());
    }

    /// A command that serves, until it says `ready`; answers what it said.
    #[track_caller]
    fn serving(&mut self, installation: &Installation, command: &str, during: impl FnOnce(&mut Self, &str)) {
        let log = installation.path("serving.log");
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        let mut daemon = Daemon::spawn(shell(installation, "", &format!("exec {command}")), &log, installation.admin);
        until("it serves", Duration::from_secs(60), || {
            assert!(daemon.ended().is_none(), "`{command}` ended: {}", said());
            (said().contains("\"serving\"") || said().contains("  API ")).then_some(())
        });
        self.0.insert(command.to_owned());
        during(self, &said());
        daemon.signal(Signal::TERM);
        assert!(daemon.wait().success(), "{}", said());
        std::fs::remove_file(&log).unwrap();
    }
}

#[test]
fn the_search_knows_commands() {
    assert_eq!(commands("scalbotics task show x"), ["scalbotics task show x"]);
    assert_eq!(commands("mend it, then `scalbotics repo apply`, or call `git`"), ["scalbotics repo apply"]);
    assert_eq!(commands("install `scalboticsd` beside `scalbotics`"), Vec::<String>::new());
    for bad in ["run scalbotics doctor", "scalbotics doctor or `scalbotics status`"] {
        assert!(std::panic::catch_unwind(|| commands(bad)).is_err(), "{bad}");
    }
    let line = "refuse(\"x\").next(format!(\"scalbotics agent show {agent}\")); // scalbotics no";
    assert_eq!(literals(line), ["scalbotics agent show"]);
    assert_eq!(literals("\"see `scalbotics status` or scalboticsd\""), ["scalbotics status"]);
}

#[test]
fn every_next_step_works_as_printed() {
    let mut followed = Followed::default();
    // A place of a person's own: blanks, quotes and a dollar sign in it.
    let place = tempfile::Builder::new().prefix("ann's $place ").tempdir().unwrap();
    let installation = Installation::within(place, forbid);
    advice(&installation, &mut followed);
    let daemon = installation.start();
    let approval = calls_of_ann(&installation, &mut followed);
    calls_of_bob(&installation, &mut followed, &approval);
    repository(&installation, &mut followed);
    services(&installation, &mut followed);
    notes(&installation, &mut followed);
    proofs(&installation, &mut followed);
    erasing(&installation, &mut followed);
    authorities(&installation, &mut followed);
    joining(&installation, &mut followed);
    logins(&installation, &mut followed);
    for (command, _) in OUT_OF_REACH {
        followed.step(&installation, ANN, command);
    }
    strangers_and_tokens(&installation, &mut followed);
    spoil(&installation);
    failed_checks(&installation, &mut followed);
    daemon.kill();
    followed.answers(&installation, ANN, &[installation.ann(&["status"]).exits(8)]);
    failed_checks(&installation, &mut followed);
    refused_starts(&installation, &mut followed);
    none_is_left_out(&followed);
    println!("{} printed commands were run: {:#?}", followed.0.len(), followed.0);
}

/// What `initialize` and the configuration that it wrote tell people to do.
fn advice(installation: &Installation, followed: &mut Followed) {
    let (anchor, away) = (crate::rollback::anchor(installation), installation.path("anchor"));
    std::fs::rename(&anchor, &away).unwrap();
    followed.text(installation, &Answer::of(&mut installation.serve(&shipped())).exits(1));
    std::fs::rename(&away, &anchor).unwrap();
    let start = installation.made.lines().find_map(|line| line.strip_prefix("start ")).unwrap().trim().to_owned();
    followed.serving(installation, &start, |followed, _| {
        followed.behind(installation, "", (&installation.made, "next "));
    });
    let config = std::fs::read_to_string(installation.config()).unwrap();
    followed.behind(installation, "", (&config, "every key: "));
}

/// What `doctor` says to the checks that fail.
fn failed_checks(installation: &Installation, followed: &mut Followed) {
    for check in installation.ann(&["doctor"]).exits(1).json().as_array().unwrap() {
        followed.step(installation, ANN, check["next"].as_str().unwrap());
    }
}

/// Answers an approval that waits.
fn calls_of_ann(installation: &Installation, followed: &mut Followed) -> String {
    let input = |entry: &str| json!({ "entry": entry, "before_ms": 0, "after_ms": 0 }).to_string();
    let run = |workflow: &str, entry: &str| {
        installation.ann(&["task", "run", "--agent", "clerk", "--workflow", workflow, "--input", &input(entry)])
    };
    let task = id(&installation.submit(Class::Pure, "done", Times::default()));
    installation.rest(&task);
    installation.secret(ANN, &["put", "kept"], b"value").exits(0);
    let waits = run("opaque", "waits").exits(6);
    let approval = installation.waiting()[0]["name"].as_str().unwrap().to_owned();
    let answers = [
        waits,
        run("pure", "forbidden").exits(5),
        run("none", "x").exits(2),
        installation.ann(&["task", "run", "--agent", "nobody", "hello"]).exits(10),
        installation.ann(&["task", "run", "--agent", "clerk", "hello"]).exits(2),
        installation.ann(&["task", "run"]).exits(2),
        installation.ann(&["task", "lst"]).exits(2),
        installation.ann(&["task", "list", "--filter", "nonsense"]).exits(2),
        installation.ann(&["task", "show", "task_00000000000000000000000000"]).exits(10),
        installation.ann(&["task", "retry", &task]).exits(7),
        installation.ann(&["task", "cancel", &task]).exits(7),
        installation.ann(&["task", "settle", &task, "eff_00000000000000000000000000", "--landed", "--reason", "x"]).exits(7),
        installation.ann(&["approval", "approve", &approval, "--reason", "x"]).exits(5),
        installation.ann(&["approval", "show", "apr_00000000000000000000000000"]).exits(10),
        installation.ann(&["agent", "show", "nobody"]).exits(10),
        installation.ann(&["tool", "show", "nothing"]).exits(10),
        installation.ann(&["team", "show", "none"]).exits(10),
        installation.ann(&["team", "add", "ops", "--description", "Again."]).exits(7),
        installation.ann(&["agent", "add", "x", "--team", "ops", "--description", "X.", "--mount", "x"]).exits(2),
        installation.ann(&["agent", "add", "x", "--team", "ops", "--description", "X.", "--repository", "/nowhere"]).exits(2),
        installation.ann(&["human", "show", "nobody"]).exits(10),
        installation.ann(&["human", "suspend", "ann"]).exits(7),
        installation.ann(&["tenant", "suspend", "acme", "--yes"]).exits(7),
        installation.ann(&["tenant", "show", "nobody"]).exits(10),
        installation.ann(&["tenant", "add", "gamma"]).exits(2),
        installation.ann(&["human", "add", "carol"]).exits(2),
        installation.ann(&["human", "add", "carol", "--login-key", "/dev/null/none"]).exits(2),
        installation.ann(&["approval", "enroll", "bob", "--statement", "/dev/null"]).exits(2),
        installation.ann(&["approval", "enroll", "bob", "--statement", "/dev/null/none"]).exits(2),
        installation.ann(&["approval", "enroll", "bob", "--approval-key", "/dev/null", "--config", "/dev/null"]).exits(1),
        installation.secret(ANN, &["rotate", "none"], b"value").exits(10),
        installation.secret(ANN, &["put", "kept"], b"value").exits(7),
        installation.ann(&["policy", "explain", "dec_00000000000000000000000000"]).exits(10),
        installation.ann(&["audit", "show", "999999999"]).exits(10),
        installation.ann(&["help", "nothing"]).exits(2),
        Answer::of(&mut installation.cli("nobody", &["status"])).exits(10),
        installation.ann(&["context", "add", "x", "--server", "https://localhost:1", "--trust-file", "x", "--of-tenant", "A B"]),
    ];
    followed.answers(installation, ANN, &answers);
    approval
}

fn calls_of_bob(installation: &Installation, followed: &mut Followed, approval: &str) {
    installation.bob(&["approval", "deny", approval, "--reason", "no"]).exits(0);
    let task = installation.bob(&["task", "list"]).exits(0).json()[0]["name"].as_str().unwrap().to_owned();
    let answers = [
        installation.bob(&["approval", "approve", approval, "--reason", "late"]).exits(7),
        installation.bob(&["task", "run", "--agent", "clerk", "--workflow", "pure", "--input", "{}"]).exits(5),
        installation.bob(&["task", "cancel", &task]).exits(5),
    ];
    followed.answers(installation, BOB, &answers);
}

/// A service that asks for too much, and one whose grant is over.
fn services(installation: &Installation, followed: &mut Followed) {
    let public = installation.path("junk.pub");
    std::fs::write(&public, "{}").unwrap();
    let junk = ["service", "add", "junk", "--expires-in", "1d", "--login-key", public.to_str().unwrap()];
    let taken = installation.path("carol.pem.pub").display().to_string();
    installation.add_carol(&["operators"]);
    let answers = [
        installation.ann(&["human", "add", "dora", "--login-key", &taken]).exits(2),
        installation.ann(&["service", "add", "junk", "--expires-in", "1d", "--login-key", &taken]).exits(2),
        installation.ann(&["team", "remove", "ops", "--yes"]).exits(7),
        installation.ann(&["team", "remove", "none", "--yes"]).exits(10),
        installation.ann(&["service", "show", "nobody"]).exits(10),
        installation.ann(&junk).exits(2),
        installation.ann(&["team", "member", "add", "ops", "nobody"]).exits(10),
        installation.ann(&["team", "member", "add", "none", "clerk"]).exits(10),
        installation.ann(&["team", "member", "remove", "none", "clerk", "--to", "ops"]).exits(7),
    ];
    followed.answers(installation, ANN, &answers);
    installation.add_ci(ANN, &["--expires-in", "3s"]);
    let denied = [
        installation.ci(&["service", "list"]).exits(5),
        installation.ci(&["approval", "approve", "apr_1", "--reason", "x"]).exits(5),
    ];
    followed.answers(installation, ANN, &denied);
    let over =
        until("the grant is over", Duration::from_secs(10), || Some(installation.ci(&["whoami"])).filter(|it| it.code != 0));
    assert_eq!(over.error().code, "GRANT_OVER");
    followed.answers(installation, ANN, &[over]);
    // The step helped.
    installation.ci(&["login"]).exits(0);
    installation.ci(&["whoami"]).exits(0);
}

/// Commits that are refused: their findings, and what `doctor` and `status` say meanwhile.
fn repository(installation: &Installation, followed: &mut Followed) {
    let unknown = "permit (principal, action == Action::\"tool/ledger.pure\", resource) when { context.args.no == 1 };\n";
    let foreign = json!({
        "id": "bad", "description": "Wants what is not ours.", "argv": ["/bin/true"], "tier": 0, "effect": "pure",
        "input": { "type": "object", "properties": {} }, "secrets": [{ "name": "secret://other/token", "env": "TOKEN" }],
    });
    let foreign = foreign.to_string();
    for (path, text) in
        [("policies/bad.cedar", unknown), ("teams/bad.yaml", "id: bad\ncolour: red\n"), ("tools/bad.yaml", foreign.as_str())]
    {
        installation.commit(&[(path, Some(text))]);
        let applied = installation.ann(&["repo", "apply"]).exits(7);
        let findings = applied.json()["findings"].as_array().unwrap().clone();
        assert!(!findings.is_empty(), "{applied:#?}");
        followed.answers(installation, ANN, &[applied, installation.ann(&["status", "--exit-code"]).exits(1)]);
        for finding in findings {
            followed.step(installation, ANN, finding["next"].as_str().unwrap());
        }
        failed_checks(installation, followed);
        for reason in installation.ann(&["status"]).exits(0).json()["reasons"].as_array().unwrap() {
            followed.step(installation, ANN, reason.as_str().unwrap());
        }
        installation.commit(&[(path, None)]);
    }
    installation.ann(&["repo", "apply"]).exits(0);
}

/// A proof towards a size of the log that has no checkpoint.
fn proofs(installation: &Installation, followed: &mut Followed) {
    let prove = |from: &str, to: &[&str]| installation.ann(&[&["audit", "prove", "--from", from], to].concat());
    until("a checkpoint of nine records", Duration::from_secs(60), || (prove("9", &[]).code == 0).then_some(()));
    let sizes = (2..9).map(|size: u8| prove("1", &["--to", &size.to_string()]));
    let refused = sizes.into_iter().find(|answer| answer.code != 0).unwrap();
    followed.answers(installation, ANN, &[refused]);
}

/// What is not erased, and why.
fn erasing(installation: &Installation, followed: &mut Followed) {
    let waits = id(&installation.submit(Class::Opaque, "not-erased", Times::default()));
    installation.approval_of(&waits);
    let done = id(&installation.submit(Class::Pure, "held", Times::default()));
    installation.rest(&done);
    let erase = |what: &[&str]| installation.ann(&[&["admin", "erase", "--reason", "x", "--yes"], what].concat());
    let hold = installation.ann(&["admin", "hold", "add", "--task", &done, "--reason", "x"]).exits(0).json();
    let answers = [
        erase(&["--task", &waits]),
        erase(&["--task", &done]),
        erase(&["--human", "bob"]),
        erase(&["--task", "task_00000000000000000000000000"]).exits(10),
        installation.ann(&["admin", "erase", "--task", &done, "--reason", "x"]).exits(2),
        installation.ann(&["admin", "hold", "remove", "hld_00000000000000000000000000", "--reason", "x", "--yes"]).exits(10),
    ];
    followed.answers(installation, ANN, &answers);
    installation.ann(&["admin", "hold", "remove", hold["name"].as_str().unwrap(), "--reason", "x", "--yes"]).exits(0);
}

/// Notes for people that hold a command.
fn notes(installation: &Installation, followed: &mut Followed) {
    let input = json!({ "entry": "noted", "before_ms": 0, "after_ms": 0 }).to_string();
    let run = ["--context", ANN, "task", "run", "--agent", "clerk", "--workflow", "pure", "--input", &input];
    let run = Answer::of(installation.environment(&cli()).args(run)).exits(0);
    followed.behind(installation, ANN, (&run.stderr, " calls "));
    let list = Answer::of(installation.environment(&cli()).args(["--context", ANN, "task", "list", "--limit", "1"])).exits(0);
    followed.behind(installation, ANN, (&list.stderr, "more: "));
    installation.ann(&["agent", "add", "second", "--team", "ops", "--description", "Waits."]).exits(0);
    let list = Answer::of(installation.environment(&cli()).args(["--context", ANN, "agent", "list", "--limit", "1"])).exits(0);
    followed.behind(installation, ANN, (&list.stderr, "more: "));
    for entry in ["one", "two"] {
        let input = json!({ "entry": entry, "before_ms": 0, "after_ms": 0 }).to_string();
        installation.ann(&["task", "run", "--agent", "clerk", "--workflow", "opaque", "--input", &input]).exits(6);
    }
    let list = ["--context", BOB, "approval", "list", "--limit", "1"];
    let list = Answer::of(installation.environment(&cli()).args(list)).exits(0);
    followed.behind(installation, BOB, (&list.stderr, "more: "));
    let enrolled = enrolled(installation);
    followed.behind(installation, ANN, (&enrolled.stderr, " yet: "));
    let not_checked = installation.ann(&["audit", "verify"]).exits(0).json()["not_checked"].as_array().unwrap().clone();
    assert!(!not_checked.is_empty(), "a report says what it did not check");
    for note in &not_checked {
        followed.step(installation, ANN, note.as_str().unwrap());
    }
}

/// Issuing CAs that are not there, or that the root has not signed.
fn authorities(installation: &Installation, followed: &mut Followed) {
    let ca = |words: &[&str]| installation.ann(&[&["--yes", "identity", "ca"], words].concat());
    let none = installation.path("none.pem");
    std::fs::write(&none, "no certificate").unwrap();
    let answers = [
        ca(&["taint", &"0".repeat(40)]).exits(10),
        ca(&["rotate", "--certificate", "/nowhere/issuing.pem"]).exits(2),
        ca(&["rotate", "--certificate", none.to_str().unwrap()]),
        ca(&["rotate", "--config", "/nowhere/scalbotics.toml"]).exits(1),
        ca(&["rotate", "--certificate", none.to_str().unwrap()]),
    ];
    followed.answers(installation, ANN, &answers);
    let request = installation.path("request.pem");
    let words = ["--context", ANN, "identity", "ca", "rotate", "--request", request.to_str().unwrap()];
    let asked = Answer::of(installation.environment(&cli()).args(words)).exits(0);
    followed.step(installation, ANN, asked.stderr.trim());
}

/// Workers that do not join, or whose certificate does not count any more.
fn joining(installation: &Installation, followed: &mut Followed) {
    let note = Answer::of(installation.environment(&cli()).args(["--context", ANN, "agent", "join-token", "clerk"])).exits(0);
    followed.step(installation, ANN, note.stderr.trim());
    let token = installation.token_file(&installation.ann(&["agent", "join-token", "clerk"]).exits(0));
    installation.enroll("clerk", "joined", &token).exits(0);
    let status = installation.ann(&["status"]).exits(0).json();
    for (_, end) in status["certificates"].as_object().unwrap() {
        followed.step(installation, ANN, end["next"].as_str().unwrap());
    }
    installation.ann(&["agent", "rotate-keys", "clerk", "--compromised"]).exits(0);
    let answers = [
        installation.enroll("clerk", "late", &token).exits(4),
        installation.enroll("clerk", "joined", &token).exits(2),
        installation.enroll("clerk", "nothing", Path::new("/dev/null")).exits(2),
        Answer::of(&mut installation.worker("clerk", "never", &[])).exits(1),
        Answer::of(&mut installation.worker("other", "joined", &[])).exits(2),
        Answer::of(&mut installation.worker("clerk", "joined", &[])).exits(4),
        installation.ann(&["agent", "join-token", "nobody"]).exits(10),
        installation.ann(&["agent", "join-token", "clerk", "--out", "/dev/null/none"]).exits(1),
    ];
    let relative = ["agent", "run", "clerk", "--dir", "./worker", "--allow", "tee"];
    followed.answers(installation, ANN, &[installation.ann(&relative).exits(2)]);
    followed.answers(installation, ANN, &answers);
}

/// An identity provider that is away, and one that is none: the admin address.
fn logins(installation: &Installation, followed: &mut Followed) {
    let trust = installation.root.join("trust.json").display().to_string();
    let add = |name: &str, port: u16| {
        let issuer = format!("http://127.0.0.1:{port}/realm");
        let words = ["context", "add", name, "--server", "https://127.0.0.1:1", "--trust-file", &trust, "--of-tenant", "acme"];
        installation.ann(&[&words[..], &["--issuer", &issuer, "--client-id", "cli"]].concat()).exits(0);
    };
    add("away", 1);
    add("none", installation.admin);
    let login = |context: &str, words: &[&str]| Answer::of(installation.cli(context, &["login"]).args(words));
    let answers = [
        login("away", &[]).exits(8),
        login("none", &["--device"]).exits(1),
        login("none", &["--headless", "--no-input"]).exits(2),
        login("none", &["--status"]).exits(4),
        login(ANN, &["--device"]).exits(2),
        installation.ann(&[
            "context",
            "add",
            "../x",
            "--server",
            "x",
            "--trust-file",
            "x",
            "--of-tenant",
            "acme",
            "--issuer",
            "https://i",
            "--client-id",
            "i",
        ]),
    ];
    followed.answers(installation, ANN, &answers);
}

/// An approver is enrolled who is in no group yet.
fn enrolled(installation: &Installation) -> Answer {
    let path = |name: &str| installation.path(name).display().to_string();
    let (login, approval, config) = (path("dave.pem"), path("dave-approval.pem"), installation.config().display().to_string());
    for key in [&login, &approval] {
        installation.ann(&["human", "keygen", key]).exits(0);
    }
    installation.ann(&["human", "add", "dave", "--login-key", &format!("{login}.pub")]).exits(0);
    let (public, enroll) = (format!("{approval}.pub"), ["--context", ANN, "approval", "enroll", "dave", "--approval-key"]);
    Answer::of(installation.environment(&cli()).args(enroll).args([&public, "--config", &config])).exits(0)
}

/// Who has no context, one that is broken, or a token that does not count.
fn strangers_and_tokens(installation: &Installation, followed: &mut Followed) {
    let token = installation.path("state").join("tokens").join(format!("{ANN}.json"));
    let mut kept: Value = serde_json::from_slice(&std::fs::read(&token).unwrap()).unwrap();
    kept["token"] = json!("another");
    std::fs::write(&token, kept.to_string()).unwrap();
    followed.answers(installation, ANN, &[installation.ann(&["whoami"]).exits(4)]);
    // The step helped.
    installation.ann(&["whoami"]).exits(0);
    let contexts = installation.path("config").join("contexts.toml");
    let good = std::fs::read_to_string(&contexts).unwrap();
    std::fs::write(&contexts, "contexts = 7\n").unwrap();
    followed.answers(installation, ANN, &[installation.ann(&["task", "list"]).exits(1)]);
    std::fs::remove_file(&contexts).unwrap();
    let mut stranger = installation.environment(&cli());
    let stranger = Answer::of(stranger.args(["-o", "json", "status"])).exits(4).error();
    followed.serving(installation, &stranger.next, |followed, banner| followed.behind(installation, "", (banner, "next ")));
    std::fs::write(&contexts, good).unwrap();
}

/// Starts that are refused, and an installation that is not made.
fn refused_starts(installation: &Installation, followed: &mut Followed) {
    let daemon = |arguments: &[&str]| Answer::of(installation.environment(&shipped()).args(arguments));
    let served = |set: &str| daemon(&["--config", installation.config().to_str().unwrap(), "--set", set]).exits(1);
    followed.text(installation, &daemon(&["initialize"]).exits(2));
    followed.text(installation, &daemon(&["--config", "/nowhere/scalbotics.toml"]).exits(1));
    let config = installation.config();
    followed.text(
        installation,
        &daemon(&["--config", config.to_str().unwrap(), "issuer", "remove", "https://nobody.example"]).exits(2),
    );
    for set in ["quux.zyzzy=1", "log.level=loud", "installation.tenant=", "installation.data_dir=/proc/nothing"] {
        followed.text(installation, &served(set));
    }
}

/// Every command in the texts of the sources begins as one that was run.
fn none_is_left_out(followed: &Followed) {
    let mut printed = BTreeSet::new();
    for name in PRINTING {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src"), &mut printed);
    }
    assert!(printed.len() > 20, "the search finds only {printed:#?}");
    let left: Vec<_> =
        printed.iter().filter(|(command, _)| !followed.0.iter().any(|done| done.starts_with(command.as_str()))).collect();
    assert!(left.is_empty(), "no test runs these as they are printed: {left:#?}");
}

/// The commands of the sources below a folder, each up to its first variable part, with the file.
fn sources(folder: &Path, found: &mut BTreeSet<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            if name != "tests" {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
            // Examples and pages of help are run by the tests of the command line.
            let shown = |line: &&str| !line.trim_start().starts_with("//") && !line.contains("_help = ");
            for line in text.lines().filter(shown) {
                found.extend(literals(line).into_iter().map(|command| (command, path.display().to_string())));
            }
        }
    }
}

/// The commands in the string literals of a line.
fn literals(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("scalbotics") {
        let rest = &line[at..];
        let is_command = rest.starts_with("scalbotics ") || rest.starts_with("scalboticsd ");
        if !is_command || line[..at].matches('"').count().is_multiple_of(2) {
            continue;
        }
        let end = rest.find(['"', '`', '\\', '{', '<', '\'']).unwrap_or(rest.len());
        let whole = rest[..end].trim_end();
        found.push(whole.to_owned());
    }
    found
}
