//! Yesterday's backup put in the place of the newest database: nothing runs again, nobody is un-suspended, no approval comes back, and the
//! logs say what was lost.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::command::Answer;
use crate::failpoints::RESTORE_POINTS;
use crate::installation::{Installation, Times, cli, id, mortal, shipped};
use crate::ledger::{Class, Line};
use crate::process::until;
use crate::rollback::{anchor, copy, put_back, refused};

/// Agents beside the one of every installation of the tests: more than two pages of the registry, and several commits.
const FLEET: u64 = 2_100;

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// `scalbotics admin …` of an installation.
pub(crate) fn admin(installation: &Installation, arguments: &[&str]) -> Answer {
    let mut command = installation.environment(&cli());
    command.args(["-o", "json", "admin"]).args(arguments).arg("--config").arg(installation.config());
    Answer::of(&mut command)
}

/// A backup at this place.
#[track_caller]
pub(crate) fn backup(installation: &Installation, name: &str) -> PathBuf {
    let out = installation.path(name);
    let made = admin(installation, &["backup", "--out", out.to_str().unwrap()]).exits(0).json();
    assert_eq!(made["verified"], true, "{made:#}");
    out
}

/// Restores a backup that anybody may read where it was kept; the database is its owner's alone again.
#[track_caller]
pub(crate) fn restore(installation: &Installation, from: &Path) -> Value {
    std::fs::set_permissions(from.join("core.db"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let done = admin(installation, &["restore", "--from", from.to_str().unwrap(), "--yes"]).exits(0).json();
    let mode = std::fs::metadata(installation.root.join("data/core.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the mode of the backup became that of the database");
    done
}

/// What must not be erased is known after a restore, though the reason is lost.
#[track_caller]
fn is_held_still(installation: &Installation, held: &Value, task: &str) {
    let holds = installation.ann(&["admin", "hold", "list"]).exits(0).json();
    assert!(holds.as_array().unwrap().len() == 1 && holds[0]["name"] == held["name"], "{holds:#}");
    let refused = installation.ann(&["admin", "erase", "--task", task, "--reason", "tidy", "--yes"]);
    assert_eq!(refused.error().code, "LEGAL_HOLD", "{refused:#?}");
}

fn offline(installation: &Installation, more: &[&str]) -> Answer {
    let config = installation.config();
    let words = ["audit", "verify", "--offline", "--config", config.to_str().unwrap()];
    installation.ann(&[&words[..], more].concat())
}

/// The calls of a task.
fn calls(installation: &Installation, task: &str) -> Vec<Value> {
    installation.ann(&["task", "show", task]).exits(0).json()["calls"].as_array().unwrap().clone()
}

/// Each of the tasks has a call in doubt, and none sends anything by itself.
#[track_caller]
fn nothing_runs(installation: &Installation, tasks: [&str; 4], lines: &[Line]) {
    for task in tasks {
        let calls = calls(installation, task);
        let doubt = calls.iter().find(|call| call["phase"] == "in_doubt").unwrap_or_else(|| panic!("{calls:#?}"));
        assert_eq!(doubt["doubt"], "restored", "{doubt:#}");
    }
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(installation.ledger.lines(), lines, "something ran after the restore");
}

/// A person settles a call; its task ends and still sends nothing.
#[track_caller]
fn settled_ends(installation: &Installation, task: &str, lines: &[Line]) {
    let effect = calls(installation, task)[0]["name"].as_str().unwrap().to_owned();
    installation.ann(&["task", "settle", task, &effect, "--not-landed", "--reason", "looked"]).exits(0);
    let shown = installation.ann(&["task", "show", task]).exits(0).json();
    assert_eq!(shown["status"], "CANCELED", "{shown:#}");
    assert_eq!(installation.ledger.lines(), lines);
}

/// A stranger sees why a call that the log never saw sent was in doubt: by the restore that the same log tells of.
#[track_caller]
fn tells_of_the_restore(installation: &Installation, task: &str) {
    let bundle = crate::evidence::export(installation, task, "after-restore", &[]);
    let verified = crate::evidence::verify(&bundle, &installation.root.join("trust.json"), &[]).exits(0);
    assert!(verified.stdout.contains("1 in doubt by a restore"), "{verified:#?}");
}

#[test]
fn sem_7_4_restore_of_an_older_backup_gives_nothing_back() {
    let installation = Installation::new();
    let daemon = installation.start();
    let finished = id(&installation.submit(Class::Verifiable, "finished", Times::default()));
    assert!(!installation.finish(Class::Verifiable, "finished", &finished));
    // What the backup knows: two calls that wait for an approval, one that is granted and held, one on its way.
    let keyed = id(&installation.submit(Class::Keyed, "keyed", Times::default()));
    let opaque = id(&installation.submit(Class::Opaque, "opaque", Times::default()));
    let waits = id(&installation.submit(Class::Opaque, "waits", Times::default()));
    let (keyed_approval, opaque_approval) = (installation.approval_of(&keyed), installation.approval_of(&opaque));
    let waiting = installation.approval_of(&waits);
    let slow = id(&installation.submit(Class::Verifiable, "slow", Times { before_ms: 2_000, after_ms: 0 }));
    until("it is on its way", PATIENCE, || installation.ledger.has("slow", "begin").then_some(()));
    let yesterday = backup(&installation, "yesterday");

    // What happens since: both are approved and land, more is submitted, an agent and a human are suspended.
    installation.approve(&keyed_approval);
    installation.approve(&opaque_approval);
    for (class, entry, task) in [(Class::Keyed, "keyed", &keyed), (Class::Opaque, "opaque", &opaque)] {
        assert!(!installation.finish(class, entry, task));
    }
    let late = id(&installation.submit(Class::Opaque, "late", Times::default()));
    assert!(!installation.finish(Class::Opaque, "late", &late));
    assert!(!installation.finish(Class::Verifiable, "slow", &slow));
    installation.ann(&["agent", "suspend", "clerk", "--yes"]).exits(0);
    installation.ann(&["human", "suspend", "bob", "--yes"]).exits(0);
    let sizes = installation.ann(&["audit", "verify"]).exits(0).json()["records"].as_u64().unwrap();
    let held = installation.ann(&["admin", "hold", "add", "--task", &finished, "--reason", "case 4711"]).exits(0).json();
    // Killed: the suspensions, and the hold, are remembered without a clean end.
    daemon.kill();
    let lines = installation.ledger.lines();

    let plan = admin(&installation, &["restore", "--from", yesterday.to_str().unwrap(), "--dry-run"]).exits(0).json();
    assert_eq!(plan["suspended_humans"], serde_json::json!(["bob"]), "{plan:#}");
    let not_confirmed = admin(&installation, &["restore", "--from", yesterday.to_str().unwrap()]).exits(1);
    assert_eq!(not_confirmed.error().code, "RESTORE_FAILED", "{not_confirmed:#?}");
    let done = restore(&installation, &yesterday);
    assert_eq!((&done["incarnation"], &done["humans_suspended"]), (&Value::from(2), &serde_json::json!(["bob"])), "{done:#}");
    assert_eq!((&done["tasks_ended"], &done["holds_placed_again"]), (&Value::from(4), &Value::from(1)), "{done:#}");
    assert!(done["agents_suspended"].as_u64() >= Some(1), "{done:#}");

    let daemon = installation.start();
    // Every token is void.
    assert_eq!(installation.ann(&["status"]).exits(4).error().code, "PRINCIPAL_SUSPENDED");
    installation.ann(&["login"]).exits(0);
    let (status, verified) = (installation.ann(&["status"]).exits(0).json(), installation.verify_audit());
    assert_eq!(status["incarnation"], 2);
    let said = verified["restores"][0].as_str().unwrap();
    assert!(said.contains("a restore lost records") && verified["records"].as_u64() < Some(sizes + 100), "{verified:#}");
    // Nobody is un-suspended.
    let clerk = installation.ann(&["agent", "show", "clerk"]).exits(0).json();
    assert_eq!(clerk["standing"], "suspended", "{clerk:#}");
    assert_ne!(installation.bob(&["approval", "list"]).code, 0, "a human who was suspended may act");
    assert_eq!(installation.ann(&["human", "show", "bob"]).exits(0).json()["standing"], "suspended");
    is_held_still(&installation, &held, &finished);
    // No approval comes back.
    installation.ann(&["human", "resume", "bob"]).exits(0);
    installation.bob(&["login"]).exits(0);
    assert_eq!(installation.waiting(), Vec::<Value>::new());
    for approval in [&keyed_approval, &opaque_approval, &waiting] {
        let answered = installation.bob(&["approval", "approve", approval, "--reason", "again"]);
        assert_ne!(answered.code, 0, "{answered:#?}");
    }
    // What may have run is in doubt, and nothing runs again, also when the agent is resumed.
    installation.ann(&["agent", "resume", "clerk"]).exits(0);
    nothing_runs(&installation, [&keyed, &opaque, &waits, &slow], &lines);
    settled_ends(&installation, &opaque, &lines);
    tells_of_the_restore(&installation, &opaque);
    assert_eq!(installation.ann(&["task", "show", &finished]).exits(0).json()["status"], "COMPLETED");
    assert_ne!(installation.ann(&["task", "show", &late]).code, 0, "what was lost is not there");
    // And it works on.
    let task = id(&installation.submit(Class::Verifiable, "after", Times::default()));
    assert!(!installation.finish(Class::Verifiable, "after", &task));
    installation.verify_audit();
    assert!(daemon.stop().0.success());
    offline(&installation, &[]).exits(0);
}

#[test]
fn sem_7_4_a_restore_is_a_stated_gap_and_the_lost_database_is_not_served_any_more() {
    let installation = Installation::new();
    let (data, lost) = (installation.root.join("data"), installation.path("lost"));
    let daemon = installation.start();
    let backup = backup(&installation, "backup");
    let task = id(&installation.submit(Class::Verifiable, "since", Times::default()));
    assert!(!installation.finish(Class::Verifiable, "since", &task));
    assert!(daemon.stop().0.success());
    copy(&data, &lost);
    let remembered = std::fs::read_to_string(anchor(&installation)).unwrap();
    let remembered: Value = serde_json::from_str(remembered.lines().next().unwrap()).unwrap();
    let kept = installation.path("kept");
    std::fs::write(&kept, remembered["checkpoint"].as_str().unwrap()).unwrap();
    offline(&installation, &["--checkpoint", kept.to_str().unwrap()]).exits(0);

    restore(&installation, &backup);
    let verified = offline(&installation, &["--checkpoint", kept.to_str().unwrap()]).exits(0).json();
    let log = verified["logs"].as_array().unwrap().iter().find(|log| log["tenant"] == "system").unwrap();
    assert_eq!(log["restores"][0]["incarnation"], 2, "{verified:#}");
    assert_eq!(log["restores"][0]["lost_to_size"], remembered["logs"][0]["size"], "{verified:#}");
    let not_checked = verified["not_checked"].to_string();
    assert!(not_checked.contains("a restore lost what it was about"), "{verified:#}");

    // What was lost turns up again: it is another history now.
    let restored = installation.path("restored");
    copy(&data, &restored);
    put_back(&installation, &lost);
    refused(&installation, "DATA_FORKED");
    put_back(&installation, &restored);
    let daemon = installation.start();
    // Two restores of one backup are two incarnations.
    assert!(daemon.stop().0.success());
    let again = restore(&installation, &backup);
    assert_eq!(again["incarnation"], 3, "{again:#}");
    let _daemon = installation.start();
    installation.ann(&["login"]).exits(0);
    installation.verify_audit();
}

#[test]
fn sem_7_4_a_restore_of_what_is_no_backup_changes_nothing() {
    let installation = Installation::new();
    let daemon = installation.start();
    let good = backup(&installation, "good");
    let from = |path: &Path| admin(&installation, &["restore", "--from", path.to_str().unwrap(), "--yes"]);
    assert_eq!(from(&good).exits(1).error().code, "DATA_IN_USE");
    assert!(daemon.stop().0.success());
    let data = installation.root.join("data");
    let before = std::fs::read(data.join("core.db")).unwrap();
    let missing = from(&installation.path("missing"));
    assert_eq!(missing.exits(1).error().code, "BACKUP_UNUSABLE");
    let whole = std::fs::read(good.join("core.db")).unwrap();
    // Cut at pages and beside them, in the header, and all over; the manifest at places all over, for it is read first.
    let page = usize::from(u16::from_be_bytes([whole[16], whole[17]]));
    let pages = (0..=whole.len()).step_by(page * (whole.len() / page / 12).max(1));
    let places =
        pages.flat_map(|at| [at.saturating_sub(1), at, at + 1]).chain([16, 99, 100, 101, whole.len() / 2, whole.len() - 1]);
    let manifest = std::fs::read(good.join("manifest")).unwrap();
    let places = places.filter(|len| *len < whole.len()).map(|len| ("core.db", len, &whole));
    let cut = installation.path("cut");
    copy(&good, &cut);
    for (name, len, bytes) in places.chain((0..manifest.len()).step_by(53).map(|len| ("manifest", len, &manifest))) {
        std::fs::write(cut.join(name), &bytes[..len]).unwrap();
        let refused = from(&cut).exits(1);
        assert_eq!(refused.error().code, "BACKUP_UNUSABLE", "{name} at {len}: {refused:#?}");
        std::fs::write(cut.join(name), bytes).unwrap();
    }
    for (name, file, at) in
        [("flipped", "core.db", whole.len() / 2), ("forged", "manifest", 40), ("resigned", "manifest", usize::MAX)]
    {
        let bad = installation.path(name);
        copy(&good, &bad);
        let mut bytes = std::fs::read(bad.join(file)).unwrap();
        let at = at.min(bytes.len() - 4);
        bytes[at] ^= 1;
        std::fs::write(bad.join(file), bytes).unwrap();
        assert_eq!(from(&bad).exits(1).error().code, "BACKUP_UNUSABLE", "{name}");
    }
    let other = Installation::new();
    let foreign = backup(&other, "foreign");
    assert_eq!(from(&foreign).exits(1).error().code, "BACKUP_UNUSABLE");
    assert_eq!(std::fs::read(data.join("core.db")).unwrap(), before);
    let _daemon = installation.start();
    assert_eq!(installation.ann(&["status"]).exits(0).json()["incarnation"], 1);
}

#[test]
fn sem_7_4_without_anchor_and_standings_everybody_is_suspended_but_whom_the_operator_names() {
    let installation = Installation::new();
    let daemon = installation.start();
    let backup = backup(&installation, "backup");
    assert!(daemon.stop().0.success());
    // The whole host is lost; the keystore is put back from where it was kept, and these two files were not.
    std::fs::remove_dir_all(installation.root.join("data")).unwrap();
    for name in ["anchor", "standings"] {
        std::fs::remove_file(installation.root.join("keys").join(name)).unwrap();
    }
    let from = ["restore", "--from", backup.to_str().unwrap(), "--yes"];
    let refused = admin(&installation, &from).exits(1);
    assert!(refused.error().next.contains("--keep"), "{refused:#?}");
    let nobody = admin(&installation, &[&from[..], &["--keep", "nobody"]].concat()).exits(1);
    assert!(nobody.stderr.contains("`nobody`"), "{nobody:#?}");
    let done = admin(&installation, &[&from[..], &["--keep", "ann"]].concat()).exits(0).json();
    assert_eq!(done["humans_suspended"], serde_json::json!(["bob"]), "{done:#}");
    assert_eq!((&done["lost"][0]["records"], &done["erased_again"]), (&Value::Null, &Value::Null), "nobody remembers: {done:#}");
    let _daemon = installation.start();
    installation.ann(&["login"]).exits(0);
    assert_ne!(installation.bob(&["status"]).code, 0);
    let verified = installation.verify_audit();
    assert!(verified["restores"][0].as_str().unwrap().contains("nobody remembers"), "{verified:#}");
}

/// Each agent of a fleet is suspended with a record of its own, and comes back by its name alone.
#[test]
fn sem_7_4_a_restore_suspends_a_whole_fleet() {
    let walker = |number| format!("walker-{number:04}");
    let installation = Installation::with(|desired| {
        for number in 0..FLEET {
            let agent = json!({ "id": walker(number), "team": "ops", "description": "One of many.", "tools": ["fs.read"] });
            desired.put(&format!("agents/{}.yaml", walker(number)), agent);
        }
    });
    let daemon = installation.start();
    let backup = backup(&installation, "backup");
    assert!(daemon.stop().0.success());
    let done = restore(&installation, &backup);
    assert_eq!(done["agents_suspended"], FLEET + 1, "{done:#}");
    let _daemon = installation.start();
    installation.ann(&["login"]).exits(0);
    assert!(installation.verify_audit()["records"].as_u64() > Some(2 * FLEET), "registered, and suspended");
    let last = walker(FLEET - 1);
    installation.ann(&["agent", "resume", &last]).exits(0);
    let agents = installation.ann(&["agent", "list"]).exits(0).json();
    let active = agents.as_array().unwrap().iter().filter(|agent| agent["standing"] != "suspended");
    assert_eq!(active.map(|agent| agent["name"].as_str().unwrap()).collect::<Vec<_>>(), [last.as_str()]);
    assert_eq!(agents.as_array().unwrap().len() as u64, FLEET + 1);
}

/// Killed at random times, a restore is run again and ends; nothing is served in between that is not whole.
#[test]
fn sem_7_4_a_restore_that_was_killed_is_run_again() {
    let installation = Installation::new();
    let daemon = installation.start();
    let backup = backup(&installation, "backup");
    let task = id(&installation.submit(Class::Verifiable, "since", Times::default()));
    assert!(!installation.finish(Class::Verifiable, "since", &task));
    assert!(daemon.stop().0.success());
    let mut numbers = crate::process::Numbers::of(crate::process::seed());
    for _ in 0..12 {
        let mut command = installation.environment(&shipped());
        command.args(["admin", "restore", "--yes", "--from"]).arg(&backup).arg("--config").arg(installation.config());
        let mut child = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(numbers.below(400)));
        let _ended_already = child.kill();
        child.wait().unwrap();
    }
    let done = restore(&installation, &backup);
    let _daemon = installation.start();
    installation.ann(&["login"]).exits(0);
    assert_eq!(installation.ann(&["status"]).exits(0).json()["incarnation"], done["incarnation"]);
    installation.verify_audit();
    let left: Vec<_> =
        std::fs::read_dir(installation.root.join("data")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name == "restoring"), "{left:?}");
}

/// Dead at each named failpoint of a restore: until its anchor stands what was there is served and whole, and from then on nothing is until the
/// same restore was run again; after it everything is as if nobody had died.
#[test]
fn sem_7_4_a_restore_that_died_at_any_failpoint_serves_nothing_half_done() {
    let installation = Installation::new();
    let daemon = installation.start();
    let kept = id(&installation.submit(Class::Verifiable, "kept", Times::default()));
    assert!(!installation.finish(Class::Verifiable, "kept", &kept));
    let backup = backup(&installation, "backup");
    let since = id(&installation.submit(Class::Verifiable, "since", Times::default()));
    assert!(!installation.finish(Class::Verifiable, "since", &since));
    assert!(daemon.stop().0.success());
    let (data, keys) = (installation.root.join("data"), installation.root.join("keys"));
    let (data_before, keys_before) = (installation.path("data-before"), installation.path("keys-before"));
    copy(&data, &data_before);
    copy(&keys, &keys_before);
    let anchored = RESTORE_POINTS.iter().position(|point| *point == "restore.anchor.after").unwrap();
    let commits = ["commit.before", "commit.after"].map(|point| (point, 1)).into_iter().chain([("commit.after", 3)]);
    let points = commits.map(|(point, count)| (point, count, false));
    let named = RESTORE_POINTS.iter().enumerate().map(|(at, point)| (*point, 1, at >= anchored));
    for (point, count, is_anchored) in points.chain(named) {
        for (from, to) in [(&data_before, &data), (&keys_before, &keys)] {
            std::fs::remove_dir_all(to).unwrap();
            copy(from, to);
        }
        let mut command = installation.environment(&mortal());
        command.args(["admin", "restore", "--yes", "--from"]).arg(&backup).arg("--config").arg(installation.config());
        let died = Answer::of(command.env("SCALBOTICSD_FAILPOINT", format!("{point}:{count}")));
        assert_ne!(died.code, 0, "{point} is not reached: {died:#?}");
        let is_done = point == "restore.done.after";
        let done = if is_done {
            None
        } else {
            if is_anchored {
                refused(&installation, "RESTORE_UNFINISHED");
            } else {
                let daemon = installation.start();
                installation.ann(&["login"]).exits(0);
                assert_eq!(installation.ann(&["task", "show", &since]).exits(0).json()["status"], "COMPLETED", "{point}");
                assert_eq!(installation.ann(&["status"]).exits(0).json()["incarnation"], 1, "{point}");
                installation.verify_audit();
                assert!(daemon.stop().0.success());
            }
            Some(restore(&installation, &backup))
        };
        let daemon = installation.start();
        installation.ann(&["login"]).exits(0);
        let incarnation = installation.ann(&["status"]).exits(0).json()["incarnation"].clone();
        assert_eq!(incarnation, done.map_or(Value::from(2), |done| done["incarnation"].clone()), "{point}");
        assert_eq!(installation.ann(&["task", "show", &kept]).exits(0).json()["status"], "COMPLETED", "{point}");
        assert_ne!(installation.ann(&["task", "show", &since]).code, 0, "{point}: what was lost is served");
        let clerk = installation.ann(&["agent", "show", "clerk"]).exits(0).json();
        assert_eq!(clerk["standing"], "suspended", "{point}");
        installation.verify_audit();
        assert!(daemon.stop().0.success());
        // What is left of a copy goes with the next restore.
        assert!(is_done || !data.join("restoring").exists(), "{point}");
    }
}
