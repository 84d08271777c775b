//! Published ways to forge a certificate or its chain (RFC 5280 §4.2 and §6, SPIFFE X.509-SVID §2–§5), before the server and before the client.
//! Even with the key of the issuing CA, as a thief or a faulty CA would have it, nothing but an SVID is made.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, SanType, date_time_ymd,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::tests::{House, NOW, connect, house, time};
use super::*;
use crate::holder::key::{Algorithm, Pair};
use crate::holder::tls::client_config;

const CLERK: &str = "spiffe://td.test/acme/agent/clerk";
const DAEMON: &str = "spiffe://td.test/system/daemon/n1";

/// Who signs, with the certificates that lead from it to a trust anchor.
struct Signer {
    issuer: Issuer<'static, KeyPair>,
    chain: Vec<CertificateDer<'static>>,
}

fn rcgen_key(key: &Pair) -> KeyPair {
    let der = key.to_pkcs8_der().unwrap();
    KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(der.as_slice()), &PKCS_ECDSA_P256_SHA256).unwrap()
}

fn pair() -> Pair {
    Pair::generate(Algorithm::P256).unwrap()
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.to_owned().try_into().unwrap())
}

/// What a leaf for this id says.
fn leaf(id: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "forged");
    (params.not_before, params.not_after) = (date_time_ymd(2023, 11, 14), date_time_ymd(2023, 11, 15));
    params.subject_alt_names = vec![uri(id)];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// What a CA of this name says.
fn authority(name: &str) -> CertificateParams {
    let mut params = leaf("spiffe://td.test");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages = Vec::new();
    params
}

/// The subject of one of our authorities, once more.
fn subject_of(certificate: &CertificateDer<'_>) -> DistinguishedName {
    let (_, parsed) = X509Certificate::from_der(certificate).unwrap();
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, parsed.subject().iter_organization().next().unwrap().as_str().unwrap());
    name.push(DnType::CommonName, parsed.subject().iter_common_name().next().unwrap().as_str().unwrap());
    name
}

impl Signer {
    /// With a certificate that stands for itself, and the rest of the way to an anchor.
    fn of(certificate: &CertificateDer<'static>, key: &Pair, rest: &[CertificateDer<'static>]) -> Self {
        let issuer = Issuer::from_ca_cert_der(certificate, rcgen_key(key)).unwrap();
        Self { issuer, chain: [std::slice::from_ref(certificate), rest].concat() }
    }

    /// A CA below this one.
    fn below(&self, params: &CertificateParams) -> Self {
        let key = pair();
        let certificate = params.signed_by(&rcgen_key(&key), &self.issuer).unwrap().der().clone();
        Self::of(&certificate, &key, &self.chain)
    }

    fn signs(&self, params: &CertificateParams) -> Identity {
        let key = pair();
        let certificate = params.signed_by(&rcgen_key(&key), &self.issuer).unwrap().der().clone();
        Identity { chain: [vec![certificate], self.chain.clone()].concat(), key }
    }
}

/// A house whose issuing CA's key was stolen.
struct Robbed {
    house: House,
    root: Signer,
    issuing: Signer,
}

fn robbed() -> Robbed {
    let (house, key) = house_with_key();
    let root = Signer::of(house.root.certificate(), house.root.key(), &[]);
    let issuing = Signer::of(house.issuing.certificate(), &key, &[]);
    Robbed { house, root, issuing }
}

fn house_with_key() -> (House, Pair) {
    let mut house = house("td.test");
    let key = pair();
    house.issuing = crate::authority::ca::Issuing::load(house.root.sign_issuing(key.public(), NOW).unwrap(), &key).unwrap();
    (house, key)
}

impl Robbed {
    /// Whether the server takes this client.
    fn enters(&self, identity: &Identity) -> bool {
        let server = self.house.server(&self.house.identity("/system/daemon/n1", Algorithm::P256), NOW);
        let client = client_config(&self.house.roots(), &self.house.trust_domain, Some(identity), time(NOW));
        client.is_ok_and(|client| connect(&Arc::new(client), &server).is_ok())
    }

    /// Whether the client takes this server.
    fn serves(&self, identity: &Identity) -> bool {
        let Ok(serving) = ServingCertificate::new(identity) else { return false };
        let server = server_config(serving, self.house.anchors(), &self.house.trust_domain, time(NOW)).unwrap();
        connect(&self.house.client(None, NOW), &Arc::new(server)).is_ok()
    }

    /// Whether anybody takes it: as a client, or as a server.
    fn is_taken(&self, signer: &Signer, change: impl Fn(&mut CertificateParams)) -> (bool, bool) {
        let made = |id| {
            let mut params = leaf(id);
            change(&mut params);
            signer.signs(&params)
        };
        (self.enters(&made(CLERK)), self.serves(&made(DAEMON)))
    }
}

const NOBODY: (bool, bool) = (false, false);
const EVERYBODY: (bool, bool) = (true, true);

#[test]
fn security_6_names_that_are_no_svid_even_under_the_issuing_ca() {
    let robbed = robbed();
    assert_eq!(robbed.is_taken(&robbed.issuing, |_| {}), EVERYBODY, "what is forged here is good but for what a row changes");
    for id in [
        "spiffe://td.test",
        "spiffe://td.test/",
        "spiffe://td.test/acme",
        "spiffe://td.test/acme/daemon/n1",
        "spiffe://td.test/acme/agent/clerk/",
        "spiffe://td.test/acme/agent/clerk/x",
        "spiffe://td.test/acme//agent/clerk",
        "spiffe://td.test/acme/agent/../agent/clerk",
        "spiffe://td.test/acme/agent/%63lerk",
        "spiffe://td.test/acme/agent/clerk?x",
        "spiffe://td.test/acme/agent/clerk#x",
        "spiffe://td.test:443/acme/agent/clerk",
        "spiffe://x@td.test/acme/agent/clerk",
        "spiffe://td.test./acme/agent/clerk",
        "spiffe://TD.test/acme/agent/clerk",
        "SPIFFE://td.test/acme/agent/clerk",
        "spiffe:td.test/acme/agent/clerk",
        "https://td.test/acme/agent/clerk",
        "spiffe://other.test/acme/agent/clerk",
        "spiffe://other.test/system/daemon/n1",
        "spiffe://td.test/acme/agent/clerk\0",
        "spiffe://td.test\0.other.test/acme/agent/clerk",
        " spiffe://td.test/acme/agent/clerk",
        "",
    ] {
        assert_eq!(robbed.is_taken(&robbed.issuing, |params| params.subject_alt_names = vec![uri(id)]), NOBODY, "{id:?}");
    }
    let dns = |name: &str| SanType::DnsName(name.to_owned().try_into().unwrap());
    for (what, names) in [
        ("two", vec![uri(CLERK), uri(DAEMON)]),
        ("one twice", vec![uri(DAEMON), uri(DAEMON)]),
        ("one of another scheme beside it", vec![uri(DAEMON), uri("https://td.test/")]),
        ("none", vec![]),
        ("as the name of a host", vec![dns("td.test")]),
        ("as an address of mail", vec![SanType::Rfc822Name("clerk@td.test".to_owned().try_into().unwrap())]),
    ] {
        assert_eq!(robbed.is_taken(&robbed.issuing, |params| params.subject_alt_names.clone_from(&names)), NOBODY, "{what}");
    }
    let only_common_name = robbed.is_taken(&robbed.issuing, |params| {
        params.subject_alt_names = Vec::new();
        params.distinguished_name.push(DnType::CommonName, DAEMON);
    });
    assert_eq!(only_common_name, NOBODY);
}

#[test]
fn security_6_fields_that_no_svid_has_even_under_the_issuing_ca() {
    use ExtendedKeyUsagePurpose::{ClientAuth, CodeSigning, ServerAuth};
    use KeyUsagePurpose::{CrlSign, DigitalSignature, KeyCertSign, KeyEncipherment};
    let robbed = robbed();
    let critical = |oid: &[u64], content: Vec<u8>| {
        let mut extension = CustomExtension::from_oid_content(oid, content);
        extension.set_criticality(true);
        extension
    };
    type Change<'a> = (&'a str, &'a dyn Fn(&mut CertificateParams), (bool, bool));
    let rows: [Change<'_>; 14] = [
        ("an authority", &|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained), NOBODY),
        ("an authority over leaves", &|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)), NOBODY),
        ("may sign certificates", &|params| params.key_usages = vec![DigitalSignature, KeyCertSign], NOBODY),
        ("may sign lists", &|params| params.key_usages = vec![DigitalSignature, CrlSign], NOBODY),
        ("may only encipher", &|params| params.key_usages = vec![KeyEncipherment], NOBODY),
        ("no usage", &|params| params.key_usages = Vec::new(), NOBODY),
        ("for code", &|params| params.extended_key_usages = vec![CodeSigning], NOBODY),
        ("for servers only", &|params| params.extended_key_usages = vec![ServerAuth], (false, true)),
        ("for clients only", &|params| params.extended_key_usages = vec![ClientAuth], (true, false)),
        ("ended", &|params| params.not_after = date_time_ymd(2023, 11, 14), NOBODY),
        ("not begun", &|params| params.not_before = date_time_ymd(2023, 11, 15), NOBODY),
        ("ended before it began", &|params| params.not_before = date_time_ymd(2024, 1, 1), NOBODY),
        (
            "an unknown critical extension",
            &|params| params.custom_extensions.push(critical(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0])),
            NOBODY,
        ),
        (
            "constraints that say nothing",
            &|params| params.custom_extensions.push(critical(&[2, 5, 29, 36], vec![0x30, 0])),
            NOBODY,
        ),
    ];
    for (what, change, taken) in rows {
        assert_eq!(robbed.is_taken(&robbed.issuing, change), taken, "{what}");
    }
}

/// Name constraints on one URI subtree, as RFC 5280 §4.2.1.10 writes them: permitted, or excluded.
fn uri_constraints(host: &str, is_excluded: bool) -> CustomExtension {
    let tagged = |tag: u8, inner: &[u8]| [&[tag, u8::try_from(inner.len()).unwrap()], inner].concat();
    let subtrees = tagged(if is_excluded { 0xa1 } else { 0xa0 }, &tagged(0x30, &tagged(0x86, host.as_bytes())));
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 30], tagged(0x30, &subtrees));
    extension.set_criticality(true);
    extension
}

#[test]
fn security_6_chains_that_lead_astray() {
    let robbed = robbed();
    let plain = |signer: &Signer| robbed.is_taken(signer, |_| {});
    // An agent signs for others: its certificate is no authority, whatever stands behind it.
    let agent = robbed.issuing.signs(&leaf(CLERK));
    let by_agent = Signer::of(&agent.chain[0], &agent.key, &robbed.issuing.chain);
    assert_eq!(plain(&by_agent), NOBODY, "a leaf as an authority");
    assert_eq!(plain(&by_agent.below(&authority("below a leaf"))), NOBODY, "an authority below a leaf");
    // Another key under the name of the issuing CA, and of the root.
    for (what, good) in
        [("issuing", &robbed.house.issuing.certificate().clone()), ("root", &robbed.house.root.certificate().clone())]
    {
        let key = pair();
        let mut copy = authority("");
        copy.distinguished_name = subject_of(good);
        let forged = copy.self_signed(&rcgen_key(&key)).unwrap().der().clone();
        assert_eq!(plain(&Signer::of(&forged, &key, &[])), NOBODY, "the name of {what}");
        assert_eq!(
            plain(&Signer::of(&forged, &key, std::slice::from_ref(good))),
            NOBODY,
            "the name of {what}, with the good one"
        );
        // The good certificate in front of a leaf that another key has signed.
        let swapped = Signer { issuer: Issuer::from_ca_cert_der(&forged, rcgen_key(&key)).unwrap(), chain: vec![good.clone()] };
        assert_eq!(plain(&swapped), NOBODY, "the good certificate of {what} for another key");
    }
    // A bit of the leaf.
    for (at, id) in [(60, CLERK), (200, DAEMON)] {
        let mut altered = robbed.issuing.signs(&leaf(id));
        let mut der = altered.chain[0].to_vec();
        der[at] ^= 1;
        altered.chain[0] = der.into();
        assert!(!robbed.enters(&altered) && !robbed.serves(&altered), "byte {at}");
    }
    // The root lets an issuing CA have none below it.
    let below = robbed.issuing.below(&authority("below"));
    assert!(!robbed.serves(&below.signs(&leaf(DAEMON))), "an authority too many");
    // What the root itself has signed, and is no issuing CA of this installation, lets no client in.
    let beside = robbed.root.below(&authority("beside"));
    assert_eq!(plain(&beside), (false, true), "the root vouches for servers, the issuing CAs for clients");
}

#[test]
fn security_6_constraints_of_an_authority_bind_what_it_signs() {
    let robbed = robbed();
    let constrained = |change: &dyn Fn(&mut CertificateParams)| {
        let mut params = authority("constrained");
        change(&mut params);
        robbed.serves(&robbed.root.below(&params).signs(&leaf(DAEMON)))
    };
    assert!(constrained(&|_| {}));
    let subtrees = |permitted: &[&str], excluded: &[&str]| {
        let of = |names: &[&str]| names.iter().map(|name| GeneralSubtree::DnsName((*name).to_owned())).collect();
        NameConstraints { permitted_subtrees: of(permitted), excluded_subtrees: of(excluded) }
    };
    assert!(
        constrained(&|params| params.name_constraints = Some(subtrees(&[], &["other.test"]))),
        "of hosts that it does not name"
    );
    for (what, extension) in [
        ("this trust domain is excluded", uri_constraints("td.test", true)),
        ("all are excluded", uri_constraints(".", true)),
        ("another is permitted", uri_constraints("other.test", false)),
        ("another is permitted, with everything below it", uri_constraints(".test.other", false)),
    ] {
        assert!(!constrained(&|params| params.custom_extensions.push(extension.clone())), "{what}");
    }
    let hosts = |names: NameConstraints| {
        let mut params = authority("hosts");
        params.name_constraints = Some(names);
        let mut named = leaf(DAEMON);
        named.subject_alt_names.push(SanType::DnsName("api.td.test".to_owned().try_into().unwrap()));
        robbed.serves(&robbed.root.below(&params).signs(&named))
    };
    assert!(hosts(subtrees(&["td.test"], &[])));
    assert!(!hosts(subtrees(&["other.test"], &[])) && !hosts(subtrees(&[], &["td.test"])));
    // The purpose of an authority is one of what it signs.
    assert!(!constrained(&|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]));
    assert!(!constrained(&|params| params.not_after = date_time_ymd(2023, 11, 14)), "ended");
}
