use scalbotics_core::identity::TrustDomain;
use scalbotics_core::ids::HumanUid;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;

use super::*;
use crate::holder::key::{Algorithm, Pair, Thumbprint};
use crate::holder::trust;

fn pair() -> Pair {
    Pair::generate(Algorithm::Ed25519).unwrap()
}

fn trust_of(admin: &Pair) -> trust::File {
    trust::File {
        trust_domain: TrustDomain::parse("td.test").unwrap(),
        log_keys: vec![],
        witness_keys: vec![],
        approver_admins: vec![admin.public().clone()],
        token_keys: vec![],
        ca_bundle_pem: String::new(),
        dev: false,
    }
}

fn enrolment(key: &Pair) -> Enrolment {
    Enrolment {
        approver: HumanUid::from_u128(7),
        tenant: TenantId::parse("acme").unwrap(),
        trust_domain: TrustDomain::parse("td.test").unwrap(),
        key: key.public().clone(),
        issued_at: Timestamp::from_unix_ms(1_700_000_000_000),
    }
}

#[test]
fn sem_5_1_approval_covers_every_byte() {
    let approver = pair();
    let statement = br#"{"amount":100,"to":"acme"}"#;
    let signature = sign_approval(&approver, statement).unwrap();
    verify_approval(approver.public(), statement, &signature).unwrap();
    for place in 0..statement.len() {
        let mut changed = statement.to_vec();
        changed[place] ^= 1;
        assert!(verify_approval(approver.public(), &changed, &signature).is_err(), "byte {place}");
    }
    assert!(verify_approval(pair().public(), statement, &signature).is_err(), "another key");
    assert!(verify_approval(approver.public(), &statement[..25], &signature).is_err(), "shorter");
    assert!(verify_approval(approver.public(), statement, &signature[..63]).is_err());
}

#[test]
fn a_bare_signature_or_one_of_another_kind_is_no_approval() {
    let key = pair();
    let statement = b"{}";
    let bare = key.sign(statement).unwrap();
    assert!(verify_approval(key.public(), statement, &bare).is_err());
    let enrolled = sign_enrolment(&key, &enrolment(&pair())).unwrap();
    assert!(verify_approval(key.public(), &enrolled.statement, &enrolled.signature).is_err());
}

#[test]
fn approvals_are_ed25519_and_limited() {
    let p256 = Pair::generate(Algorithm::P256).unwrap();
    assert!(matches!(sign_approval(&p256, b"{}"), Err(Error::Algorithm { algorithm: Algorithm::P256 })));
    assert!(matches!(verify_approval(p256.public(), b"{}", &[0; 64]), Err(Error::Algorithm { .. })));
    let long = vec![b' '; APPROVAL_LEN_MAX + 1];
    assert!(matches!(sign_approval(&pair(), &long), Err(Error::TooLong { .. })));
    assert!(sign_approval(&pair(), &long[1..]).is_ok());
}

#[test]
fn sem_5_2_b_enrolment() {
    let (admin, approver) = (pair(), pair());
    let enrolment = enrolment(&approver);
    let signed = sign_enrolment(&admin, &enrolment).unwrap();
    assert_eq!(verify_enrolment(&signed, &trust_of(&admin)).unwrap(), enrolment);
    let stored = signed.to_bytes().unwrap();
    assert_eq!(Signed::from_bytes(&stored).unwrap(), signed);
    for len in 0..stored.len() {
        assert!(Signed::from_bytes(&stored[..len]).is_err(), "{len}");
    }
    let short = String::from_utf8(stored).unwrap().replacen("\"signature\":\"", "\"signature\":\"AA", 1);
    assert!(matches!(Signed::from_bytes(short.as_bytes()), Err(Error::Envelope)));

    assert!(
        matches!(verify_enrolment(&signed, &trust_of(&pair())), Err(Error::Signer { signer }) if signer == admin.thumbprint())
    );
    let mut elsewhere = trust_of(&admin);
    elsewhere.trust_domain = TrustDomain::parse("other.test").unwrap();
    assert!(matches!(verify_enrolment(&signed, &elsewhere), Err(Error::TrustDomain { .. })));
    for place in 0..signed.statement.len() {
        let mut changed = signed.clone();
        changed.statement[place] ^= 1;
        assert!(verify_enrolment(&changed, &trust_of(&admin)).is_err(), "byte {place}");
    }
    // The approver's own key, an impostor that claims the admin's name:
    let mut forged = sign_enrolment(&approver, &enrolment).unwrap();
    forged.signer = admin.thumbprint();
    assert!(matches!(verify_enrolment(&forged, &trust_of(&admin)), Err(Error::Key(_))));
}

#[test]
fn enrolments_signed_by_the_admin_but_wrong_inside() {
    let (admin, approver) = (pair(), pair());
    let good = String::from_utf8(sign_enrolment(&admin, &enrolment(&approver)).unwrap().statement).unwrap();
    let sign = |text: &str| Signed {
        statement: text.as_bytes().to_vec(),
        signer: admin.thumbprint(),
        signature: admin.sign(&[b"scalbotics/enrolment/v1\0", text.as_bytes()].concat()).unwrap(),
    };
    verify_enrolment(&sign(&good), &trust_of(&admin)).unwrap();
    let other: Thumbprint = pair().thumbprint();
    let table = [
        good.replace("\"version\":1", "\"version\":2"),
        good.replace(&approver.thumbprint().to_string(), &other.to_string()),
        good.replace("{\"approver\"", "{ \"approver\""),
        good.replace("\"version\":1", "\"version\":1,\"x\":1"),
        good.replace("hum_", "agt_"),
        good.replace("\"acme\"", "\"ACME\""),
        good.replace("1700000000000", "1.7e12"),
        String::new(),
    ];
    for text in table {
        assert_ne!(text, good);
        assert!(verify_enrolment(&sign(&text), &trust_of(&admin)).is_err(), "{text}");
    }
    let p256 = Pair::generate(Algorithm::P256).unwrap();
    assert!(matches!(sign_enrolment(&admin, &enrolment(&p256)), Err(Error::Algorithm { .. })));
}
