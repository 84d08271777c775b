use scalbotics_core::tenant::{Name, TenantId};
use serde_json::{Value, json};

use super::*;
use crate::authority::issuer::{Issuer, LEEWAY_S, Refusal, Session};
use crate::encoding::{from_base64url, to_base64url};
use crate::holder::key::{Algorithm, Jwk, Pair, Public};
use scalbotics_core::identity::{SpiffeId, TrustDomain};
use scalbotics_core::ids::HumanUid;
use scalbotics_core::principal::KeyHolder;
use scalbotics_core::time::Timestamp;

const NOW: Timestamp = Timestamp::from_unix_ms(1_700_000_000_500);
const NOW_S: i64 = 1_700_000_000;
const AUDIENCE: &str = "payments";

fn pair() -> Pair {
    Pair::generate(Algorithm::P256).unwrap()
}

fn again(key: &Pair) -> Pair {
    Pair::from_pkcs8_der(&key.to_pkcs8_der().unwrap()).unwrap()
}

fn domain() -> TrustDomain {
    TrustDomain::parse("td.test").unwrap()
}

fn signer(key: &Pair) -> Signer {
    Signer::new(again(key), Vec::new(), domain()).unwrap()
}

fn clerk() -> Subject {
    Subject { id: SpiffeId::parse("spiffe://td.test/acme/agent/clerk").unwrap(), epoch: 4 }
}

fn audience(of: &[&str]) -> Vec<String> {
    of.iter().map(|one| (*one).to_owned()).collect()
}

/// A token of any header and payload text, signed by `key`.
fn forge(key: &Pair, header: &Value, payload: &str) -> String {
    let signed = format!("{}.{}", to_base64url(header.to_string()), to_base64url(payload));
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", to_base64url(signature))
}

fn claims() -> Value {
    let sub = "spiffe://td.test/acme/agent/clerk";
    json!({ "sub": sub, "aud": [AUDIENCE], "iat": NOW_S, "exp": NOW_S + LIFETIME_S, "jti": "j", "epoch": 4 })
}

fn with(change: &Value) -> String {
    let mut claims = claims();
    claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    claims.to_string()
}

#[test]
fn a_minted_token_is_good_for_its_audiences_and_five_minutes() {
    let signer = signer(&pair());
    let validator = signer.validator();
    let minted = signer.mint(&clerk(), &audience(&[AUDIENCE, "ledger"]), NOW).unwrap();
    for one in [AUDIENCE, "ledger"] {
        let valid = validator.validate(&minted.token, one, NOW).unwrap();
        assert_eq!((valid.id, valid.epoch), (clerk().id, 4));
        assert_eq!(valid.claims["jti"], json!(minted.jti));
        assert_eq!(valid.claims["aud"], json!([AUDIENCE, "ledger"]));
    }
    for other in ["", "Payments", "payment", "payments ", "spiffe://td.test/acme/agent/clerk"] {
        assert_eq!(validator.validate(&minted.token, other, NOW), Err(Refusal::Audience.into()), "{other}");
    }
    assert_eq!(minted.expires_at, Timestamp::from_unix_ms((NOW_S + LIFETIME_S) * 1000));
    let last = Timestamp::from_unix_ms(minted.expires_at.unix_ms() - 1);
    assert!(validator.validate(&minted.token, AUDIENCE, last).is_ok());
    for at in [minted.expires_at, minted.expires_at.plus_ms(1), Timestamp::from_unix_ms(i64::MAX)] {
        assert_eq!(validator.validate(&minted.token, AUDIENCE, at), Err(Refusal::Expired.into()), "{at:?}");
    }
    let early = Timestamp::from_unix_ms((NOW_S - LEEWAY_S - 1) * 1000);
    assert_eq!(validator.validate(&minted.token, AUDIENCE, early), Err(Refusal::NotYetValid.into()));
    let header: Value = serde_json::from_slice(&from_base64url(minted.token.split('.').next().unwrap()).unwrap()).unwrap();
    assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("JWT")));
    assert!(!format!("{minted:?}").contains(&minted.token));
}

#[test]
fn audiences_are_bounded_and_demanded() {
    let signer = signer(&pair());
    let (long, many) = ("a".repeat(AUDIENCES_LEN_MAX), vec!["a".to_owned(); AUDIENCES_MAX]);
    assert!(signer.mint(&clerk(), &audience(&[&long]), NOW).is_ok());
    assert!(signer.mint(&clerk(), &many, NOW).is_ok());
    for bad in [
        audience(&[]),
        audience(&[""]),
        audience(&["a", ""]),
        audience(&["a\n"]),
        audience(&[&long, "b"]),
        [many, audience(&["b"])].concat(),
    ] {
        assert!(matches!(signer.mint(&clerk(), &bad, NOW), Err(Error::Audience)), "{}", bad.len());
    }
    let ed = Pair::generate(Algorithm::Ed25519).unwrap();
    assert!(matches!(Signer::new(ed, Vec::new(), domain()), Err(Error::Algorithm { .. })));
}

#[test]
fn the_bundle_announces_the_key_that_signs_and_the_one_before() {
    let (old, new) = (pair(), pair());
    let minted = signer(&old).mint(&clerk(), &audience(&[AUDIENCE]), NOW).unwrap();
    let turned = Signer::new(again(&new), vec![old.public().clone()], domain()).unwrap();
    assert!(turned.validator().validate(&minted.token, AUDIENCE, NOW).is_ok());
    assert_eq!(signer(&new).validator().validate(&minted.token, AUDIENCE, NOW), Err(Refusal::UnknownKey.into()));
    let bundle: Value = serde_json::from_str(&turned.bundle().unwrap()).unwrap();
    let keys = bundle["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    for (found, key) in keys.iter().zip([&new, &old]) {
        assert_eq!((&found["use"], &found["alg"]), (&json!("jwt-svid"), &json!("ES256")));
        assert_eq!(found["kid"], json!(key.thumbprint().to_string()));
        assert!(found.get("d").is_none());
        let (x, y) = (found["x"].as_str().unwrap().to_owned(), found["y"].as_str().map(str::to_owned));
        let jwk = Jwk { crv: "P-256".to_owned(), kty: "EC".to_owned(), x, y };
        assert_eq!(&Public::try_from(&jwk).unwrap(), key.public());
    }
}

#[test]
fn security_row_2_forged_headers_are_refused() {
    let key = pair();
    let (validator, kid) = (signer(&key).validator(), key.thumbprint().to_string());
    let good = json!({ "alg": "ES256", "kid": kid, "typ": "JWT" });
    assert!(validator.validate(&forge(&key, &good, &claims().to_string()), AUDIENCE, NOW).is_ok());
    let jwk = serde_json::to_value(Jwk::from(key.public())).unwrap();
    for (member, value, why) in [
        ("alg", json!("none"), Refusal::Algorithm),
        ("alg", json!("HS256"), Refusal::Algorithm),
        ("alg", json!("RS256"), Refusal::Algorithm),
        ("alg", json!("ES384"), Refusal::Algorithm),
        ("alg", json!("es256"), Refusal::Algorithm),
        ("alg", json!(["ES256"]), Refusal::Header),
        ("typ", json!("at+jwt"), Refusal::Type),
        ("typ", json!("dpop+jwt"), Refusal::Type),
        ("kid", json!("../../keys/1"), Refusal::UnknownKey),
        ("kid", json!(""), Refusal::UnknownKey),
        ("jwk", jwk, Refusal::Header),
        ("jku", json!("https://example.org/keys"), Refusal::Header),
        ("x5u", json!("https://example.org/key.pem"), Refusal::Header),
        ("x5c", json!(["MII"]), Refusal::Header),
        ("crit", json!(["exp"]), Refusal::Header),
        ("b64", json!(false), Refusal::Header),
        ("cty", json!("JWT"), Refusal::Header),
    ] {
        let mut header = good.clone();
        header[member] = value;
        let token = forge(&key, &header, &claims().to_string());
        assert_eq!(validator.validate(&token, AUDIENCE, NOW), Err(why.into()), "{header}");
    }
    let other = pair();
    assert_eq!(
        validator.validate(&forge(&other, &good, &claims().to_string()), AUDIENCE, NOW),
        Err(Refusal::Signature.into()),
        "another key under this name"
    );
    let token = forge(&key, &good, &claims().to_string());
    let (signed, _) = token.rsplit_once('.').unwrap();
    for signature in [String::new(), to_base64url([0; 64]), to_base64url([0; 63]), to_base64url([0xff; 64])] {
        assert_eq!(validator.validate(&format!("{signed}.{signature}"), AUDIENCE, NOW), Err(Refusal::Signature.into()));
    }
    for bad in ["", ".", "..", "a.b", "a.b.c.d", &format!("{token} "), &format!("{token}="), &token.repeat(40)] {
        assert!(validator.validate(bad, AUDIENCE, NOW).is_err(), "{bad}");
    }
}

#[test]
fn claims_that_no_signer_of_ours_writes_are_refused() {
    let key = pair();
    let validator = signer(&key).validator();
    let header = json!({ "alg": "ES256", "kid": key.thumbprint().to_string(), "typ": "JWT" });
    for (change, why) in [
        (json!({ "sub": "spiffe://other.test/acme/agent/clerk" }), Refused::Subject),
        (json!({ "sub": "spiffe://td.test" }), Refused::Subject),
        (json!({ "sub": "spiffe://td.test/acme/../agent/clerk" }), Refused::Subject),
        (json!({ "sub": "clerk" }), Refused::Subject),
        (json!({ "sub": null }), Refusal::Claims.into()),
        (json!({ "aud": [] }), Refusal::Audience.into()),
        (json!({ "aud": AUDIENCE }), Refusal::Claims.into()),
        (json!({ "aud": ["other"] }), Refusal::Audience.into()),
        (json!({ "exp": NOW_S + LIFETIME_S + 1 }), Refusal::Lifetime.into()),
        (json!({ "exp": i64::MAX, "iat": i64::MIN }), Refusal::Claims.into()),
        (json!({ "exp": NOW_S, "iat": NOW_S - 10 }), Refusal::Expired.into()),
        (json!({ "exp": NOW_S - 1, "iat": NOW_S }), Refusal::Claims.into()),
        (json!({ "exp": "1700000300" }), Refusal::Claims.into()),
        (json!({ "epoch": -1 }), Refusal::Claims.into()),
    ] {
        let found = validator.validate(&forge(&key, &header, &with(&change)), AUDIENCE, NOW);
        assert_eq!(found, Err(why), "{change}");
    }
    let doubled = claims().to_string().replacen('{', "{\"sub\":\"spiffe://td.test/acme/agent/boss\",", 1);
    assert_eq!(validator.validate(&forge(&key, &header, &doubled), AUDIENCE, NOW), Err(Refusal::Claims.into()));
}

#[test]
fn an_access_token_is_no_svid_even_under_one_key() {
    let key = pair();
    let session = Session {
        holder: KeyHolder::Human(HumanUid::from_u128(5)),
        sponsor: None,
        tenant: TenantId::parse("acme").unwrap(),
        groups: vec![Name::parse("ops").unwrap()],
        auth_time: NOW,
        key: pair().thumbprint(),
        epoch: 1,
    };
    let issuer = Issuer::new(again(&key), "td.test", AUDIENCE).unwrap();
    let access = issuer.mint(&session, NOW).unwrap();
    assert_eq!(signer(&key).validator().validate(&access.token, AUDIENCE, NOW), Err(Refusal::Type.into()));
    let svid = signer(&key).mint(&clerk(), &audience(&[AUDIENCE]), NOW).unwrap();
    assert_eq!(issuer.validator(&[]).validate(&svid.token, NOW), Err(Refusal::Type));
}
