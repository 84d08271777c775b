//! A set of keys (RFC 7517), as far as tokens need it.

use serde::Deserialize;

/// Keys that one issuer may publish: a few signing keys, with those of the last rotations.
const KEYS_MAX: usize = 100;

#[derive(Deserialize)]
struct Set {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    d: Option<serde::de::IgnoredAny>,
}

impl Key {
    /// Whether a signature can be checked with it: a public key that is not for encryption, with a name.
    fn signs(&self) -> bool {
        let kind = ["RSA", "EC", "OKP"].contains(&self.kty.as_str());
        let named = self.kid.as_deref().is_some_and(|kid| !kid.is_empty());
        kind && named && self.usage.as_deref().is_none_or(|usage| usage == "sig")
    }
}

/// How many keys of the set check signatures; one at least.
pub(super) fn count(bytes: &[u8]) -> Result<usize, String> {
    let set: Set = serde_json::from_slice(bytes).map_err(|error| format!("it is no JWKS: {error}"))?;
    if set.keys.len() > KEYS_MAX {
        return Err(format!("it has {} keys, more than {KEYS_MAX}", set.keys.len()));
    }
    if set.keys.iter().any(|key| key.d.is_some()) {
        return Err("it publishes a private key; whoever reads it can make tokens".to_owned());
    }
    match set.keys.iter().filter(|key| key.signs()).count() {
        0 => Err("it has no named key for signatures (RSA, EC or OKP)".to_owned()),
        count => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_public_signing_keys_count() {
        let good = r#"{"kty":"EC","kid":"a","crv":"P-256","x":"","y":""}"#;
        let set = |keys: &str| count(format!(r#"{{"keys":[{keys}]}}"#).as_bytes());
        assert_eq!(set(good), Ok(1));
        assert_eq!(set(&format!(r#"{good},{{"kty":"RSA","kid":"b","use":"enc"}},{{"kty":"oct","kid":"c"}}"#)), Ok(1));
        for bad in ["", r#"{"kty":"RSA"}"#, r#"{"kty":"RSA","kid":""}"#, r#"{"kty":"oct","kid":"c","k":"x"}"#, r#"{"kid":"a"}"#] {
            assert!(set(bad).is_err(), "{bad}");
        }
        let private = r#"{"kty":"OKP","kid":"a","d":"x"}"#;
        assert!(set(&format!("{good},{private}")).unwrap_err().contains("private"));
        let many = vec![good; KEYS_MAX + 1].join(",");
        assert!(set(&many).unwrap_err().contains("more than"));
        for bad in ["", "[]", "{}", r#"{"keys":{}}"#, "<html>"] {
            assert!(count(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
