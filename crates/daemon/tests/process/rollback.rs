//! An older database, another one, or none, put where the newest was: never served, and nothing is written to it.

use std::path::{Path, PathBuf};

use crate::installation::{Installation, Times, id, shipped};
use crate::ledger::Class;
use crate::next_steps::run_steps;
use crate::process::until;
use crate::serving::Daemon;

/// Copies a directory with everything below it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let path = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &path);
        } else {
            std::fs::copy(entry.path(), path).unwrap();
        }
    }
}

/// Puts a copy in the place of the data directory.
pub(crate) fn put_back(installation: &Installation, from: &Path) {
    let data = installation.root.join("data");
    std::fs::remove_dir_all(&data).unwrap();
    copy(from, &data);
}

/// The anchor of an installation.
pub(crate) fn anchor(installation: &Installation) -> PathBuf {
    installation.root.join("keys").join("anchor")
}

/// A start that is refused with this code, in four parts; answers what was said.
#[track_caller]
pub(crate) fn refused(installation: &Installation, code: &str) -> String {
    let log = installation.path("refused.log");
    let mut daemon = Daemon::spawn(installation.serve(&shipped()), &log, installation.admin);
    assert!(!daemon.is_ready(), "it is served");
    let said = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(&log).unwrap();
    assert_eq!(daemon.wait().code(), Some(1), "{said}");
    for part in ["error: ", &format!("[{code}]"), "why: ", "next: "] {
        assert!(said.contains(part), "no `{part}`: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    run_steps(installation, &said);
    said
}

/// One more finished task.
fn work(installation: &Installation, entry: &str) {
    let task = id(&installation.submit(Class::Verifiable, entry, Times::default()));
    assert!(!installation.finish(Class::Verifiable, entry, &task));
}

/// The size of the installation's logs in the anchor.
fn anchored(installation: &Installation) -> Vec<u64> {
    let text = std::fs::read_to_string(anchor(installation)).unwrap();
    let anchor: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    anchor["logs"].as_array().unwrap().iter().map(|log| log["size"].as_u64().unwrap()).collect()
}

#[test]
fn sem_7_4_an_older_database_is_not_served() {
    let installation = Installation::new();
    let (data, old, newest) = (installation.root.join("data"), installation.path("old"), installation.path("newest"));
    let daemon = installation.start();
    work(&installation, "one");
    // Killed: what is acknowledged stands in the write-ahead log, which is copied with the rest.
    daemon.kill();
    copy(&data, &old);
    let daemon = installation.start();
    work(&installation, "two");
    assert!(daemon.stop().0.success());
    copy(&data, &newest);
    let sizes = anchored(&installation);
    assert!(sizes.iter().all(|size| *size > 0), "{sizes:?}");

    put_back(&installation, &old);
    let said = refused(&installation, "DATA_OLDER");
    assert!(said.contains("had ") && said.contains(" records and has "), "{said}");
    for name in ["core.db-wal", "core.db-shm"] {
        std::fs::remove_file(data.join(name)).unwrap_or_default();
    }
    refused(&installation, "DATA_OLDER");
    let checked = crate::command::Answer::of(installation.serve(&shipped()).arg("--check-config")).exits(1);
    assert!(checked.stderr.contains("DATA_OLDER"), "{checked:#?}");
    // An empty directory is the oldest of all.
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::create_dir(&data).unwrap();
    refused(&installation, "DATA_OLDER");
    assert_eq!(anchored(&installation), sizes, "a refused start changes nothing that is remembered");

    put_back(&installation, &newest);
    let _daemon = installation.start();
    installation.verify_audit();
    assert_eq!(installation.ann(&["status"]).exits(0).json()["incarnation"], 1);
}

#[test]
fn sem_7_4_a_forked_database_is_not_served() {
    let installation = Installation::new();
    let (data, keys) = (installation.root.join("data"), installation.root.join("keys"));
    let (old, old_keys) = (installation.path("old"), installation.path("old-keys"));
    assert!(installation.start().stop().0.success());
    copy(&data, &old);
    copy(&keys, &old_keys);
    let daemon = installation.start();
    work(&installation, "here");
    assert!(daemon.stop().0.success());
    let (remembered, sizes) = (std::fs::read(anchor(&installation)).unwrap(), anchored(&installation));

    // The same data served elsewhere, by somebody who has the keys, and for longer.
    put_back(&installation, &old);
    std::fs::copy(old_keys.join("anchor"), anchor(&installation)).unwrap();
    for entry in ["there", "and", "more"] {
        let daemon = installation.start();
        work(&installation, entry);
        assert!(daemon.stop().0.success());
    }
    let longer = anchored(&installation);
    assert!(longer.iter().zip(&sizes).all(|(there, here)| there > here), "{longer:?} and {sizes:?}");
    std::fs::write(anchor(&installation), remembered).unwrap();
    let said = refused(&installation, "DATA_FORKED");
    assert!(said.contains("has other records up to"), "{said}");
}

#[test]
fn sem_7_4_without_its_anchor_no_database_is_served() {
    let installation = Installation::new();
    let daemon = installation.start();
    work(&installation, "one");
    // It is written behind each checkpoint, not only at the end.
    until("the anchor is written", std::time::Duration::from_secs(30), || (anchored(&installation).len() == 2).then_some(()));
    assert!(daemon.stop().0.success());
    let path = anchor(&installation);
    let whole = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    refused(&installation, "ANCHOR_UNUSABLE");
    let mut again = installation.environment(&shipped());
    again.args(["initialize", "--yes", "--dir"]).arg(&installation.root);
    let again = crate::command::Answer::of(&mut again);
    assert!(!path.exists(), "a lost anchor was made up: {again:#?}");
    let write = |bytes: &[u8]| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    for len in [0, 1, whole.len() / 2, whole.len() - 1] {
        write(&whole[..len]);
        refused(&installation, "ANCHOR_UNUSABLE");
    }
    let mut smaller = String::from_utf8(whole.clone()).unwrap();
    smaller = smaller.replacen("\"size\":", "\"size\":0", 1);
    write(smaller.as_bytes());
    refused(&installation, "ANCHOR_UNUSABLE");
    write(&whole);
    let _daemon = installation.start();
}
