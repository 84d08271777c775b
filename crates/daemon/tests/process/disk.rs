//! A full disk: no effect begins, health answers, nothing acknowledged is lost, and it goes on by itself when there is room.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::command::Answer;
use crate::installation::{ANN, Installation, Times, cli, id};
use crate::ledger::Class;
use crate::process::until;

/// Tells the child that it is in a mount namespace of its own.
const CHILD: &str = "PROCESS_TEST_OWN_MOUNTS";

/// Room for the data directory: what a new installation takes, and as much again.
const SIZE: &str = "size=48m";

const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the child in a mount namespace, as root or as a user that is root there.
#[test]
fn a_full_disk() {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.arg("--mount").arg(std::env::current_exe().unwrap());
    command.args(["--exact", "disk::with_mounts_of_its_own", "--nocapture", "--test-threads=1"]).env(CHILD, "1");
    let answer = Answer::of(&mut command).exits(0);
    assert!(answer.stdout.contains("was full"), "{answer:#?}");
}

/// The child. Without a file system of its own it checks that a large disk refuses nothing.
#[test]
fn with_mounts_of_its_own() {
    let installation = Installation::new();
    if std::env::var_os(CHILD).is_none() {
        let _daemon = installation.start();
        let task = id(&installation.submit(Class::Keyed, "room", Times::default()));
        assert!(!installation.finish(Class::Keyed, "room", &task));
        return;
    }
    let data = installation.root.join("data");
    let script = format!("cp -a \"$0\" \"$0.first\" && mount -t tmpfs -o {SIZE} tmpfs \"$0\" && cp -a \"$0.first/.\" \"$0/\"");
    Answer::of(Command::new("/bin/sh").args(["-c", &script]).arg(&data)).exits(0);
    filled(&installation, &data);
    Answer::of(Command::new("umount").arg("--lazy").arg(&data)).exits(0);
    println!("was full");
}

fn filled(installation: &Installation, data: &Path) {
    let mut daemon = installation.start();
    let before = id(&installation.submit(Class::Keyed, "before", Times::default()));
    assert!(!installation.finish(Class::Keyed, "before", &before));
    let waits = id(&installation.submit(Class::Opaque, "waits", Times::default()));
    let approval = installation.approval_of(&waits);
    let runs = id(&installation.submit(Class::Verifiable, "runs", Times { before_ms: 1_500, after_ms: 0 }));
    until("the tool runs", PATIENCE, || installation.ledger.has("runs", "begin").then_some(()));
    fill(data);
    let refused = until("a submission is refused", PATIENCE, || {
        let answer = installation.submit(Class::Pure, &format!("more-{}", installation.ledger.lines().len()), Times::default());
        fill(data);
        (answer.code != 0).then_some(answer)
    });
    assert_eq!(refused.error().code, "STORE_FULL", "{refused:#?}");
    // What was sent before lands, and is written down in the room that was kept.
    until("the tool ends", PATIENCE, || installation.ledger.has("runs", "landed").then_some(()));
    let approved = installation.bob(&["approval", "approve", &approval, "--reason", "as shown"]);
    let lines = installation.ledger.lines().len();
    let late = installation.submit(Class::Pure, "late", Times::default());
    assert_ne!(late.code, 0, "{late:#?}");
    std::thread::sleep(Duration::from_secs(2));
    assert!(!installation.ledger.has("waits", "begin"), "an effect was sent that could not be written down: {approved:#?}");
    assert!(!installation.ledger.has("late", "begin"));
    assert_eq!(installation.ledger.lines().len(), lines, "something ran on a full disk");
    assert_eq!(daemon.get("/healthz").0, 200);
    assert_eq!(daemon.get("/readyz").0, 200);
    assert!(daemon.ended().is_none());

    std::fs::remove_file(data.join("filler")).unwrap();
    let task = until("submissions are taken on again", PATIENCE, || {
        let answer = installation.submit(Class::Pure, "late", Times::default());
        (answer.code == 0).then(|| id(&answer))
    });
    assert!(!installation.finish(Class::Pure, "late", &task));
    assert!(!installation.finish(Class::Verifiable, "runs", &runs));
    assert!(!installation.ledger.has("runs", "verify"), "the outcome found no room");
    assert!(!installation.finish(Class::Opaque, "waits", &waits));
    for (class, entry) in [(Class::Keyed, "before"), (Class::Verifiable, "runs"), (Class::Opaque, "waits"), (Class::Pure, "late")]
    {
        installation.ledger.check(class, entry);
    }
    installation.verify_audit();
    let (status, _) = daemon.stop();
    assert!(status.success());
}

/// A place of its own for one command, in which nothing has room.
const NO_ROOM: &str =
    "mount -t tmpfs -o size=64k tmpfs \"$0\" && { head -c 1M /dev/zero > \"$0/filler\" 2>/dev/null; exec \"$@\"; }";

#[test]
fn a_full_disk_of_a_person_keeps_no_token_and_stops_no_command() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let state = installation.path("full");
    std::fs::create_dir(&state).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = installation.environment(Path::new("unshare"));
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--mount", "/bin/sh", "-c", NO_ROOM]).arg(&state).arg(cli());
        command.args(["--context", ANN, "-o", "json"]).args(arguments).env("SCALBOTICS_STATE_DIR", &state);
        Answer::of(&mut command)
    };
    let me = run(&["whoami"]).exits(0);
    assert_eq!(me.json()["name"], "ann");
    assert!(me.stderr.contains("cannot keep the token") && me.stderr.contains("space"), "{me:#?}");
    assert!(run(&["task", "list"]).exits(0).stderr.contains("cannot keep the token"));
    // Whoever wants to be logged in, and nothing else, is told that they are not.
    assert_eq!(run(&["login"]).exits(1).error().code, "CLI_TOKEN");
}

/// Takes all room that is left.
fn fill(data: &Path) {
    let mut filler = File::options().create(true).append(true).open(data.join("filler")).unwrap();
    while filler.write(&[1; 4_096]).is_ok_and(|written| written > 0) {}
}
