//! The wall clock: the one place of the command line that reads it.

use scalbotics_core::time::Timestamp;

/// Now.
#[expect(clippy::disallowed_methods, reason = "the command line's only clock")]
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
