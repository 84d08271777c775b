//! `Retry-After` (RFC 9110 §10.2.3): seconds, or a date.

use scalbotics_core::time::Timestamp;

/// Longest that a server may ask to be left alone, in milliseconds: an hour.
const WAIT_MAX_MS: u64 = 3_600_000;

/// The wait in milliseconds, at most an hour; nothing when it cannot be read.
pub(super) fn parse(text: &str, now: Timestamp) -> Option<u64> {
    let text = text.trim();
    let ms = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1_000)
    } else {
        let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Timestamp::from_unix_ms(date.as_millisecond()).since_ms(now)
    };
    Some(ms.min(WAIT_MAX_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits() {
        let now = Timestamp::from_unix_ms(784_111_770_000);
        for (text, ms) in [
            ("0", Some(0)),
            (" 7 ", Some(7_000)),
            ("99999999999999999999999", Some(WAIT_MAX_MS)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7_000)),
            ("Sun, 06 Nov 1993 08:49:37 GMT", None),
            ("Sat, 06 Nov 1993 08:49:37 GMT", Some(0)),
            ("Wed, 06 Nov 2080 08:49:37 GMT", Some(WAIT_MAX_MS)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(parse(text, now), ms, "{text}");
        }
    }
}
