//! The discovery document, judged; nothing is asked here.

use serde::Deserialize;

use super::address::Address;

/// Longest name of another issuer that is shown, in characters.
const SHOWN_MAX: usize = 200;

/// The one method of proof that is used (RFC 7636 §4.2); `plain` would show the secret.
const S256: &str = "S256";

#[derive(Deserialize)]
struct Document {
    issuer: String,
    token_endpoint: String,
    #[serde(default)]
    authorization_endpoint: Option<String>,
    #[serde(default)]
    device_authorization_endpoint: Option<String>,
    #[serde(default)]
    revocation_endpoint: Option<String>,
    #[serde(default)]
    scopes_supported: Vec<String>,
    #[serde(default)]
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What of it is used.
#[derive(Debug)]
pub(super) struct Metadata {
    /// Where tokens come from.
    pub(super) token: Address,
    /// Where the browser goes.
    pub(super) authorization: Option<Address>,
    /// Where a device code comes from.
    pub(super) device: Option<Address>,
    /// Where a token is taken back.
    pub(super) revocation: Option<Address>,
    /// Whether it gives refresh tokens for `offline_access`.
    pub(super) offers_offline: bool,
    /// Whether each answer by the browser says whose it is (RFC 9207).
    pub(super) names_itself: bool,
}

/// Judges the document that `place` answered for this issuer; what is wrong with it, in words.
pub(super) fn judge(issuer: &str, place: &Address, body: &[u8]) -> Result<Metadata, String> {
    let document: Document = serde_json::from_slice(body).map_err(|error| format!("it is no discovery document: {error}"))?;
    // Somebody else's document would send the person, and the code, elsewhere (§4.3: the values must be identical).
    if document.issuer != issuer {
        let found: String = document.issuer.chars().take(SHOWN_MAX).collect();
        return Err(format!("it is the document of the issuer `{found}`"));
    }
    let endpoint = |name: &str, text: &str| {
        let address = Address::parse(text).map_err(|reason| format!("its {name}: {reason}"))?;
        if place.is_tls() && !address.is_tls() {
            return Err(format!("its {name} has another scheme than itself"));
        }
        Ok(address)
    };
    let optional = |name: &str, text: &Option<String>| text.as_deref().map(|text| endpoint(name, text)).transpose();
    let methods = document.code_challenge_methods_supported.as_deref();
    if methods.is_some_and(|methods| !methods.iter().any(|method| method == S256)) {
        return Err("it offers no proof of the code by S256".to_owned());
    }
    Ok(Metadata {
        token: endpoint("token_endpoint", &document.token_endpoint)?,
        authorization: optional("authorization_endpoint", &document.authorization_endpoint)?,
        device: optional("device_authorization_endpoint", &document.device_authorization_endpoint)?,
        revocation: optional("revocation_endpoint", &document.revocation_endpoint)?,
        offers_offline: document.scopes_supported.iter().any(|scope| scope == "offline_access"),
        names_itself: document.authorization_response_iss_parameter_supported,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_that_says_what_it_must_not() {
        let place = Address::parse("https://i/.well-known/openid-configuration").unwrap();
        let good = json!({
            "issuer": "https://i", "token_endpoint": "https://i/t", "authorization_endpoint": "https://j/a?p=1", "x": [],
            "scopes_supported": ["openid", "offline_access"], "code_challenge_methods_supported": ["plain", "S256"],
        });
        let found = judge("https://i", &place, good.to_string().as_bytes()).unwrap();
        assert!(found.offers_offline && !found.names_itself && found.device.is_none() && found.authorization.is_some());
        for (name, value, says) in [
            ("issuer", json!("https://i/"), "document of the issuer `https://i/`"),
            ("issuer", json!("https://evil.test"), "document of the issuer"),
            ("issuer", json!(1), "no discovery document"),
            ("token_endpoint", json!("http://i/t"), "token_endpoint: it is not https"),
            ("token_endpoint", json!("http://127.0.0.1/t"), "another scheme"),
            ("token_endpoint", json!(null), "no discovery document"),
            ("authorization_endpoint", json!("javascript:alert(1)"), "authorization_endpoint"),
            ("device_authorization_endpoint", json!("https://u@i/"), "a user or a password"),
            ("revocation_endpoint", json!("https://i/#f"), "a fragment"),
            ("code_challenge_methods_supported", json!(["plain"]), "S256"),
            ("code_challenge_methods_supported", json!([]), "S256"),
        ] {
            let mut bad = good.clone();
            bad[name] = value.clone();
            let error = judge("https://i", &place, bad.to_string().as_bytes()).unwrap_err();
            assert!(error.contains(says), "{name} {value}: {error}");
        }
        let twice = r#"{"issuer":"https://i","issuer":"https://i","token_endpoint":"https://i/t"}"#;
        assert!(judge("https://i", &place, twice.as_bytes()).is_err());
    }
}
