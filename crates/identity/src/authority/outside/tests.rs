//! Every way that is known to forge a token or to publish keys badly (RFC 8725; CVEs of JOSE libraries), as tables.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use scalbotics_core::outside::person;
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::encoding::to_base64url;
use crate::holder::key::{self, Jwk, Pair};

const URL: &str = "https://id.example";
const NOW_S: i64 = 1_800_000_000;

/// An issuer with a key of each kind.
struct Issuer {
    ec: Pair,
    ed: Pair,
    rsa: RsaKeyPair,
}

fn b64(text: impl AsRef<[u8]>) -> String {
    to_base64url(text)
}

impl Issuer {
    fn new() -> Self {
        Self {
            ec: Pair::generate(key::Algorithm::P256).unwrap(),
            ed: Pair::generate(key::Algorithm::Ed25519).unwrap(),
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
        }
    }

    fn jwk(&self, kid: &str) -> Value {
        let pair = match kid {
            "ec" => &self.ec,
            "ed" => &self.ed,
            _ => {
                let public = self.rsa.public_key();
                let n = b64(public.modulus().big_endian_without_leading_zero());
                let e = b64(public.exponent().big_endian_without_leading_zero());
                return json!({"kty": "RSA", "kid": kid, "n": n, "e": e, "use": "sig"});
            }
        };
        let mut jwk = serde_json::to_value(Jwk::from(pair.public())).unwrap();
        jwk["kid"] = json!(kid);
        jwk
    }

    fn published(&self) -> String {
        json!({"keys": [self.jwk("ec"), self.jwk("ed"), self.jwk("rsa")]}).to_string()
    }

    fn keys(&self) -> KeySet {
        KeySet::parse(&self.published(), &Algorithm::ALL).unwrap()
    }

    fn rsa_signature(&self, message: &[u8], encoding: &'static dyn RsaEncoding) -> Vec<u8> {
        let mut signature = vec![0; self.rsa.public_modulus_len()];
        self.rsa.sign(encoding, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    }

    /// A token with these texts for header and claims, signed by the key of the kid.
    fn sign_texts(&self, kid: &str, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", b64(header), b64(claims));
        let signature = match kid {
            "ec" => self.ec.sign(signed.as_bytes()).unwrap().to_vec(),
            "ed" => self.ed.sign(signed.as_bytes()).unwrap().to_vec(),
            _ => self.rsa_signature(signed.as_bytes(), &RSA_PKCS1_SHA256),
        };
        format!("{signed}.{}", b64(signature))
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_texts(header["kid"].as_str().unwrap_or("ec"), &header.to_string(), &claims.to_string())
    }

    fn good(&self) -> String {
        self.sign(&header(), &claims())
    }
}

fn header() -> Value {
    json!({"alg": "ES256", "kid": "ec", "typ": "JWT"})
}

fn claims() -> Value {
    json!({
        "iss": URL, "sub": "42", "aud": "scalbotics", "iat": NOW_S, "exp": NOW_S + 300, "tenant": "t-1",
        "groups": ["Platform", "Others"], "preferred_username": "ann@acme.test",
    })
}

fn trusted() -> Trusted {
    Trusted {
        url: URL.to_owned(),
        audience: "scalbotics".to_owned(),
        claims: ClaimNames { tenant: "tenant".into(), groups: "groups".into(), name: "preferred_username".into() },
        tenants: [("t-1".to_owned(), TenantId::parse("acme").unwrap())].into(),
        groups: [("Platform".to_owned(), Name::parse("operators").unwrap())].into(),
        algorithms: Algorithm::ALL.to_vec(),
    }
}

fn now() -> Timestamp {
    Timestamp::from_unix_ms(NOW_S * 1000)
}

fn proved() -> key::Thumbprint {
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".parse().unwrap()
}

fn verify_at(issuer: &Issuer, token: &str, trusted: &Trusted, now: Timestamp) -> Result<Arrived, Refusal> {
    Token::parse(token, TokenKind::Jwt)?.verify(trusted, &issuer.keys(), proved(), now)
}

fn verify(issuer: &Issuer, token: &str) -> Result<Arrived, Refusal> {
    verify_at(issuer, token, &trusted(), now())
}

#[test]
fn a_good_token_says_who_comes() {
    let issuer = Issuer::new();
    let arrived = verify(&issuer, &issuer.good()).unwrap();
    assert_eq!((arrived.issuer.as_str(), arrived.person), (URL, person(URL, "42")));
    assert_eq!((arrived.tenant.as_str(), arrived.called.as_deref()), ("acme", Some("ann@acme.test")));
    assert_eq!(arrived.groups, [Name::parse("operators").unwrap()], "groups that are not mapped give no right");
    assert_eq!((arrived.said_at, arrived.remember_until), (now(), Timestamp::from_unix_ms((NOW_S + 361) * 1000)));
    for (kid, alg) in [("ed", "EdDSA"), ("rsa", "RS256")] {
        let token = issuer.sign(&json!({"alg": alg, "kid": kid}), &claims());
        assert_eq!(verify(&issuer, &token).map(|arrived| arrived.person), Ok(person(URL, "42")), "{alg}");
    }
    assert_ne!(arrived.once, verify(&issuer, &issuer.sign(&header(), &json_with("jti", json!("2")))).unwrap().once);
}

#[test]
fn another_signature_is_no_other_token() {
    // ECDSA signatures differ each time; what is remembered of a token must not.
    let issuer = Issuer::new();
    let (one, other) = (issuer.good(), issuer.good());
    assert_ne!(one, other);
    assert_eq!(verify(&issuer, &one).unwrap().once, verify(&issuer, &other).unwrap().once);
}

fn json_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn json_without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

#[test]
fn security_1_forged_headers() {
    let issuer = Issuer::new();
    let public = issuer.ec.public();
    let own = Pair::generate(key::Algorithm::P256).unwrap();
    let own_jwk = serde_json::to_value(Jwk::from(own.public())).unwrap();
    let with = |name: &str, value: Value| {
        let mut header = header();
        header[name] = value;
        header
    };
    let header_rows = [
        ("crit unknown", with("crit", json!(["exp"])), Refusal::Header),
        ("crit empty", with("crit", json!([])), Refusal::Header),
        ("b64=false", with("b64", json!(false)), Refusal::Header),
        ("embedded jwk", with("jwk", own_jwk), Refusal::Header),
        ("jku", with("jku", json!("https://evil.example/jwks")), Refusal::Header),
        ("x5u", with("x5u", json!("https://evil.example/cert")), Refusal::Header),
        ("x5c", with("x5c", json!(["MII="])), Refusal::Header),
        ("nested", with("cty", json!("JWT")), Refusal::Header),
        ("zip bomb", with("zip", json!("DEF")), Refusal::Header),
        ("encrypted", with("enc", json!("A256GCM")), Refusal::Header),
        ("no alg", json!({"kid": "ec"}), Refusal::Header),
        ("alg is a list", with("alg", json!(["ES256"])), Refusal::Header),
        ("no kid", json!({"alg": "ES256"}), Refusal::Header),
        ("kid is a number", with("kid", json!(1)), Refusal::Header),
        ("kid empty", with("kid", json!("")), Refusal::Header),
        ("kid long", with("kid", json!("k".repeat(257))), Refusal::Header),
        ("kid traversal", with("kid", json!("../../../../dev/null")), Refusal::UnknownKey),
        ("kid injection", with("kid", json!("ec' OR '1'='1")), Refusal::UnknownKey),
        ("kid in another case", with("kid", json!("EC")), Refusal::UnknownKey),
        ("kid of another key", with("kid", json!("ed")), Refusal::Algorithm),
        ("none", with("alg", json!("none")), Refusal::Algorithm),
        ("None", with("alg", json!("None")), Refusal::Algorithm),
        ("nOnE", with("alg", json!("nOnE")), Refusal::Algorithm),
        ("HS256", with("alg", json!("HS256")), Refusal::Algorithm),
        ("es256", with("alg", json!("es256")), Refusal::Algorithm),
        ("ES384", with("alg", json!("ES384")), Refusal::Algorithm),
        ("ES256K", with("alg", json!("ES256K")), Refusal::Algorithm),
        ("RS256", with("alg", json!("RS256")), Refusal::Algorithm),
        ("logout token", with("typ", json!("logout+jwt")), Refusal::Type),
        ("event token", with("typ", json!("secevent+jwt")), Refusal::Type),
        ("proof", with("typ", json!("dpop+jwt")), Refusal::Type),
        ("typ is a number", with("typ", json!(5)), Refusal::Type),
    ];
    for (what, header, refusal) in header_rows {
        let signed = format!("{}.{}", b64(header.to_string()), b64(claims().to_string()));
        for signature in [issuer.ec.sign(signed.as_bytes()).unwrap().to_vec(), own.sign(signed.as_bytes()).unwrap().to_vec()] {
            assert_eq!(verify(&issuer, &format!("{signed}.{}", b64(&signature))), Err(refusal), "{what}");
        }
    }
    // HS256 keyed by the public key in each form in which an attacker has it.
    for secret in [public.raw().to_vec(), public.to_spki_der(), public.to_jwk_json().unwrap().into_bytes()] {
        let signed = format!("{}.{}", b64(with("alg", json!("HS256")).to_string()), b64(claims().to_string()));
        let mac = aws_lc_rs::hmac::sign(&aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret), signed.as_bytes());
        assert_eq!(verify(&issuer, &format!("{signed}.{}", b64(mac.as_ref()))), Err(Refusal::Algorithm));
    }
}

#[test]
fn security_1_forged_signatures() {
    let issuer = Issuer::new();
    let good = issuer.good();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let signature = crate::encoding::from_base64url(signature).unwrap();
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
        0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut flipped = signature.clone();
    flipped[40] ^= 1;
    // ASN.1 in place of `r ‖ s`, as it comes out of most libraries.
    let der = [&[0x30, 0x44, 0x02, 0x20][..], &signature[..32], &[0x02, 0x20], &signature[32..]].concat();
    for (what, bytes) in [
        ("zeros (CVE-2022-21449)", vec![0; 64]),
        ("the order", [order, order].concat()),
        ("r only", [&signature[..32], &[0; 32]].concat()),
        ("s only", [&[0; 32], &signature[32..]].concat()),
        ("empty", Vec::new()),
        ("short", signature[..63].to_vec()),
        ("long", [&signature[..], &[0]].concat()),
        ("a bit", flipped),
        ("DER", der),
    ] {
        assert_eq!(verify(&issuer, &format!("{signed}.{}", b64(bytes))), Err(Refusal::Signature), "{what}");
    }
    for kid in ["ed", "rsa"] {
        let alg = if kid == "ed" { "EdDSA" } else { "RS256" };
        let token = issuer.sign(&json!({"alg": alg, "kid": kid}), &claims());
        let (signed, _) = token.rsplit_once('.').unwrap();
        for len in [0, 64, 256, 512] {
            assert_eq!(verify(&issuer, &format!("{signed}.{}", b64(vec![0; len]))), Err(Refusal::Signature), "{kid} {len}");
        }
    }
    // A key has one algorithm: PSS under a key that is for PKCS #1, however good the signature.
    let signed = format!("{}.{}", b64(json!({"alg": "PS256", "kid": "rsa"}).to_string()), b64(claims().to_string()));
    let pss = issuer.rsa_signature(signed.as_bytes(), &RSA_PSS_SHA256);
    assert_eq!(verify(&issuer, &format!("{signed}.{}", b64(pss))), Err(Refusal::Algorithm));
    // Claims or header of another token.
    let other = issuer.sign(&header(), &json_with("sub", json!("1")));
    let parts: Vec<&str> = good.split('.').collect();
    let others: Vec<&str> = other.split('.').collect();
    assert_eq!(verify(&issuer, &format!("{}.{}.{}", parts[0], others[1], parts[2])), Err(Refusal::Signature));
}

#[test]
fn shapes_that_are_no_token() {
    let issuer = Issuer::new();
    let good = issuer.good();
    let claims_text = claims().to_string();
    let texts = |header: &str, claims: &str| issuer.sign_texts("ec", header, claims);
    let rows = [
        ("empty", String::new()),
        ("dots", "..".to_owned()),
        ("one part", "abc".to_owned()),
        ("two parts", good.rsplit_once('.').unwrap().0.to_owned()),
        ("four parts", format!("{good}.e30")),
        ("five parts", format!("{good}.e30.e30")),
        ("a space behind", format!("{good} ")),
        ("a line behind", format!("{good}\n")),
        ("padded", format!("{good}=")),
        ("JSON form", json!({"payload": "e30", "signatures": []}).to_string()),
        ("header twice", texts(r#"{"alg":"none","alg":"ES256","kid":"ec"}"#, &claims_text)),
        ("claim twice", texts(&header().to_string(), &claims_text.replacen('{', r#"{"sub":"1","#, 1))),
        ("nested twice", texts(&header().to_string(), &claims_text.replacen('{', r#"{"x":{"a":1,"a":2},"#, 1))),
        ("bytes behind the claims", texts(&header().to_string(), &format!("{claims_text}x"))),
        ("two objects", texts(&header().to_string(), &format!("{claims_text}{claims_text}"))),
        ("a list", texts(&header().to_string(), "[]")),
        ("a text", texts("\"x\"", &claims_text)),
        ("not UTF-8", format!("{}.{}.{}", b64(header().to_string()), b64([0xff, 0xfe]), b64([0; 64]))),
        ("deep", texts(&header().to_string(), &format!("{{\"x\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000)))),
        ("an integer that rounds", texts(&header().to_string(), &claims_text.replacen('{', "{\"x\":9007199254740993,", 1))),
    ];
    for (what, token) in rows {
        assert_eq!(verify(&issuer, &token), Err(Refusal::Shape), "{what}");
    }
    let huge = issuer.sign(&header(), &json_with("x", json!("x".repeat(TOKEN_LEN_MAX))));
    assert_eq!(verify(&issuer, &huge), Err(Refusal::TooLong));
    assert_eq!(verify(&issuer, &"a".repeat(10 << 20)), Err(Refusal::TooLong));
}

#[test]
fn security_2_claims_that_do_not_count() {
    let issuer = Issuer::new();
    let claim = |claim| Refusal::Claim { claim };
    let rows = [
        ("no iss", json_without("iss"), claim("iss")),
        ("iss is a list", json_with("iss", json!([URL])), claim("iss")),
        ("another iss", json_with("iss", json!("https://other.example")), Refusal::Issuer),
        ("iss with a slash", json_with("iss", json!("https://id.example/")), Refusal::Issuer),
        ("no sub", json_without("sub"), claim("sub")),
        ("sub empty", json_with("sub", json!("")), claim("sub")),
        ("sub long", json_with("sub", json!("x".repeat(256))), claim("sub")),
        ("sub is a number", json_with("sub", json!(42)), claim("sub")),
        ("no aud", json_without("aud"), claim("aud")),
        ("another aud", json_with("aud", json!("other")), Refusal::Audience),
        ("aud in another case", json_with("aud", json!("Scalbotics")), Refusal::Audience),
        ("aud of two", json_with("aud", json!(["scalbotics", "other"])), Refusal::Audience),
        ("aud twice", json_with("aud", json!(["scalbotics", "scalbotics"])), Refusal::Audience),
        ("aud of none", json_with("aud", json!([])), Refusal::Audience),
        ("aud is null", json_with("aud", json!(null)), Refusal::Audience),
        ("no exp", json_without("exp"), claim("exp")),
        ("exp is a text", json_with("exp", json!("1800000300")), claim("exp")),
        ("exp is a fraction", json_with("exp", json!(1_800_000_300.5)), claim("exp")),
        ("exp before iat", json_with("exp", json!(NOW_S - 1)), claim("exp")),
        ("no iat", json_without("iat"), claim("iat")),
        ("lives for ever", json_with("exp", json!(9_007_199_254_740_991_i64)), Refusal::Lifetime),
        ("lives for more than a day", json_with("exp", json!(NOW_S + 86_401)), Refusal::Lifetime),
        ("nbf to come", json_with("nbf", json!(NOW_S + 61)), Refusal::NotYetValid),
        ("nbf is a text", json_with("nbf", json!("x")), claim("nbf")),
        ("no tenant", json_without("tenant"), claim("tenant")),
        ("tenant is a list", json_with("tenant", json!(["t-1"])), claim("tenant")),
        ("our own name for it", json_with("tenant", json!("acme")), Refusal::Tenant),
        ("tenant of another", json_with("tenant", json!("t-2")), Refusal::Tenant),
        ("no groups", json_without("groups"), claim("groups")),
        ("groups is a text", json_with("groups", json!("Platform")), claim("groups")),
        ("groups of numbers", json_with("groups", json!([1])), claim("groups")),
        ("bound to another key", json_with("cnf", json!({"jkt": "x"})), Refusal::Bound),
        ("bound to a certificate", json_with("cnf", json!({"x5t#S256": "x"})), Refusal::Bound),
        ("about a logout", json_with("events", json!({})), Refusal::Type),
    ];
    for (what, claims, refusal) in rows {
        assert_eq!(verify(&issuer, &issuer.sign(&header(), &claims)), Err(refusal), "{what}");
    }
    for (what, claims) in [
        ("aud as a list of one", json_with("aud", json!(["scalbotics"]))),
        ("no groups at all", json_with("groups", json!([]))),
        ("bound to this key", json_with("cnf", json!({"jkt": proved().to_string()}))),
        ("nbf within the leeway", json_with("nbf", json!(NOW_S + 60))),
        ("nobody's name", json_without("preferred_username")),
    ] {
        verify(&issuer, &issuer.sign(&header(), &claims)).unwrap_or_else(|refusal| panic!("{what}: {refusal}"));
    }
}

#[test]
fn a_clock_an_hour_ahead_or_behind() {
    let issuer = Issuer::new();
    let token = issuer.good();
    let at = |seconds: i64| verify_at(&issuer, &token, &trusted(), Timestamp::from_unix_ms((NOW_S + seconds) * 1000)).map(|_| ());
    for (seconds, told) in [
        (-3600, Err(Refusal::NotYetValid)),
        (-61, Err(Refusal::NotYetValid)),
        (-60, Ok(())),
        (0, Ok(())),
        (359, Ok(())),
        (360, Err(Refusal::Expired)),
        (3600, Err(Refusal::Expired)),
        (10 * 365 * 86_400, Err(Refusal::Expired)),
        (0, Ok(())),
    ] {
        assert_eq!(at(seconds), told, "{seconds}");
    }
    // One that lives for a day is exchanged within an hour.
    let token = issuer.sign(&header(), &json_with("exp", json!(NOW_S + 86_400)));
    for (seconds, told) in [(3659, Ok(())), (3660, Err(Refusal::Expired))] {
        let at = Timestamp::from_unix_ms((NOW_S + seconds) * 1000);
        assert_eq!(verify_at(&issuer, &token, &trusted(), at).map(|_| ()), told, "{seconds}");
    }
}

#[test]
fn names_of_claims_are_the_configurations() {
    let issuer = Issuer::new();
    let mut trusted = trusted();
    trusted.claims = ClaimNames { tenant: "tid".into(), groups: "/realm/roles".into(), name: "https://a/name".into() };
    let mut said = json!({"tid": "t-1", "realm": {"roles": ["Platform"]}, "https://a/name": "bea"});
    for name in ["iss", "sub", "aud", "iat", "exp"] {
        said[name] = claims()[name].clone();
    }
    let arrived = verify_at(&issuer, &issuer.sign(&header(), &said), &trusted, now()).unwrap();
    assert_eq!((arrived.called.as_deref(), arrived.groups.len()), (Some("bea"), 1));
    assert_eq!(verify_at(&issuer, &issuer.good(), &trusted, now()), Err(Refusal::Claim { claim: "tenant" }));
}

#[test]
fn an_id_token_is_no_access_token() {
    let issuer = Issuer::new();
    let token = |typ: &str| issuer.sign(&json!({"alg": "ES256", "kid": "ec", "typ": typ}), &claims());
    for (typ, id, access) in
        [("JWT", true, true), ("jwt", true, true), ("at+jwt", false, true), ("application/at+JWT", false, true)]
    {
        let (text, parses) = (token(typ), |kind, text: &str| Token::parse(text, kind).is_ok());
        assert_eq!((parses(TokenKind::IdToken, &text), parses(TokenKind::AccessToken, &text)), (id, access), "{typ}");
    }
    assert_eq!(TokenKind::parse("urn:ietf:params:oauth:token-type:saml2"), None);
    assert_eq!(TokenKind::parse("urn:ietf:params:oauth:token-type:id_token"), Some(TokenKind::IdToken));
}

#[test]
fn only_listed_algorithms() {
    let issuer = Issuer::new();
    let keys = KeySet::parse(&issuer.published(), &[Algorithm::Rs256]).unwrap();
    assert!(keys.has("rsa") && !keys.has("ec") && !keys.has("ed"));
    let pss = KeySet::parse(&issuer.published(), &[Algorithm::Ps256]).unwrap();
    let signed = format!("{}.{}", b64(json!({"alg": "PS256", "kid": "rsa"}).to_string()), b64(claims().to_string()));
    let token = format!("{signed}.{}", b64(issuer.rsa_signature(signed.as_bytes(), &RSA_PSS_SHA256)));
    let parsed = Token::parse(&token, TokenKind::Jwt).unwrap();
    assert!(parsed.verify(&trusted(), &pss, proved(), now()).is_ok());
    assert_eq!(parsed.verify(&trusted(), &keys, proved(), now()), Err(Refusal::Algorithm));
}

#[test]
fn security_3_hostile_sets_of_keys() {
    let issuer = Issuer::new();
    let ec = || issuer.jwk("ec");
    let changed = |name: &str, value: Value| {
        let mut jwk = ec();
        jwk[name] = value;
        jwk
    };
    let parse = |keys: Vec<Value>| KeySet::parse(&json!({ "keys": keys }).to_string(), &Algorithm::ALL).map(|_| ());
    let secret = changed("d", json!("AQAB"));
    let symmetric = json!({"kty": "oct", "kid": "s", "k": "AQAB"});
    let mut half = issuer.jwk("rsa");
    half["p"] = json!("AQAB");
    for (what, keys, told) in [
        ("good", vec![ec()], Ok(())),
        ("none", vec![], Err(KeySetError::Empty)),
        ("a private key", vec![issuer.jwk("ed"), secret], Err(KeySetError::Secret)),
        ("half a private key", vec![ec(), half], Err(KeySetError::Secret)),
        ("a shared secret", vec![ec(), symmetric], Err(KeySetError::Secret)),
        ("one name for two", vec![ec(), changed("kty", json!("EC"))], Err(KeySetError::Duplicate)),
        (
            "one name for two kinds",
            vec![ec(), {
                let mut other = issuer.jwk("rsa");
                other["kid"] = json!("ec");
                other
            }],
            Err(KeySetError::Duplicate),
        ),
        ("too many", vec![ec(); 101], Err(KeySetError::TooMany { len: 101 })),
        ("no object", vec![json!(5)], Err(KeySetError::Form)),
        ("for encryption", vec![changed("use", json!("enc"))], Err(KeySetError::Empty)),
        ("use is a list", vec![changed("use", json!(["sig"]))], Err(KeySetError::Empty)),
        ("for signing only", vec![changed("key_ops", json!(["sign"]))], Err(KeySetError::Empty)),
        ("for verifying", vec![changed("key_ops", json!(["verify"]))], Ok(())),
        ("another algorithm", vec![changed("alg", json!("ES384"))], Err(KeySetError::Empty)),
        ("alg none", vec![changed("alg", json!("none"))], Err(KeySetError::Empty)),
        ("alg HS256", vec![changed("alg", json!("HS256"))], Err(KeySetError::Empty)),
        ("no name", vec![changed("kid", json!(""))], Err(KeySetError::Empty)),
        ("off the curve", vec![changed("x", json!(b64([1; 32])))], Err(KeySetError::Empty)),
        ("short", vec![changed("x", json!(b64([1; 31])))], Err(KeySetError::Empty)),
        (
            "infinity",
            vec![{
                let mut jwk = changed("x", json!(b64([0; 32])));
                jwk["y"] = json!(b64([0; 32]));
                jwk
            }],
            Err(KeySetError::Empty),
        ),
        ("secp256k1", vec![changed("crv", json!("secp256k1"))], Err(KeySetError::Empty)),
        (
            "Ed25519 of small order",
            vec![json!({"kty": "OKP", "crv": "Ed25519", "kid": "e", "x": b64([0; 32])})],
            Err(KeySetError::Empty),
        ),
        ("X25519", vec![json!({"kty": "OKP", "crv": "X25519", "kid": "e", "x": b64([9; 32])})], Err(KeySetError::Empty)),
    ] {
        assert_eq!(parse(keys), told, "{what}");
    }
}

#[test]
fn security_3_hostile_rsa_keys_and_texts() {
    let issuer = Issuer::new();
    let parse = |keys: Vec<Value>| KeySet::parse(&json!({ "keys": keys }).to_string(), &Algorithm::ALL).map(|_| ());
    let rsa = |n: Vec<u8>, e: &[u8]| parse(vec![json!({"kty": "RSA", "kid": "r", "n": b64(n), "e": b64(e)})]);
    let modulus = || issuer.rsa.public_key().modulus().big_endian_without_leading_zero().to_vec();
    assert_eq!(rsa(modulus(), &[1, 0, 1]), Ok(()));
    for (what, n, e) in [
        ("1024 bits", modulus()[..128].to_vec(), vec![1, 0, 1]),
        ("e = 1", modulus(), vec![1]),
        ("e = 3", modulus(), vec![3]),
        ("e with zeros before", modulus(), vec![0, 1, 0, 1]),
        ("n with zeros before", [vec![0], modulus()].concat(), vec![1, 0, 1]),
        (
            "n even",
            {
                let mut n = modulus();
                *n.last_mut().unwrap() &= 0xfe;
                n
            },
            vec![1, 0, 1],
        ),
        ("n endless", vec![0xff; 4096], vec![1, 0, 1]),
    ] {
        assert_eq!(rsa(n, &e), Err(KeySetError::Empty), "{what}");
    }
    for text in ["", "[]", "{}", r#"{"keys":{}}"#, "<html>", r#"{"keys":[],"keys":[]}"#, "{\"keys\":[]}x"] {
        assert!(matches!(KeySet::parse(text, &Algorithm::ALL), Err(KeySetError::Form)), "{text}");
    }
    let twice = issuer.published().replacen("\"kid\"", "\"kid\":\"x\",\"kid\"", 1);
    assert!(matches!(KeySet::parse(&twice, &Algorithm::ALL), Err(KeySetError::Form)));
    assert!(matches!(KeySet::parse(&" ".repeat(10 << 20), &Algorithm::ALL), Err(KeySetError::Form)));
    assert!(issuer.rsa.public_key().as_der().is_ok());
}

#[test]
fn security_2_one_kid_at_two_issuers() {
    let (one, other) = (Issuer::new(), Issuer::new());
    assert!(verify(&one, &one.good()).is_ok());
    assert_eq!(verify(&one, &other.good()), Err(Refusal::Signature));
}

#[test]
fn no_refusal_repeats_the_token() {
    let issuer = Issuer::new();
    let secret = "kanarienvogel";
    for name in ["iss", "sub", "aud", "tenant"] {
        let token = issuer.sign(&header(), &json_with(name, json!([secret, secret])));
        let told = verify(&issuer, &token).unwrap_err();
        assert!(!format!("{told} {told:?} {}", told.word()).contains(secret), "{name}");
    }
}
