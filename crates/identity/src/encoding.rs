//! Base64 in its two strict forms: no stray padding, no stray bits, so that one value has one text.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Base64url without padding (RFC 7515 §2).
pub(crate) fn to_base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of a base64url text without padding; `None` when it is not the canonical text of any.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Base64 with padding (RFC 4648 §4).
pub(crate) fn to_base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of a padded base64 text; `None` when it is not the canonical text of any.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_one_text() {
        assert_eq!(from_base64url("_w"), Some(vec![0xff]));
        assert_eq!(from_base64("/w=="), Some(vec![0xff]));
        for bad in ["_x", "_w=", "_w==", "/w", "_", "_w ", "_w\n", "\u{ff3f}w"] {
            assert_eq!(from_base64url(bad), None, "{bad:?}");
        }
        for bad in ["/x==", "/w", "/w=", "_w==", " /w==", "/w==\n"] {
            assert_eq!(from_base64(bad), None, "{bad:?}");
        }
    }
}
