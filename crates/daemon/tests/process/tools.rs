//! Tools that misbehave: the task fails, the daemon stays well, and nothing of the tool is left.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::desired::Desired;
use crate::installation::{Installation, Times, id, is_at_rest};
use crate::ledger::Class;
use crate::process::until;

/// Most memory that the daemon has used after a tool wrote 1 GB, in KiB; a debug build idles at a fifth of it.
const MEMORY_MAX_KIB: u64 = 300 << 10;

fn script(id: &str, effect: &str, text: &str, desired: &Desired) -> Value {
    json!({
        "id": id, "description": "Misbehaves.", "argv": ["/bin/sh", "-c", text, desired.ledger],
        "input": { "type": "object", "properties": {} }, "tier": 1, "effect": effect, "timeout": "2s", "write_paths": [desired.ledger],
    })
}

fn installation() -> Installation {
    Installation::with(|desired| {
        let hang = "trap '' TERM INT HUP QUIT; while :; do sleep 100; done";
        for (id, effect, text) in [
            ("pours", "pure", "exec dd if=/dev/zero bs=1048576 count=1024 2>/dev/null"),
            ("fills", "pure", "exec dd if=/dev/zero of=\"$0/filler\" bs=1048576 count=1024"),
            ("forks", "pure", "f() { f \"$1\" | f \"$1\" & }; f \"$0\"; sleep 100"),
            ("hangs", "pure", hang),
            ("hangs.opaque", "opaque", hang),
            ("leaves", "pure", "setsid sh -c 'sleep 100' \"$0\" >/dev/null 2>&1 & exit 3"),
        ] {
            let manifest = script(id, effect, text, desired);
            desired.add_tool(id, manifest);
        }
    })
}

/// Most processes of a tool that may be seen at one time: the kernel's least limit of a namespace, and the helpers.
const PROCESSES_MAX: usize = 320;

/// Runs the tool to the task's rest; it never has more processes than it may, and then none.
fn run(installation: &Installation, tool: &str, patience: Duration) -> Value {
    let start = Instant::now();
    let task = installation.run(tool, &json!({}));
    let mut most = 0;
    let shown = until("the task comes to rest", patience, || {
        most = most.max(installation.ledger.living().len());
        Some(installation.task(&task)).filter(is_at_rest)
    });
    println!("{tool}: {:?}, at most {most} processes were seen", start.elapsed());
    assert!(most <= PROCESSES_MAX, "{tool} had {most} processes");
    until("no process of the tool lives", Duration::from_secs(10), || installation.ledger.living().is_empty().then_some(()));
    shown
}

/// The tool is ended and the task fails, with one of these words; the daemon stays well.
fn failed(tool: &str, says: &[&str]) {
    let installation = installation();
    let mut daemon = installation.start();
    let shown = run(&installation, tool, Duration::from_secs(20));
    assert_eq!((&shown["status"], &shown["failure"]), (&json!("FAILED"), &json!("TOOL_FAILED")), "{shown:#}");
    let detail = shown["failure_detail"].as_str().unwrap();
    assert!(says.iter().any(|says| detail.contains(says)), "{shown:#}");
    let followed = installation.ann(&["task", "watch", shown["name"].as_str().unwrap()]).exits(1).error();
    assert_eq!(followed.code, "TOOL_FAILED");
    assert_eq!(daemon.get("/healthz").0, 200);
    assert!(daemon.ended().is_none());
    let peak = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let peak = peak.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < MEMORY_MAX_KIB, "the daemon used {peak} KiB");
    let next = id(&installation.submit(Class::Pure, "after", Times::default()));
    assert_eq!(installation.rest(&next)["status"], "COMPLETED");
    installation.verify_audit();
}

#[test]
fn one_that_writes_a_gigabyte_is_ended() {
    failed("pours", &["wrote without end"]);
}

#[test]
fn one_that_fills_a_file_is_held_at_its_limit() {
    failed("fills", &["signal 25"]);
}

#[test]
fn one_that_forks_without_end_is_held_and_killed() {
    // Where the kernel holds it at once, it fizzles: until its time is over, or until its first shell cannot go on either.
    failed("forks", &["too many processes", "time limit", "Cannot fork"]);
}

#[test]
fn one_that_hangs_and_ignores_sigterm_is_ended_at_its_limit() {
    failed("hangs", &["time limit"]);
}

#[test]
fn one_that_leaves_a_process_behind_takes_it_along() {
    failed("leaves", &["exited with 3"]);
}

#[test]
fn an_opaque_one_that_hangs_is_in_doubt() {
    let installation = installation();
    let _daemon = installation.start();
    let shown = run(&installation, "hangs.opaque", Duration::from_secs(30));
    assert_eq!(shown["status"], "INPUT_REQUIRED", "{shown:#}");
    assert_eq!(shown["calls"][0]["phase"], "in_doubt", "{shown:#}");
    let (task, effect) = (shown["name"].as_str().unwrap(), shown["calls"][0]["name"].as_str().unwrap());
    let waiting = installation.ann(&["task", "watch", task]).exits(6).error();
    assert!(waiting.why.contains(effect), "{waiting:?}");
    installation.ann(&["task", "settle", task, effect, "--landed", "--reason", "seen"]).exits(0);
    assert_eq!(installation.rest(task)["status"], "COMPLETED");
}
