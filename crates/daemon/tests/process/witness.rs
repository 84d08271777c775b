//! A witness as a process of its own, a daemon that it cosigns for, and both from outside: killed, put back, forked.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use scalbotics_core::audit::checkpoint::Checkpoint;
use serde_json::Value;

use crate::command::Answer;
use crate::evidence::{approved, export, step, verify};
use crate::installation::{Installation, Times, cli, id, ports, shipped};
use crate::ledger::Class;
use crate::process::until;
use crate::rollback::{anchor, copy};
use crate::serving::Daemon;

const NAME: &str = "witness.test/w1";

const PATIENCE: Duration = Duration::from_secs(60);

/// A running witness; killed when dropped.
pub(crate) struct Witness {
    child: Child,
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn command(installation: &Installation, more: &[&str]) -> Command {
    let dir = installation.path("witness");
    let mut command = installation.environment(&cli());
    command.args(["audit", "witness", "--dir", dir.to_str().unwrap(), "--name", NAME]).args(more);
    command
}

/// The witness's key.
pub(crate) fn key(installation: &Installation) -> String {
    Answer::of(&mut command(installation, &["--keygen"])).exits(0).stdout.trim().to_owned()
}

/// The key under which the installation log is signed.
fn log_key(installation: &Installation) -> String {
    let trust: Value = serde_json::from_slice(&std::fs::read(installation.root.join("trust.json")).unwrap()).unwrap();
    let keys = trust["log_keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned());
    keys.into_iter().find(|key| key.contains("/audit/system+")).unwrap()
}

pub(crate) fn start(installation: &Installation, port: u16) -> Witness {
    started(command(installation, &["--listen", &format!("127.0.0.1:{port}"), "--log", &log_key(installation)]), port)
}

fn started(mut command: Command, port: u16) -> Witness {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said: Vec<String> = lines.take(2).map(Result::unwrap).collect();
    assert_eq!(said[1], format!("http://127.0.0.1:{port}"));
    Witness { child }
}

/// Names a witness at this port in the configuration.
pub(crate) fn configure(installation: &Installation, port: u16) {
    let (key, path) = (key(installation), installation.config());
    let config = std::fs::read_to_string(&path).unwrap();
    let audit =
        format!("[audit]\nwitnesses = [{{ key = \"{key}\", url = \"http://127.0.0.1:{port}\" }}]\nmax_unwitnessed = 100000\n");
    std::fs::write(&path, format!("{config}\n{audit}checkpoint_file = \"kept\"\n")).unwrap();
}

/// What `status` says of the witness, once it keeps a checkpoint or is in trouble.
fn standing(installation: &Installation, wanted: impl Fn(&Value) -> bool) -> Value {
    until("the witness", PATIENCE, || {
        let status = installation.ann(&["status"]).exits(0).json();
        let keeper = status["keepers"].as_array().unwrap().iter().find(|keeper| keeper["name"] == NAME).unwrap().clone();
        wanted(&keeper).then_some(keeper)
    })
}

fn offline(installation: &Installation, more: &[&str]) -> Answer {
    let config = installation.config();
    let words = ["audit", "verify", "--offline", "--config", config.to_str().unwrap()];
    installation.ann(&[&words[..], more].concat())
}

#[test]
fn security_18_an_old_database_is_refused_by_a_witness_and_by_what_it_cosigned() {
    let installation = Installation::new();
    let (port, _) = ports();
    configure(&installation, port);
    let witness = start(&installation, port);
    let daemon = installation.start();
    let first = standing(&installation, |keeper| keeper["size"].as_u64() > Some(0));
    assert_eq!((&first["witness"], &first["trouble"]), (&Value::from(true), &Value::from("")));
    drop(daemon);
    let data = installation.root.join("data");
    let (old, old_anchor) = (installation.path("old"), std::fs::read(anchor(&installation)).unwrap());
    copy(&data, &old);

    // More happens, is cosigned and kept; a kill of the witness loses nothing of what it saw.
    let daemon = installation.start();
    let later = standing(&installation, |keeper| keeper["size"].as_u64() > first["size"].as_u64());
    drop(witness);
    let again = start(&installation, port);
    standing(&installation, |keeper| keeper["size"].as_u64() > later["size"].as_u64());
    drop(daemon);
    let kept = installation.root.join("kept");
    let note = std::fs::read_to_string(&kept).unwrap();
    assert!(Checkpoint::of_note(&note).is_ok(), "{note}");
    offline(&installation, &["--checkpoint", kept.to_str().unwrap()]).exits(0);

    // The older database is put back: the witness knows better, and so does the file.
    std::fs::remove_dir_all(&data).unwrap();
    copy(&old, &data);
    let refused = offline(&installation, &["--checkpoint", kept.to_str().unwrap()]).exits(1);
    assert!(refused.stderr.contains("AUDIT_MISMATCH") && refused.stderr.contains("rollback"), "{refused:#?}");
    crate::rollback::refused(&installation, "DATA_OLDER");
    // With its anchor it is as good as new to the daemon, and still not to the witness.
    std::fs::write(anchor(&installation), old_anchor).unwrap();
    let said = crate::rollback::refused(&installation, "DATA_OLDER");
    assert!(said.contains(NAME), "{said}");
    drop(again);
}

#[test]
fn sem_7_4_until_a_witness_has_confirmed_the_log_only_reads_are_served() {
    let installation = Installation::new();
    let (port, _) = ports();
    configure(&installation, port);
    let witness = start(&installation, port);
    let daemon = installation.start();
    standing(&installation, |keeper| keeper["size"].as_u64() > Some(0));
    drop(witness);
    assert!(daemon.stop().0.success());

    let daemon = installation.start();
    let status = installation.ann(&["status"]).exits(0).json();
    assert!(status["reasons"].to_string().contains("only reads are answered"), "{status:#}");
    let refused = installation.submit(Class::Pure, "early", Times::default());
    assert_eq!(refused.error().code, "READS_ONLY", "{refused:#?}");
    assert_eq!(installation.ann(&["agent", "suspend", "clerk", "--yes"]).error().code, "READS_ONLY");
    assert_eq!(installation.ann(&["audit", "verify"]).exits(0).json()["ok"], true);
    // It comes back, and nobody has to do anything.
    let witness = start(&installation, port);
    let task = until("everything is served", PATIENCE * 2, || {
        let answer = installation.submit(Class::Pure, "late", Times::default());
        (answer.code == 0).then(|| id(&answer))
    });
    assert!(!installation.finish(Class::Pure, "late", &task));
    drop(witness);
    assert!(daemon.stop().0.success());
    assert!(!installation.ledger.has("early", "begin"));

    // An operator says otherwise, and that is recorded.
    let mut command = installation.environment(&cli());
    command.args(["admin", "start", "--unwitnessed", "--config"]).arg(installation.config());
    let mut daemon = Daemon::spawn(command, &installation.log(), installation.admin);
    assert!(daemon.is_ready());
    let task = id(&installation.submit(Class::Pure, "unwitnessed", Times::default()));
    assert!(!installation.finish(Class::Pure, "unwitnessed", &task));
    assert!(daemon.stop().0.success());
    let database = std::fs::read(installation.root.join("data").join("core.db-wal")).unwrap();
    let record = b"installation.start_unwitnessed";
    assert!(database.windows(record.len()).any(|window| window == record), "it is not recorded");
}

#[test]
fn sem_7_4_a_restored_log_is_another_log_to_its_witness() {
    let installation = Installation::new();
    let (port, _) = ports();
    configure(&installation, port);
    let witness = start(&installation, port);
    let daemon = installation.start();
    let backup = crate::restore::backup(&installation, "backup");
    standing(&installation, |keeper| keeper["size"].as_u64() > Some(0));
    let before = std::fs::read_to_string(installation.root.join("kept")).unwrap();
    assert!(daemon.stop().0.success());
    let done = crate::restore::admin(&installation, &["restore", "--from", backup.to_str().unwrap(), "--yes"]).exits(0).json();
    let log = done["log_key"].as_str().unwrap().to_owned();
    assert!(log.contains("/audit/system/2+"), "{done:#}");

    // The witness knows no such log until it is told its key.
    std::fs::rename(installation.root.join("kept"), installation.path("kept-before")).unwrap();
    let daemon = installation.start();
    installation.ann(&["login"]).exits(0);
    assert_eq!(installation.submit(Class::Pure, "early", Times::default()).error().code, "READS_ONLY");
    drop(witness);
    let _witness = started(command(&installation, &["--listen", &format!("127.0.0.1:{port}"), "--log", &log]), port);
    standing(&installation, |keeper| keeper["size"].as_u64() > Some(0) && keeper["trouble"] == "");
    let after = std::fs::read_to_string(installation.root.join("kept")).unwrap();
    assert!(after.starts_with("acme.example/audit/system/2\n") && before.starts_with("acme.example/audit/system\n"), "{after}");
    installation.ann(&["agent", "resume", "clerk"]).exits(0);
    let task = id(&installation.submit(Class::Pure, "late", Times::default()));
    assert!(!installation.finish(Class::Pure, "late", &task));
    installation.verify_audit();
    assert!(daemon.stop().0.success());
    for kept in [installation.root.join("kept"), installation.path("kept-before")] {
        offline(&installation, &["--checkpoint", kept.to_str().unwrap()]).exits(0);
    }
}

#[test]
fn sem_7_3_a_stranger_is_shown_that_a_witness_saw_the_task() {
    let installation = Installation::new();
    let (port, _) = ports();
    configure(&installation, port);
    let witness_key = key(&installation);
    let _witness = start(&installation, port);
    let _daemon = installation.start();
    let (own, trust) = (installation.root.join("trust.json"), installation.path("trust-of-a-stranger"));
    let text = std::fs::read_to_string(&own).unwrap();
    let open = text.trim_end().strip_suffix('}').unwrap();
    std::fs::write(&trust, format!("{open},\"witness_keys\":[\"{witness_key}\"]}}")).unwrap();
    let task = approved(&installation, "paid");
    let mut number = 0;
    let bundle = until("evidence that a witness saw", PATIENCE, || {
        number += 1;
        let bundle = export(&installation, &task, &format!("evidence-{number}"), &["--with-live-token"]);
        let answer = verify(&bundle, &trust, &["--json"]);
        let report = answer.json();
        // Until then nothing is wrong but that.
        assert!(answer.code == 0 || step(&report, "installation", "refused").unwrap()["reason"] == "witness", "{report:#}");
        (answer.code == 0).then_some(bundle)
    });
    let report = verify(&bundle, &trust, &["--json"]).exits(0).json();
    assert!(step(&report, "installation", "ok").is_some(), "{report:#}");
    // Who knows no witness has no more of it than without.
    let report = verify(&bundle, &own, &["--json"]).exits(0).json();
    assert!(step(&report, "installation", "not_checked").is_some(), "{report:#}");
}

#[test]
fn a_witness_that_cannot_be_says_why() {
    let installation = Installation::new();
    let (log, dir) = (log_key(&installation), installation.path("witness"));
    for (words, part) in [
        (vec!["--listen", "127.0.0.1:0", "--log", "nonsense"], "WITNESS_UNUSABLE"),
        (vec!["--listen", "127.0.0.1:0"], "CLI_USAGE"),
        (vec!["--log", log.as_str()], "CLI_USAGE"),
        (vec!["--listen", "192.0.2.1:1", "--log", log.as_str()], "WITNESS_UNUSABLE"),
    ] {
        let refused = Answer::of(&mut command(&installation, &words));
        assert!(refused.code != 0 && refused.stderr.contains(part), "{refused:#?}");
    }
    let held = start(&installation, ports().0);
    let mut second = Command::new(shipped());
    second.args(["audit", "witness", "--dir", dir.to_str().unwrap(), "--name", NAME, "--keygen"]);
    let refused = Answer::of(&mut second).exits(1);
    assert!(refused.stderr.contains("held by another witness"), "{refused:#?}");
    drop(held);
}

#[test]
fn tiles_of_a_log_are_written_once() {
    let installation = Installation::new();
    let daemon = installation.start();
    installation.ann(&["audit", "verify"]).exits(0);
    let (tiles, config) = (installation.path("tiles"), installation.config());
    let to = |log: &str, out: &std::path::Path| {
        let words =
            ["audit", "tiles", "--offline", "--config", config.to_str().unwrap(), "--log", log, "--out", out.to_str().unwrap()];
        installation.ann(&words)
    };
    let export = |log: &str| to(log, &tiles);
    // Beside the daemon, which goes on writing: each export is whole up to a checkpoint, and the next one adds to it.
    let live = installation.path("live");
    let before = to("acme", &live).exits(0).json()["size"].as_u64().unwrap();
    let writer = std::thread::scope(|scope| {
        let calls = scope.spawn(|| (0..40).for_each(|_| drop(installation.ann(&["agent", "list"]).exits(0))));
        while !calls.is_finished() {
            let exported = to("acme", &live).exits(0).json();
            assert!(exported["size"].as_u64() >= Some(before), "{exported:#}");
        }
        calls.join()
    });
    writer.unwrap();
    until("a checkpoint covers what was written meanwhile", Duration::from_secs(60), || {
        (to("acme", &live).exits(0).json()["size"].as_u64() > Some(before)).then_some(())
    });
    drop(daemon);
    let first = export("acme").exits(0).json();
    assert!(first["files_written"].as_u64() > Some(1), "{first:#}");
    assert_eq!(export("acme").exits(0).json()["files_written"], 0);
    let checkpoint = std::fs::read_to_string(tiles.join("checkpoint")).unwrap();
    assert_eq!(Checkpoint::of_note(&checkpoint).unwrap().size, first["size"].as_u64().unwrap());
    let refused = export("system").exits(1);
    assert!(refused.stderr.contains("AUDIT_MISMATCH") && refused.stderr.contains("another log"), "{refused:#?}");
    let tile = std::fs::read_dir(tiles.join("tile/0/000.p")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&tile, "other").unwrap();
    assert!(export("acme").exits(1).stderr.contains("other hashes"));
}
