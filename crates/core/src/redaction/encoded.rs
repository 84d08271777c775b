//! Secrets that were written in another form: base64 in both alphabets, hexadecimal digits, percent-encoding, escapes of JSON.
//!
//! A text is decoded once more only; what was encoded twice is found where its inner form shows by itself.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::bytes::{at, part};
use super::scan::{Detectors, find_in};
use super::span::{Finds, Span, rank};

/// Reads base64 with and without padding.
const READER: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Shortest text that is worth decoding, in bytes of what it decodes to.
const DECODED_LEN_MIN: usize = 12;

/// Digits from which a text is decoded that does not begin as plain text: a message or a certificate with something inside.
const BINARY_LEN_MIN: usize = 64;

/// Bytes behind the last escape within which the next one counts as of the same text.
const ESCAPES_APART_MAX: usize = 64;

/// Longest escaped text that is read at once, in bytes.
const ESCAPED_LEN_MAX: usize = 3_000;

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Covers what is found in the base64 or hexadecimal digits from `start` on, no more than `max` of them.
pub(super) fn find_in_digits(view: &[u8], start: usize, max: usize, detectors: Detectors, finds: &mut Finds<'_>) {
    let end = super::bytes::run(view, start, max, is_base64);
    let digits = part(view, start, end);
    let padded = super::bytes::run(view, end, 2, |byte| byte == b'=');
    if digits.len() < DECODED_LEN_MIN * 4 / 3 {
        return;
    }
    let hex_len = digits.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(digits.len());
    if hex_len >= 2 * DECODED_LEN_MIN {
        let bytes: Vec<u8> = digits.get(..hex_len).unwrap_or_default().chunks_exact(2).map_while(hex_byte).collect();
        cover(&bytes, detectors, |place, _| start + 2 * place, finds);
    }
    // What stands before in the same run may be no part of it: a path, a scheme of a data address.
    for shift in 0..4 {
        let rest = digits.get(shift..).unwrap_or_default();
        let whole_of_bytes =
            shift == 0 && digits.len() >= BINARY_LEN_MIN && !digits.iter().any(|byte| matches!(byte, b'_' | b'-'));
        if !begins_as_text(rest) && !whole_of_bytes {
            continue;
        }
        let standard: Vec<u8> = rest.iter().map(|byte| standard(*byte)).collect();
        let whole = standard.len() - usize::from(standard.len() % 4 == 1);
        let Ok(bytes) = READER.decode(standard.get(..whole).unwrap_or_default()) else { continue };
        let place_of = |place: usize, ends: bool| {
            let digits = if ends { (place * 4).div_ceil(3) } else { place * 4 / 3 };
            let at = start + shift + digits;
            if ends && at >= end { padded } else { at }
        };
        if cover(&bytes, detectors, place_of, finds) {
            return;
        }
    }
}

/// A digit of either alphabet as the standard one has it.
const fn standard(byte: u8) -> u8 {
    match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

/// What a digit of base64 counts.
const fn sextet(byte: u8) -> u8 {
    match standard(byte) {
        letter @ b'A'..=b'Z' => letter - b'A',
        letter @ b'a'..=b'z' => letter - b'a' + 26,
        digit @ b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        _ => 63,
    }
}

/// Whether the first digits decode to plain text.
fn begins_as_text(digits: &[u8]) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    let mut groups = digits.chunks_exact(4).take(4);
    digits.len() >= 12
        && groups.all(|group| {
            let [a, b, c, d] = group else { return false };
            let (a, b, c, d) = (sextet(*a), sextet(*b), sextet(*c), sextet(*d));
            plain(a << 2 | b >> 4) && plain((b & 15) << 4 | c >> 2) && plain((c & 3) << 6 | d)
        })
}

fn hex_byte(pair: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
}

/// Covers what is found in decoded bytes, whose n-th begins, or ends, at the given place of the view.
fn cover(bytes: &[u8], detectors: Detectors, place_of: impl Fn(usize, bool) -> usize, finds: &mut Finds<'_>) -> bool {
    if bytes.len() < DECODED_LEN_MIN {
        return false;
    }
    let plain = bytes.iter().filter(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()).count();
    let detectors =
        if plain * 10 >= bytes.len() * 9 { detectors } else { Detectors { context: false, personal: false, ..detectors } };
    let spans = find_in(bytes, Detectors { encoded: false, ..detectors });
    for Span { start, end, kind, .. } in &spans {
        finds.add(place_of(*start, false), place_of(*end, true), kind, rank::ENCODED);
    }
    !spans.is_empty()
}

/// Covers what is found in the escaped text whose first escape is at `place`.
pub(super) fn find_in_escapes(view: &[u8], place: usize, detectors: Detectors, finds: &mut Finds<'_>) {
    if unescape(view, place).is_none() || follows_escape(view, place) {
        return;
    }
    let first = super::bytes::run_back(view, place, ESCAPES_APART_MAX, |byte| {
        !byte.is_ascii_whitespace() && byte != b'%' && byte != b'\\'
    });
    let (mut bytes, mut places) = (Vec::new(), Vec::new());
    let mut next = first;
    let limit = (place + ESCAPED_LEN_MAX).min(view.len());
    let mut last_escape = place;
    while next < limit && next - last_escape.min(next) <= ESCAPES_APART_MAX {
        let byte = at(view, next);
        if byte.is_ascii_whitespace() {
            break;
        }
        places.push(next);
        if let Some((byte, len)) = unescape(view, next) {
            bytes.push(byte);
            last_escape = next;
            next += len;
        } else {
            bytes.push(byte);
            next += 1;
        }
    }
    let place_of = |index: usize| places.get(index).copied().unwrap_or(next);
    for Span { start, end, kind, .. } in &find_in(&bytes, Detectors { encoded: false, ..detectors }) {
        finds.add(place_of(*start), place_of(*end), kind, rank::ENCODED);
    }
}

/// Whether an escape stands so near before that this place was read with it.
fn follows_escape(view: &[u8], place: usize) -> bool {
    let before = super::bytes::run_back(view, place, ESCAPES_APART_MAX, |byte| !byte.is_ascii_whitespace());
    (before..place).any(|other| unescape(view, other).is_some_and(|(_, len)| other + len <= place))
}

/// The byte of the escape at a place, and how long the escape is.
fn unescape(view: &[u8], place: usize) -> Option<(u8, usize)> {
    let hex = |from: usize| hex_byte(view.get(from..from + 2)?);
    match at(view, place) {
        b'%' => Some((hex(place + 1)?, 3)),
        b'\\' => match at(view, place + 1) {
            b'u' if part(view, place + 2, place + 4) == b"00" => Some((hex(place + 4)?, 6)),
            b'x' => Some((hex(place + 2)?, 4)),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

    use super::super::testing::{glue, redacted};
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form() {
        let token = glue(&["gh", "p_", "Zk3vQ9xLm2Rt7Yp4Bn8Wc1Hd6Jf5Gs0aKe2u"]);
        for text in
            [token.clone(), format!("user:{token}"), format!("a note: {token}, and more"), format!("{{\"t\":\"{token}\"}}")]
        {
            let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            let percent: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let escapes: String = text.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
            let forms = [
                STANDARD.encode(&text),
                STANDARD_NO_PAD.encode(&text),
                URL_SAFE.encode(&text),
                URL_SAFE_NO_PAD.encode(&text),
                hex.to_uppercase(),
                hex,
                percent,
                escapes,
                format!("/a{}", STANDARD.encode(&text)),
                text.replace('_', "%5F").replace(':', "%3A"),
            ];
            for form in forms {
                let text = format!("before {form} after");
                let shown = redacted(&text);
                assert!(
                    shown.contains("[redacted:github-token]") && shown.starts_with("before ") && shown.ends_with(" after"),
                    "{text} → {shown}"
                );
                assert!(shown.len() < text.len(), "{text} → {shown}");
            }
        }
    }

    #[test]
    fn encoded_things_that_are_no_secrets_stay() {
        let image: Vec<u8> =
            (0..900_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes().into_iter().skip(2).take(1)).collect();
        for text in [
            STANDARD.encode(&image),
            STANDARD.encode("a text that says nothing of interest, again and again"),
            "8a5aa53c0fa73b50777cd65e960d9dcf227b666a".to_owned(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".to_owned(),
            "a%20b%20c".to_owned(),
            "018f4e2a-1111-7c3e-9a55-1234567890ab".to_owned(),
        ] {
            assert_eq!(redacted(&text), text);
        }
    }
}
