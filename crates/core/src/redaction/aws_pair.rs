//! The secret of an AWS access key where it stands beside the key's id and nothing names it: forty signs of base64, which many other
//! things are too, so only on the same line or the next one.

use super::bytes::{at, behind_escape, entropy, part, run, run_back};
use super::span::{Finds, rank};

/// The kind of the rules that find ids.
pub(super) const KEY_ID: &str = "aws-access-key-id";

/// Bytes to each side of an id within which its secret is looked for.
const BESIDE_LEN_MAX: usize = 160;

/// Most line feeds between the two: the next line, or one with an empty line before it.
const LINE_FEEDS_MAX: usize = 2;

/// Length of a secret (AWS IAM, *Manage access keys*), in bytes.
const SECRET_LEN: usize = 40;

/// Least entropy of a secret, in bits a byte: forty random signs of sixty-four have 4.8, long names 4.2.
const ENTROPY_MIN: f64 = 4.4;

const fn is_sign(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Covers the secrets beside an id that stands from `start` to `end`.
pub(super) fn find_secret(view: &[u8], start: usize, end: usize, finds: &mut Finds<'_>) {
    find_among(view, run_back(view, start, BESIDE_LEN_MAX, near()), start, finds);
    find_among(view, end, run(view, end, BESIDE_LEN_MAX, near()), finds);
}

/// Whether a byte is still near, asked of one after the other.
fn near() -> impl Fn(u8) -> bool {
    let left = std::cell::Cell::new(LINE_FEEDS_MAX);
    move |byte| byte != b'\n' || left.replace(left.get().saturating_sub(1)) > 0
}

fn find_among(view: &[u8], from: usize, to: usize, finds: &mut Finds<'_>) {
    // A run that began before is another one.
    let mut place = if from > 0 && is_sign(at(view, from - 1)) { run(view, from, to - from, is_sign) } else { from };
    while place < to {
        let start = behind_escape(view, place);
        let end = run(view, start, SECRET_LEN + 1, is_sign);
        if end - start == SECRET_LEN && is_random(part(view, start, end)) {
            finds.add(start, end, "aws-secret-access-key", rank::CONTEXT);
        }
        place = run(view, end, to - end.min(to), is_sign).max(end) + 1;
    }
}

/// Whether the signs look drawn: both cases, a digit, and few twice.
fn is_random(found: &[u8]) -> bool {
    let any = |is: fn(&u8) -> bool| found.iter().any(is);
    any(u8::is_ascii_uppercase) && any(u8::is_ascii_lowercase) && any(u8::is_ascii_digit) && entropy(found) >= ENTROPY_MIN
}

#[cfg(test)]
mod tests {
    use super::super::testing::{glue, redacted, secrets};

    #[test]
    fn a_secret_beside_its_id_is_covered_though_nothing_names_it() {
        let id = glue(&["AK", "IA", "QF3ZT7LMKW2XN5RB"]);
        let secret = glue(&["wT4kZ8/pQ2mX", "+9LrVb7nYc3Hd6Jf", "1Gs5Ke0Ux2Ma"]);
        assert_eq!(secret.len(), 40);
        for text in [
            "{id} {secret}",
            "{id},{secret}",
            "{id}\n{secret}\n",
            "{id}\r\n\r\n{secret}",
            "{secret} {id}",
            "[\"{id}\", \"{secret}\"]",
            "ann:{id}:{secret}",
            "{secret}\n{id}",
            r#"{\"keys\":\"{id}\n{secret}\"}"#,
        ] {
            let text = text.replace("{id}", &id).replace("{secret}", &secret);
            assert_eq!(secrets(&text).len(), 2, "{text}");
            assert!(!redacted(&text).contains(&secret), "{text}");
        }
    }

    #[test]
    fn what_only_is_as_long_or_stands_far_away_stays() {
        let id = glue(&["AK", "IA", "QF3ZT7LMKW2XN5RB"]);
        let secret = glue(&["wT4kZ8/pQ2mX", "+9LrVb7nYc3Hd6Jf", "1Gs5Ke0Ux2Ma"]);
        for other in [
            "8a5aa53c0fa73b50777cd65e960d9dcf227b666a".to_owned(),
            "aVeryLongNameOfSomethingThatIs40SignsLon".to_owned(),
            format!("{secret}0"),
            format!("x{secret}"),
            format!(r"\n{}", &secret[1..]),
            secret[1..].to_owned(),
            format!("{}{secret}", "far away, ".repeat(17)),
            format!("\n\n\n{secret}"),
        ] {
            let text = format!("{id} {other}");
            assert_eq!(secrets(&text).len(), 1, "{text}");
            assert!(redacted(&text).ends_with(&other), "{text}");
        }
        assert!(redacted(&format!("see {secret}")).ends_with(&secret), "nothing stands beside it");
    }
}
