//! Tokens and keys of outside issuers. The first byte says what the rest is: claims that are signed by the issuer's key, a header over good
//! claims, a set of keys, or a whole token.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use libfuzzer_sys::fuzz_target;
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;
use scalbotics_fuzz::keys;
use scalbotics_identity::authority::outside::{Algorithm, Arrived, ClaimNames, KeySet, Refusal, Token, TokenKind, Trusted};
use scalbotics_identity::holder::key::Pair;

/// The moment at which everything is checked.
const NOW: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

const CLAIMS: &[u8] = include_bytes!("../seeds/outside_token/claims");

const HEADER: &[u8] = br#"{"alg":"ES256","kid":"k","typ":"JWT"}"#;

struct Parts {
    issuer: Pair,
    keys: KeySet,
    strangers: KeySet,
    trusted: Trusted,
}

static PARTS: LazyLock<Parts> = LazyLock::new(|| Parts {
    issuer: keys::p256(),
    keys: published(&keys::p256()),
    strangers: published(&keys::other_p256()),
    trusted: Trusted {
        url: "https://id.example".to_owned(),
        audience: "scalbotics".to_owned(),
        claims: ClaimNames { tenant: "tenant".to_owned(), groups: "/x/groups".to_owned(), name: "name".to_owned() },
        tenants: BTreeMap::from([("t".to_owned(), TenantId::parse("acme").expect("a tenant"))]),
        groups: BTreeMap::from([("g".to_owned(), Name::parse("ops").expect("a group"))]),
        algorithms: Algorithm::ALL.to_vec(),
    },
});

fn published(pair: &Pair) -> KeySet {
    let jwk = pair.public().to_jwk_json().expect("a key");
    let text = format!("{{\"keys\":[{}]}}", jwk.replacen('{', "{\"kid\":\"k\",", 1));
    KeySet::parse(&text, &Algorithm::ALL).expect("a set of keys")
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    match kind {
        b'C' => token(&sign(HEADER, rest)),
        b'H' => token(&sign(rest, CLAIMS.get(1..).unwrap_or_default())),
        b'K' => drop(KeySet::parse(&String::from_utf8_lossy(rest), &Algorithm::ALL)),
        _ => token(&String::from_utf8_lossy(rest)),
    }
});

fn sign(header: &[u8], claims: &[u8]) -> String {
    let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
    let signature = PARTS.issuer.sign(signed.as_bytes()).expect("a signature");
    format!("{signed}.{}", BASE64.encode(signature))
}

/// A token that counts is bound to its issuer's keys and audience, and must be remembered for as long as it counts.
fn token(text: &str) {
    let parts = &*PARTS;
    let Ok(parsed) = Token::parse(text, TokenKind::Jwt) else { return };
    let proved = parts.issuer.thumbprint();
    let verify = |trusted: &Trusted, keys: &KeySet, now| -> Result<Arrived, Refusal> { parsed.verify(trusted, keys, proved, now) };
    assert!(verify(&parts.trusted, &parts.strangers, NOW).is_err(), "a token counts under a key that did not sign it");
    let Ok(good) = verify(&parts.trusted, &parts.keys, NOW) else { return };
    let other = Trusted { audience: "another".to_owned(), ..parts.trusted.clone() };
    assert!(verify(&other, &parts.keys, NOW).is_err(), "a token counts for two");
    assert!(verify(&parts.trusted, &parts.keys, good.remember_until).is_err(), "counts longer than it is remembered");
    assert!(good.tenant.as_str() == "acme" && good.groups.iter().all(|group| group.as_str() == "ops"), "{good:?}");
}
