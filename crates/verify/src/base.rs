//! Texts of bytes, strictly: one value has one text.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Bytes of padded base64 (RFC 4648 §4); `None` unless it is their canonical text.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Bytes of base64url without padding (RFC 7515 §2); `None` unless it is their canonical text.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Base64url without padding.
pub(crate) fn to_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// 32 bytes of padded base64, without an allocation.
pub(crate) fn hash_of_base64(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 33];
    let len = STANDARD.decode_slice(text, &mut bytes).ok()?;
    bytes.get(..len)?.try_into().ok()
}

/// 32 bytes of 64 lower-case hexadecimal digits.
pub(crate) fn hash_of_hex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != 32 || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = (digit(*high)? << 4) | digit(*low)?;
    }
    Some(bytes)
}

/// Lower-case hexadecimal digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS.get(usize::from(value)).copied().unwrap_or(b'0'));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_one_text() {
        let zero = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        assert_eq!(hash_of_base64(zero), Some([0; 32]));
        for bad in ["", "AAAA", &zero.replace("A=", "B="), &zero[1..], &format!("{zero}\n"), &zero.replace('=', "")] {
            assert_eq!(hash_of_base64(bad), None, "{bad:?}");
        }
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(to_hex(&hash_of_hex(hex).unwrap()), hex);
        for bad in ["", &hex.to_uppercase(), &hex[2..], &format!("{hex}00"), &hex.replace('e', "g"), &hex.replace("e3", "é")] {
            assert_eq!(hash_of_hex(bad), None, "{bad:?}");
        }
        assert_eq!(from_base64("/w=="), Some(vec![255]));
        assert_eq!(from_base64url("_w"), Some(vec![255]));
        for bad in ["/x==", "/w", "_w==", " /w=="] {
            assert_eq!((from_base64(bad), from_base64url(bad)), (None, None), "{bad:?}");
        }
    }
}
