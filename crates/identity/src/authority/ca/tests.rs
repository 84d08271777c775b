use std::net::{IpAddr, Ipv4Addr};

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use scalbotics_core::identity::{SpiffeId, TrustDomain};
use scalbotics_core::time::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::*;
use crate::holder::key::{Algorithm, Pair};
use crate::holder::{svid, tls};

const NOW: Timestamp = Timestamp::from_unix_ms(1_700_000_000_500);
const DAY: u64 = 24 * 60 * 60 * 1000;

struct Fixture {
    root: Root,
    issuing: Issuing,
}

fn fixture() -> Fixture {
    let root = Root::generate(&TrustDomain::parse("td.test").unwrap(), NOW).unwrap();
    let key = Pair::generate(Algorithm::P256).unwrap();
    let certificate = root.sign_issuing(key.public(), NOW).unwrap();
    Fixture { root, issuing: Issuing::load(certificate, &key).unwrap() }
}

fn id(path: &str) -> SpiffeId {
    SpiffeId::parse(&format!("spiffe://td.test{path}")).unwrap()
}

fn parsed<'a>(certificate: &'a CertificateDer<'_>) -> X509Certificate<'a> {
    let (rest, parsed) = X509Certificate::from_der(certificate).unwrap();
    assert!(rest.is_empty());
    parsed
}

fn verify(f: &Fixture, chain: &[CertificateDer<'static>], at: Timestamp) -> Result<(), rustls::Error> {
    let roots = tls::root_store(&[f.root.certificate().clone()]).unwrap();
    let leaf = ParsedCertificate::try_from(&chain[0]).unwrap();
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_millis(at.unix_ms() as u64));
    verify_server_cert_signed_by_trust_anchor(
        &leaf,
        &roots,
        &chain[1..],
        at,
        tls::provider().signature_verification_algorithms.all,
    )
}

#[test]
fn sem_4_1_the_chain_and_its_fields() {
    let f = fixture();
    let key = Pair::generate(Algorithm::P256).unwrap();
    let names = Names { dns: vec!["localhost".into()], ips: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)] };
    let issued = f.issuing.issue(&id("/system/daemon/n1"), key.public(), &names, DAY, NOW).unwrap();
    verify(&f, &issued.chain, NOW).unwrap();

    let (leaf, issuing, root) = (parsed(&issued.chain[0]), parsed(&issued.chain[1]), parsed(f.root.certificate()));
    leaf.verify_signature(Some(issuing.public_key())).unwrap();
    issuing.verify_signature(Some(root.public_key())).unwrap();
    root.verify_signature(None).unwrap();
    assert_eq!(leaf.issuer(), issuing.subject());
    assert_eq!(issuing.issuer(), root.subject());

    let names = &leaf.subject_alternative_name().unwrap().unwrap().value.general_names;
    assert!(matches!(
        names.as_slice(),
        [
            GeneralName::URI("spiffe://td.test/system/daemon/n1"),
            GeneralName::DNSName("localhost"),
            GeneralName::IPAddress([127, 0, 0, 1])
        ]
    ));
    assert!(leaf.key_usage().unwrap().is_some_and(|usage| usage.critical && usage.value.flags == 1), "digitalSignature only");
    let extended = leaf.extended_key_usage().unwrap().unwrap().value;
    assert!(extended.server_auth && extended.client_auth && !extended.any && !extended.code_signing);
    assert!(leaf.basic_constraints().unwrap().is_some_and(|found| !found.value.ca), "it says that it is no authority");
    assert_eq!(leaf.public_key().raw, key.public().to_spki_der());

    for (certificate, path_len) in [(&issuing, 0), (&root, 1)] {
        let constraints = certificate.basic_constraints().unwrap().unwrap();
        assert!(constraints.critical && constraints.value.ca);
        assert_eq!(constraints.value.path_len_constraint, Some(path_len));
        let usage = certificate.key_usage().unwrap().unwrap();
        assert!(usage.critical && usage.value.key_cert_sign() && !usage.value.digital_signature());
    }
}

#[test]
fn lives() {
    let f = fixture();
    let key = Pair::generate(Algorithm::Ed25519).unwrap();
    let issued = f.issuing.issue(&id("/acme/agent/clerk"), key.public(), &Names::default(), DAY, NOW).unwrap();
    assert_eq!(issued.not_before.unix_ms(), 1_699_999_700_000);
    assert_eq!(issued.not_after.unix_ms(), 1_700_086_400_000);
    let svid = svid::read(&issued.chain[0]).unwrap();
    assert_eq!((svid.not_before, svid.not_after), (issued.not_before, issued.not_after));
    assert_eq!((svid.id, svid.serial), (id("/acme/agent/clerk"), issued.serial.clone()));
    verify(&f, &issued.chain, issued.not_before).unwrap();
    verify(&f, &issued.chain, issued.not_after).unwrap();
    assert!(verify(&f, &issued.chain, Timestamp::from_unix_ms(issued.not_before.unix_ms() - 1000)).is_err());
    assert!(verify(&f, &issued.chain, issued.not_after.plus_ms(1000)).is_err());

    // Near the CA's end a leaf is cut; past it, and before its beginning, nothing is issued.
    let end = f.issuing.not_after();
    let late = Timestamp::from_unix_ms(end.unix_ms() - 60_000);
    let cut = f.issuing.issue(&id("/acme/agent/clerk"), key.public(), &Names::default(), DAY, late).unwrap();
    assert_eq!(cut.not_after, end);
    for at in
        [end, end.plus_ms(1), Timestamp::from_unix_ms(0), Timestamp::from_unix_ms(i64::MIN), Timestamp::from_unix_ms(i64::MAX)]
    {
        let refusal = f.issuing.issue(&id("/acme/agent/clerk"), key.public(), &Names::default(), DAY, at);
        assert!(matches!(refusal, Err(Error::Time { .. })), "{at:?}");
    }
    for (lifetime_ms, good) in
        [(0, false), (SVID_LIFETIME_MS_MIN - 1, false), (SVID_LIFETIME_MS_MIN, true), (DAY + 1, false), (u64::MAX, false)]
    {
        let result = f.issuing.issue(&id("/acme/agent/clerk"), key.public(), &Names::default(), lifetime_ms, NOW);
        assert_eq!(result.is_ok(), good, "{lifetime_ms}");
    }
}

#[test]
fn only_identities_of_this_house() {
    let f = fixture();
    let key = Pair::generate(Algorithm::P256).unwrap();
    let issue = |text: &str, names: &Names| f.issuing.issue(&SpiffeId::parse(text).unwrap(), key.public(), names, DAY, NOW);
    for text in ["spiffe://td.test/acme/agent/clerk", "spiffe://td.test/acme/service/ci", "spiffe://td.test/system/daemon/n1"] {
        issue(text, &Names::default()).unwrap();
    }
    assert!(matches!(issue("spiffe://other.test/acme/agent/clerk", &Names::default()), Err(Error::Foreign { .. })));
    for text in
        ["spiffe://td.test", "spiffe://td.test/acme", "spiffe://td.test/acme/daemon/n1", "spiffe://td.test/acme/agent/clerk/x"]
    {
        assert!(matches!(issue(text, &Names::default()), Err(Error::Shape { .. })), "{text}");
    }
    let host = Names { dns: vec!["localhost".into()], ips: vec![] };
    assert!(matches!(issue("spiffe://td.test/acme/agent/clerk", &host), Err(Error::HostNames { .. })));
    for name in ["", "a b", "-a", "a..b", "http://a", "a/b", "\u{e4}.test", "a\0"] {
        let host = Names { dns: vec![name.into()], ips: vec![] };
        assert!(matches!(issue("spiffe://td.test/system/daemon/n1", &host), Err(Error::DnsName { .. })), "{name:?}");
    }
}

#[test]
fn loading_takes_only_the_certificate_of_the_key() {
    let f = fixture();
    let key = Pair::generate(Algorithm::P256).unwrap();
    let leaf = f.issuing.issue(&id("/acme/agent/clerk"), key.public(), &Names::default(), DAY, NOW).unwrap().chain.remove(0);
    assert!(matches!(Issuing::load(leaf, &key), Err(Error::Certificate)), "a leaf");
    assert!(matches!(Issuing::load(f.issuing.certificate().clone(), &key), Err(Error::Certificate)), "another key");
    let mut trailing = f.root.certificate().to_vec();
    trailing.push(0);
    let again = Pair::from_pkcs8_der(&f.root.key().to_pkcs8_der().unwrap()).unwrap();
    assert!(matches!(Root::load(trailing.into(), again), Err(Error::Certificate)), "trailing byte");
    let again = Pair::from_pkcs8_der(&f.root.key().to_pkcs8_der().unwrap()).unwrap();
    assert_eq!(Root::load(f.root.certificate().clone(), again).unwrap().trust_domain(), f.root.trust_domain());
}

#[test]
fn serials_and_another_root() {
    let (f, other) = (fixture(), fixture());
    let key = Pair::generate(Algorithm::P256).unwrap();
    let issue = |f: &Fixture| f.issuing.issue(&id("/acme/agent/clerk"), key.public(), &Names::default(), DAY, NOW).unwrap();
    let (a, b) = (issue(&f), issue(&f));
    assert_ne!(a.serial, b.serial);
    assert_eq!(a.serial.to_string().len(), 32);
    assert!(verify(&other, &a.chain, NOW).is_err(), "chains to another root of the same trust domain");
    // A leaf cannot be used as a CA.
    let mut forged = issue(&other).chain;
    forged[1] = a.chain[0].clone();
    assert!(verify(&f, &forged, NOW).is_err());
}

#[test]
fn lists_of_revoked_certificates() {
    use x509_parser::revocation_list::CertificateRevocationList;

    let f = fixture();
    let key = Pair::generate(Algorithm::P256).unwrap();
    let leaf = f.issuing.issue(&id("/acme/agent/clerk"), key.public(), &Names::default(), DAY, NOW).unwrap();
    let revoked = [Revoked { serial: leaf.serial.clone(), at: NOW }];
    for entries in [&revoked[..0], &revoked[..]] {
        let der = f.issuing.sign_crl(entries, NOW).unwrap();
        let (rest, list) = CertificateRevocationList::from_der(&der).unwrap();
        assert!(rest.is_empty());
        list.verify_signature(parsed(f.issuing.certificate()).public_key()).unwrap();
        let named: Vec<_> = list.iter_revoked_certificates().map(|entry| svid::Serial::from_bytes(entry.raw_serial())).collect();
        assert_eq!(named, entries.iter().map(|entry| entry.serial.clone()).collect::<Vec<_>>());
        assert_eq!(list.next_update().unwrap().timestamp(), 1_700_086_400);
        assert_eq!(list.crl_number().unwrap().to_string(), NOW.unix_ms().to_string());
    }

    // The root's list is believed for what it names, and as the root's alone.
    let serial = svid::serial(f.issuing.certificate()).unwrap();
    let root = f.root.certificate();
    let list = f.root.sign_crl(&[Revoked { serial: serial.clone(), at: NOW }], NOW).unwrap();
    check_root_list(&list, root, std::slice::from_ref(&serial)).unwrap();
    check_root_list(&list, root, &[]).unwrap();
    assert!(check_root_list(&list, root, &[serial.clone(), leaf.serial.clone()]).is_err(), "one that it does not name");
    assert!(check_root_list(&list, fixture().root.certificate(), std::slice::from_ref(&serial)).is_err(), "another root's");
    assert!(check_root_list(&f.issuing.sign_crl(&[], NOW).unwrap(), root, &[]).is_err(), "an issuing CA's");
    assert!(check_root_list(&[list.as_slice(), &[0]].concat(), root, &[]).is_err(), "with something behind it");
    let mut altered = list;
    let last = altered.len() - 1;
    altered[last] ^= 1;
    assert!(check_root_list(&altered, root, &[serial]).is_err(), "altered");
}

#[test]
fn serials_have_one_text() {
    let serial = svid::Serial::from_bytes(&[0, 0x0a, 0xff]);
    assert_eq!(svid::Serial::parse("0aff"), Some(serial));
    for bad in ["", "aff", "0AFF", "000aff", "0x0aff", "0aff ", &"1".repeat(42)] {
        assert_eq!(svid::Serial::parse(bad), None, "{bad}");
    }
}

#[test]
fn only_the_roots_certificate_of_exactly_that_key_makes_an_authority() {
    let f = fixture();
    let (key, other) = (Pair::generate(Algorithm::P256).unwrap(), Pair::generate(Algorithm::P256).unwrap());
    let domain = f.root.trust_domain().clone();
    let roots = [f.root.certificate().clone()];
    let good = f.root.sign_issuing(key.public(), NOW).unwrap();
    let check =
        |certificate: &CertificateDer<'_>, key: &Pair, at| check_issuing(certificate, (key.public(), &domain), &roots, at);
    assert_eq!(check(&good, &key, NOW).unwrap(), Issuing::load(good.clone(), &key).unwrap().not_after());
    assert!(check(&good, &other, NOW).is_err(), "another key");
    assert!(check(&good, &key, NOW.plus_ms(ISSUING_LIFETIME_MS + 1000)).is_err(), "ended");
    assert!(check(&good, &key, Timestamp::from_unix_ms(0)).is_err(), "not begun");
    assert!(check(&fixture().root.sign_issuing(key.public(), NOW).unwrap(), &key, NOW).is_err(), "another root of the same name");
    assert!(check(f.root.certificate(), f.root.key(), NOW).is_err(), "the root itself, which has authorities below it");
    let elsewhere = Root::generate(&TrustDomain::parse("other.test").unwrap(), NOW).unwrap();
    assert!(check(&elsewhere.sign_issuing(key.public(), NOW).unwrap(), &key, NOW).is_err(), "another trust domain");
    let leaf = f.issuing.issue(&id("/acme/agent/clerk"), key.public(), &Names::default(), DAY, NOW).unwrap();
    assert!(check(&leaf.chain[0], &key, NOW).is_err(), "a leaf");
    let mut altered = good.to_vec();
    let last = altered.len() - 1;
    altered[last] ^= 1;
    assert!(check(&altered.into(), &key, NOW).is_err(), "another signature");
}
