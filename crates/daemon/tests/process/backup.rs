//! Backups: made while tasks run, whole and verified or not there at all, without keys.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::command::Answer;
use crate::installation::{Installation, Times, cli, id, shipped};
use crate::ledger::Class;
use crate::process::{Numbers, seed, until};
use crate::restore::{admin, backup};

/// Tells the child that it is in a mount namespace of its own.
const CHILD: &str = "PROCESS_TEST_OWN_MOUNTS";

/// Files below a directory.
fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_backup_of_a_working_daemon_is_whole_and_holds_no_key() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let parallel: Vec<_> = (0..4)
        .map(|number| id(&installation.submit(Class::Pure, &format!("work-{number}"), Times { before_ms: 200, after_ms: 0 })))
        .collect();
    for number in 0..3 {
        let out = backup(&installation, &format!("backup-{number}"));
        assert_eq!(files(&out), ["core.db", "manifest"]);
        let data = installation.path(&format!("data-{number}"));
        std::fs::create_dir(&data).unwrap();
        std::fs::copy(out.join("core.db"), data.join("core.db")).unwrap();
        let mut verify = installation.environment(&shipped());
        verify
            .args(["audit", "verify", "--offline", "--data"])
            .arg(&data)
            .arg("--trust")
            .arg(installation.root.join("trust.json"));
        Answer::of(&mut verify).exits(0);
        let (keystore, database) =
            (std::fs::read(installation.root.join("keys/daemon.key")).unwrap(), std::fs::read(out.join("core.db")).unwrap());
        assert!(!database.windows(keystore.len()).any(|window| window == keystore), "a key is in the backup");
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(out.join("core.db")).unwrap().permissions().mode() & 0o777, 0o600);
    }
    for (number, task) in parallel.iter().enumerate() {
        assert!(!installation.finish(Class::Pure, &format!("work-{number}"), task));
    }
    // No backup is overwritten, and a dry run makes none.
    let there = installation.path("backup-0");
    let refused = admin(&installation, &["backup", "--out", there.to_str().unwrap()]).exits(1);
    assert_eq!(refused.error().code, "BACKUP_FAILED");
    let never = installation.path("never");
    let dry = admin(&installation, &["backup", "--dry-run", "--out", never.to_str().unwrap()]).exits(0).json();
    assert!(dry["not_included"].to_string().contains("keystores") && !never.exists(), "{dry:#}");
    installation.verify_audit();
}

#[test]
fn a_backup_that_is_killed_leaves_nothing_half() {
    let installation = Installation::new();
    let daemon = installation.start();
    let task = id(&installation.submit(Class::Verifiable, "one", Times::default()));
    assert!(!installation.finish(Class::Verifiable, "one", &task));
    let (folder, mut numbers) = (installation.path("backups"), Numbers::of(seed()));
    std::fs::create_dir(&folder).unwrap();
    let mut whole = 0;
    for number in 0..16 {
        let out = folder.join(format!("b{number}"));
        let mut command = installation.environment(&shipped());
        command.args(["admin", "backup", "--out"]).arg(&out).arg("--config").arg(installation.config());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(numbers.below(250)));
        let _ended_already = child.kill();
        child.wait().unwrap();
        if out.exists() {
            assert_eq!(files(&out), ["core.db", "manifest"], "half a backup");
            whole += 1;
        }
    }
    // A kill holds nobody up: the next one at the same place takes what was left away.
    let out = folder.join("b0");
    if !out.exists() {
        admin(&installation, &["backup", "--out", out.to_str().unwrap()]).exits(0);
    }
    assert!(!files(&folder).contains(&"b0.part".to_owned()), "{whole} were whole: {:?}", files(&folder));
    assert!(daemon.stop().0.success());
}

#[test]
fn one_backup_is_made_at_a_time() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let lock = std::fs::File::create(installation.root.join("data").join("backup.lock")).unwrap();
    lock.lock().unwrap();
    let out = installation.path("out");
    let refused = admin(&installation, &["backup", "--out", out.to_str().unwrap()]).exits(1);
    assert!(refused.stderr.contains("another backup is being made"), "{refused:#?}");
    assert!(!out.exists() && !installation.path("out.part").exists());
    drop(lock);
    backup(&installation, "out");
}

#[test]
fn a_place_that_is_none_is_refused_and_what_is_somebodys_stays() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let notes = installation.path("mine.part").join("notes.txt");
    std::fs::create_dir(notes.parent().unwrap()).unwrap();
    std::fs::write(&notes, "mine").unwrap();
    for (place, says) in [("absent/out", "cannot be used"), ("mine", "cannot be used"), (".", "is there already")] {
        let refused = admin(&installation, &["backup", "--out", installation.path(place).to_str().unwrap()]).exits(1);
        assert!(refused.stderr.contains("BACKUP_FAILED") && refused.stderr.contains(says), "{refused:#?}");
    }
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "mine");
}

/// Runs the child in a mount namespace, as root or as a user that is root there.
#[test]
fn a_full_disk_makes_no_backup() {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.arg("--mount").arg(std::env::current_exe().unwrap());
    command.args(["--exact", "backup::onto_a_disk_of_its_own", "--nocapture", "--test-threads=1"]).env(CHILD, "1");
    let answer = Answer::of(&mut command).exits(0);
    assert!(answer.stdout.contains("was full"), "{answer:#?}");
}

/// The child: a disk that has room by its own word until something fills it, and one that never has.
#[test]
fn onto_a_disk_of_its_own() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let installation = Installation::new();
    let daemon = installation.start();
    let task = id(&installation.submit(Class::Verifiable, "one", Times::default()));
    assert!(!installation.finish(Class::Verifiable, "one", &task));
    let disk = installation.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let mut mount = Command::new("mount");
    Answer::of(mount.args(["-t", "tmpfs", "-o", "size=64k", "none"]).arg(&disk)).exits(0);
    let out = disk.join("backup");
    let refused = admin(&installation, &["backup", "--out", out.to_str().unwrap()]).exits(1);
    let error = refused.error();
    assert_eq!(error.code, "BACKUP_FAILED", "{refused:#?}");
    assert!(error.what.contains("MiB free"), "{refused:#?}");
    assert_eq!(files(&disk), Vec::<String>::new());
    // Enough by its own word, and less when it comes to writing.
    Answer::of(Command::new("mount").args(["-o", "remount,size=30m"]).arg(&disk)).exits(0);
    let mut command = installation.environment(&cli());
    command.args(["admin", "backup", "--out"]).arg(&out).arg("--config").arg(installation.config());
    let filler = std::thread::spawn({
        let disk = disk.clone();
        move || {
            // A fast machine may be done before anybody looks.
            let has_begun = || disk.join("backup.part").exists() || disk.join("backup").exists();
            until("the copy begins", Duration::from_secs(30), || has_begun().then_some(()));
            let mut file = std::fs::File::create(disk.join("filler")).unwrap();
            while std::io::Write::write(&mut file, &[1; 65_536]).is_ok() {}
        }
    });
    let answer = Answer::of(&mut command);
    filler.join().unwrap();
    if answer.code != 0 {
        assert!(["BACKUP_FAILED", "BACKUP_UNUSABLE"].contains(&answer.error_in_words().code.as_str()), "{answer:#?}");
        assert_eq!(files(&disk), ["filler"], "{answer:#?}");
    }
    std::fs::remove_file(disk.join("filler")).unwrap();
    if answer.code != 0 {
        admin(&installation, &["backup", "--out", out.to_str().unwrap()]).exits(0);
    }
    assert_eq!(files(&out), ["core.db", "manifest"]);
    println!("it was full");
    installation.verify_audit();
    assert!(daemon.stop().0.success());
}
