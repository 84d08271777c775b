//! Agents that join from another machine: the whole life of one, and the ways in which a token or a certificate does not count.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::Answer;
use crate::installation::{ANN, Installation, Times, cli, id};
use crate::ledger::Class;
use crate::process::until;

/// Time within which a suspension bites, and what a busy machine adds to starting the program that looks.
const BITES: Duration = Duration::from_secs(1);
const BUSY: Duration = Duration::from_secs(2);

/// Time for what has to come at some time.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many workers race for one token (security, test 6).
const RACERS: usize = 100;

impl Installation {
    /// Lets a hundred workers of one address ask at once.
    fn raise_logins(&self) {
        let mut text = std::fs::read_to_string(self.config()).unwrap();
        text.push_str("\n[limits.requests_per_second]\nlogin = 100\n");
        std::fs::write(self.config(), text).unwrap();
    }

    fn server(&self) -> String {
        format!("https://127.0.0.1:{}", self.api)
    }

    /// Writes the token of an answer to a file.
    pub(crate) fn token_file(&self, answer: &Answer) -> PathBuf {
        let file = self.path("join.token");
        std::fs::write(&file, answer.json()["token"].as_str().unwrap()).unwrap();
        file
    }

    /// A worker's command: it has no context and no file of the installation.
    pub(crate) fn worker(&self, agent: &str, dir: &str, more: &[&str]) -> Command {
        let mut command = Command::new(cli());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.path("elsewhere"));
        command.args(["--quiet", "-o", "json", "agent", "enroll", agent, "--dir"]).arg(self.path(dir)).args(more);
        command
    }

    pub(crate) fn enroll(&self, agent: &str, dir: &str, token: &Path) -> Answer {
        let (server, token) = (self.server(), token.display().to_string());
        Answer::of(&mut self.worker(agent, dir, &["--server", &server, "--token-file", &token]))
    }

    /// One call by the certificate of a worker, by a program that is not ours.
    pub(crate) fn curl(&self, dir: &str, method: &str, message: &[u8], answer: &Path) -> Command {
        let (dir, head, body) = (self.path(dir), answer.with_extension("head"), answer.with_extension("body"));
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        std::fs::write(&body, [&[0], &length[..], message].concat()).unwrap();
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--http2", "--no-buffer", "--max-time", "120", "--cert"]);
        command.arg(dir.join("svid.pem")).arg("--cacert").arg(dir.join("bundle.pem"));
        command.args(["-H", "content-type: application/grpc", "-H", "te: trailers", "--data-binary"]);
        command.arg(format!("@{}", body.display())).arg("--dump-header").arg(head).arg("--output").arg(answer);
        command.arg(format!("{}/scalbotics.v1.{method}", self.server()));
        command
    }

    /// The gRPC status of a call by a worker's certificate, and the bytes of its answer.
    #[track_caller]
    pub(crate) fn call(&self, dir: &str, method: &str, message: &[u8]) -> (String, Vec<u8>) {
        let body = self.path("call.answer");
        let _ = std::fs::remove_file(&body);
        Answer::of(&mut self.curl(dir, method, message, &body)).exits(0);
        (self.status_of("call"), std::fs::read(&body).unwrap_or_default())
    }

    /// The gRPC status of the newest call or stream of this name.
    #[track_caller]
    pub(crate) fn status_of(&self, call: &str) -> String {
        let head = std::fs::read_to_string(self.path(&format!("{call}.head"))).unwrap_or_default();
        let status =
            head.lines().rev().find_map(|line| line.to_ascii_lowercase().strip_prefix("grpc-status:").map(str::to_owned));
        status.unwrap_or_else(|| panic!("no status: {head}")).trim().to_owned()
    }

    /// Whether the API knows the worker as its agent.
    #[track_caller]
    fn knows(&self, dir: &str, agent: &str) -> bool {
        let (status, answer) = self.call(dir, "SessionService/WhoAmI", &[]);
        let named = String::from_utf8_lossy(&answer).contains(agent);
        assert_eq!(status == "0", named, "status {status}: {:?}", String::from_utf8_lossy(&answer));
        named
    }

    #[track_caller]
    fn svids(&self, agent: &str) -> Vec<Value> {
        self.ann(&["identity", "svid", "list", "--agent", agent]).exits(0).json().as_array().unwrap().clone()
    }

    /// A stream of a task by a worker's certificate, open; `called` names its files.
    pub(crate) fn stream(&self, dir: &str, task: &str, called: &str) -> Child {
        let name = format!("tenants/acme/tasks/{task}");
        let message = [&[10, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
        let answer = self.path(&format!("{called}.answer"));
        let _ = std::fs::remove_file(&answer);
        let mut command = self.curl(dir, "TaskService/WatchTask", &message, &answer);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        until("the stream has told something", Duration::from_secs(30), || {
            std::fs::metadata(&answer).is_ok_and(|file| file.len() > 5).then_some(())
        });
        child
    }
}

fn openssl(arguments: &[&str]) -> Answer {
    Answer::of(Command::new("openssl").args(arguments))
}

#[test]
fn security_5_the_life_of_an_agent_that_joins_from_another_machine() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let add = ["agent", "add", "walker", "--team", "ops", "--description", "Works elsewhere.", "--tier-max", "2", "--join"];
    let may = ["--workflow", "keyed", "--tool", "ledger.keyed", "--tool", "ledger.pure"];
    let token = installation.token_file(&installation.ann(&[&add[..], &may].concat()).exits(0));
    let joined = installation.enroll("walker", "walker", &token).exits(0).json();
    assert_eq!(joined["spiffe_id"], "spiffe://acme.example/acme/agent/walker");
    // Programs that are not ours accept what it has, and the API knows it by that.
    let (svid, bundle) = (installation.path("walker/svid.pem"), installation.path("walker/bundle.pem"));
    let (svid, bundle) = (svid.to_str().unwrap(), bundle.to_str().unwrap());
    openssl(&["verify", "-CAfile", bundle, "-untrusted", svid, svid]).exits(0);
    let text = openssl(&["x509", "-in", svid, "-noout", "-ext", "subjectAltName,basicConstraints,keyUsage"]).exits(0).stdout;
    assert_eq!(text.matches("URI:").count(), 1, "{text}");
    assert!(text.contains("URI:spiffe://acme.example/acme/agent/walker") && !text.contains("CA:TRUE"), "{text}");
    assert!(installation.knows("walker", "walker"));
    // What is not its own it may not see, whatever the human behind it may.
    assert_eq!(installation.call("walker", "AgentService/ListAgents", &[]).0, "7");
    assert_eq!(installation.call("walker", "HumanService/ListHumans", &[]).0, "7");

    // A second use is refused, told to nobody but the installation.
    let again = installation.enroll("walker", "thief", &token);
    assert_eq!(again.exits(4).error().code, "JOIN_REFUSED");
    let alarms = installation.ann(&["audit", "query", "--action", "identity.enroll", "--oldest-first"]).exits(0).json();
    let alarms = alarms
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["record"]["outcome"]["word"].as_str().unwrap_or_default().to_owned());
    assert_eq!(alarms.collect::<Vec<_>>(), ["ok", "alarm_token_used"]);
    assert!(installation.log_text().contains("a join token was tried that does not count"));

    // New keys: both count for a while, the first one for a minute.
    let first = installation.svids("walker");
    installation.ann(&["agent", "rotate-keys", "walker"]).exits(0);
    let renewed = Answer::of(&mut installation.worker("walker", "walker", &[])).exits(0).json();
    assert_ne!(renewed["serial"], joined["serial"]);
    assert!(installation.knows("walker", "walker"));
    let both = installation.svids("walker");
    let ends = |of: &[Value], serial: &Value| of.iter().find(|svid| svid["serial"] == *serial).unwrap()["ends"].clone();
    assert_eq!(both.len(), 2);
    assert!(ends(&both, &joined["serial"]).as_str() < ends(&first, &joined["serial"]).as_str(), "cut short");
    assert_eq!(ends(&both, &renewed["serial"]), renewed["ends"]);
    suspended(&installation, "walker");
    gone(&installation, "walker");
    installation.verify_audit();
}

/// Suspended: refused, its open stream is cut, and nothing of before ever counts again.
fn suspended(installation: &Installation, agent: &str) {
    // A task that waits for an approval, so that its stream stays open by itself.
    let input = r#"{"entry":"waits","before_ms":0,"after_ms":0}"#;
    let task = id(&installation.ann(&["task", "run", "--agent", agent, "--workflow", "keyed", "--detach", "--input", input]));
    installation.approval_of(&task);
    let mut stream = installation.stream(agent, &task, "life");
    assert!(stream.try_wait().unwrap().is_none(), "it is open");
    installation.ann(&["agent", "suspend", agent]).exits(0);
    until("the stream is cut", BITES + BUSY, || stream.try_wait().unwrap());
    assert_eq!(installation.status_of("life"), "16");
    assert!(!installation.knows(agent, agent));
    assert!(installation.svids(agent).iter().all(|svid| svid["counts"] == false));
    let renewal = Answer::of(&mut installation.worker(agent, agent, &[]));
    assert_eq!(renewal.exits(4).error().code, "PRINCIPAL_SUSPENDED");
    let token = installation.ann(&["agent", "join-token", agent]);
    assert_eq!(token.exits(7).error().code, "AGENT_NOT_ACTIVE");
    // Resumed: it joins anew.
    let token = installation.token_file(&installation.ann(&["agent", "resume", agent, "--join"]).exits(0));
    assert!(!installation.knows(agent, agent), "an older epoch never works again");
    installation.enroll(agent, "anew", &token).exits(0);
    assert!(installation.knows("anew", agent));
    assert!(!installation.knows(agent, agent), "nor beside the new one");
    let mut stream = installation.stream("anew", &task, "life");
    assert!(stream.try_wait().unwrap().is_none(), "what it saw it sees again");
    installation.ann(&["task", "cancel", &task]).exits(0);
    until("the task has ended, and the stream with it", PATIENCE, || stream.try_wait().unwrap());
    assert_eq!(installation.status_of("life"), "0");
}

/// A stolen key, and the end.
fn gone(installation: &Installation, agent: &str) {
    let token = installation.token_file(&installation.ann(&["agent", "rotate-keys", agent, "--compromised"]).exits(0));
    assert!(!installation.knows("anew", agent), "at once");
    installation.enroll(agent, "third", &token).exits(0);
    assert!(installation.knows("third", agent));
    let mut plan = installation.environment(&cli());
    plan.args(["--context", ANN, "agent", "offboard", agent, "--dry-run"]);
    let plan = Answer::of(&mut plan).exits(0).stderr;
    for part in ["certificates  1 void", "tasks         0 running", "memory        workspaces/", "bindings      agents/"] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    assert!(installation.knows("third", agent), "that was a plan");
    installation.ann(&["--yes", "agent", "offboard", agent]).exits(0);
    assert!(!installation.knows("third", agent));
    // What it was and might call is out of desired state, which is in force without it.
    let listed = Answer::of(Command::new("git").args(["--git-dir"]).arg(installation.root.join("desired.git")).args([
        "ls-tree",
        "-r",
        "--name-only",
        "main",
    ]));
    let listed = listed.exits(0).stdout;
    assert!(listed.contains("agents/clerk.yaml") && !listed.contains(agent), "{listed}");
    let status = installation.ann(&["status"]).exits(0).json();
    assert_eq!(status["health"], "ok", "{status}");
    assert_eq!(installation.ann(&["agent", "join-token", agent]).exits(7).error().code, "AGENT_NOT_ACTIVE");
}

#[test]
fn security_5_a_suspension_cuts_the_stream_of_an_agents_certificate() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let token = installation.token_file(&installation.ann(&["agent", "join-token", "clerk"]).exits(0));
    installation.enroll("clerk", "clerk", &token).exits(0);
    // A task that waits for an approval, so that its stream stays open by itself.
    let task = id(&installation.submit(Class::Keyed, "waits", Times::default()));
    installation.approval_of(&task);
    let mut stream = installation.stream("clerk", &task, "stream");
    assert!(stream.try_wait().unwrap().is_none(), "it is open");
    installation.ann(&["agent", "suspend", "clerk"]).exits(0);
    let begun = Instant::now();
    until("the stream is cut", BITES + BUSY, || stream.try_wait().unwrap());
    assert!(begun.elapsed() < BITES, "it took {:?}", begun.elapsed());
    assert_eq!(installation.status_of("stream"), "16");
    assert!(!installation.knows("clerk", "clerk"), "nor another connection");
}

#[test]
fn security_4_a_token_is_for_one_agent_and_names_the_daemon() {
    let installation = Installation::new();
    let other = Installation::new();
    let (_daemon, _other) = (installation.start(), other.start());
    let made = installation.ann(&["agent", "join-token", "clerk", "--request-id", "once"]).exits(0);
    let again = installation.ann(&["agent", "join-token", "clerk", "--request-id", "once"]);
    assert_eq!(again.exits(7).error().code, "REQUEST_ANSWERED");
    let token = installation.token_file(&made);
    assert_eq!(installation.enroll("ghost", "ghost", &token).exits(4).error().code, "JOIN_REFUSED");
    // Another installation's daemon is not told the token.
    let (server, file) = (other.server(), token.display().to_string());
    let astray = Answer::of(&mut installation.worker("clerk", "astray", &["--server", &server, "--token-file", &file]));
    assert_eq!(astray.exits(1).error().code, "CLI_TRUST");
    // A directory that takes no files is found before the token is spent, and so is a file that holds no token alone.
    std::fs::create_dir_all(installation.path("blocked/bundle.pem/x")).unwrap();
    assert_eq!(installation.enroll("clerk", "blocked", &token).exits(1).error().code, "CLI_KEY");
    let printed = installation.path("printed");
    std::fs::write(&printed, format!("agent clerk\ntoken {}\n", std::fs::read_to_string(&token).unwrap())).unwrap();
    let table = installation.enroll("clerk", "blocked", &printed).exits(2).error();
    assert!(table.what.contains("printed") && table.next.contains("agent join-token clerk --out"), "{table:?}");
    installation.enroll("clerk", "clerk", &token).exits(0);
    // What joined here renews there for nobody else.
    assert_eq!(Answer::of(&mut installation.worker("ghost", "clerk", &[])).exits(2).error().code, "CLI_USAGE");
    let (secret, log) = (std::fs::read_to_string(&token).unwrap(), installation.log_text());
    assert!(!log.contains(&secret[5..40]), "a token in the log");
}

/// The token of a race, raced for by many at once; answers how many joined.
fn race(installation: &Installation, token: &Path, round: &str) -> usize {
    let (server, token) = (installation.server(), token.display().to_string());
    let racers: Vec<Child> = (0..RACERS)
        .map(|racer| {
            let dir = format!("race-{round}-{racer}");
            let mut command = installation.worker("clerk", &dir, &["--server", &server, "--token-file", &token]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    racers.into_iter().filter_map(|mut racer| racer.wait().unwrap().success().then_some(())).count()
}

#[test]
fn security_4_of_a_hundred_who_race_for_a_token_one_joins() {
    // So many logins from one address in one moment are more than one house makes.
    let installation = Installation::new();
    installation.raise_logins();
    let _daemon = installation.start();
    let token = installation.token_file(&installation.ann(&["agent", "join-token", "clerk"]).exits(0));
    assert_eq!(race(&installation, &token, "alive"), 1);
    assert_eq!(installation.svids("clerk").len(), 1);
}

#[test]
fn security_4_a_race_for_a_token_that_ends_in_a_death_leaves_one_certificate_or_an_unused_token() {
    for (point, count) in [("svid.enter.before", 1), ("svid.enter.after", 1)] {
        let installation = Installation::new();
        installation.raise_logins();
        let mut daemon = installation.start_mortal(point, count);
        assert!(daemon.is_ready());
        let token = installation.token_file(&installation.ann(&["agent", "join-token", "clerk"]).exits(0));
        let joined = race(&installation, &token, point);
        until("the daemon is dead", Duration::from_secs(30), || daemon.ended());
        let _daemon = installation.start();
        let certificates = installation.svids("clerk").len();
        assert!(joined <= certificates && certificates <= 1, "{point}:{count}: {joined} joined, {certificates} certificates");
        let late = installation.enroll("clerk", "late", &token);
        assert_eq!(late.code == 0, certificates == 0, "{point}:{count}: {late:#?}");
        assert_eq!(installation.svids("clerk").len(), 1, "{point}:{count}");
        installation.verify_audit();
    }
}
