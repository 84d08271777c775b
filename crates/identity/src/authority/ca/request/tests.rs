use rcgen::{
    Attribute, CustomExtension, DnType, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
    PKCS_ED25519, SanType,
};

use rcgen::string::Ia5String;

use super::*;

fn registered() -> SpiffeId {
    SpiffeId::parse("spiffe://td.test/acme/agent/clerk").unwrap()
}

fn san(text: &str) -> SanType {
    SanType::URI(Ia5String::try_from(text.to_owned()).unwrap())
}

fn plain() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
}

/// The request of a fresh P-256 key, changed by the caller.
fn made(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = plain();
    change(&mut params);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    params.serialize_request(&key).unwrap().der().to_vec()
}

#[test]
fn security_6_a_request_is_its_key_and_nothing_else() {
    for algorithm in [Algorithm::P256, Algorithm::Ed25519] {
        let key = Pair::generate(algorithm).unwrap();
        let own = KeyPair::try_from(key.to_pkcs8_der().unwrap().as_slice()).unwrap();
        let bare = plain().serialize_request(&own).unwrap();
        assert_eq!(read_workload(bare.der(), &registered()).unwrap(), *key.public());
        let mut asking = plain();
        // A subject is no name here, whoever it claims to be.
        asking.distinguished_name.push(DnType::CommonName, "spiffe://td.test/acme/agent/boss");
        asking.subject_alt_names = vec![san(&registered().to_string())];
        asking.is_ca = IsCa::ExplicitNoCa;
        asking.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        asking.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let asking = asking.serialize_request(&own).unwrap();
        assert_eq!(read_workload(asking.der(), &registered()).unwrap(), *key.public());
    }
}

#[test]
fn security_6_what_asks_for_more_is_refused() {
    let other = |text: &str| made(|params| params.subject_alt_names = vec![san(text)]);
    for text in [
        "spiffe://td.test/acme/agent/boss",
        "spiffe://other.test/acme/agent/clerk",
        "spiffe://td.test/system/daemon/main",
        "spiffe://td.test",
        "spiffe://td.test/acme/agent/clerk/",
        "SPIFFE://td.test/acme/agent/clerk",
        "https://td.test/",
        "",
    ] {
        assert!(matches!(read_workload(&other(text), &registered()), Err(RequestError::Names { .. })), "{text}");
    }
    let names: [Vec<SanType>; 4] = [
        vec![san(&registered().to_string()), san(&registered().to_string())],
        vec![san(&registered().to_string()), san("spiffe://td.test/acme/agent/boss")],
        vec![SanType::DnsName("localhost".try_into().unwrap())],
        vec![san(&registered().to_string()), SanType::IpAddress("127.0.0.1".parse().unwrap())],
    ];
    for (row, names) in names.into_iter().enumerate() {
        let der = made(|params| params.subject_alt_names = names);
        assert!(matches!(read_workload(&der, &registered()), Err(RequestError::Names { .. })), "row {row}");
    }
    let authorities: [fn(&mut CertificateParams); 4] = [
        |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
        |params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)),
        |params| params.key_usages = vec![KeyUsagePurpose::KeyCertSign],
        |params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign],
    ];
    for (row, change) in authorities.into_iter().enumerate() {
        assert!(matches!(read_workload(&made(change), &registered()), Err(RequestError::Authority)), "row {row}");
    }
    // Uses beyond a server's and a client's.
    for usage in [ExtendedKeyUsagePurpose::Any, ExtendedKeyUsagePurpose::CodeSigning, ExtendedKeyUsagePurpose::OcspSigning] {
        let der = made(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, usage.clone()]);
        assert!(matches!(read_workload(&der, &registered()), Err(RequestError::Extension { .. })), "{usage:?}");
    }
    // Name constraints (2.5.29.30), and something of nobody's.
    for oid in [vec![2, 5, 29, 30], vec![1, 3, 6, 1, 4, 1, 99_999, 1]] {
        let der = made(|params| params.custom_extensions = vec![CustomExtension::from_oid_content(&oid, vec![0x30, 0])]);
        assert!(read_workload(&der, &registered()).is_err(), "{oid:?}");
    }
}

#[test]
fn security_6_weak_and_foreign_keys_are_refused() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let der = plain().serialize_request(&key).unwrap();
    assert!(matches!(read_workload(der.der(), &registered()), Err(RequestError::Key(key::Error::UnknownAlgorithm))));
    // An Ed25519 key of small order, under a signature of another one.
    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let good = plain().serialize_request(&key).unwrap().der().to_vec();
    let raw = key.public_key_raw().to_vec();
    let place = good.windows(raw.len()).position(|window| window == raw).unwrap();
    for weak in [[0; 32], std::array::from_fn(|index| u8::from(index == 0))] {
        let mut der = good.clone();
        der[place..place + 32].copy_from_slice(&weak);
        assert!(matches!(read_workload(&der, &registered()), Err(RequestError::Key(_))));
    }
    // Somebody else's key: no proof that it is held.
    let other = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let mut der = good.clone();
    der[place..place + 32].copy_from_slice(other.public_key_raw());
    assert!(matches!(read_workload(&der, &registered()), Err(RequestError::Signature)));
}

#[test]
fn security_6_no_altered_bit_and_no_cut_changes_what_is_taken() {
    let der = made(|params| params.subject_alt_names = vec![san(&registered().to_string())]);
    let key = read_workload(&der, &registered()).unwrap();
    for bit in 0..der.len() * 8 {
        let mut flipped = der.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // What lies around the signed part has spellings that a lenient reader takes for one another; the key is the same then.
        let taken = read_workload(&flipped, &registered());
        assert!(taken.is_err() || taken.is_ok_and(|taken| taken == key), "bit {bit}");
    }
    for len in 0..der.len() {
        assert!(read_workload(&der[..len], &registered()).is_err(), "{len}");
    }
    let longer = [der.as_slice(), &[0]].concat();
    assert!(matches!(read_workload(&longer, &registered()), Err(RequestError::Malformed { .. })));
    let long = vec![0x30; REQUEST_LEN_MAX + 1];
    assert!(matches!(read_workload(&long, &registered()), Err(RequestError::Length { .. })));
}

#[test]
fn security_6_extensions_that_are_asked_for_twice_are_refused() {
    // Another attribute with an extension request: the second is what a careless reader would take.
    const EXTENSION_REQUEST: &[u64] = &[1, 2, 840, 113_549, 1, 9, 14];
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = plain();
    params.subject_alt_names = vec![san(&registered().to_string())];
    let ca_true = vec![
        0x31, 0x13, 0x30, 0x11, 0x30, 0x0f, 0x06, 0x03, 0x55, 0x1d, 0x13, 0x01, 0x01, 0xff, 0x04, 0x05, 0x30, 0x03, 0x01, 0x01,
        0xff,
    ];
    let twice = Attribute { oid: EXTENSION_REQUEST, values: ca_true.clone() };
    let der = params.serialize_request_with_attributes(&key, vec![twice]).unwrap();
    assert!(matches!(read_workload(der.der(), &registered()), Err(RequestError::Malformed { .. })));
    let alone = Attribute { oid: EXTENSION_REQUEST, values: ca_true };
    let der = plain().serialize_request_with_attributes(&key, vec![alone]).unwrap();
    assert!(matches!(read_workload(der.der(), &registered()), Err(RequestError::Authority)));
}

#[test]
fn requests_of_authorities() {
    let domain = TrustDomain::parse("td.test").unwrap();
    let key = Pair::generate(Algorithm::P256).unwrap();
    let der = request(&key, &domain).unwrap();
    assert_eq!(read_authority(&der, &domain).unwrap(), *key.public());
    assert!(matches!(read_authority(&der, &TrustDomain::parse("other.test").unwrap()), Err(RequestError::Names { .. })));
    assert!(read_workload(&der, &registered()).is_err(), "a workload is no authority");
    let workload = made(|_| ());
    assert!(matches!(read_authority(&workload, &domain), Err(RequestError::Authority)));
    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let mut params = plain();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let der = params.serialize_request(&key).unwrap();
    assert!(matches!(read_authority(der.der(), &domain), Err(RequestError::Key(_))), "P-256 only");
}
