//! Small questions about bytes that all detectors ask.

/// The byte at a place, and nought behind the end.
pub(super) fn at(text: &[u8], place: usize) -> u8 {
    text.get(place).copied().unwrap_or(0)
}

/// The bytes from `start` to `end`, as far as they are there.
pub(super) fn part(text: &[u8], start: usize, end: usize) -> &[u8] {
    text.get(start..end.min(text.len())).unwrap_or_default()
}

/// Whether `literal` stands at a place, whatever its case.
pub(super) fn stands(text: &[u8], place: usize, literal: &[u8]) -> bool {
    part(text, place, place.saturating_add(literal.len())).eq_ignore_ascii_case(literal)
}

/// Whether it is a letter, digit or underscore.
pub(super) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether it stands in identifiers of programs and settings.
pub(super) const fn is_name(byte: u8) -> bool {
    is_word(byte) || byte == b'-' || byte == b'.'
}

/// Whether it stands in keys and tokens.
pub(super) const fn is_token(byte: u8) -> bool {
    is_word(byte) || matches!(byte, b'-' | b'.' | b'/' | b'+' | b'=' | b'~')
}

/// Where a run of bytes ends that begins at `start`, looking at no more than `max`.
pub(super) fn run(text: &[u8], start: usize, max: usize, is: impl Fn(u8) -> bool) -> usize {
    let seen = part(text, start, start.saturating_add(max));
    start + seen.iter().position(|byte| !is(*byte)).unwrap_or(seen.len())
}

/// Where a run of bytes begins that ends before `end`, looking at no more than `max`.
pub(super) fn run_back(text: &[u8], end: usize, max: usize, is: impl Fn(u8) -> bool) -> usize {
    let seen = part(text, end.saturating_sub(max), end);
    end - seen.iter().rev().position(|byte| !is(*byte)).unwrap_or(seen.len())
}

/// Whether a word may begin at a place: nothing before it, no letter or digit, or the end of an escape.
pub(super) fn begins_word(text: &[u8], place: usize) -> bool {
    let back = |by: usize| place.checked_sub(by).map_or(0, |place| at(text, place));
    let hex = |by: usize| back(by).is_ascii_hexdigit();
    !back(1).is_ascii_alphanumeric()
        || (back(2) == b'\\' && b"nrtbf0".contains(&back(1)))
        || (hex(1) && hex(2) && (back(3) == b'%' || (back(3) == b'x' && back(4) == b'\\')))
        || (hex(1) && hex(2) && hex(3) && hex(4) && back(5) == b'u' && back(6) == b'\\')
}

/// Where a word begins whose first signs may be the end of an escape: `\nword`, `%3Dword`, `\u003dword`.
pub(super) fn behind_escape(text: &[u8], place: usize) -> usize {
    let back = |by: usize| place.checked_sub(by).map_or(0, |place| at(text, place));
    let hex = |from: usize, len: usize| (from..from + len).all(|place| at(text, place).is_ascii_hexdigit());
    match back(1) {
        b'\\' if at(text, place) == b'u' && hex(place + 1, 4) => place + 5,
        b'\\' if at(text, place) == b'x' && hex(place + 1, 2) => place + 3,
        b'\\' if b"nrtbf0".contains(&at(text, place)) => place + 1,
        b'%' if hex(place, 2) => place + 2,
        _ => place,
    }
}

/// Whether no letter or digit goes on at a place.
pub(super) fn ends_word(text: &[u8], place: usize) -> bool {
    !is_word(at(text, place))
}

/// Shannon entropy in bits a byte.
pub(super) fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    let bits = |count: &u32| {
        let share = f64::from(*count) / total;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(bits).sum()
}

/// The place of a needle in a text, whatever its case.
pub(super) fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len().max(1)).position(|window| window.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_begin_where_escapes_end() {
        for (text, place, begins) in [
            ("key", 0, true),
            ("a key", 2, true),
            ("akey", 1, false),
            ("1key", 1, false),
            ("_key", 1, true),
            (r"a\nkey", 3, true),
            ("a%3Dkey", 4, true),
            (r"a\u003dkey", 7, true),
            (r"\x3dkey", 4, true),
            ("a3Dkey", 3, false),
        ] {
            assert_eq!(begins_word(text.as_bytes(), place), begins, "{text}");
        }
    }

    #[test]
    fn runs_are_as_long_as_they_may_be() {
        let text = b"ab12!cd";
        assert_eq!(run(text, 0, 10, is_word), 4);
        assert_eq!(run(text, 0, 3, is_word), 3);
        assert_eq!(run(text, 9, 3, is_word), 9);
        assert_eq!(run_back(text, 4, 10, is_word), 0);
        assert_eq!(run_back(text, 7, 10, is_word), 5);
        assert_eq!(run_back(text, 5, 10, is_word), 5);
    }

    #[test]
    fn entropy_is_that_of_shannon() {
        assert!((entropy(b"aaaa")).abs() < 1e-9);
        assert!((entropy(b"abcd") - 2.0).abs() < 1e-9);
        assert!(entropy(b"").abs() < 1e-9);
    }
}
