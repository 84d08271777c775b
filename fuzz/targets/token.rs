//! Access tokens and login assertions. The first byte says what the rest is: a whole token, claims that are signed by the issuer's own key, a
//! header over good claims, or claims of an assertion.
#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use libfuzzer_sys::fuzz_target;
use scalbotics_core::time::Timestamp;
use scalbotics_fuzz::keys;
use scalbotics_identity::authority::issuer::{Assertion, Issuer, Validator};
use scalbotics_identity::holder::key::Pair;

/// The moment at which everything is checked.
const NOW: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

const AUDIENCE: &str = "scalbotics.test";

const CLAIMS: &[u8] = include_bytes!("../seeds/token/claims");

struct Parts {
    issuer: Pair,
    human: Pair,
    validator: Validator,
    stranger: Validator,
}

static PARTS: LazyLock<Parts> = LazyLock::new(|| {
    let validator = |pair| Issuer::new(pair, AUDIENCE, AUDIENCE).expect("an issuer").validator(&[]);
    Parts {
        issuer: keys::p256(),
        human: keys::ed25519(),
        validator: validator(keys::p256()),
        stranger: validator(keys::other_p256()),
    }
});

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    let parts = &*PARTS;
    match kind {
        b'C' => access(&sign(&parts.issuer, &header(&parts.issuer, "at+jwt"), rest)),
        b'H' => access(&sign(&parts.issuer, rest, CLAIMS.get(1..).unwrap_or_default())),
        b'A' => login(&sign(&parts.human, &header(&parts.human, "client-authentication+jwt"), rest)),
        _ => {
            let text = String::from_utf8_lossy(rest);
            access(&text);
            login(&text);
        }
    }
});

fn header(pair: &Pair, typ: &str) -> Vec<u8> {
    format!(r#"{{"alg":"{}","kid":"{}","typ":"{typ}"}}"#, pair.algorithm().as_jws(), pair.thumbprint()).into_bytes()
}

fn sign(pair: &Pair, header: &[u8], claims: &[u8]) -> String {
    let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
    let signature = pair.sign(signed.as_bytes()).expect("a signature");
    format!("{signed}.{}", BASE64.encode(signature))
}

/// A token that counts is bound to its key, its beginning and its end.
fn access(token: &str) {
    let parts = &*PARTS;
    assert!(parts.stranger.validate(token, NOW).is_err(), "a token counts under a key that did not sign it");
    let Ok(good) = parts.validator.validate(token, NOW) else { return };
    assert!(good.expires_at > NOW, "{good:?}");
    assert!(parts.validator.validate(token, good.expires_at).is_err(), "a token counts at its end");
    let lifetime_ms = good.expires_at.unix_ms() - good.issued_at.unix_ms();
    assert!((1..=600_000).contains(&lifetime_ms), "{good:?}");
    assert!(Assertion::parse(token).and_then(|a| a.verify(parts.issuer.public(), AUDIENCE, NOW)).is_err(), "passes as a login");
}

/// An assertion that counts is bound to its audience and must be remembered for as long as it counts.
fn login(token: &str) {
    let parts = &*PARTS;
    let Ok(assertion) = Assertion::parse(token) else { return };
    let Ok(good) = assertion.verify(parts.human.public(), AUDIENCE, NOW) else { return };
    assert_eq!(good.holder, assertion.claimed_holder());
    assert!(assertion.verify(parts.human.public(), "another", NOW).is_err());
    assert!(assertion.verify(parts.human.public(), AUDIENCE, good.replay_until).is_err(), "counts longer than it is remembered");
    assert!(parts.validator.validate(token, NOW).is_err(), "passes as an access token");
}
