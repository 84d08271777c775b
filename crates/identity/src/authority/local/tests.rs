use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use rustls::pki_types::CertificateDer;
use scalbotics_core::identity::{Authority, AuthorityError, AuthorityState, SpiffeId, TrustDomain};
use scalbotics_core::ids::InstallationId;
use scalbotics_core::ports::{AuthorityMark, KeyAuthority, KeyAuthorityError, RevokedSvid, SvidOrder};
use scalbotics_core::time::Timestamp;

use super::*;
use crate::authority::ca::{self, Revoked, Root};
use crate::authority::keystore::{Keystore, Kind, Unlock};
use crate::holder::key::{Algorithm, Pair};
use crate::holder::svid;

const NOW: Timestamp = Timestamp::from_unix_ms(1_700_000_000_500);
const HOUR_MS: u64 = 3_600_000;
const INSTALLATION: InstallationId = InstallationId::from_u128(7);

#[derive(Debug)]
struct File {
    path: PathBuf,
    broken: Mutex<bool>,
    /// Tells that the next change is written, and has it wait before it is answered.
    held_up: Mutex<Option<(Sender<()>, Receiver<()>)>>,
}

impl File {
    fn open(&self) -> Keystore {
        Keystore::open(&self.path, INSTALLATION, &unlock()).unwrap()
    }
}

impl KeystoreAccess for File {
    fn change(&self, work: &mut dyn FnMut(&mut Keystore)) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if *self.broken.lock().unwrap() {
            return Err("the disk is gone".into());
        }
        work(&mut self.open());
        let held_up = self.held_up.lock().unwrap().take();
        if let Some((written, may_go)) = held_up {
            written.send(()).unwrap();
            may_go.recv().unwrap();
        }
        Ok(())
    }
}

struct House {
    root: Root,
    first: CertificateDer<'static>,
    file: Arc<File>,
    authority: KeystoreAuthority,
    _directory: tempfile::TempDir,
}

/// Slow on purpose is no virtue in a test: the same key file for all.
fn unlock() -> Unlock {
    static FILE: std::sync::OnceLock<(tempfile::TempDir, PathBuf)> = std::sync::OnceLock::new();
    let (_, path) = FILE.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        crate::authority::keystore::KeyFile::generate().unwrap().save(&path).unwrap();
        (directory, path)
    });
    Unlock::KeyFile(crate::authority::keystore::KeyFile::load(path).unwrap())
}

fn domain() -> TrustDomain {
    TrustDomain::parse("td.test").unwrap()
}

fn house() -> House {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keystore");
    let mut keystore = Keystore::create(&path, INSTALLATION, &unlock()).unwrap();
    let root = Root::generate(&domain(), NOW).unwrap();
    let key = Pair::generate(Algorithm::P256).unwrap();
    keystore.insert(BOOTSTRAP_KEY, Kind::IssuingCa, key.to_pkcs8_der().unwrap(), NOW).unwrap();
    keystore.save().unwrap();
    let first = root.sign_issuing(key.public(), NOW).unwrap();
    let file = Arc::new(File { path, broken: Mutex::new(false), held_up: Mutex::default() });
    let authority = opened(&file, &root, Some(&first)).unwrap();
    House { root, first, file, authority, _directory: directory }
}

fn opened(
    file: &Arc<File>,
    root: &Root,
    bootstrap: Option<&CertificateDer<'static>>,
) -> Result<KeystoreAuthority, KeyAuthorityError> {
    let trust = (domain(), vec![root.certificate().clone()]);
    KeystoreAuthority::new(&file.open(), Arc::clone(file) as _, trust, bootstrap.cloned())
}

/// Drives a future of the local authority, which never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(made) => made,
        std::task::Poll::Pending => panic!("it waited"),
    }
}

fn order() -> SvidOrder {
    let key_spki = Pair::generate(Algorithm::P256).unwrap().public().to_spki_der();
    let id = SpiffeId::parse("spiffe://td.test/acme/agent/clerk").unwrap();
    SvidOrder { id, key_spki, lifetime_ms: HOUR_MS, dns: vec![], ips: vec![] }
}

impl House {
    fn states(&self) -> Vec<AuthorityState> {
        now(self.authority.authorities()).unwrap().iter().map(|authority| authority.state).collect()
    }

    fn all(&self) -> Vec<Authority> {
        now(self.authority.authorities()).unwrap()
    }

    /// Signs the request where the root is, and activates it.
    fn rotate(&self) -> Authority {
        let (_, request) = now(self.authority.prepare(NOW)).unwrap();
        let key = ca::read_authority(&request, &domain()).unwrap();
        now(self.authority.activate(&self.root.sign_issuing(&key, NOW).unwrap(), NOW)).unwrap()
    }

    /// The same files, opened by a daemon that starts.
    fn restart(self) -> Self {
        let authority = opened(&self.file, &self.root, Some(&self.first)).unwrap();
        Self { authority, ..self }
    }
}

#[test]
fn prepare_activate_taint_revoke_across_restarts() {
    use AuthorityState::{Active, Prepared, Retired, Revoked as Gone, Tainted};
    let house = house();
    assert_eq!(house.states(), [Active]);
    let first = house.all()[0].id.clone();
    let (prepared, request) = now(house.authority.prepare(NOW)).unwrap();
    let house = house.restart();
    let (again, same) = now(house.authority.prepare(NOW)).unwrap();
    assert_eq!(again, prepared, "one that waits is not made twice");
    let key = ca::read_authority(&request, &domain()).unwrap();
    assert_eq!(ca::read_authority(&same, &domain()).unwrap(), key);
    assert_eq!(house.states(), [Active, Prepared]);
    assert_eq!(now(house.authority.issue(&order(), NOW)).unwrap().authority, first);

    let certificate = house.root.sign_issuing(&key, NOW).unwrap();
    let active = now(house.authority.activate(&certificate, NOW)).unwrap();
    assert_eq!((active.id.clone(), active.state), (prepared.id, Active));
    assert_eq!(now(house.authority.activate(&certificate, NOW)).unwrap(), active, "twice is once");
    let house = house.restart();
    assert_eq!(house.states(), [Retired, Active]);
    let issued = now(house.authority.issue(&order(), NOW)).unwrap();
    assert_eq!((&issued.authority, issued.chain[1].as_slice()), (&active.id, &*certificate));

    let taint = |id| now(house.authority.mark(id, AuthorityMark::Taint, NOW));
    let revoke = |id| now(house.authority.mark(id, AuthorityMark::Revoke { root_crl: vec![] }, NOW));
    assert!(matches!(taint(&active.id), Err(KeyAuthorityError::State(AuthorityError::Step { .. }))), "the one that signs");
    assert!(matches!(revoke(&first), Err(KeyAuthorityError::State(AuthorityError::Step { .. }))), "before it is tainted");
    assert_eq!(taint(&first).unwrap().state, Tainted);
    assert_eq!(taint(&first).unwrap().state, Tainted, "twice is once");
    assert_eq!(revoke(&first).unwrap().state, Gone);
    assert!(house.file.open().get(BOOTSTRAP_KEY).is_none(), "its key is destroyed");
    let house = house.restart();
    assert_eq!(house.states(), [Gone, Active]);
    assert!(now(house.authority.revocations(&first, &[], NOW)).is_err(), "there is no key to sign with");
    // What has ended is forgotten at the next change, with its key.
    let later = NOW.plus_ms(ca::ISSUING_LIFETIME_MS + HOUR_MS);
    now(house.authority.prepare(later)).unwrap();
    assert_eq!(house.states(), [Active, Prepared]);
}

#[test]
fn only_the_roots_signature_activates() {
    let house = house();
    assert!(now(house.authority.activate(&house.first, NOW)).is_ok(), "it is active");
    let (_, request) = now(house.authority.prepare(NOW)).unwrap();
    let key = ca::read_authority(&request, &domain()).unwrap();
    let imposter = Root::generate(&domain(), NOW).unwrap().sign_issuing(&key, NOW).unwrap();
    let other = house.root.sign_issuing(Pair::generate(Algorithm::P256).unwrap().public(), NOW).unwrap();
    for bad in [imposter.to_vec(), other.to_vec(), vec![], vec![0x30; 100], house.root.certificate().to_vec()] {
        assert!(matches!(now(house.authority.activate(&bad, NOW)), Err(KeyAuthorityError::Refused { .. })));
    }
    assert_eq!(house.states(), [AuthorityState::Active, AuthorityState::Prepared]);
}

#[test]
fn the_roots_list_must_name_every_revoked_authority() {
    let house = house();
    let serial = |authority: &Authority| svid::serial(&authority.certificate.clone().into()).unwrap();
    let first = house.all()[0].clone();
    house.rotate();
    let second = house.all()[1].clone();
    house.rotate();
    let list = |of: &[&Authority]| {
        let revoked: Vec<Revoked> = of.iter().map(|it| Revoked { serial: serial(it), at: NOW }).collect();
        house.root.sign_crl(&revoked, NOW).unwrap()
    };
    let revoke = |authority: &Authority, root_crl| {
        now(house.authority.mark(&authority.id, AuthorityMark::Taint, NOW)).unwrap();
        now(house.authority.mark(&authority.id, AuthorityMark::Revoke { root_crl }, NOW))
    };
    assert!(matches!(revoke(&first, list(&[])), Err(KeyAuthorityError::Refused { .. })));
    assert_eq!(house.all()[0].state, AuthorityState::Tainted, "nothing was changed");
    revoke(&first, list(&[&first])).unwrap();
    assert!(matches!(revoke(&second, list(&[&second])), Err(KeyAuthorityError::Refused { .. })), "the first is missing");
    let both = list(&[&first, &second]);
    revoke(&second, both.clone()).unwrap();
    // A list that came later than the revocation is taken too, and stays.
    now(house.authority.mark(&second.id, AuthorityMark::Revoke { root_crl: both.clone() }, NOW)).unwrap();
    assert_eq!(house.restart().authority.root_crl(), Some(both));
}

#[test]
fn lists_of_certificates_are_signed_by_their_own_authority() {
    let house = house();
    let issued = now(house.authority.issue(&order(), NOW)).unwrap();
    house.rotate();
    let revoked = [RevokedSvid { serial: issued.serial, revoked_at: NOW }];
    assert!(!now(house.authority.revocations(&issued.authority, &revoked, NOW)).unwrap().is_empty(), "of a retired one too");
    let odd = [RevokedSvid { serial: "xyz".into(), revoked_at: NOW }];
    assert!(matches!(now(house.authority.revocations(&issued.authority, &odd, NOW)), Err(KeyAuthorityError::Refused { .. })));
}

#[test]
fn a_keystore_that_cannot_be_changed_changes_nothing() {
    let house = house();
    *house.file.broken.lock().unwrap() = true;
    assert!(matches!(now(house.authority.prepare(NOW)), Err(KeyAuthorityError::Keys { attempt: "changed", .. })));
    assert_eq!(house.states(), [AuthorityState::Active]);
    now(house.authority.issue(&order(), NOW)).unwrap();
}

#[test]
fn a_start_without_an_authority_that_signs_is_refused() {
    let house = house();
    assert!(matches!(opened(&house.file, &house.root, None), Err(KeyAuthorityError::Keys { .. })), "no certificate");
    let other = house.root.sign_issuing(Pair::generate(Algorithm::P256).unwrap().public(), NOW).unwrap();
    assert!(opened(&house.file, &house.root, Some(&other)).is_err(), "another key's");
    house.rotate();
    // Once there was a rotation, the file beside the keystore means nothing.
    opened(&house.file, &house.root, None).unwrap();
    opened(&house.file, &house.root, Some(&other)).unwrap();
}

#[test]
fn orders_that_are_refused() {
    let house = house();
    let refused = |change: fn(&mut SvidOrder)| {
        let mut order = order();
        change(&mut order);
        assert!(matches!(now(house.authority.issue(&order, NOW)), Err(KeyAuthorityError::Refused { .. })), "{order:?}");
    };
    refused(|order| order.key_spki.clear());
    refused(|order| order.lifetime_ms = 5 * 60_000 - 1);
    refused(|order| order.lifetime_ms = 24 * HOUR_MS + 1);
    refused(|order| order.dns = vec!["localhost".into()]);
    refused(|order| order.id = SpiffeId::parse("spiffe://other.test/acme/agent/clerk").unwrap());
    refused(|order| order.id = SpiffeId::parse("spiffe://td.test").unwrap());
}

#[test]
fn the_keystores_authority_conforms() {
    let house = house();
    let root = |request: &[u8]| {
        let key = ca::read_authority(request, &domain()).unwrap();
        house.root.sign_issuing(&key, NOW).unwrap().to_vec()
    };
    let SvidOrder { id: workload, key_spki, .. } = order();
    let ground = scalbotics_testkit::conformance::AuthorityGround { root: &root, workload, key_spki, now: NOW };
    now(scalbotics_testkit::conformance::key_authority(&house.authority, &ground));
}

#[test]
fn whoever_wrote_last_is_held_however_late_another_change_is_answered() {
    let house = house();
    let ((written, is_written), (go, may_go)) = (channel(), channel());
    *house.file.held_up.lock().unwrap() = Some((written, may_go));
    let authority = &house.authority;
    std::thread::scope(|scope| {
        scope.spawn(move || now(authority.prepare(NOW)).unwrap());
        is_written.recv().unwrap();
        // Another change, from its beginning to its end.
        let (_, request) = now(authority.prepare(NOW)).unwrap();
        let key = ca::read_authority(&request, &domain()).unwrap();
        let certificate = house.root.sign_issuing(&key, NOW).unwrap();
        now(authority.activate(&certificate, NOW)).unwrap();
        go.send(()).unwrap();
    });
    assert_eq!(house.states(), [AuthorityState::Retired, AuthorityState::Active]);
}
