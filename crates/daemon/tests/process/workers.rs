//! Workers in processes of their own: what they carry out, and when they begin nothing. Truth is a file that only their programs write.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::command::Answer;
use crate::desired::Desired;
use crate::evidence;
use crate::installation::{Installation, cli};
use crate::ledger::Class;
use crate::process::until;

/// Time for what has to come at some time.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a worker may begin effects after the last beat that was answered.
const LEASE: Duration = Duration::from_secs(2);

/// Longer than a lease by what a busy machine needs.
const WITHOUT_STREAM: Duration = Duration::from_secs(5);

/// Says that it began, takes its time, says that it landed; `$KEY` is the idempotency key of a keyed one.
const PROGRAM: &str = "echo \"begin $1 $KEY\" >>\"$TILL\"; sleep \"$2\"; echo \"landed $1 $KEY\" >>\"$TILL\"; echo \"done $1\"";

/// Asks the file whether it landed.
const VERIFY: &str = "grep -q \"^landed $1 \" \"$TILL\"";

/// A worker; it is killed where a test ends before it.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A till beside the clerk, and a tool of every class that its worker runs.
fn with_till(desired: &mut Desired) {
    desired.put("agents/till.yaml", json!({ "id": "till", "team": "ops", "description": "Runs what the till does." }));
    let log = desired.ledger.join("till");
    for class in Class::ALL {
        let argv = |script: &str| json!(["/bin/sh", "-c", script, "till", "{{args.entry}}", "{{args.seconds}}"]);
        let mut manifest = json!({
            "id": format!("till.{}", class.word()), "description": "Does something at the till.", "worker": "till",
            "argv": argv(PROGRAM), "tier": 1, "effect": class.word(), "timeout": "20s", "settle_after": "200ms",
            "env": { "TILL": log },
            "input": { "type": "object", "required": ["entry", "seconds"], "properties": {
                "entry": { "type": "string", "minLength": 1, "maxLength": 100 }, "seconds": { "type": "integer", "minimum": 0, "maximum": 60 },
            } },
        });
        if class == Class::Keyed {
            manifest["idempotency_key"] = json!({ "env": "KEY" });
        }
        if class == Class::Verifiable {
            manifest["verify"] = argv(VERIFY);
        }
        desired.add_tool(&format!("till.{}", class.word()), manifest);
    }
}

impl Installation {
    fn with_till() -> Self {
        Self::with(with_till)
    }

    /// Lets the till's worker join in a directory of this name.
    fn join_till(&self, dir: &str) {
        let token = self.token_file(&self.ann(&["agent", "join-token", "till"]).exits(0));
        self.enroll("till", dir, &token).exits(0);
    }

    /// Starts the till's worker; what it prints goes to `<dir>.out` and `<dir>.err`.
    fn till(&self, dir: &str, more: &[&str]) -> Worker {
        let file = |ending: &str| std::fs::File::create(self.path(&format!("{dir}.{ending}"))).unwrap();
        let mut command = Command::new(cli());
        command.env_clear().env("HOME", self.path("elsewhere")).args(["-o", "json", "agent", "run", "till", "--dir"]);
        command.arg(self.path(dir)).args(["--allow", "/bin/sh", "--allow-env", "TILL", "--allow-env", "KEY"]).args(more);
        let child = command.stdin(Stdio::null()).stdout(file("out")).stderr(file("err")).spawn().unwrap();
        let worker = Worker(child);
        self.attends(dir, 1);
        worker
    }

    /// Waits until the worker has attended so many times.
    #[track_caller]
    fn attends(&self, dir: &str, times: usize) {
        let err = self.path(&format!("{dir}.err"));
        let said = || std::fs::read_to_string(&err).unwrap_or_default();
        until("the worker attends", PATIENCE, || (said().matches("attends at").count() >= times).then_some(()));
    }

    /// How often something happened at the till to an entry.
    fn happened(&self, what: &str, entry: &str) -> usize {
        let text = std::fs::read_to_string(self.ledger.folder.join("till")).unwrap_or_default();
        text.lines().filter(|line| line.starts_with(&format!("{what} {entry} "))).count()
    }

    #[track_caller]
    fn begins(&self, entry: &str) {
        until("the program begins", PATIENCE, || (self.happened("begin", entry) > 0).then_some(()));
    }

    fn at_till(&self, class: Class, entry: &str, seconds: u32) -> String {
        self.run(&format!("till.{}", class.word()), &json!({ "entry": entry, "seconds": seconds }))
    }
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn status(task: &Value) -> &str {
    task["status"].as_str().unwrap()
}

fn phase(task: &Value) -> &str {
    task["calls"][0]["phase"].as_str().unwrap()
}

#[test]
fn sem_8_1_a_worker_carries_out_the_calls_that_name_it() {
    let installation = Installation::with_till();
    let _daemon = installation.start();
    installation.join_till("till");
    let mut worker = installation.till("till", &[]);
    assert_eq!(installation.ann(&["agent", "show", "till"]).exits(0).json()["worker"], "attends");
    for class in Class::ALL {
        let done = installation.rest(&installation.at_till(class, class.word(), 0));
        assert_eq!((status(&done), phase(&done)), ("COMPLETED", "landed"), "{done:#}");
        assert_eq!(installation.happened("landed", class.word()), 1);
    }
    // Whoever checks the evidence is told whose word it is.
    let task = installation.at_till(Class::Verifiable, "evidence", 0);
    installation.rest(&task);
    let bundle = evidence::export(&installation, &task, "proof", &[]);
    let text = evidence::verify(&bundle, &installation.root.join("trust.json"), &[]).exits(0).stdout;
    assert!(text.contains("1 calls are worker-reported, by the worker of agent `till`"), "{text}");
    let shown = installation.ann(&["tool", "show", "till.opaque"]).exits(0).json();
    assert_eq!(shown["kind"], "worker", "{shown:#}");
    // Told to end it ends, once it has nothing in hand.
    let task = installation.at_till(Class::Opaque, "last", 2);
    installation.begins("last");
    signal(worker.0.id(), Signal::TERM);
    assert!(worker.0.wait().unwrap().success(), "it ends well");
    let done = installation.rest(&task);
    assert_eq!((status(&done), installation.happened("landed", "last")), ("COMPLETED", 1), "{done:#}");
    let told = lines(&installation.path("till.out"));
    assert_eq!(told.iter().filter(|line| line["became"] == "exited").count(), 6, "{told:#?}");
    // Nobody attends: what never left is no doubt.
    assert_eq!(installation.ann(&["agent", "show", "till"]).exits(0).json()["worker"], Value::Null);
    let done = installation.rest(&installation.at_till(Class::Opaque, "nobody", 0));
    assert_eq!((status(&done), phase(&done)), ("FAILED", "failed"), "{done:#}");
    assert_eq!(installation.happened("begin", "nobody"), 0);
    installation.verify_audit();
}

/// Whether the worker was given a call, and did not begin it for want of its stream.
fn begun_without(told: &[Value]) -> bool {
    let why = |line: &Value| line["detail"].as_str().is_some_and(|why| why.contains("without its stream"));
    told.iter().any(|line| line["became"] == "not_begun" && why(line))
}

#[test]
fn reach_a_worker_without_its_stream_for_two_seconds_begins_nothing() {
    let installation = Installation::with_till();
    let daemon = installation.start();
    installation.join_till("till");
    let worker = installation.till("till", &[]);
    // A warrant has to lie between both when both stop; where the machine was too busy for it, once more.
    let met = (0..5).any(|time| {
        let entry = format!("silent{time}");
        signal(worker.0.id(), Signal::STOP);
        let task = installation.at_till(Class::Opaque, &entry, 0);
        std::thread::sleep(Duration::from_millis(300));
        // The daemon is silent now, and its connection stays open.
        daemon.signal(Signal::STOP);
        std::thread::sleep(LEASE);
        signal(worker.0.id(), Signal::CONT);
        std::thread::sleep(WITHOUT_STREAM);
        assert_eq!(installation.happened("begin", &entry), 0, "its place was free, its warrant good, and its stream silent");
        daemon.signal(Signal::CONT);
        // It never left, so it is attempted again, and happens once.
        let done = installation.rest(&task);
        assert_eq!((status(&done), installation.happened("begin", &entry)), ("COMPLETED", 1), "{done:#}");
        begun_without(&lines(&installation.path("till.out")))
    });
    assert!(met, "no warrant came to a worker without its stream: {:#?}", lines(&installation.path("till.out")));
}

#[test]
fn sem_8_1_a_worker_that_slept_does_not_begin_what_it_finds() {
    let installation = Installation::with_till();
    let _daemon = installation.start();
    installation.join_till("till");
    let worker = installation.till("till", &[]);
    // Stopped while the daemon still believes that it is heard: the warrant comes to a process that does not read.
    signal(worker.0.id(), Signal::STOP);
    let task = installation.at_till(Class::Opaque, "slept", 0);
    std::thread::sleep(WITHOUT_STREAM);
    signal(worker.0.id(), Signal::CONT);
    let done = installation.rest(&task);
    assert!(["COMPLETED", "FAILED"].contains(&status(&done)), "{done:#}");
    assert_eq!(installation.happened("begin", "slept"), usize::from(status(&done) == "COMPLETED"), "{done:#}");
    // Whichever it was: what came while it slept was refused by it or never sent, and what began did so by a later warrant.
    let began = installation.rest(&installation.at_till(Class::Opaque, "awake", 0));
    assert_eq!((status(&began), installation.happened("landed", "awake")), ("COMPLETED", 1), "{began:#}");
}

#[test]
fn a_worker_that_has_no_place_fails_no_task() {
    let installation = Installation::with_till();
    let _daemon = installation.start();
    installation.join_till("till");
    let _worker = installation.till("till", &["--jobs", "1"]);
    let tasks = ["a", "b", "c"].map(|entry| (entry, installation.at_till(Class::Opaque, entry, 5)));
    for (entry, task) in tasks {
        let done = installation.rest(&task);
        assert_eq!((status(&done), installation.happened("begin", entry)), ("COMPLETED", 1), "{done:#}");
    }
}

#[test]
fn sem_4_3_a_suspended_worker_ends_what_it_may_and_begins_nothing() {
    let installation = Installation::with_till();
    let _daemon = installation.start();
    installation.join_till("till");
    let mut worker = installation.till("till", &["--jobs", "2"]);
    let (keyed, opaque) = (installation.at_till(Class::Keyed, "keyed", 4), installation.at_till(Class::Opaque, "opaque", 3));
    installation.begins("keyed");
    installation.begins("opaque");
    let waits = installation.at_till(Class::Pure, "waits", 0);
    installation.ann(&["agent", "suspend", "till"]).exits(0);
    let ended = until("the worker ends", PATIENCE, || worker.0.try_wait().unwrap());
    assert_eq!(ended.code(), Some(4), "{}", std::fs::read_to_string(installation.path("till.err")).unwrap());
    assert_eq!(installation.happened("landed", "keyed"), 0, "it was killed");
    assert_eq!(installation.happened("landed", "opaque"), 1, "it was sent, and had its time to answer");
    assert_eq!(installation.happened("begin", "waits"), 0);
    // What a suspended one says is not heard: nobody knows whether it landed.
    let done = installation.rest(&opaque);
    assert_eq!((status(&done), phase(&done)), ("INPUT_REQUIRED", "in_doubt"), "{done:#}");
    // Nobody but the suspended one could make it again.
    let done = installation.rest(&keyed);
    assert_eq!((status(&done), phase(&done)), ("INPUT_REQUIRED", "in_doubt"), "{done:#}");
    let done = installation.rest(&waits);
    assert_eq!(status(&done), "FAILED", "{done:#}");
    let again = Answer::of(
        Command::new(cli())
            .env_clear()
            .args(["-o", "json", "agent", "run", "till", "--dir"])
            .arg(installation.path("till"))
            .args(["--allow", "/bin/sh"]),
    );
    assert_eq!(again.exits(4).error().code, "PRINCIPAL_SUSPENDED");
}

#[test]
fn sem_2_6_nothing_of_a_killed_worker_lives_and_a_keyed_call_goes_on_by_its_key() {
    let installation = Installation::with_till();
    let _daemon = installation.start();
    installation.join_till("till");
    let mut worker = installation.till("till", &[]);
    let (keyed, opaque) = (installation.at_till(Class::Keyed, "keyed", 3), installation.at_till(Class::Opaque, "opaque", 3));
    installation.begins("keyed");
    installation.begins("opaque");
    worker.0.kill().unwrap();
    worker.0.wait().unwrap();
    std::thread::sleep(WITHOUT_STREAM);
    assert_eq!(installation.happened("landed", "keyed") + installation.happened("landed", "opaque"), 0, "they ended with it");
    let _worker = installation.till("till", &[]);
    let done = installation.rest(&opaque);
    assert_eq!((status(&done), phase(&done)), ("INPUT_REQUIRED", "in_doubt"), "{done:#}");
    let done = installation.rest(&keyed);
    assert_eq!((status(&done), installation.happened("landed", "keyed")), ("COMPLETED", 1), "{done:#}");
    let text = std::fs::read_to_string(installation.ledger.folder.join("till")).unwrap();
    let keys: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("begin keyed ")).collect();
    assert!(keys.len() == 2 && keys[0] == keys[1] && !keys[0].is_empty(), "{keys:?}");
}

#[test]
fn sem_2_6_a_program_whose_guard_was_killed_ends_before_it_is_made_again() {
    let installation = Installation::with_till();
    let _daemon = installation.start();
    installation.join_till("till");
    let worker = installation.till("till", &[]);
    let task = installation.at_till(Class::Keyed, "orphan", 4);
    installation.begins("orphan");
    let children = format!("/proc/{0}/task/{0}/children", worker.0.id());
    let guard: u32 = std::fs::read_to_string(children).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    signal(guard, Signal::KILL);
    let done = installation.rest(&task);
    assert_eq!((status(&done), installation.happened("begin", "orphan")), ("COMPLETED", 2), "{done:#}");
    assert_eq!(installation.happened("landed", "orphan"), 1, "the first one was killed too");
}

#[test]
fn sem_4_3_what_a_worker_runs_for_a_suspended_agent_has_five_seconds() {
    let installation = Installation::with_till();
    let _daemon = installation.start();
    installation.join_till("till");
    let _worker = installation.till("till", &[]);
    let (short, long) = (installation.at_till(Class::Opaque, "short", 3), installation.at_till(Class::Opaque, "long", 8));
    installation.begins("short");
    installation.begins("long");
    installation.ann(&["agent", "suspend", "clerk"]).exits(0);
    let (short, long) = (installation.rest(&short), installation.rest(&long));
    assert_eq!((phase(&short), installation.happened("landed", "short")), ("landed", 1), "it is heard to its end: {short:#}");
    assert_eq!((phase(&long), installation.happened("landed", "long")), ("in_doubt", 0), "{long:#}");
}

#[test]
fn sem_2_5_a_killed_daemon_finds_its_workers_calls_again() {
    let installation = Installation::with_till();
    let daemon = installation.start();
    installation.join_till("till");
    let _worker = installation.till("till", &[]);
    let tasks =
        [Class::Keyed, Class::Verifiable, Class::Opaque].map(|class| (class, installation.at_till(class, class.word(), 4)));
    for (class, _) in &tasks {
        installation.begins(class.word());
    }
    daemon.kill();
    let _daemon = installation.start();
    installation.attends("till", 2);
    for (class, task) in &tasks {
        let done = installation.rest(task);
        let wanted = if *class == Class::Opaque { "INPUT_REQUIRED" } else { "COMPLETED" };
        assert_eq!(status(&done), wanted, "{class:?}: {done:#}");
        let times = installation.happened("landed", class.word());
        assert!(times == 1 || (*class == Class::Opaque && times == 0), "{class:?} landed {times} times");
    }
}

#[test]
fn sem_8_1_one_worker_of_an_agent_attends_and_runs_what_its_owner_allows() {
    let installation = Installation::with_till();
    let _daemon = installation.start();
    installation.join_till("till");
    installation.join_till("other");
    let mut first = installation.till("till", &[]);
    let second = installation.till("other", &[]);
    let relieved = until("the first is relieved", PATIENCE, || first.0.try_wait().unwrap());
    assert_eq!(relieved.code(), Some(7));
    let said = std::fs::read_to_string(installation.path("till.err")).unwrap();
    assert!(said.contains("WORKER_RELIEVED"), "{said}");
    let done = installation.rest(&installation.at_till(Class::Opaque, "second", 0));
    assert_eq!((status(&done), installation.happened("landed", "second")), ("COMPLETED", 1), "{done:#}");
    drop(second);
    // Another program is allowed here, so the tool's is not; or the program is, and no variable.
    for (program, entry, why) in [("/bin/true", "program", "--allow /bin/sh"), ("/bin/sh", "variable", "--allow-env TILL")] {
        let mut command = Command::new(cli());
        command
            .env_clear()
            .args(["-o", "json", "agent", "run", "till", "--allow", program, "--dir"])
            .arg(installation.path("other"));
        let file = |ending: &str| std::fs::File::create(installation.path(&format!("other.{ending}"))).unwrap();
        let _third = Worker(command.stdout(file("out")).stderr(file("err")).spawn().unwrap());
        installation.attends("other", 1);
        let done = installation.rest(&installation.at_till(Class::Opaque, entry, 0));
        assert_eq!((status(&done), installation.happened("begin", entry)), ("FAILED", 0), "{done:#}");
        let told = lines(&installation.path("other.out"));
        assert!(told.iter().all(|line| line["detail"].as_str().unwrap().contains(why)) && !told.is_empty(), "{told:#?}");
    }
    // Nobody but an agent attends.
    let denied = installation.call("other", "AgentService/ListAgents", &[]).0;
    assert_eq!(denied, "7");
}
