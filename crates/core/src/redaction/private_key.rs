//! Private keys in their armour: PEM (RFC 7468), OpenSSH, PGP (RFC 9580 §6.2), PuTTY.

use super::bytes::{at, find, part, run, stands};
use super::span::{Finds, Further, rank};

/// Longest first line of an armour, in bytes.
const LABEL_LEN_MAX: usize = 64;

/// Characters of a key from which an armour counts as one; a text that only names the first line holds fewer.
const BODY_LEN_MIN: usize = 16;

/// Bytes within which the last line of a key is looked for, from a view's trigger on.
const BODY_LEN_MAX: usize = 3_500;

/// Whether it stands inside of an armour, escaped ones included; dashes do only within lines that begin or end one.
pub(super) const fn is_armour(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\n' | b'\r' | b' ' | b'\t' | b'\\')
}

/// Covers the private key whose armour has the word `BEGIN` at `place`.
pub(super) fn find_armour(view: &[u8], place: usize, finds: &mut Finds<'_>) {
    let Some(start) = place.checked_sub(5).filter(|start| matches!(part(view, *start, place), b"-----" | b"---- ")) else {
        return;
    };
    let line = part(view, place, place + LABEL_LEN_MAX);
    let Some(label) = find(line, b"PRIVATE KEY") else { return };
    if line.get(..label).unwrap_or_default().iter().any(|byte| matches!(byte, b'\n' | b'"' | b'\'')) {
        return;
    }
    let mut body = place + label + b"PRIVATE KEY".len();
    if stands(view, body, b" BLOCK") {
        body += b" BLOCK".len();
    }
    let dashes = run(view, body, 6, |byte| byte == b'-' || byte == b' ');
    if dashes < body + 4 {
        return;
    }
    let after = view.get(dashes..).unwrap_or_default();
    let last = find(after, b"-----END").or_else(|| find(after, b"---- END"));
    let reach = last.unwrap_or(after.len());
    let letters = run_of_key(after.get(..reach).unwrap_or_default());
    if letters < BODY_LEN_MIN {
        return;
    }
    let Some(last) = last else {
        let end = run(view, dashes, after.len(), |byte| is_armour(byte) || matches!(byte, b':' | b',' | b'-' | b'.'));
        let further = if end >= view.len() { Further::Armour } else { Further::Ends };
        finds.add_further(start, end, "private-key", rank::SHAPE, further);
        return;
    };
    let mut end = dashes + last + b"-----END".len();
    end = run(view, end, LABEL_LEN_MAX, |byte| byte != b'-' && byte != b'\n');
    end = run(view, end, 5, |byte| byte == b'-');
    finds.add_further(start, end, "private-key", rank::SHAPE, Further::Ends);
}

/// The longest run of letters of a key.
fn run_of_key(text: &[u8]) -> usize {
    let is = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    text.split(|byte| !is(byte)).map(<[u8]>::len).max().unwrap_or_default()
}

/// Covers the private lines of a key of PuTTY, whose count stands behind the word at `place`.
pub(super) fn find_putty(view: &[u8], place: usize, finds: &mut Finds<'_>) {
    if !stands(view, place, b"Private-Lines: ") {
        return;
    }
    let start = run(view, place + b"Private-Lines: ".len(), 4, |byte| byte.is_ascii_digit());
    let end = run(view, start, BODY_LEN_MAX, is_armour);
    if end > start + BODY_LEN_MIN && at(view, start) != b' ' {
        finds.add_further(start + 1, end, "private-key", rank::SHAPE, Further::Ends);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all_stay, redacted, secrets};

    #[test]
    fn keys_in_their_armour_are_covered_and_their_names_are_not() {
        let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\nAgEAAoIBAQC7VJTUt9Us8cKj\n";
        for label in ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", "DSA "] {
            let text = format!("before -----BEGIN {label}PRIVATE KEY-----\n{body}-----END {label}PRIVATE KEY----- after");
            assert_eq!(redacted(&text), "before [redacted:private-key] after", "{label}");
        }
        let pgp = format!(
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\n{body}=aBcD\n-----END PGP PRIVATE KEY BLOCK-----\n"
        );
        assert_eq!(redacted(&pgp), "[redacted:private-key]\n");
        let escaped = format!("\"-----BEGIN PRIVATE KEY-----\\n{}-----END PRIVATE KEY-----\\n\"", body.replace('\n', "\\n"));
        assert_eq!(redacted(&escaped), "\"[redacted:private-key]\\n\"");
        let cut = format!("-----BEGIN PRIVATE KEY-----\n{body}");
        assert_eq!(secrets(&cut), ["private-key"]);
        assert_eq!(redacted(&format!("-----BEGIN PRIVATE KEY-----\n{}", "MIIE".repeat(5_000))), "[redacted:private-key]");
        all_stay(
            redacted,
            &[
                "it begins with -----BEGIN PRIVATE KEY-----",
                "contains(\"-----BEGIN PRIVATE KEY-----\") && x",
                "-----BEGIN CERTIFICATE-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END CERTIFICATE-----",
                "-----BEGIN PUBLIC KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PUBLIC KEY-----",
            ],
        );
        let putty = format!("Private-Lines: 2\n{body}Private-MAC: ab\n");
        assert_eq!(secrets(&putty), ["private-key"]);
    }
}
