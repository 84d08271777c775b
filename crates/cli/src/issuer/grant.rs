//! The token endpoint (RFC 6749 §4.1.3, §5, §6; RFC 8628 §3.4), and taking a token back (RFC 7009).

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::address::Address;
use super::error::{Error, cut};
use super::http::{Answer, Http};

/// Longest answer, in bytes: an access token, an ID token and a refresh token of 16 KiB each, and some words.
const LEN_MAX: usize = 64 << 10;

/// Longest single token, in bytes.
const TOKEN_LEN_MAX: usize = 16 << 10;

/// What the token endpoint gives.
#[derive(Deserialize)]
pub(crate) struct Tokens {
    token_type: String,
    /// The access token: a JWT, or a text that means something to the issuer only.
    pub(crate) access_token: String,
    /// The ID token, where `openid` was asked for.
    #[serde(default)]
    pub(crate) id_token: Option<String>,
    /// The refresh token, where there is one.
    #[serde(default)]
    pub(crate) refresh_token: Option<String>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(hidden)")
    }
}

#[derive(Deserialize)]
struct Denial {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Asks the token endpoint.
pub(super) async fn tokens(http: &Http, place: &Address, form: &[(&str, &str)]) -> Result<Tokens, Error> {
    let tokens: Tokens = document(place, &http.post(place, form, LEN_MAX).await?)?;
    let all = [Some(&tokens.access_token), tokens.id_token.as_ref(), tokens.refresh_token.as_ref()];
    if all.into_iter().flatten().any(|token| token.is_empty() || token.len() > TOKEN_LEN_MAX) {
        return Err(Error::document(place, "one of its tokens is empty or longer than any token"));
    }
    if !tokens.token_type.eq_ignore_ascii_case("bearer") {
        return Err(Error::document(place, format!("it gives tokens of type {}", cut(&tokens.token_type))));
    }
    Ok(tokens)
}

/// Takes a token back; the issuer answers 200 whether it knew it or not.
pub(super) async fn revoke(http: &Http, place: &Address, client: &str, token: &str) -> Result<(), Error> {
    let form = [("client_id", client), ("token", token), ("token_type_hint", "refresh_token")];
    let answer = http.post(place, &form, LEN_MAX).await?;
    if answer.status == 200 { Ok(()) } else { Err(denial(place, &answer)) }
}

/// The document of an answer, or what the issuer says against it.
pub(super) fn document<T: DeserializeOwned>(place: &Address, answer: &Answer) -> Result<T, Error> {
    if answer.status != 200 {
        return Err(denial(place, answer));
    }
    if !answer.is_json {
        return Err(Error::document(place, "it does not say that it is JSON"));
    }
    // What serde says of a wrong document may hold a part of it, and with that a token.
    serde_json::from_slice(&answer.body).map_err(|error| {
        let found = format!("it is not what the protocol has, at line {} column {}", error.line(), error.column());
        Error::document(place, found)
    })
}

fn denial(place: &Address, answer: &Answer) -> Error {
    let denial = serde_json::from_slice::<Denial>(&answer.body).ok();
    // Any 4xx may carry it: 400 by RFC 6749, 401 for a client that is not known, 403 or 429 by habit.
    match denial.filter(|_| answer.is_json && (400..500).contains(&answer.status)) {
        Some(Denial { error, error_description }) => Error::Denied { code: cut(&error), description: cut(&error_description) },
        None => Error::Status { place: place.to_string(), status: answer.status },
    }
}
