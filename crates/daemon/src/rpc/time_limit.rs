//! How long a caller waits for a call, as it says in the header `grpc-timeout` (gRPC over HTTP/2: at most eight digits and a
//! unit). After that time nobody reads the answer, so nothing goes on for it; what was committed until then stays.

use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

use super::codes;
use super::failure::Failure;

const HEADER: &str = "grpc-timeout";

/// Digits at most (gRPC over HTTP/2, `TimeoutValue`).
const DIGITS_MAX: usize = 8;

/// When the answer is worth nothing any more.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeLimit(Option<Instant>);

impl TimeLimit {
    /// The limit of a call that came at `now`; none where the header is absent.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a header that is no duration.
    pub(super) fn of(headers: &HeaderMap, now: Instant) -> Result<Self, Failure> {
        let Some(value) = headers.get(HEADER) else { return Ok(Self(None)) };
        let span = value.to_str().ok().and_then(parse);
        let span = span.ok_or_else(|| Failure::invalid(HEADER, "it is not 1 to 8 digits and one of H, M, S, m, u, n"))?;
        // Beyond what the clock can tell there is no limit.
        Ok(Self(now.checked_add(span)))
    }

    /// Waits until the time is over; for ever where there is no limit.
    pub(super) async fn passed(self) -> Failure {
        match self.0 {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
        Failure::new(codes::CALL_TIMED_OUT, "the caller's time for the call is over")
            .next("look at the state, then call again with more time and the same request id")
    }
}

/// A duration as the header writes it.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3_600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_the_header() {
        for (text, ms) in [("1S", 1_000), ("2M", 120_000), ("1H", 3_600_000), ("250m", 250), ("5000u", 5), ("00000009m", 9)] {
            assert_eq!(parse(text), Some(Duration::from_millis(ms)), "{text}");
        }
        assert_eq!(parse("7n"), Some(Duration::from_nanos(7)));
        assert!(parse("99999999H").is_some());
        for bad in ["", "S", "1", "1s", "-1S", "+1S", "1.5S", "123456789m", "1 S", " 1S", "é"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_passes_and_none_never_does() {
        let now = Instant::now();
        let mut headers = HeaderMap::new();
        let none = TimeLimit::of(&headers, now).unwrap();
        headers.insert(HEADER, "30S".parse().unwrap());
        let limit = TimeLimit::of(&headers, now).unwrap();
        assert_eq!(limit.passed().await.code(), codes::CALL_TIMED_OUT);
        assert_eq!(now.elapsed(), Duration::from_secs(30));
        assert!(tokio::time::timeout(Duration::from_secs(3_600), none.passed()).await.is_err());
        headers.insert(HEADER, "soon".parse().unwrap());
        assert_eq!(TimeLimit::of(&headers, now).unwrap_err().code(), codes::INVALID_ARGUMENT);
    }
}
