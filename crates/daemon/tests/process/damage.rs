//! Damaged files: not served, or found by `audit verify` with the index of the first bad record. Never a panic, never "clean".

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::command::Answer;
use crate::installation::{Installation, Times, id, shipped};
use crate::ledger::Class;
use crate::next_steps::run_steps;
use crate::process::{Numbers, seed, until};
use crate::serving::Daemon;

/// Places in the middle that are damaged in turn, at least.
const PLACES: usize = 8;

/// An installation with a few finished tasks, stopped cleanly.
fn stopped() -> Installation {
    let installation = Installation::new();
    let daemon = installation.start();
    for entry in ["one", "two", "three"] {
        let task = id(&installation.submit(Class::Keyed, entry, Times::default()));
        assert!(!installation.finish(Class::Keyed, entry, &task));
    }
    let (status, _) = daemon.stop();
    assert!(status.success());
    installation
}

/// The database, with everything of its write-ahead log moved into it: what SQLite's checkpoint does, done by hand.
fn database(installation: &Installation) -> PathBuf {
    let path = installation.root.join("data").join("core.db");
    let log = std::fs::read(beside(&path, "-wal")).unwrap();
    let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap()) as usize;
    let (page_len, salts) = (number(8), &log[16..24]);
    let mut pages = std::collections::BTreeMap::new();
    let mut committed = pages.clone();
    let mut len = 0;
    for frame in (32..log.len()).step_by(24 + page_len).take_while(|frame| &log[frame + 8..frame + 16] == salts) {
        pages.insert(number(frame) as u64 - 1, frame + 24);
        if number(frame + 4) != 0 {
            (len, committed) = (number(frame + 4), pages.clone());
        }
    }
    assert!(len > 0, "the log holds nothing, so nothing was tried");
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    for (page, at) in committed {
        file.write_all_at(&log[at..at + page_len], page * page_len as u64).unwrap();
    }
    file.set_len((len * page_len) as u64).unwrap();
    remove_beside(&path);
    path
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn write_at(path: &Path, at: u64, bytes: &[u8]) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(bytes, at).unwrap();
}

/// A start that is refused in four parts; the database is named. Answers what was said.
#[track_caller]
fn refused(installation: &Installation, database: &Path) -> String {
    remove_beside(database);
    refused_with_its_log(installation, database)
}

/// The same with what lies beside the database.
#[track_caller]
fn refused_with_its_log(installation: &Installation, database: &Path) -> String {
    let mut daemon = Daemon::spawn(installation.serve(&shipped()), &installation.path("refused.log"), installation.admin);
    assert!(!daemon.is_ready(), "a damaged database is served");
    let said = std::fs::read_to_string(installation.path("refused.log")).unwrap();
    std::fs::remove_file(installation.path("refused.log")).unwrap();
    assert_eq!(daemon.wait().code(), Some(1), "{said}");
    for part in ["error: ", "[DATA_UNUSABLE]", "why: ", "next: ", database.to_str().unwrap()] {
        assert!(said.contains(part), "no `{part}`: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    run_steps(installation, &said);
    said
}

#[test]
fn a_damaged_header_or_a_short_file_is_not_served() {
    let installation = stopped();
    let database = database(&installation);
    let whole = std::fs::read(&database).unwrap();
    write_at(&database, 0, b"SQLite format 4\0");
    refused(&installation, &database);
    write_at(&database, 16, &[0xff; 84]);
    refused(&installation, &database);
    for len in [whole.len() / 2, 5_000, 100, 10] {
        std::fs::write(&database, &whole[..len]).unwrap();
        refused(&installation, &database);
    }
    remove_beside(&database);
    std::fs::write(&database, &whole).unwrap();
    let _daemon = installation.start();
    installation.verify_audit();
}

/// A page of rubbish: where it is met, it is said; where it is not met, everything acknowledged is served.
#[test]
fn rubbish_in_the_middle_is_never_served_as_truth() {
    let installation = stopped();
    let database = database(&installation);
    let whole = std::fs::read(&database).unwrap();
    // Its anchor is put back with it: one that a run moved on would refuse it for its age.
    let anchor = std::fs::read(crate::rollback::anchor(&installation)).unwrap();
    let pages = whole.len() as u64 / 4_096;
    let mut numbers = Numbers::of(seed());
    let (mut found, mut places) = (0, 0);
    // Some pages are of tables that nobody reads here, and it may be that only such ones are drawn.
    while places < PLACES || found == 0 {
        assert!(places < 5 * PLACES, "of {places} places none was met: the test destroys nothing that is read");
        places += 1;
        let page = 1 + numbers.below(pages - 1);
        write_at(&database, page * 4_096 + 64, &[0xa5; 2_000]);
        let said_before = installation.log_text().len();
        let mut daemon = Daemon::spawn(installation.serve(&shipped()), &installation.log(), installation.admin);
        if serves(&mut daemon, &installation, said_before) {
            let verified = installation.ann(&["audit", "verify"]);
            let listed = installation.ann(&["task", "list"]);
            let said = verified.code != 0 || listed.code != 0;
            assert!(said || listed.json().as_array().unwrap().len() == 3, "page {page}: {listed:#?}");
            found += usize::from(said);
        } else {
            found += 1;
        }
        daemon.kill();
        let log = installation.log_text();
        assert!(!log.contains("panicked"), "page {page}: {log}");
        remove_beside(&database);
        std::fs::write(&database, &whole).unwrap();
        std::fs::write(crate::rollback::anchor(&installation), &anchor).unwrap();
    }
    let _daemon = installation.start();
    installation.verify_audit();
}

/// Whether the daemon serves: not when it has ended, and not while it is not ready and says that its database is damaged, as when
/// the rubbish is where it registers agents.
fn serves(daemon: &mut Daemon, installation: &Installation, said_before: usize) -> bool {
    until("the daemon is ready, or says why it is not", Duration::from_secs(60), || {
        let says_damage = || {
            let log = installation.log_text();
            let said = log.get(said_before..).unwrap_or_default();
            said.contains("malformed") || said.contains("corrupt")
        };
        match (daemon.ended(), daemon.get("/readyz").0) {
            (Some(_), _) => Some(false),
            (None, 200) => Some(true),
            (None, 503) if says_damage() => Some(false),
            (None, _) => None,
        }
    })
}

/// What a run left beside the database belongs to that run.
fn remove_beside(database: &Path) {
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(beside(database, suffix));
    }
}

/// A running daemon with one finished task, and where its submission stands in the log: index and bytes of the leaf.
fn with_a_leaf() -> (Installation, Daemon, u64, String) {
    let installation = Installation::new();
    let daemon = installation.start();
    let task = id(&installation.submit(Class::Keyed, "kept", Times::default()));
    assert!(!installation.finish(Class::Keyed, "kept", &task));
    installation.verify_audit();
    let (index, leaf) = submission(&installation);
    (installation, daemon, index, leaf)
}

/// Index and bytes of the leaf of a submission.
fn submission(installation: &Installation) -> (u64, String) {
    let records = installation.ann(&["audit", "tail", "--lines", "500"]).exits(0).lines();
    let submitted = |record: &&Value| record["record"]["action"] == "task.submit" && record["record"]["task"].is_string();
    let record = records.iter().find(submitted).unwrap_or_else(|| panic!("no record of a submission: {records:#?}"));
    // The leaf is the record's canonical JSON: keys in order, no blanks.
    (record["index"].as_u64().unwrap(), record["record"].to_string())
}

/// Changes one byte of the audit log under a running daemon; answers the index of the record.
pub(crate) fn spoil(installation: &Installation) -> u64 {
    let (index, leaf) = submission(installation);
    let database = installation.root.join("data").join("core.db");
    let change = || change_leaf(&database, &leaf) + change_leaf(&beside(&database, "-wal"), &leaf);
    assert!(change() > 0, "the leaf is nowhere");
    // The daemon may be copying what it read before from its log into its database.
    until("the leaf is nowhere whole", Duration::from_secs(30), || {
        std::thread::sleep(Duration::from_millis(300));
        (change() == 0).then_some(())
    });
    index
}

/// Changes one byte of the leaf wherever the file holds it; answers how often that is.
fn change_leaf(path: &Path, leaf: &str) -> usize {
    let places = find(&std::fs::read(path).unwrap(), leaf.as_bytes());
    for at in &places {
        write_at(path, (at + leaf.find("task.submit").unwrap() + 3) as u64, b"c");
    }
    places.len()
}

/// One changed byte of one leaf, found offline and at the next start.
#[test]
fn one_changed_byte_of_the_audit_log_is_found() {
    let (installation, daemon, index, leaf) = with_a_leaf();
    assert!(daemon.stop().0.success());
    offline(&installation, 0);
    let database = database(&installation);
    assert!(change_leaf(&database, &leaf) > 0);
    let said = offline(&installation, 1);
    assert!(said.stderr.contains(&format!("leaf {index} ")), "{index}: {said:#?}");
    let said = refused(&installation, &database);
    assert!(said.contains(&format!("leaf {index} was edited")), "{index}: {said}");
}

/// The same where SQLite would stop reading its write-ahead log, and show less as if it were all.
#[test]
fn one_changed_byte_of_the_write_ahead_log_is_found() {
    let (installation, daemon, _, leaf) = with_a_leaf();
    assert!(daemon.stop().0.success());
    let log = beside(&installation.root.join("data").join("core.db"), "-wal");
    let whole = std::fs::read(&log).unwrap();
    assert!(change_leaf(&log, &leaf) > 0, "the leaf is not in the log");
    let said = offline(&installation, 1);
    assert!(said.stderr.contains("write-ahead log does not fit its checksum"), "{said:#?}");
    refused_with_its_log(&installation, &log);
    std::fs::write(&log, whole).unwrap();
    offline(&installation, 0);
    let _daemon = installation.start();
    installation.verify_audit();
}

/// The same under a daemon that runs, which read the log when it was whole.
#[test]
fn a_byte_changed_under_a_running_daemon_is_found() {
    let (installation, daemon, index, _) = with_a_leaf();
    assert_eq!(spoil(&installation), index);
    let verified = installation.ann(&["audit", "verify"]).exits(1);
    assert_eq!(verified.json()["fault_index"].as_u64(), Some(index), "{verified:#?}");
    assert_eq!(verified.json()["ok"], false);
    assert_eq!(verified.error().code, "AUDIT_FAULT");
    daemon.kill();
}

/// A task whose stored state says something else than its events, found offline, by the daemon, and by `doctor`.
#[test]
fn sem_1_1_a_state_that_is_not_the_fold_of_its_events_is_found() {
    let (installation, daemon, ..) = with_a_leaf();
    let checks = installation.ann(&["doctor", "-o", "json"]).exits(0).json();
    let records =
        |checks: &Value| checks.as_array().unwrap().iter().find(|c| c["name"] == "journal and audit log").cloned().unwrap();
    assert!(records(&checks)["detail"].as_str().unwrap().contains("1 tasks"), "{checks:#}");
    assert!(daemon.stop().0.success());
    assert_eq!(offline(&installation, 0).json()["tasks"], 1);
    let database = database(&installation);
    let places = find(&std::fs::read(&database).unwrap(), b"COMPLETED");
    assert!(!places.is_empty());
    for at in places {
        write_at(&database, at as u64, b"SUBMITTED");
    }
    let said = offline(&installation, 1);
    assert!(said.stderr.contains("is not the fold of its events"), "{said:#?}");
    let _daemon = installation.start();
    let verified = installation.ann(&["audit", "verify"]).exits(1);
    assert!(verified.json()["fault"].as_str().unwrap().contains("is not the fold of its events"), "{verified:#?}");
    let checks = installation.ann(&["doctor", "-o", "json"]).exits(1).json();
    assert_eq!(records(&checks)["result"], "fail", "{checks:#}");
}

/// A mistyped path is no empty and clean log.
#[test]
fn a_missing_log_is_a_refusal() {
    let installation = Installation::new();
    std::fs::remove_dir_all(installation.root.join("data")).unwrap();
    offline(&installation, 1);
    assert!(!installation.root.join("data").join("core.db").exists(), "looking made a store");
}

/// Where the part stands; a page that was divided may keep an old copy, so perhaps more than once.
fn find(bytes: &[u8], part: &[u8]) -> Vec<usize> {
    bytes.windows(part.len()).enumerate().filter(|(_, window)| *window == part).map(|(at, _)| at).collect()
}

/// `audit verify --offline`, which needs no daemon.
#[track_caller]
fn offline(installation: &Installation, code: i32) -> Answer {
    let config = installation.config();
    let answer = installation.ann(&["audit", "verify", "--offline", "--config", config.to_str().unwrap()]);
    let answer = answer.exits(code);
    if code != 0 {
        answer.error();
    }
    answer
}
