//! The token by which a task was submitted: it leaves the machine only when it lets nobody in any more.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scalbotics_core::time::Timestamp;
use serde::Deserialize;

/// The one claim that is read; the signature is for whoever verifies the evidence.
#[derive(Deserialize)]
struct Claims {
    exp: i64,
}

/// Whether the token is over at `now`; what cannot be read is not.
pub(super) fn is_over(token: &[u8], now: Timestamp) -> bool {
    let payload = std::str::from_utf8(token).ok().and_then(|token| token.split('.').nth(1));
    let claims = payload.and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
    let claims: Option<Claims> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
    claims.is_some_and(|claims| now >= Timestamp::from_unix_ms(claims.exp.saturating_mul(1_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> Vec<u8> {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)).into_bytes()
    }

    #[test]
    fn only_a_token_that_is_over_is_over() {
        let at = |s: i64| Timestamp::from_unix_ms(s * 1_000);
        assert!(is_over(&token(r#"{"exp":10}"#), at(10)));
        assert!(!is_over(&token(r#"{"exp":10}"#), Timestamp::from_unix_ms(9_999)));
        for bad in [&b""[..], b"a.b.c", b"\xff", &token("{}"), &token(r#"{"exp":"1"}"#), &token(r#"{"exp":9223372036854775807}"#)]
        {
            assert!(!is_over(bad, at(20)), "{bad:?}");
        }
    }
}
