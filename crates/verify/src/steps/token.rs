//! The token by which the task was submitted: a JWS (RFC 7515) of the installation's issuer.

use super::chain::Chain;
use super::submission;
use crate::Refusal;
use crate::base::from_base64url;
use crate::bundle::Bundle;
use crate::json::{Document, Value};
use crate::key::{Algorithm, Key};
use crate::report::Found;
use crate::trust::Trust;

/// How far clocks may differ, in seconds.
const LEEWAY_S: i64 = 60;

fn refuse(what: &str) -> Refusal {
    Refusal::new("token", "submission.token", what)
}

pub(super) fn check(bundle: &Bundle<'_>, trust: Option<&Trust>) -> Result<Found, Refusal> {
    let not_checked = |why: &str| Ok(Found { said: String::new(), not_checked: vec![why.to_owned()] });
    let token = submission::token(bundle.submission);
    let opened = token.and_then(|token| bundle.opening(&token));
    let Some(bytes) = opened else {
        if bundle.issuer.is_some() {
            return Err(Refusal::new("token", "issuer", "a key of tokens, and no token"));
        }
        return not_checked(match token {
            Some(_) => "who submitted: the token is withheld; it was not over, or payloads were left out",
            None => "who submitted: no token was kept",
        });
    };
    let issuer = bundle.issuer.and_then(Key::of_jwk).ok_or_else(|| Refusal::new("token", "issuer", "no key of tokens"))?;
    let text = std::str::from_utf8(bytes).map_err(|_| refuse("it is no text"))?;
    let claims = verified(text, &issuer)?;
    let document = Document::read_in_any_order(&claims).map_err(|_| refuse("its claims are no JSON"))?;
    let who = subject(bundle, document.root())?;
    let mut found = Found::new(format!("{who} submitted it, says the signed token"));
    if trust.is_none_or(|trust| !trust.token_keys.contains(&issuer)) {
        found.not_checked.push("the issuer's key: only as told by the daemon, the trust file does not have it".to_owned());
    }
    Ok(found)
}

/// The claims of a token whose signature is that of the key.
fn verified(token: &str, key: &Key) -> Result<Vec<u8>, Refusal> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { return Err(refuse("it is not in three parts")) };
    let decode = |part: &str| from_base64url(part).ok_or_else(|| refuse("a part is not base64url"));
    let header_json = decode(header)?;
    let document = Document::read_in_any_order(&header_json).map_err(|_| refuse("its header is no JSON"))?;
    let named = |key: &str| document.root().get(key).and_then(Value::plain).map(str::to_owned);
    let is_three = document.root().fields().is_some_and(|fields| fields.count() == 3);
    if !is_three || named("alg").as_deref() != Some("ES256") || named("typ").as_deref() != Some("at+jwt") {
        return Err(refuse("its header is not that of an access token"));
    }
    if key.algorithm() != Algorithm::P256 || named("kid") != Some(key.thumbprint()) {
        return Err(refuse("it is signed by another key"));
    }
    if !key.verifies(format!("{header}.{claims}").as_bytes(), &decode(signature)?) {
        return Err(Refusal::new("signature", "submission.token", "the signature of the token does not verify"));
    }
    decode(claims)
}

/// Who the token is of, if it is of who submitted, there and then.
fn subject(bundle: &Bundle<'_>, claims: Value<'_>) -> Result<String, Refusal> {
    let text = |key: &str| claims.get(key).and_then(Value::plain);
    let number = |key: &str| claims.get(key).and_then(Value::integer).ok_or_else(|| refuse("a time is missing"));
    let domain = Some(bundle.trust_domain);
    if text("iss") != domain || text("aud") != domain || text("tenant") != Some(bundle.tenant) {
        return Err(refuse("it is of another installation or tenant"));
    }
    let chain = Chain::of(bundle).ok_or_else(|| refuse("there is no chain"))?;
    let submitter = chain.submitter().ok_or_else(|| refuse("there is no chain"))?;
    if text("sub") != Some(submitter.text) {
        return Err(refuse("it is of somebody else than who submitted"));
    }
    if submitter.kind == "service" && text("sponsor") != chain.links.first().map(|human| human.text) {
        return Err(refuse("its sponsor is not the human of the chain"));
    }
    let submitted_s = bundle.submitted().map_or(i64::MIN, |record| record.at.div_euclid(1_000));
    let (from, until) = (number("iat")?.saturating_sub(LEEWAY_S), number("exp")?.saturating_add(LEEWAY_S));
    if (from..until).contains(&submitted_s) {
        Ok(submitter.text.to_owned())
    } else {
        Err(refuse("it did not hold when the task was submitted"))
    }
}
