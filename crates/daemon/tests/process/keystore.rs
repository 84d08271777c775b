//! A keystore that is not what it was: locked by other means, cut off, changed, or another installation's. The daemon does not start, says why, and changes
//! nothing; with the good file back it serves as before.

use std::path::{Path, PathBuf};

use crate::command::Answer;
use crate::installation::{Installation, shipped};

/// The daemon's refusal to start.
#[track_caller]
fn refused(installation: &Installation, what: &str) -> String {
    let answer = Answer::of(&mut installation.serve(&shipped())).exits(1);
    let known = ["KEYSTORE_UNUSABLE", "DATA_UNUSABLE", "CERTIFICATE_UNUSABLE", "TRUST_UNUSABLE"];
    let told = known.iter().any(|code| answer.stderr.contains(&format!("[{code}]")));
    assert!(told && answer.stderr.contains("\n next: "), "{what}: {answer:#?}");
    assert!(!answer.stderr.contains("panicked"), "{what}: {answer:#?}");
    answer.stderr
}

/// Files of the keys, and what is in each.
fn files(installation: &Installation) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(installation.root.join("keys")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.is_file()).map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    files.sort();
    files
}

/// Writes in place, so that mode and owner stay.
fn write(path: &Path, bytes: &[u8]) {
    let mut file = std::fs::OpenOptions::new().write(true).truncate(true).open(path).unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
}

#[test]
fn issue_5_a_keystore_that_is_not_its_own_is_refused_and_left_alone() {
    let installation = Installation::new();
    installation.start().kill();
    let (keystore, key) = (installation.root.join("keys/daemon.keystore"), installation.root.join("keys/daemon.key"));
    let (good, good_key) = (std::fs::read(&keystore).unwrap(), std::fs::read(&key).unwrap());
    let before = files(&installation);
    for len in [0, 1, 16, good.len() / 2, good.len() - 1] {
        write(&keystore, &good[..len]);
        let said = refused(&installation, &format!("{len} bytes"));
        assert!(said.contains("KEYSTORE_UNUSABLE"), "{said}");
        assert_eq!(std::fs::read(&keystore).unwrap(), good[..len], "what is refused is not written");
    }
    for at in [0, good.len() / 3, good.len() - 2] {
        let mut changed = good.clone();
        changed[at] ^= 1;
        write(&keystore, &changed);
        assert!(refused(&installation, &format!("byte {at}")).contains("KEYSTORE_UNUSABLE"));
    }
    write(&keystore, &[good.as_slice(), b"x"].concat());
    refused(&installation, "something behind it");
    write(&keystore, &good);
    // Another key file, half a key file, and a passphrase for what a key file locks.
    write(&key, &[7; 32]);
    refused(&installation, "another key");
    write(&key, &good_key[..good_key.len() / 2]);
    refused(&installation, "half a key");
    write(&key, &good_key);
    let config = std::fs::read_to_string(installation.config()).unwrap();
    let by_passphrase = config.replace("key_file = \"keys/daemon.key\"", "passphrase_env = \"LOCK\"");
    assert_ne!(by_passphrase, config);
    std::fs::write(installation.config(), by_passphrase).unwrap();
    for passphrase in ["wrong but long enough to be one", ""] {
        let answer = Answer::of(installation.serve(&shipped()).env("LOCK", passphrase)).exits(1);
        assert!(answer.stderr.contains("KEYSTORE_UNUSABLE") && !answer.stderr.contains("long enough to be one"), "{answer:#?}");
    }
    std::fs::write(installation.config(), config).unwrap();
    // Another installation's keystore, alone and with what unlocks it.
    let other = Installation::new();
    let theirs = |name: &str| std::fs::read(other.root.join("keys").join(name)).unwrap();
    write(&keystore, &theirs("daemon.keystore"));
    refused(&installation, "another installation's");
    write(&key, &theirs("daemon.key"));
    refused(&installation, "another installation's, unlocked");
    write(&keystore, &good);
    write(&key, &good_key);
    assert_eq!(files(&installation), before, "nothing was changed by a refused start");
    let daemon = installation.start();
    installation.ann(&["whoami"]).exits(0);
    assert!(daemon.stop().0.success());
}
