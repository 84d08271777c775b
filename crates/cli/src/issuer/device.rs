//! Login with a browser anywhere: the device authorization grant (RFC 8628).

use std::time::Duration;

use serde::Deserialize;

use super::address::Address;
use super::error::{Error, cut};
use super::grant::{self, Tokens};
use super::http::Http;
use crate::output::escape;

/// Longest answer, in bytes.
const LEN_MAX: usize = 16 << 10;

/// Time between two questions where the issuer says none (§3.2).
const INTERVAL_DEFAULT: Duration = Duration::from_secs(5);

/// Longest time between two questions, whatever the issuer says.
const INTERVAL_MAX: Duration = Duration::from_secs(60);

/// What each `slow_down` adds (§3.5).
const SLOWER: Duration = Duration::from_secs(5);

/// The grant (§3.4).
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What the issuer hands out (§3.2).
#[derive(Deserialize)]
pub(super) struct Code {
    device_code: String,
    /// What the person types.
    pub(super) user_code: String,
    verification_uri: String,
    #[serde(default)]
    verification_uri_complete: Option<String>,
    expires_in: u64,
    #[serde(default)]
    interval: Option<u64>,
}

impl Code {
    /// Asks for one; the places that the person is sent to are addresses that may be asked.
    pub(super) async fn ask(http: &Http, place: &Address, form: &[(&str, &str)]) -> Result<Self, Error> {
        let code: Self = grant::document(place, &http.post(place, form, LEN_MAX).await?)?;
        for (name, text) in [
            ("verification_uri", Some(&code.verification_uri)),
            ("verification_uri_complete", code.verification_uri_complete.as_ref()),
        ] {
            let Some(text) = text else { continue };
            Address::parse(text).map_err(|reason| Error::document(place, format!("its {name}: {reason}")))?;
        }
        Ok(code)
    }

    /// What the person reads.
    pub(super) fn told(&self) -> String {
        // In one line, whatever it holds.
        let code = escape(&cut(&self.user_code));
        match &self.verification_uri_complete {
            Some(complete) => {
                format!("open {} and see that it shows the code {code}\nor open {} and enter it", complete, self.verification_uri)
            }
            None => format!("open {} and enter the code {code}", self.verification_uri),
        }
    }

    /// How long it is good, at most `limit`.
    fn life(&self, limit: Duration) -> Duration {
        Duration::from_secs(self.expires_in).min(limit)
    }

    /// Asks until the person has answered, or it is over.
    pub(super) async fn tokens(&self, http: &Http, place: &Address, client: &str, limit: Duration) -> Result<Tokens, Error> {
        let life = self.life(limit);
        let form = [("grant_type", GRANT), ("client_id", client), ("device_code", &self.device_code)];
        let mut interval =
            self.interval.map_or(INTERVAL_DEFAULT, Duration::from_secs).clamp(Duration::from_secs(1), INTERVAL_MAX);
        let asked = async {
            loop {
                tokio::time::sleep(interval).await;
                interval = match grant::tokens(http, place, &form).await {
                    Ok(tokens) => return Ok(tokens),
                    Err(error) => after(error, interval)?,
                };
            }
        };
        tokio::time::timeout(life, asked).await.unwrap_or(Err(Error::TooLate { seconds: life.as_secs() }))
    }
}

/// How long to wait after an answer that is no end; the error where it is one.
fn after(error: Error, interval: Duration) -> Result<Duration, Error> {
    let says = |wanted: &str| matches!(&error, Error::Denied { code, .. } if code == wanted);
    let is_away = matches!(&error, Error::Unreachable { .. }) || matches!(&error, Error::Status { status, .. } if *status >= 500);
    let next = if says("authorization_pending") {
        interval
    } else if says("slow_down") {
        interval.saturating_add(SLOWER)
    } else if is_away {
        // A server that is busy or away is asked less often, and not given up: the person is at work (§3.5).
        interval.saturating_mul(2)
    } else {
        return Err(error);
    };
    Ok(next.min(INTERVAL_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_sets_the_pace_and_says_when_it_is_over() {
        let denied = |code: &str| Error::Denied { code: code.to_owned(), description: String::new() };
        let status = |status| Error::Status { place: String::new(), status };
        let unreachable = || Error::Unreachable { place: String::new(), reason: String::new() };
        let cases = [
            (denied("authorization_pending"), 5, Some(5)),
            (denied("slow_down"), 5, Some(10)),
            (denied("slow_down"), 58, Some(60)),
            (unreachable(), 5, Some(10)),
            (unreachable(), 40, Some(60)),
            (status(503), 5, Some(10)),
            (status(302), 5, None),
            (denied("access_denied"), 5, None),
            (denied("expired_token"), 5, None),
            (denied("invalid_grant"), 5, None),
            (denied("whatever"), 5, None),
        ];
        for (error, seconds, wanted) in cases {
            let said = error.to_string();
            let next = after(error, Duration::from_secs(seconds)).ok().map(|next| next.as_secs());
            assert_eq!(next, wanted, "{said}");
        }
    }

    #[test]
    fn a_code_that_is_no_code_stays_in_its_line() {
        let code: Code = serde_json::from_value(serde_json::json!({
            "device_code": "d", "user_code": "A\nopen https://evil.test\u{1b}[2J", "verification_uri": "https://i/d", "expires_in": 1,
        }))
        .unwrap();
        assert_eq!(code.told(), "open https://i/d and enter the code A\\u{a}open https://evil.test\\u{1b}[2J");
    }

    #[test]
    fn a_code_lives_no_longer_than_either_says() {
        let code = |expires_in| Code {
            device_code: String::new(),
            user_code: String::new(),
            verification_uri: String::new(),
            verification_uri_complete: None,
            expires_in,
            interval: None,
        };
        let limit = Duration::from_secs(600);
        assert_eq!(code(u64::MAX).life(limit), limit);
        assert_eq!(code(30).life(limit), Duration::from_secs(30));
    }
}
