use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use scalbotics_core::ids::InstallationId;
use scalbotics_core::time::Timestamp;
use zeroize::Zeroizing;

use super::header::HEADER_LEN;
use super::*;
use crate::private_file;

const HERE: InstallationId = InstallationId::from_u128(0xA);
const NOW: Timestamp = Timestamp::from_unix_ms(1_700_000_000_000);

struct Fixture {
    _directory: tempfile::TempDir,
    path: PathBuf,
    unlock: Unlock,
}

fn fixture(unlock: Unlock) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keystore");
    let mut store = Keystore::create(&path, HERE, &unlock).unwrap();
    store.insert("log", Kind::LogSigner, Zeroizing::new(b"canary-secret".to_vec()), NOW).unwrap();
    store.save().unwrap();
    Fixture { _directory: directory, path, unlock }
}

fn by_key_file() -> Fixture {
    fixture(Unlock::KeyFile(KeyFile::generate().unwrap()))
}

fn rewrite(path: &Path, bytes: &[u8]) {
    private_file::replace(path, bytes, private_file::SECRET_MODE).unwrap();
}

#[test]
fn round_trip_by_both_means() {
    for unlock in [Unlock::passphrase("correct horse battery"), Unlock::KeyFile(KeyFile::generate().unwrap())] {
        let f = fixture(unlock);
        let store = Keystore::open(&f.path, HERE, &f.unlock).unwrap();
        let entry = store.get("log").unwrap();
        assert_eq!((entry.kind, entry.created_at, entry.secret.as_slice()), (Kind::LogSigner, NOW, b"canary-secret".as_slice()));
        assert_eq!(std::fs::metadata(&f.path).unwrap().mode() & 0o7777, 0o600);
        let file = std::fs::read(&f.path).unwrap();
        assert!(!file.windows(13).any(|window| window == b"canary-secret"));
        assert!(!format!("{store:?} {entry:?} {:?}", f.unlock).contains("canary"));
    }
}

#[test]
fn wrong_means_and_wrong_keys_are_told_apart() {
    let passphrase = fixture(Unlock::passphrase("correct horse battery"));
    let open = |f: &Fixture, unlock: &Unlock| Keystore::open(&f.path, HERE, unlock).map(|_| ());
    assert!(matches!(open(&passphrase, &Unlock::passphrase("correct horse buttery")), Err(Error::WrongKey)));
    assert!(matches!(open(&passphrase, &Unlock::passphrase("")), Err(Error::WrongKey)));
    let file = by_key_file();
    let other = Unlock::KeyFile(KeyFile::generate().unwrap());
    assert!(matches!(open(&file, &other), Err(Error::WrongKey)));
    assert!(matches!(open(&passphrase, &other), Err(Error::WrongMeans { expected: "passphrase" })));
    assert!(matches!(open(&file, &Unlock::passphrase("correct horse battery")), Err(Error::WrongMeans { expected: "key file" })));
    let elsewhere = Keystore::open(&file.path, InstallationId::from_u128(0xB), &file.unlock);
    assert!(matches!(elsewhere, Err(Error::OtherInstallation { found }) if found == HERE.to_string()));
}

#[test]
fn a_short_passphrase_is_refused_for_new_keystores() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keystore");
    assert!(matches!(Keystore::create(&path, HERE, &Unlock::passphrase("elevenchars")), Err(Error::WeakPassphrase { len: 11 })));
    assert!(!path.try_exists().unwrap());
}

#[test]
fn truncated_at_each_offset() {
    let f = by_key_file();
    let whole = std::fs::read(&f.path).unwrap();
    for len in 0..whole.len() {
        rewrite(&f.path, &whole[..len]);
        let refusal = Keystore::open(&f.path, HERE, &f.unlock);
        assert!(matches!(refusal, Err(Error::Truncated { len: found, .. }) if found == len), "{len}: {refusal:?}");
    }
    rewrite(&f.path, &[whole.as_slice(), &[0]].concat());
    assert!(matches!(Keystore::open(&f.path, HERE, &f.unlock), Err(Error::Malformed { .. })));
    rewrite(&f.path, &whole);
    Keystore::open(&f.path, HERE, &f.unlock).unwrap();
}

#[test]
fn each_flipped_bit_is_found() {
    let f = by_key_file();
    let whole = std::fs::read(&f.path).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        rewrite_fast(&f.path, &bytes);
        let refusal = Keystore::open(&f.path, HERE, &f.unlock);
        assert!(refusal.is_err(), "bit {bit}");
        if bit / 8 >= HEADER_LEN {
            assert!(matches!(refusal, Err(Error::Altered)), "bit {bit}");
        }
    }
}

/// Overwrites without fsync: this table has thousands of rows.
fn rewrite_fast(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn versions_and_costs_that_nobody_writes() {
    let f = fixture(Unlock::passphrase("correct horse battery"));
    let whole = std::fs::read(&f.path).unwrap();
    let open = |offset: usize, bytes: &[u8]| {
        let mut changed = whole.clone();
        changed[offset..offset + bytes.len()].copy_from_slice(bytes);
        rewrite(&f.path, &changed);
        Keystore::open(&f.path, HERE, &f.unlock).map(|_| ())
    };
    assert!(matches!(open(4, &[2]), Err(Error::UnsupportedVersion { version: 2 })));
    assert!(matches!(open(0, b"SBKT"), Err(Error::NotKeystore)));
    assert!(matches!(open(5, &[3]), Err(Error::Malformed { .. })));
    assert!(matches!(open(6, &[1]), Err(Error::Malformed { .. })));
    // Argon2 memory of 8 KiB (a downgrade) and of 4 TiB (a denial of service), 0 and 2^32 − 1 passes, 0 lanes.
    for (offset, value) in [(8, 8_u32), (8, u32::MAX), (12, 0), (12, u32::MAX), (16, 0), (16, 255)] {
        assert!(matches!(open(offset, &value.to_be_bytes()), Err(Error::Malformed { .. })), "{offset} {value}");
    }
}

#[test]
fn others_may_not_read_it() {
    let f = by_key_file();
    for mode in [0o640, 0o604, 0o666] {
        std::fs::set_permissions(&f.path, std::fs::Permissions::from_mode(mode)).unwrap();
        let refusal = Keystore::open(&f.path, HERE, &f.unlock);
        assert!(matches!(refusal, Err(Error::File(private_file::Error::Permissions { .. }))), "{mode:o}");
    }
}

#[test]
fn changes() {
    let f = by_key_file();
    let mut store = Keystore::open(&f.path, HERE, &f.unlock).unwrap();
    let secret = || Zeroizing::new(vec![7; 32]);
    assert!(matches!(store.insert("log", Kind::TenantKey, secret(), NOW), Err(Error::Taken { .. })));
    for name in ["", "Log", "a b", "a\"b", "a\n", &"n".repeat(NAME_LEN_MAX + 1)] {
        assert!(matches!(store.insert(name, Kind::TenantKey, secret(), NOW), Err(Error::Name { .. })), "{name:?}");
    }
    for len in [0, SECRET_LEN_MAX + 1] {
        let refusal = store.insert("x", Kind::TenantKey, Zeroizing::new(vec![0; len]), NOW);
        assert!(matches!(refusal, Err(Error::SecretLength { .. })), "{len}");
    }
    store.insert("tenant/acme", Kind::TenantKey, secret(), NOW).unwrap();
    assert!(store.remove("log") && !store.remove("log"));
    assert!(Keystore::open(&f.path, HERE, &f.unlock).unwrap().get("log").is_some(), "unsaved change reached the file");
    let before = std::fs::read(&f.path).unwrap();
    store.save().unwrap();
    let after = std::fs::read(&f.path).unwrap();
    assert_ne!(before[100..124], after[100..124], "nonce used twice");
    let store = Keystore::open(&f.path, HERE, &f.unlock).unwrap();
    assert_eq!(store.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["tenant/acme"]);
    assert!(matches!(Keystore::create(&f.path, HERE, &f.unlock), Err(Error::File(private_file::Error::Exists { .. }))));
}

/// An `initialize` that keeps a missing key beside a daemon that rotates another: neither overwrites what the other wrote.
#[test]
fn what_another_process_wrote_meanwhile_is_never_overwritten() {
    let f = by_key_file();
    let open = || Keystore::open(&f.path, HERE, &f.unlock).unwrap();
    let (mut setup, mut daemon) = (open(), open());
    let secret = || Zeroizing::new(vec![7; 32]);
    daemon.insert("tenant/acme", Kind::TenantKey, secret(), NOW).unwrap();
    daemon.save().unwrap();
    setup.insert("tls", Kind::TenantKey, secret(), NOW).unwrap();
    assert!(matches!(setup.save(), Err(Error::Changed)));
    assert!(matches!(setup.relock(&Unlock::KeyFile(KeyFile::generate().unwrap())), Err(Error::Changed)));
    assert!(open().get("tenant/acme").is_some() && open().get("tls").is_none());
    daemon.remove("tenant/acme");
    daemon.save().unwrap();
    // Many at once: each that did not fail is there.
    let kept: Vec<String> = std::thread::scope(|scope| {
        let one = |number: usize| {
            let (path, unlock) = (&f.path, &f.unlock);
            scope.spawn(move || {
                loop {
                    let mut store = Keystore::open(path, HERE, unlock).unwrap();
                    let name = format!("tenant/t{number}");
                    store.insert(&name, Kind::TenantKey, Zeroizing::new(vec![7; 32]), NOW).unwrap();
                    match store.save() {
                        Ok(()) => return name,
                        Err(Error::Changed) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
            })
        };
        let threads: Vec<_> = (0..8).map(one).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(kept.iter().all(|name| open().get(name).is_some()), "{kept:?}");
}

#[test]
fn relocking_makes_the_old_means_useless() {
    let f = by_key_file();
    let mut store = Keystore::open(&f.path, HERE, &f.unlock).unwrap();
    let passphrase = Unlock::passphrase("correct horse battery");
    store.relock(&passphrase).unwrap();
    assert!(matches!(Keystore::open(&f.path, HERE, &f.unlock), Err(Error::WrongMeans { .. })));
    assert!(Keystore::open(&f.path, HERE, &passphrase).unwrap().get("log").is_some());
}

#[test]
fn kinds_are_not_mixed() {
    let f = by_key_file();
    let mut store = Keystore::open(&f.path, HERE, &f.unlock).unwrap();
    let pair = crate::holder::key::Pair::generate(crate::holder::key::Algorithm::P256).unwrap();
    store.insert("issuing-ca", Kind::IssuingCa, pair.to_pkcs8_der().unwrap(), NOW).unwrap();
    assert_eq!(store.pair("issuing-ca", Kind::IssuingCa).unwrap().thumbprint(), pair.thumbprint());
    assert!(store.pair("issuing-ca", Kind::TokenSigner).is_none());
    assert!(store.pair("log", Kind::LogSigner).is_none(), "not PKCS#8");
}

#[test]
fn key_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("unlock.key");
    KeyFile::generate().unwrap().save(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 32);
    KeyFile::load(&path).unwrap();
    assert!(KeyFile::generate().unwrap().save(&path).is_err(), "a key file was overwritten");
    rewrite(&path, &[0; 31]);
    assert!(matches!(KeyFile::load(&path), Err(Error::Malformed { .. })));
    rewrite(&path, &[0; 33]);
    assert!(matches!(KeyFile::load(&path), Err(Error::File(private_file::Error::TooLong { .. }))));
}
