//! Standard input: one JSON value of a known shape.

use std::io::Read;

use serde::de::DeserializeOwned;

use crate::error::Error;

/// Bytes of standard input; the daemon hands a tool at most as much.
const INPUT_BYTES_MAX: u64 = 1 << 20;

/// Reads the whole input.
///
/// # Errors
/// [`Error::Input`] when it is too long, unreadable, no JSON, or of another shape.
pub(crate) fn read<T: DeserializeOwned>(from: impl Read) -> Result<T, Error> {
    let mut bytes = Vec::new();
    let refused = |reason: String| Error::Input(reason);
    from.take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| refused(error.to_string()))?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > INPUT_BYTES_MAX) {
        return Err(refused(format!("it is longer than {INPUT_BYTES_MAX} bytes")));
    }
    serde_json::from_slice(&bytes).map_err(|error| refused(error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{INPUT_BYTES_MAX, read};

    #[test]
    fn only_json_within_the_limit_is_read() {
        let long = format!("\"{}\"", "x".repeat(usize::try_from(INPUT_BYTES_MAX).unwrap()));
        let deep = "[".repeat(100_000);
        for (text, sound) in [("{}", true), ("", false), ("{} {}", false), (long.as_str(), false), (deep.as_str(), false)] {
            assert_eq!(read::<Value>(text.as_bytes()).is_ok(), sound, "{}", &text.chars().take(20).collect::<String>());
        }
    }
}
