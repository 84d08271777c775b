//! What others need to verify access tokens of the built-in issuer: its discovery document and its key (RFC 8414, RFC 7517).

use http::HeaderMap;
use http::header::HOST;
use http::uri::Authority;
use scalbotics_identity::holder::key::{Jwk, Public};
use serde_json::json;

/// Where the document is.
pub(crate) const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Where the key is.
pub(crate) const KEYS: &str = "/jwks.json";

/// Where whoever asks has found this listener; nothing else of what they say is repeated.
pub(crate) fn place(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse::<Authority>().ok()).filter(|host| !host.as_str().contains('@'));
    host.map_or_else(|| "http://localhost".to_owned(), |host| format!("http://{host}"))
}

/// The document. The issuer is the trust domain, as its tokens say it; tokens are got by the API, so that there is no endpoint for them.
pub(crate) fn discovery(issuer: &str, place: &str) -> String {
    let document = json!({
        "issuer": issuer,
        "jwks_uri": format!("{place}{KEYS}"),
        "response_types_supported": ["none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "jti", "tenant", "groups", "auth_time", "cnf", "epoch"],
    });
    format!("{document}\n")
}

/// The one key that signs access tokens.
pub(crate) fn keys(public: &Public) -> String {
    let Jwk { crv, kty, x, y } = Jwk::from(public);
    let alg = public.algorithm().as_jws();
    let key = json!({"kty": kty, "crv": crv, "x": x, "y": y, "kid": public.thumbprint().to_string(), "use": "sig", "alg": alg});
    format!("{}\n", json!({"keys": [key]}))
}

#[cfg(test)]
mod tests {
    use scalbotics_identity::authority::outside::{Algorithm, KeySet};
    use scalbotics_identity::holder::key::{self, Pair};

    use super::*;

    #[test]
    fn what_is_published_is_what_is_taken_from_others() {
        let pair = Pair::generate(key::Algorithm::P256).unwrap();
        let set = KeySet::parse(&keys(pair.public()), &[Algorithm::Es256]).unwrap();
        assert!(set.has(&pair.thumbprint().to_string()));
    }

    #[test]
    fn nothing_but_a_place_is_repeated() {
        for (host, place_said) in [
            (Some("id.acme.test:7421"), "http://id.acme.test:7421"),
            (Some("[::1]:7421"), "http://[::1]:7421"),
            (Some("a@b"), "http://localhost"),
            (Some("a/b"), "http://localhost"),
            (Some("a b"), "http://localhost"),
            (None, "http://localhost"),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(host.map(|host| (HOST, host.parse().unwrap())));
            assert_eq!(place(&headers), place_said, "{host:?}");
        }
    }
}
