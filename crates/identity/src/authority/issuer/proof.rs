//! Verification of proofs of possession.

use scalbotics_core::time::Timestamp;

use super::{LEEWAY_S, Refusal};
use crate::encoding::from_base64url;
use crate::holder::key::{Public, SIGNATURE_LEN};
use crate::holder::proof::{Claims, Header, METHOD, Proved, TYPE, token_hash};

/// Longest proof, in bytes; ours are 500.
const PROOF_LEN_MAX: usize = 4096;

/// Longest `jti`, in bytes.
const JTI_LEN_MAX: usize = 128;

/// Verifies a proof (RFC 9449 §4.3) for the method at `target`, made within [`LEEWAY_S`] of now. Where it names a token, that is `token`.
///
/// # Errors
/// Any [`Refusal`]. A replay is the caller's to find, where it matters.
pub fn verify_proof(proof: &str, target: &str, token: &str, now: Timestamp) -> Result<Proved, Refusal> {
    if proof.len() > PROOF_LEN_MAX {
        return Err(Refusal::TooLong);
    }
    let (signed, signature) = proof.rsplit_once('.').ok_or(Refusal::Shape)?;
    let (header, payload) = signed.split_once('.').ok_or(Refusal::Shape)?;
    let decode = |part: &str| from_base64url(part).ok_or(Refusal::Shape);
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| Refusal::Header)?;
    let claims: Claims = serde_json::from_slice(&decode(payload)?).map_err(|_| Refusal::Claims)?;
    if header.typ != TYPE {
        return Err(Refusal::Type);
    }
    let key = Public::try_from(&header.jwk).map_err(|_| Refusal::UnknownKey)?;
    if header.alg != key.algorithm().as_jws() {
        return Err(Refusal::Algorithm);
    }
    let signature = decode(signature)?;
    if signature.len() != SIGNATURE_LEN || key.verify(signed.as_bytes(), &signature).is_err() {
        return Err(Refusal::Signature);
    }
    if claims.htm != METHOD || claims.htu != target {
        return Err(Refusal::Audience);
    }
    let named = (1..=JTI_LEN_MAX).contains(&claims.jti.len());
    if !named || claims.ath.is_some_and(|hash| hash != token_hash(token)) {
        return Err(Refusal::Claims);
    }
    let now_s = now.unix_ms().div_euclid(1000);
    if claims.iat > now_s.saturating_add(LEEWAY_S) {
        return Err(Refusal::NotYetValid);
    }
    if claims.iat < now_s.saturating_sub(LEEWAY_S) {
        Err(Refusal::Expired)
    } else {
        Ok(Proved { key: key.thumbprint(), jti: claims.jti })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::encoding::to_base64url;
    use crate::holder::key::{Algorithm, Jwk, Pair};
    use crate::holder::proof::{sign, target};

    const NOW: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

    fn htu() -> String {
        target("acme.test", "/scalbotics.v1.SessionService/ExchangeToken")
    }

    fn texts(key: &Pair, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", to_base64url(header), to_base64url(claims));
        let signature = key.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", to_base64url(signature))
    }

    #[test]
    fn a_proof_is_of_its_key_for_its_method_and_its_token() {
        for algorithm in [Algorithm::Ed25519, Algorithm::P256] {
            let key = Pair::generate(algorithm).unwrap();
            let proof = sign(&key, &htu(), Some("a.b.c"), NOW).unwrap();
            let proved = verify_proof(&proof, &htu(), "a.b.c", NOW).unwrap();
            assert_eq!(proved.key, key.thumbprint());
            assert_eq!(verify_proof(&proof, &htu(), "a.b.d", NOW), Err(Refusal::Claims));
            assert_eq!(verify_proof(&proof, &target("other.test", "/x"), "a.b.c", NOW), Err(Refusal::Audience));
            for (seconds, told) in [(-61, Err(Refusal::NotYetValid)), (-60, Ok(())), (60, Ok(())), (61, Err(Refusal::Expired))] {
                let at = Timestamp::from_unix_ms(NOW.unix_ms() + seconds * 1000);
                assert_eq!(verify_proof(&proof, &htu(), "a.b.c", at).map(|_| ()), told, "{seconds}");
            }
        }
    }

    #[test]
    fn forged_proofs() {
        let (key, other) = (Pair::generate(Algorithm::P256).unwrap(), Pair::generate(Algorithm::P256).unwrap());
        let jwk = |key: &Pair| serde_json::to_value(Jwk::from(key.public())).unwrap();
        let header = || json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk(&key)});
        let claims = || json!({"jti": "1", "htm": "POST", "htu": htu(), "iat": NOW.unix_ms() / 1000});
        let with = |mut object: Value, name: &str, value: Value| {
            object[name] = value;
            object
        };
        let verify = |header: &Value, claims: &Value| {
            verify_proof(&texts(&key, &header.to_string(), &claims.to_string()), &htu(), "t", NOW)
        };
        assert!(verify(&header(), &claims()).is_ok());
        for (what, header, claims, told) in [
            ("another typ", with(header(), "typ", json!("JWT")), claims(), Refusal::Type),
            ("none", with(header(), "alg", json!("none")), claims(), Refusal::Algorithm),
            ("HS256", with(header(), "alg", json!("HS256")), claims(), Refusal::Algorithm),
            ("another key", with(header(), "jwk", jwk(&other)), claims(), Refusal::Signature),
            ("a private key", with(header(), "jwk", with(jwk(&key), "d", json!("AQ"))), claims(), Refusal::Header),
            (
                "a shared secret",
                with(header(), "jwk", json!({"kty": "oct", "crv": "", "x": "AQ"})),
                claims(),
                Refusal::UnknownKey,
            ),
            ("a kid beside", with(header(), "kid", json!("x")), claims(), Refusal::Header),
            ("crit", with(header(), "crit", json!(["x"])), claims(), Refusal::Header),
            ("GET", header(), with(claims(), "htm", json!("GET")), Refusal::Audience),
            ("another place", header(), with(claims(), "htu", json!("https://acme.test/")), Refusal::Audience),
            ("no name", header(), with(claims(), "jti", json!("")), Refusal::Claims),
            ("a long name", header(), with(claims(), "jti", json!("x".repeat(129))), Refusal::Claims),
            ("more claims", header(), with(claims(), "sub", json!("x")), Refusal::Claims),
            ("a fraction", header(), with(claims(), "iat", json!(1.5)), Refusal::Claims),
        ] {
            assert_eq!(verify(&header, &claims).map(|_| ()), Err(told), "{what}");
        }
        let twice = header().to_string().replacen('{', "{\"alg\":\"none\",", 1);
        assert_eq!(verify_proof(&texts(&key, &twice, &claims().to_string()), &htu(), "t", NOW), Err(Refusal::Header));
        for (text, told) in
            [("", Refusal::Shape), ("a.b", Refusal::Shape), ("e30.e30.", Refusal::Header), ("a.b.c.d", Refusal::Shape)]
        {
            assert_eq!(verify_proof(text, &htu(), "t", NOW), Err(told), "{text}");
        }
        assert_eq!(verify_proof(&"a".repeat(5000), &htu(), "t", NOW), Err(Refusal::TooLong));
        let good = texts(&key, &header().to_string(), &claims().to_string());
        let zeros = format!("{}.{}", good.rsplit_once('.').unwrap().0, to_base64url([0; 64]));
        assert_eq!(verify_proof(&zeros, &htu(), "t", NOW), Err(Refusal::Signature));
    }
}
