//! What a client checks of an ID token that the token endpoint itself gave it (OpenID Connect Core §3.1.3.7).
//!
//! **Boundary:** the signature is the daemon's to verify, against the issuer's keys; here the token came over the issuer's own TLS, and
//! what matters is that it answers this login and no other.

use scalbotics_core::time::Timestamp;
use serde::Deserialize;

use crate::encoding::from_base64url;

/// Longest token, in bytes; the daemon takes none that is longer.
pub const LEN_MAX: usize = 16 << 10;

/// How far clocks may be apart, in seconds (RFC 8725 names no figure; a minute is what the daemon allows).
const LEEWAY_S: i64 = 60;

/// Why an ID token does not answer this login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is longer than any token is.
    #[error("the ID token is longer than {LEN_MAX} bytes")]
    TooLong,
    /// It has not the form of one.
    #[error("the ID token is no signed token")]
    Malformed,
    /// A claim is not what this login asked for.
    #[error("the ID token is not for this login: its `{claim}` is another one")]
    Foreign {
        /// Name of the claim.
        claim: &'static str,
    },
    /// It is over.
    #[error("the ID token is over, or the clock of this machine is wrong")]
    Over,
}

/// What the token has to say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The issuer, byte for byte.
    pub issuer: &'a str,
    /// The client that asked.
    pub client: &'a str,
    /// The nonce of the login, where one was sent.
    pub nonce: Option<&'a str>,
}

/// One audience or several (RFC 7519 §4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    #[serde(default)]
    azp: Option<String>,
    #[serde(default)]
    nonce: Option<String>,
}

/// Whether the text has the form of a signed token: an access token may be one or may mean nothing to anybody but its issuer.
#[must_use]
pub fn is_signed_token(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| !part.is_empty() && from_base64url(part).is_some())
}

/// Checks a token and answers whom it is about: its `sub`.
///
/// # Errors
/// Any [`Error`], the first thing that is wrong.
pub fn check(token: &str, expected: &Expected<'_>, now: Timestamp) -> Result<String, Error> {
    if token.len() > LEN_MAX {
        return Err(Error::TooLong);
    }
    if !is_signed_token(token) {
        return Err(Error::Malformed);
    }
    let payload = token.split('.').nth(1).and_then(from_base64url).ok_or(Error::Malformed)?;
    let claims: Claims = serde_json::from_slice(&payload).map_err(|_| Error::Malformed)?;
    let (is_for_us, others) = match &claims.aud {
        Audience::One(one) => (one == expected.client, false),
        Audience::Many(many) => (many.iter().any(|one| one == expected.client), many.len() > 1),
    };
    let authorized = claims.azp.as_deref().map_or(!others, |azp| azp == expected.client);
    let answers = expected.nonce.is_none() || claims.nonce.as_deref() == expected.nonce;
    let known = [(claims.iss == expected.issuer, "iss"), (is_for_us, "aud"), (authorized, "azp"), (answers, "nonce")];
    if let Some((_, claim)) = known.into_iter().find(|(fits, _)| !fits) {
        return Err(Error::Foreign { claim });
    }
    if claims.sub.is_empty() || claims.sub.len() > 255 {
        return Err(Error::Foreign { claim: "sub" });
    }
    let over = claims.exp.saturating_add(LEEWAY_S) <= now.unix_ms().div_euclid(1000);
    if over { Err(Error::Over) } else { Ok(claims.sub) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::encoding::to_base64url;

    fn token(claims: &Value) -> String {
        format!("{}.{}.{}", to_base64url("{}"), to_base64url(claims.to_string()), to_base64url("signature"))
    }

    fn with(name: &str, value: Value) -> String {
        let mut claims = json!({ "iss": "https://i", "sub": "ann", "aud": "cli", "exp": 1_000, "nonce": "n" });
        claims[name] = value;
        token(&claims)
    }

    #[test]
    fn only_the_answer_to_this_login() {
        let expected = Expected { issuer: "https://i", client: "cli", nonce: Some("n") };
        let foreign = |claim| Err(Error::Foreign { claim });
        let fine = || Ok("ann".to_owned());
        let cases = [
            (with("iat", json!(1)), fine()),
            (with("aud", json!(["cli"])), fine()),
            (with("azp", json!("cli")), fine()),
            (with("exp", json!(941)), fine()),
            (with("exp", json!(940)), Err(Error::Over)),
            (with("iss", json!("https://i/")), foreign("iss")),
            (with("aud", json!("other")), foreign("aud")),
            (with("aud", json!(["cli", "other"])), foreign("azp")),
            (with("azp", json!("other")), foreign("azp")),
            (with("nonce", json!("m")), foreign("nonce")),
            (with("nonce", Value::Null), foreign("nonce")),
            (with("sub", json!("")), foreign("sub")),
            (with("exp", json!("1000")), Err(Error::Malformed)),
            (with("aud", Value::Null), Err(Error::Malformed)),
            (with("iss", json!("x".repeat(LEN_MAX))), Err(Error::TooLong)),
            ("a.b".to_owned(), Err(Error::Malformed)),
            (String::new(), Err(Error::Malformed)),
            ("..".to_owned(), Err(Error::Malformed)),
        ];
        for (token, wanted) in cases {
            assert_eq!(check(&token, &expected, Timestamp::from_unix_ms(1_000_000)), wanted, "{token}");
        }
    }

    #[test]
    fn a_claim_that_stands_twice_is_none() {
        let twice = format!(
            "{}.{}.{}",
            to_base64url("{}"),
            to_base64url(r#"{"iss":"https://i","iss":"https://j","sub":"a","aud":"cli","exp":1}"#),
            "AA"
        );
        let expected = Expected { issuer: "https://i", client: "cli", nonce: None };
        assert_eq!(check(&twice, &expected, Timestamp::from_unix_ms(0)), Err(Error::Malformed));
    }
}
