//! Verification of proofs of possession.

use scalbotics_core::time::Timestamp;

use super::LEEWAY_S;
use crate::encoding::from_base64url;
use crate::holder::key::{Public, SIGNATURE_LEN};
use crate::holder::proof::{Claims, Header, METHOD, Proved, TYPE, token_hash};

/// Longest proof, in bytes; ours are 500.
const PROOF_LEN_MAX: usize = 4096;

/// Longest `jti`, in bytes.
const JTI_LEN_MAX: usize = 128;

/// Why a proof does not count. No text repeats a byte of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofRefusal {
    /// Longer than any proof.
    #[error("the proof is longer than 4096 bytes")]
    TooLong,
    /// Not three parts of canonical base64url.
    #[error("the proof is not a compact JWS")]
    Shape,
    /// The header has other parameters than three, or lacks one; or its key has private members.
    #[error("the proof's header is not exactly `typ`, `alg` and a public `jwk`")]
    Header,
    /// Another kind of token.
    #[error("the proof is not of type `dpop+jwt`")]
    Type,
    /// Neither an Ed25519 nor a P-256 key.
    #[error("the proof's key is of a kind that is not accepted")]
    Key,
    /// `alg` is not the key's: `none`, `HS256` and the like.
    #[error("the proof's algorithm is not that of its key")]
    Algorithm,
    /// The signature does not verify.
    #[error("the proof's signature does not verify")]
    Signature,
    /// A claim is missing, unknown, malformed or over its limit.
    #[error("the proof's claims are not exactly `jti`, `htm`, `htu`, `iat` and `ath`")]
    Claims,
    /// Made for another method or another installation.
    #[error("the proof is for another method or another installation")]
    Target,
    /// Made for another token.
    #[error("the proof is for another token")]
    Token,
    /// Older than [`LEEWAY_S`].
    #[error("the proof is older than a minute")]
    Expired,
    /// Made later than now, by more than [`LEEWAY_S`].
    #[error("the proof is from the future")]
    NotYetValid,
}

/// Verifies a proof (RFC 9449 §4.3) that goes with `token` to the method at `target`, made within [`LEEWAY_S`] of now.
///
/// # Errors
/// Any [`ProofRefusal`]. A replay is the caller's to find, where it matters.
pub fn verify_proof(proof: &str, target: &str, token: &str, now: Timestamp) -> Result<Proved, ProofRefusal> {
    if proof.len() > PROOF_LEN_MAX {
        return Err(ProofRefusal::TooLong);
    }
    let (signed, signature) = proof.rsplit_once('.').ok_or(ProofRefusal::Shape)?;
    let (header, payload) = signed.split_once('.').ok_or(ProofRefusal::Shape)?;
    let decode = |part: &str| from_base64url(part).ok_or(ProofRefusal::Shape);
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| ProofRefusal::Header)?;
    let payload = decode(payload)?;
    let signature = decode(signature)?;
    if header.typ != TYPE {
        return Err(ProofRefusal::Type);
    }
    let key = Public::try_from(&header.jwk).map_err(|_| ProofRefusal::Key)?;
    if header.alg != key.algorithm().as_jws() {
        return Err(ProofRefusal::Algorithm);
    }
    if signature.len() != SIGNATURE_LEN || key.verify(signed.as_bytes(), &signature).is_err() {
        return Err(ProofRefusal::Signature);
    }
    let claims: Claims = serde_json::from_slice(&payload).map_err(|_| ProofRefusal::Claims)?;
    if !(1..=JTI_LEN_MAX).contains(&claims.jti.len()) {
        return Err(ProofRefusal::Claims);
    }
    if claims.htm != METHOD || claims.htu != target {
        return Err(ProofRefusal::Target);
    }
    if claims.ath != token_hash(token) {
        return Err(ProofRefusal::Token);
    }
    let now_s = now.unix_ms().div_euclid(1000);
    if claims.iat > now_s.saturating_add(LEEWAY_S) {
        return Err(ProofRefusal::NotYetValid);
    }
    if claims.iat < now_s.saturating_sub(LEEWAY_S) {
        return Err(ProofRefusal::Expired);
    }
    Ok(Proved { key: key.thumbprint(), jti: claims.jti, made_at: Timestamp::from_unix_ms(claims.iat.saturating_mul(1000)) })
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
            let proof = sign(&key, &htu(), "a.b.c", NOW).unwrap();
            let proved = verify_proof(&proof, &htu(), "a.b.c", NOW).unwrap();
            assert_eq!(proved.key, key.thumbprint());
            assert_eq!(verify_proof(&proof, &htu(), "a.b.d", NOW), Err(ProofRefusal::Token));
            assert_eq!(verify_proof(&proof, &target("other.test", "/x"), "a.b.c", NOW), Err(ProofRefusal::Target));
            for (seconds, told) in
                [(-61, Err(ProofRefusal::NotYetValid)), (-60, Ok(())), (60, Ok(())), (61, Err(ProofRefusal::Expired))]
            {
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
        let claims = || json!({"jti": "1", "htm": "POST", "htu": htu(), "iat": NOW.unix_ms() / 1000, "ath": token_hash("t")});
        let with = |mut object: Value, name: &str, value: Value| {
            object[name] = value;
            object
        };
        let verify = |header: &Value, claims: &Value| {
            verify_proof(&texts(&key, &header.to_string(), &claims.to_string()), &htu(), "t", NOW)
        };
        assert!(verify(&header(), &claims()).is_ok());
        for (what, header, claims, told) in [
            ("another typ", with(header(), "typ", json!("JWT")), claims(), ProofRefusal::Type),
            ("none", with(header(), "alg", json!("none")), claims(), ProofRefusal::Algorithm),
            ("HS256", with(header(), "alg", json!("HS256")), claims(), ProofRefusal::Algorithm),
            ("another key", with(header(), "jwk", jwk(&other)), claims(), ProofRefusal::Signature),
            ("a private key", with(header(), "jwk", with(jwk(&key), "d", json!("AQ"))), claims(), ProofRefusal::Header),
            ("a shared secret", with(header(), "jwk", json!({"kty": "oct", "crv": "", "x": "AQ"})), claims(), ProofRefusal::Key),
            ("a kid beside", with(header(), "kid", json!("x")), claims(), ProofRefusal::Header),
            ("crit", with(header(), "crit", json!(["x"])), claims(), ProofRefusal::Header),
            ("GET", header(), with(claims(), "htm", json!("GET")), ProofRefusal::Target),
            ("another place", header(), with(claims(), "htu", json!("https://acme.test/")), ProofRefusal::Target),
            ("no name", header(), with(claims(), "jti", json!("")), ProofRefusal::Claims),
            ("a long name", header(), with(claims(), "jti", json!("x".repeat(129))), ProofRefusal::Claims),
            ("more claims", header(), with(claims(), "sub", json!("x")), ProofRefusal::Claims),
            ("no token", header(), with(claims(), "ath", Value::Null), ProofRefusal::Claims),
            ("the hash of no token", header(), with(claims(), "ath", json!("")), ProofRefusal::Token),
            ("another method of ours", header(), with(claims(), "htu", json!(format!("{}s", htu()))), ProofRefusal::Target),
            ("a fraction", header(), with(claims(), "iat", json!(1.5)), ProofRefusal::Claims),
        ] {
            assert_eq!(verify(&header, &claims).map(|_| ()), Err(told), "{what}");
        }
        let twice = header().to_string().replacen('{', "{\"alg\":\"none\",", 1);
        assert_eq!(verify_proof(&texts(&key, &twice, &claims().to_string()), &htu(), "t", NOW), Err(ProofRefusal::Header));
        for (text, told) in [
            ("", ProofRefusal::Shape),
            ("a.b", ProofRefusal::Shape),
            ("e30.e30.", ProofRefusal::Header),
            ("a.b.c.d", ProofRefusal::Shape),
        ] {
            assert_eq!(verify_proof(text, &htu(), "t", NOW), Err(told), "{text}");
        }
        assert_eq!(verify_proof(&"a".repeat(5000), &htu(), "t", NOW), Err(ProofRefusal::TooLong));
        let good = texts(&key, &header().to_string(), &claims().to_string());
        let zeros = format!("{}.{}", good.rsplit_once('.').unwrap().0, to_base64url([0; 64]));
        assert_eq!(verify_proof(&zeros, &htu(), "t", NOW), Err(ProofRefusal::Signature));
    }
}
