//! Certificates and chains that an issuing CA never signs, or that somebody signs who has an agent's key (RFC 5280 §4.2, §6; SPIFFE X.509-SVID
//! §4, §5): each is presented to the server, and none makes a client of anybody.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, SanType, date_time_ymd,
};

use super::*;

const AGENT: &str = "spiffe://td.test/acme/agent/clerk";

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().unwrap())
}

fn pair(key: &Pair) -> KeyPair {
    KeyPair::try_from(key.to_pkcs8_der().unwrap().as_slice()).unwrap()
}

/// What a good leaf says, but for a change.
fn leaf(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::ExplicitNoCa;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.subject_alt_names = vec![uri(AGENT)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let day = Duration::from_secs(24 * 3_600);
    let now = date_time_ymd(1970, 1, 1) + Duration::from_millis(u64::try_from(NOW.unix_ms()).unwrap());
    (params.not_before, params.not_after) = (now - day, now + day);
    change(&mut params);
    params
}

fn names(names: Vec<SanType>) -> CertificateParams {
    leaf(|params| params.subject_alt_names = names)
}

fn usage(usages: Vec<KeyUsagePurpose>) -> CertificateParams {
    leaf(|params| params.key_usages = usages)
}

fn purpose(purpose: ExtendedKeyUsagePurpose) -> CertificateParams {
    leaf(|params| params.extended_key_usages = vec![purpose])
}

/// What an authority below the issuing one would say.
fn authority(constraints: Option<NameConstraints>) -> CertificateParams {
    leaf(|params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        (params.extended_key_usages, params.subject_alt_names) = (Vec::new(), Vec::new());
        params.distinguished_name.push(rcgen::DnType::CommonName, "below");
        params.name_constraints = constraints;
    })
}

/// A key and a certificate for it.
fn signed(params: &CertificateParams, issuer: &Issuer<'_, KeyPair>) -> (Pair, CertificateDer<'static>) {
    let key = Pair::generate(Algorithm::P256).unwrap();
    let certificate = params.signed_by(&pair(&key), issuer).unwrap();
    (key, certificate.der().clone())
}

#[test]
fn security_6_no_forged_certificate_or_chain_makes_a_client() {
    let house = house("td.test");
    let key = Pair::generate(Algorithm::P256).unwrap();
    let vouching = house.root.sign_issuing(key.public(), NOW).unwrap();
    let issuer = Issuer::from_ca_cert_der(&vouching, pair(&key)).unwrap();
    let anchors = house.anchors();
    anchors.replace(std::slice::from_ref(&vouching)).unwrap();
    let serving = ServingCertificate::new(&house.identity("/system/daemon/n1", Algorithm::P256)).unwrap();
    let server = Arc::new(server_config(serving, anchors, &house.trust_domain, time(NOW)).unwrap());
    let reached = |key: Pair, chain: Vec<CertificateDer<'static>>| {
        connect(&house.client(Some(&Identity { chain, key }), NOW), &server).is_ok()
    };
    let presented = |params: &CertificateParams| {
        let (key, certificate) = signed(params, &issuer);
        reached(key, vec![certificate, vouching.clone()])
    };
    assert!(presented(&leaf(|_| ())), "the forger's tools are good");

    for (what, params) in [
        ("two identities", names(vec![uri(AGENT), uri("spiffe://td.test/acme/agent/lead")])),
        ("the same identity twice", names(vec![uri(AGENT), uri(AGENT)])),
        ("another URI beside it", names(vec![uri(AGENT), uri("https://td.test/")])),
        ("no name", names(Vec::new())),
        ("a host's name only", names(vec![dns("td.test")])),
        ("another trust domain", names(vec![uri("spiffe://other.test/acme/agent/clerk")])),
        ("the trust domain itself", names(vec![uri("spiffe://td.test")])),
        ("a kind that nobody is", names(vec![uri("spiffe://td.test/acme/robot/clerk")])),
        ("capital letters of the scheme", names(vec![uri("SPIFFE://td.test/acme/agent/clerk")])),
        ("an escaped path", names(vec![uri("spiffe://td.test/acme/agent/%63lerk")])),
        ("a path that goes up", names(vec![uri("spiffe://td.test/acme/agent/../agent/clerk")])),
        ("a port", names(vec![uri("spiffe://td.test:443/acme/agent/clerk")])),
        ("an authority's rights", leaf(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained))),
        ("the right to sign certificates", usage(vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign])),
        ("the right to sign lists", usage(vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign])),
        ("no right to sign", usage(vec![KeyUsagePurpose::KeyEncipherment])),
        ("for servers only", purpose(ExtendedKeyUsagePurpose::ServerAuth)),
        ("for programs", purpose(ExtendedKeyUsagePurpose::CodeSigning)),
        ("not yet", leaf(|params| params.not_before = params.not_after)),
        ("over", leaf(|params| params.not_after = params.not_before)),
    ] {
        assert!(!presented(&params), "{what}");
    }

    // Who has an agent's key signs for others: by the agent's certificate, or by an authority that it made.
    let (thief, stolen) = signed(&leaf(|_| ()), &issuer);
    let by_agent = Issuer::from_ca_cert_der(&stolen, pair(&thief)).unwrap();
    let (key, forged) = signed(&names(vec![uri("spiffe://td.test/acme/agent/lead")]), &by_agent);
    assert!(!reached(key, vec![forged, stolen.clone(), vouching.clone()]), "an agent is no authority");
    let (own, below) = signed(&authority(None), &by_agent);
    let by_own = Issuer::from_ca_cert_der(&below, pair(&own)).unwrap();
    let (key, forged) = signed(&names(vec![uri("spiffe://td.test/system/daemon/n1")]), &by_own);
    assert!(!reached(key, vec![forged, below, stolen, vouching.clone()]), "nor is what it made");

    // Name constraints of a chain are obeyed (RFC 5280 §4.2.1.10).
    let only =
        NameConstraints { permitted_subtrees: vec![GeneralSubtree::DnsName("good.test".to_owned())], excluded_subtrees: vec![] };
    let (own, below) = signed(&authority(Some(only)), &issuer);
    let by_below = Issuer::from_ca_cert_der(&below, pair(&own)).unwrap();
    let (key, outside) = signed(&names(vec![uri(AGENT), dns("evil.test")]), &by_below);
    assert!(!reached(key, vec![outside, below, vouching.clone()]), "a name outside of the constraint");
    // A chain that lacks its middle, and another's certificate under an own key.
    let (key, _) = signed(&leaf(|_| ()), &issuer);
    let (_, others) = signed(&leaf(|_| ()), &issuer);
    let other = Identity { chain: vec![others, vouching.clone()], key };
    let client = client_config(&house.roots(), &house.trust_domain, Some(&other), time(NOW));
    assert!(client.map_or(true, |client| connect(&Arc::new(client), &server).is_err()), "a certificate of another key");
}
