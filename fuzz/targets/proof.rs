//! What comes beside a token, or in place of one. The first byte says what the rest is: claims or a header of a proof of possession (RFC 9449), claims
//! of an ID token that a login got, claims or a header of a JWT-SVID; or a whole text, which is taken for each of them.
#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use libfuzzer_sys::fuzz_target;
use scalbotics_core::identity::TrustDomain;
use scalbotics_core::time::Timestamp;
use scalbotics_fuzz::keys;
use scalbotics_identity::authority::issuer::verify_proof;
use scalbotics_identity::authority::jwt_svid::{LIFETIME_S, Signer, Validator};
use scalbotics_identity::holder::id_token::{self, Expected};
use scalbotics_identity::holder::key::Pair;

/// The moment at which everything is checked.
const NOW: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

const TARGET: &str = "https://td.test/scalbotics.v1.SessionService/Exchange";

const AUDIENCE: &str = "ledger";

const PROOF_CLAIMS: &[u8] = include_bytes!("../seeds/proof/proof_of_token");
const SVID_CLAIMS: &[u8] = include_bytes!("../seeds/proof/svid_claims");

struct Parts {
    key: Pair,
    validator: Validator,
    stranger: Validator,
}

static PARTS: LazyLock<Parts> = LazyLock::new(|| {
    let validator = |pair| {
        let domain = TrustDomain::parse("td.test").expect("a trust domain");
        Signer::new(pair, Vec::new(), domain).expect("a signer").validator()
    };
    Parts { key: keys::p256(), validator: validator(keys::p256()), stranger: validator(keys::other_p256()) }
});

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    let key = &PARTS.key;
    match kind {
        b'P' => {
            let jwk = key.public().to_jwk_json().expect("a key");
            proof(&sign(format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk}}}"#).as_bytes(), rest));
        }
        b'H' => proof(&sign(rest, PROOF_CLAIMS.get(1..).unwrap_or_default())),
        b'I' => answer(&sign(b"{}", rest)),
        b'S' => svid(&sign(format!(r#"{{"alg":"ES256","kid":"{}","typ":"JWT"}}"#, key.thumbprint()).as_bytes(), rest)),
        b'T' => svid(&sign(rest, SVID_CLAIMS.get(1..).unwrap_or_default())),
        _ => {
            let text = String::from_utf8_lossy(rest);
            proof(&text);
            answer(&text);
            svid(&text);
        }
    }
});

fn sign(header: &[u8], claims: &[u8]) -> String {
    let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
    let signature = PARTS.key.sign(signed.as_bytes()).expect("a signature");
    format!("{signed}.{}", BASE64.encode(signature))
}

/// A proof is of its own key, for its own method, and not for long.
fn proof(text: &str) {
    let Ok(proved) = verify_proof(text, TARGET, "token", NOW) else { return };
    assert_eq!(proved.key, PARTS.key.thumbprint(), "a key is proved that did not sign");
    assert!(!proved.jti.is_empty());
    assert!(verify_proof(text, "https://td.test/other", "token", NOW).is_err(), "it counts for another method");
    assert!(verify_proof(text, TARGET, "token", NOW.plus_ms(600_000)).is_err(), "it counts for ever");
    assert!(PARTS.validator.validate(text, AUDIENCE, NOW).is_err(), "passes as a JWT-SVID");
}

/// An ID token answers one login.
fn answer(text: &str) {
    let expected = Expected { issuer: "https://id.example", client: "cli", nonce: Some("n") };
    let Ok(sub) = id_token::check(text, &expected, NOW) else { return };
    assert!((1..=255).contains(&sub.len()));
    for other in [Expected { issuer: "https://other.example", ..expected }, Expected { nonce: Some("m"), ..expected }] {
        assert!(id_token::check(text, &other, NOW).is_err(), "it answers another login");
    }
    assert!(id_token::check(text, &expected, Timestamp::from_unix_ms(i64::MAX)).is_err(), "it is never over");
}

/// A JWT-SVID that counts is its trust domain's, for its audience, and ends within minutes.
fn svid(text: &str) {
    assert!(PARTS.stranger.validate(text, AUDIENCE, NOW).is_err(), "a token counts under a key that did not sign it");
    let Ok(good) = PARTS.validator.validate(text, AUDIENCE, NOW) else { return };
    assert!(good.id.trust_domain().as_str() == "td.test" && !good.id.path().is_empty(), "{good:?}");
    let names = good.claims.get("aud").and_then(|aud| aud.as_array()).expect("audiences");
    assert!(names.iter().any(|name| name == AUDIENCE), "{good:?}");
    let life_ms = u64::try_from(LIFETIME_S).expect("a life") * 1_000 + 60_000;
    assert!(PARTS.validator.validate(text, AUDIENCE, NOW.plus_ms(life_ms)).is_err(), "it counts for ever");
}
