use scalbotics_core::ids::{HumanUid, ServiceUid};
use scalbotics_core::principal::KeyHolder;
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::encoding::{from_base64url, to_base64url};
use crate::holder::assertion::{self, Login};
use crate::holder::key::{Algorithm, Jwk, Pair};

const NOW: Timestamp = Timestamp::from_unix_ms(1_700_000_000_000);
const NOW_S: i64 = 1_700_000_000;
const AUDIENCE: &str = "td.test";

struct House {
    issuer: Issuer,
    key: Pair,
    validator: Validator,
}

fn house() -> House {
    let key = Pair::generate(Algorithm::P256).unwrap();
    let again = Pair::from_pkcs8_der(&key.to_pkcs8_der().unwrap()).unwrap();
    let issuer = Issuer::new(again, "https://td.test", AUDIENCE).unwrap();
    let validator = issuer.validator(&[]);
    House { issuer, key, validator }
}

fn session() -> Session {
    Session {
        holder: KeyHolder::Human(HumanUid::from_u128(5)),
        sponsor: None,
        tenant: TenantId::parse("acme").unwrap(),
        groups: vec![Name::parse("ops").unwrap(), Name::parse("approvers").unwrap()],
        auth_time: Timestamp::from_unix_ms(1_699_999_990_000),
        key: Pair::generate(Algorithm::Ed25519).unwrap().thumbprint(),
        epoch: 3,
    }
}

fn parts(token: &str) -> [Vec<u8>; 3] {
    let mut parts = token.split('.').map(|part| from_base64url(part).unwrap());
    std::array::from_fn(|_| parts.next().unwrap())
}

fn payload(token: &str) -> Value {
    serde_json::from_slice(&parts(token)[1]).unwrap()
}

/// A token of any header and payload text, signed by `key`.
fn forge(key: &Pair, header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", to_base64url(header), to_base64url(payload));
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", to_base64url(signature))
}

fn header(alg: &str, kid: &str, typ: &str) -> String {
    json!({ "alg": alg, "kid": kid, "typ": typ }).to_string()
}

fn at_header(key: &Pair) -> String {
    header("ES256", &key.thumbprint().to_string(), "at+jwt")
}

#[test]
fn a_minted_token_is_valid_for_ten_minutes() {
    let (house, session) = (house(), session());
    let minted = house.issuer.mint(&session, NOW).unwrap();
    let token = house.validator.validate(&minted.token, NOW).unwrap();
    assert_eq!((token.session, token.jti), (session, minted.jti.clone()));
    assert_eq!((token.issued_at, token.expires_at), (NOW, minted.expires_at));
    assert_eq!(minted.expires_at.unix_ms() - NOW.unix_ms(), 600_000);
    let last = Timestamp::from_unix_ms(minted.expires_at.unix_ms() - 1);
    assert!(house.validator.validate(&minted.token, last).is_ok());
    for at in [minted.expires_at, minted.expires_at.plus_ms(1), Timestamp::from_unix_ms(i64::MAX)] {
        assert_eq!(house.validator.validate(&minted.token, at), Err(Refusal::Expired), "{at:?}");
    }
    for at in [NOW.unix_ms() - 61_000, 0, i64::MIN] {
        assert_eq!(house.validator.validate(&minted.token, Timestamp::from_unix_ms(at)), Err(Refusal::NotYetValid), "{at}");
    }
    assert_eq!(parts(&minted.token)[0], at_header(&house.key).as_bytes());
    let shown = format!("{minted:?}");
    assert!(!shown.contains(&minted.token) && !shown.contains(minted.token.rsplit_once('.').unwrap().1));
}

#[test]
fn security_row_1_forged_algorithms_and_signatures() {
    let house = house();
    let good = house.issuer.mint(&session(), NOW).unwrap().token;
    let body = payload(&good).to_string();
    let kid = house.key.thumbprint().to_string();
    let stranger = Pair::generate(Algorithm::P256).unwrap();
    let ed25519 = Pair::generate(Algorithm::Ed25519).unwrap();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let with_header = |header: &str| forge(&house.key, header, &body);
    let hmac = |secret: &[u8]| {
        let signed = format!("{}.{}", to_base64url(header("HS256", &kid, "at+jwt")), to_base64url(&body));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
        format!("{signed}.{}", to_base64url(aws_lc_rs::hmac::sign(&key, signed.as_bytes())))
    };
    let reversed = {
        let mut bytes = from_base64url(signature).unwrap();
        bytes.reverse();
        format!("{signed}.{}", to_base64url(bytes))
    };
    let table: Vec<(&str, String, Refusal)> = vec![
        (
            "alg none, no signature",
            format!("{}.{}.", to_base64url(header("none", &kid, "at+jwt")), to_base64url(&body)),
            Refusal::Algorithm,
        ),
        ("alg None, signed", with_header(&header("None", &kid, "at+jwt")), Refusal::Algorithm),
        ("HS256 keyed by the raw public key", hmac(house.key.public().raw()), Refusal::Algorithm),
        ("HS256 keyed by the SPKI", hmac(&house.key.public().to_spki_der()), Refusal::Algorithm),
        (
            "HS256 keyed by the JWK",
            hmac(serde_json::to_string(&Jwk::from(house.key.public())).unwrap().as_bytes()),
            Refusal::Algorithm,
        ),
        ("EdDSA with the kid of an ES256 key", forge(&ed25519, &header("EdDSA", &kid, "at+jwt"), &body), Refusal::Algorithm),
        ("ES384", with_header(&header("ES384", &kid, "at+jwt")), Refusal::Algorithm),
        ("es256", with_header(&header("es256", &kid, "at+jwt")), Refusal::Algorithm),
        ("zero signature", format!("{signed}.{}", to_base64url([0; 64])), Refusal::Signature),
        ("r = s = n", format!("{signed}.{}", to_base64url(order_twice())), Refusal::Signature),
        ("empty signature", format!("{signed}."), Refusal::Signature),
        ("short signature", format!("{signed}.{}", to_base64url(&from_base64url(signature).unwrap()[..63])), Refusal::Signature),
        ("reversed signature", reversed, Refusal::Signature),
        ("signature of another key under our kid", forge(&stranger, &at_header(&house.key), &body), Refusal::Signature),
        ("another key", forge(&stranger, &at_header(&stranger), &body), Refusal::UnknownKey),
    ];
    assert!(house.validator.validate(&good, NOW).is_ok());
    for (what, token, refusal) in table {
        assert_eq!(house.validator.validate(&token, NOW), Err(refusal), "{what}");
    }
}

#[test]
fn security_row_1_forged_headers() {
    let house = house();
    let good = house.issuer.mint(&session(), NOW).unwrap().token;
    let body = payload(&good).to_string();
    let kid = house.key.thumbprint().to_string();
    let with_header = |header: &str| forge(&house.key, header, &body);
    let extra = |name: &str, value: Value| {
        let mut header: Value = serde_json::from_str(&at_header(&house.key)).unwrap();
        header[name] = value;
        with_header(&header.to_string())
    };
    let table: Vec<(&str, String, Refusal)> = vec![
        ("embedded jwk", extra("jwk", serde_json::to_value(Jwk::from(house.key.public())).unwrap()), Refusal::Header),
        ("x5u", extra("x5u", json!("http://127.0.0.1:1/")), Refusal::Header),
        ("jku", extra("jku", json!("http://127.0.0.1:1/")), Refusal::Header),
        ("x5c", extra("x5c", json!(["AA=="])), Refusal::Header),
        ("unknown crit", extra("crit", json!(["exp"])), Refusal::Header),
        ("empty crit", extra("crit", json!([])), Refusal::Header),
        ("b64 false", extra("b64", json!(false)), Refusal::Header),
        ("zip", extra("zip", json!("DEF")), Refusal::Header),
        ("no typ", with_header(&json!({ "alg": "ES256", "kid": kid }).to_string()), Refusal::Header),
        ("no kid", with_header(&json!({ "alg": "ES256", "typ": "at+jwt" }).to_string()), Refusal::Header),
        ("no alg", with_header(&json!({ "kid": kid, "typ": "at+jwt" }).to_string()), Refusal::Header),
        ("alg twice", with_header(&format!(r#"{{"alg":"none","alg":"ES256","kid":"{kid}","typ":"at+jwt"}}"#)), Refusal::Header),
        ("alg is a list", with_header(&json!({ "alg": ["ES256"], "kid": kid, "typ": "at+jwt" }).to_string()), Refusal::Header),
        ("header is a list", with_header("[]"), Refusal::Header),
        ("bytes after the header", with_header(&format!("{}x", at_header(&house.key))), Refusal::Header),
        ("nested 5 000 deep", format!("{}.{}.AA", to_base64url("[".repeat(5000)), to_base64url(&body)), Refusal::Header),
        ("typ JWT", with_header(&header("ES256", &kid, "JWT")), Refusal::Type),
        ("typ of an assertion", with_header(&header("ES256", &kid, assertion::TYPE)), Refusal::Type),
        ("kid of a path", with_header(&header("ES256", "../../dev/null", "at+jwt")), Refusal::UnknownKey),
    ];
    for (what, token, refusal) in table {
        assert_eq!(house.validator.validate(&token, NOW), Err(refusal), "{what}");
    }
}

/// `r` and `s` both the order of P-256: congruent to zero.
fn order_twice() -> Vec<u8> {
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
        0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    [order, order].concat()
}

#[test]
fn security_row_1_shapes() {
    let house = house();
    let good = house.issuer.mint(&session(), NOW).unwrap().token;
    let padded = |place: usize| {
        let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
        parts[place].push('=');
        parts.join(".")
    };
    let table = [
        String::new(),
        ".".into(),
        "..".into(),
        "a.b".into(),
        format!(".{good}"),
        format!("{good}."),
        format!("{good}.AA"),
        format!(" {good}"),
        format!("{good}\n"),
        good.replace('.', ". "),
        good.replacen('.', "\u{ff0e}", 1),
        format!("..{}", good.rsplit_once('.').unwrap().1),
        padded(0),
        padded(1),
        padded(2),
    ];
    for token in table {
        assert!(matches!(house.validator.validate(&token, NOW), Err(Refusal::Shape | Refusal::Header)), "{token:?}");
    }
    // Stray bits in the last character of the signature must not give a second text of one token.
    let last = good.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for other in alphabet.chars().filter(|other| *other != last) {
        let twin = format!("{}{other}", &good[..good.len() - 1]);
        assert!(house.validator.validate(&twin, NOW).is_err(), "{other}");
    }
    let long = format!("{good}{}", "A".repeat(TOKEN_LEN_MAX));
    assert_eq!(house.validator.validate(&long, NOW), Err(Refusal::TooLong));
}

#[test]
fn each_changed_character_is_found() {
    let house = house();
    let good = house.issuer.mint(&session(), NOW).unwrap().token;
    for place in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(house.validator.validate(&changed, NOW).is_err(), "character {place}");
    }
}

#[test]
fn security_row_2_claims_well_signed_but_wrong() {
    let house = house();
    let good = payload(&house.issuer.mint(&session(), NOW).unwrap().token);
    let check = |what: &str, edit: &dyn Fn(&mut Value), refusal: Refusal| {
        let mut claims = good.clone();
        edit(&mut claims);
        let token = forge(&house.key, &at_header(&house.key), &claims.to_string());
        assert_eq!(house.validator.validate(&token, NOW), Err(refusal), "{what}");
    };
    check("wrong issuer", &|c| c["iss"] = json!("https://other.test"), Refusal::Issuer);
    check("wrong audience", &|c| c["aud"] = json!("other.test"), Refusal::Audience);
    check("audience list", &|c| c["aud"] = json!([AUDIENCE]), Refusal::Claims);
    for name in ["iss", "sub", "aud", "client_id", "iat", "exp", "jti", "tenant", "groups", "auth_time", "cnf", "epoch"] {
        check(&format!("missing {name}"), &|c| drop(c.as_object_mut().unwrap().remove(name)), Refusal::Claims);
        check(&format!("null {name}"), &|c| c[name] = Value::Null, Refusal::Claims);
    }
    check("tenant that is no name", &|c| c["tenant"] = json!("../acme"), Refusal::Claims);
    check("tenant list", &|c| c["tenant"] = json!(["acme", "evil"]), Refusal::Claims);
    check("subject of an agent", &|c| c["sub"] = json!("agt_00000000000000000000000005"), Refusal::Claims);
    check("expired", &|c| (c["iat"], c["auth_time"], c["exp"]) = (json!(NOW_S - 600), json!(0), json!(NOW_S)), Refusal::Expired);
    check("not yet valid", &|c| (c["iat"], c["exp"]) = (json!(NOW_S + 61), json!(NOW_S + 100)), Refusal::NotYetValid);
    check("nbf ahead", &|c| c["nbf"] = json!(NOW_S + 61), Refusal::NotYetValid);
    check("a year", &|c| c["exp"] = json!(NOW_S + 31_536_000), Refusal::Lifetime);
    check("601 seconds", &|c| c["exp"] = json!(NOW_S + 601), Refusal::Lifetime);
    check("ends before it begins", &|c| c["exp"] = json!(NOW_S - 1), Refusal::Claims);
    check("difference overflows", &|c| (c["iat"], c["exp"]) = (json!(i64::MIN), json!(i64::MAX)), Refusal::Claims);
    check("exp is text", &|c| c["exp"] = json!("1700000600"), Refusal::Claims);
    check("exp is a float", &|c| c["exp"] = json!(1.700_000_6e9), Refusal::Claims);
    check("logged in after it was issued", &|c| c["auth_time"] = json!(NOW_S + 1), Refusal::Claims);
    check("empty jti", &|c| c["jti"] = json!(""), Refusal::Claims);
    check("long jti", &|c| c["jti"] = json!("j".repeat(65)), Refusal::Claims);
    check("65 groups", &|c| c["groups"] = json!(vec!["g"; 65]), Refusal::Claims);
    check("long group", &|c| c["groups"] = json!(["g".repeat(64)]), Refusal::Claims);
    check("cnf of another kind", &|c| c["cnf"] = json!({ "x5t#S256": "AA" }), Refusal::Claims);
    check("negative epoch", &|c| c["epoch"] = json!(-1), Refusal::Claims);
    check("another client", &|c| c["client_id"] = json!("other"), Refusal::Claims);

    let twice = good.to_string().replace("\"tenant\":", "\"tenant\":\"evil\",\"tenant\":");
    let token = forge(&house.key, &at_header(&house.key), &twice);
    assert_eq!(house.validator.validate(&token, NOW), Err(Refusal::Claims), "tenant twice");
    let mut soon = good.clone();
    (soon["iat"], soon["exp"]) = (json!(NOW_S + 60), json!(NOW_S + 100));
    assert!(house.validator.validate(&forge(&house.key, &at_header(&house.key), &soon.to_string()), NOW).is_ok(), "leeway");
}

#[test]
fn keys_overlap_when_rotated() {
    let (old, new) = (house(), house());
    let token = old.issuer.mint(&session(), NOW).unwrap().token;
    assert_eq!(new.issuer.validator(&[]).validate(&token, NOW), Err(Refusal::UnknownKey));
    assert!(new.issuer.validator(&[old.key.public().clone()]).validate(&token, NOW).is_ok());
}

#[test]
fn what_the_issuer_refuses_to_mint() {
    let house = house();
    assert!(matches!(Issuer::new(Pair::generate(Algorithm::Ed25519).unwrap(), "i", "a"), Err(Error::Algorithm { .. })));
    let group = Name::parse(&"g".repeat(63)).unwrap();
    let groups = vec![group.clone(); GROUPS_MAX + 1];
    assert!(matches!(house.issuer.mint(&Session { groups, ..session() }, NOW), Err(Error::Limit { .. })));
    let largest = Session { groups: vec![group; GROUPS_MAX], ..session() };
    let token = house.issuer.mint(&largest, NOW).unwrap().token;
    assert!(house.validator.validate(&token, NOW).is_ok(), "{} bytes", token.len());
}

fn login(key: &Pair, lifetime_s: i64) -> String {
    let tenant = TenantId::parse("acme").unwrap();
    let login = Login { holder: KeyHolder::Human(HumanUid::from_u128(5)), tenant: &tenant, audience: AUDIENCE, lifetime_s };
    assertion::sign(&login, key, NOW).unwrap()
}

#[test]
fn a_service_logs_in_as_a_human_does_and_is_never_taken_for_one() {
    let (house, key, tenant) = (house(), Pair::generate(Algorithm::Ed25519).unwrap(), TenantId::parse("acme").unwrap());
    let holder = KeyHolder::Service(ServiceUid::from_u128(5));
    let login = Login { holder, tenant: &tenant, audience: AUDIENCE, lifetime_s: 60 };
    let token = assertion::sign(&login, &key, NOW).unwrap();
    assert_eq!(Assertion::parse(&token).unwrap().verify(key.public(), AUDIENCE, NOW).unwrap().holder, holder);
    let sponsored = Session { holder, sponsor: Some(HumanUid::from_u128(6)), ..session() };
    let minted = house.issuer.mint(&sponsored, NOW).unwrap();
    assert_eq!(house.validator.validate(&minted.token, NOW).unwrap().session, sponsored);
    assert_ne!(holder.to_string(), session().holder.to_string(), "the same number, another kind");
}

#[test]
fn assertions_of_both_algorithms() {
    for algorithm in [Algorithm::Ed25519, Algorithm::P256] {
        let key = Pair::generate(algorithm).unwrap();
        let token = login(&key, 60);
        let parsed = Assertion::parse(&token).unwrap();
        assert_eq!(parsed.claimed_holder(), KeyHolder::Human(HumanUid::from_u128(5)));
        let logged_in = parsed.verify(key.public(), AUDIENCE, NOW).unwrap();
        assert_eq!(
            (logged_in.holder, logged_in.tenant.as_str(), logged_in.key),
            (KeyHolder::Human(HumanUid::from_u128(5)), "acme", key.thumbprint())
        );
        assert_eq!(logged_in.replay_until.unix_ms(), (NOW_S + 120) * 1000);
        assert_ne!(
            parsed.verify(key.public(), AUDIENCE, NOW).unwrap().jti,
            Assertion::parse(&login(&key, 60)).unwrap().verify(key.public(), AUDIENCE, NOW).unwrap().jti
        );
        // Accepted exactly until what the caller remembers.
        let last = Timestamp::from_unix_ms(logged_in.replay_until.unix_ms() - 1);
        assert!(parsed.verify(key.public(), AUDIENCE, last).is_ok());
        assert_eq!(parsed.verify(key.public(), AUDIENCE, logged_in.replay_until), Err(Refusal::Expired));
        assert_eq!(
            parsed.verify(key.public(), AUDIENCE, Timestamp::from_unix_ms((NOW_S - 61) * 1000)),
            Err(Refusal::NotYetValid)
        );
        assert_eq!(parsed.verify(key.public(), "other.test", NOW), Err(Refusal::Audience));
        assert_eq!(parsed.verify(Pair::generate(algorithm).unwrap().public(), AUDIENCE, NOW), Err(Refusal::UnknownKey));
    }
}

#[test]
fn forged_assertions() {
    let key = Pair::generate(Algorithm::Ed25519).unwrap();
    let kid = key.thumbprint().to_string();
    let claims = payload(&login(&key, 60));
    let head = header("EdDSA", &kid, assertion::TYPE);
    let verify = |token: &str| Assertion::parse(token).and_then(|parsed| parsed.verify(key.public(), AUDIENCE, NOW)).map(|_| ());
    assert_eq!(verify(&forge(&key, &head, &claims.to_string())), Ok(()));
    let edit = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        forge(&key, &head, &claims.to_string())
    };
    let p256 = Pair::generate(Algorithm::P256).unwrap();
    let table: Vec<(&str, String, Refusal)> = vec![
        ("iss is not sub", edit("iss", json!(HumanUid::from_u128(6))), Refusal::Issuer),
        ("lives 61 s", edit("exp", json!(NOW_S + 61)), Refusal::Lifetime),
        ("lives -1 s", edit("exp", json!(NOW_S - 1)), Refusal::Claims),
        ("overflow", edit("iat", json!(i64::MIN)), Refusal::Claims),
        ("old", forge(&key, &head, &with_times(&claims, NOW_S - 180, NOW_S - 120)), Refusal::Expired),
        ("early", forge(&key, &head, &with_times(&claims, NOW_S + 61, NOW_S + 100)), Refusal::NotYetValid),
        ("audience list", edit("aud", json!([AUDIENCE, "other.test"])), Refusal::Claims),
        ("no jti", edit("jti", json!("")), Refusal::Claims),
        ("endless jti", edit("jti", json!("j".repeat(65))), Refusal::Claims),
        ("bad tenant", edit("tenant", json!("ACME")), Refusal::Claims),
        ("bad subject", edit("sub", json!("root")), Refusal::Claims),
        ("type JWT", forge(&key, &header("EdDSA", &kid, "JWT"), &claims.to_string()), Refusal::Type),
        ("type of an access token", forge(&key, &header("EdDSA", &kid, "at+jwt"), &claims.to_string()), Refusal::Type),
        ("alg none", forge(&key, &header("none", &kid, assertion::TYPE), &claims.to_string()), Refusal::Algorithm),
        (
            "alg of another key type",
            forge(&p256, &header("ES256", &kid, assertion::TYPE), &claims.to_string()),
            Refusal::Algorithm,
        ),
        (
            "signed by another",
            forge(&Pair::generate(Algorithm::Ed25519).unwrap(), &head, &claims.to_string()),
            Refusal::Signature,
        ),
        (
            "crit",
            forge(
                &key,
                &json!({ "alg": "EdDSA", "kid": kid, "typ": assertion::TYPE, "crit": ["x"] }).to_string(),
                &claims.to_string(),
            ),
            Refusal::Header,
        ),
        (
            "jwk",
            forge(
                &key,
                &json!({ "alg": "EdDSA", "kid": kid, "typ": assertion::TYPE, "jwk": {} }).to_string(),
                &claims.to_string(),
            ),
            Refusal::Header,
        ),
        ("long", format!("{}.{}.AA", to_base64url(&head), "A".repeat(TOKEN_LEN_MAX)), Refusal::TooLong),
    ];
    for (what, token, refusal) in table {
        assert_eq!(verify(&token), Err(refusal), "{what}");
    }
}

fn with_times(claims: &Value, iat: i64, exp: i64) -> String {
    let mut claims = claims.clone();
    (claims["iat"], claims["exp"]) = (json!(iat), json!(exp));
    claims.to_string()
}

#[test]
fn an_access_token_is_no_assertion_and_the_reverse() {
    let house = house();
    let token = house.issuer.mint(&session(), NOW).unwrap().token;
    assert_eq!(Assertion::parse(&token).map(|_| ()), Err(Refusal::Claims));
    let assertion = login(&house.key, 60);
    assert_eq!(house.validator.validate(&assertion, NOW), Err(Refusal::Type));
}
