//! What a tool said, inside of a result that is JSON: text as it is, everything else as base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Bytes as a result shows them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// `utf8` or `base64`.
    pub(super) encoding: &'static str,
    /// The text, or the base64 of the bytes.
    pub(super) content: String,
}

impl Content {
    /// The bytes as text where they are one that takes at most `json_max` bytes in JSON. Of what was cut, half a character at the
    /// end is left out.
    pub(super) fn of(bytes: &[u8], cut: bool, json_max: usize) -> Self {
        let whole = match std::str::from_utf8(bytes) {
            Ok(text) => Some(text),
            Err(error) if cut && error.error_len().is_none() => {
                bytes.get(..error.valid_up_to()).and_then(|text| std::str::from_utf8(text).ok())
            }
            Err(_) => None,
        };
        match whole {
            Some(text) if json_len(text) <= json_max => Self { encoding: "utf8", content: text.to_owned() },
            Some(_) | None => Self::base64(bytes),
        }
    }

    /// The bytes as base64.
    pub(super) fn base64(bytes: &[u8]) -> Self {
        Self { encoding: "base64", content: STANDARD.encode(bytes) }
    }
}

/// Length of the text in JSON, in which a control character takes up to six bytes.
fn json_len(text: &str) -> usize {
    text.bytes().map(|b| if b < 0x20 { 6 } else { 1 + usize::from(matches!(b, b'"' | b'\\')) }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_text_or_base64() {
        for (bytes, cut, encoding, content) in [
            (&b"text \xc3\xa4"[..], false, "utf8", "text \u{e4}"),
            (b"", false, "utf8", ""),
            (b"text \xc3", true, "utf8", "text "),
            (b"text \xc3", false, "base64", "dGV4dCDD"),
            (b"\xff\xfe", true, "base64", "//4="),
            (b"\x01\x01\x01", false, "base64", "AQEB"),
        ] {
            assert_eq!(Content::of(bytes, cut, 16), Content { encoding, content: content.to_owned() }, "{bytes:?}");
        }
    }
}
