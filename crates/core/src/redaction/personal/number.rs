//! Where a group of digits begins: which of the detectors of numbers are asked, and what they ask in common.

use super::super::bytes::{at, begins_word, behind_escape, find, part, run, run_back};
use super::super::span::Finds;
use super::{card, iban, lettered, national, phone};

/// Longest number that is looked at, its separators included, in bytes.
const NUMBER_LEN_MAX: usize = 32;

/// Fewest digits of a number that says anything about anybody.
const DIGITS_MIN: usize = 6;

/// Bytes before a number within which a word names it.
const CONTEXT_LEN_MAX: usize = 48;

/// Most blanks beside a number of JSON that are looked at.
const BLANKS_MAX: usize = 64;

/// Covers the number whose first digit is at a place.
pub(in super::super) fn find_number(view: &[u8], place: usize, finds: &mut Finds<'_>) {
    let before = at(view, place.wrapping_sub(1));
    if place > 0 && before.is_ascii_alphabetic() && !begins_word(view, place) {
        lettered(view, place, finds);
        return;
    }
    let spaced = place >= 3 && before == b' ' && at(view, place - 2).is_ascii_uppercase();
    if let Some(end) = spaced.then(|| lettered::spaced_nino(view, place - 3)).flatten() {
        add(view, place - 3, end, "national-id", finds);
    }
    let number = run(view, place, NUMBER_LEN_MAX, |byte| byte.is_ascii_digit() || b" -.()/".contains(&byte));
    let digits = part(view, place, number).iter().filter(|byte| byte.is_ascii_digit()).count();
    let inside = place > 1 && matches!(before, b'.' | b',' | b':' | b'-' | b'/' | b'_') && is_inside(at(view, place - 2), before);
    if digits < DIGITS_MIN || inside || place > 0 && (before == b'_' || before == b'#' || !before.is_ascii()) {
        return;
    }
    let found = phone::international(view, place)
        .map(|(start, end)| (start, end, "phone"))
        .or_else(|| card::card(view, place).map(|end| (place, end, "payment-card")))
        .or_else(|| national::national(view, place).map(|end| (place, end, "national-id")))
        .or_else(|| lettered::ending(view, place).map(|end| (place, end, "national-id")))
        .or_else(|| phone::national(view, place).map(|(start, end)| (start, end, "phone")));
    if let Some((start, end, kind)) = found {
        add(view, start, end, kind, finds);
    }
}

/// Whether a separator joins a group of digits to what stands before.
fn is_inside(other: u8, separator: u8) -> bool {
    other.is_ascii_digit() || (matches!(separator, b'-' | b'_') && other.is_ascii_alphanumeric())
}

/// Identifiers that begin with letters.
fn lettered(view: &[u8], place: usize, finds: &mut Finds<'_>) {
    let start = run_back(view, place, 7, |byte| byte.is_ascii_alphabetic());
    let (begin, start) = (start, behind_escape(view, start));
    if start >= place
        || start == begin && start > 0 && (at(view, start - 1).is_ascii_alphanumeric() || at(view, start - 1) == b'_')
    {
        return;
    }
    if let Some(end) = iban::iban(view, start).filter(|_| place - start == 2) {
        add(view, start, end, "iban", finds);
    } else if let Some(end) = lettered::lettered(view, start, place - start) {
        add(view, start, end, "national-id", finds);
    }
}

/// Covers a number. One that is a bare number of JSON becomes a text there.
fn add(view: &[u8], start: usize, end: usize, kind: &'static str, finds: &mut Finds<'_>) {
    finds.add_number(start, end, kind, is_bare_in_json(view, start, end));
}

/// Whether a number stands alone as a value of JSON, so that signs in its place would break the text.
fn is_bare_in_json(view: &[u8], start: usize, end: usize) -> bool {
    let blank = |byte: u8| byte.is_ascii_whitespace();
    let before = run_back(view, start, BLANKS_MAX, blank);
    let after = run(view, end, BLANKS_MAX, blank);
    let plain = part(view, start, end).iter().all(u8::is_ascii_digit);
    plain && before > 0 && matches!(at(view, before - 1), b':' | b'[' | b',') && matches!(at(view, after), b',' | b']' | b'}')
}

/// Whether one of the words stands shortly before a place.
pub(super) fn is_named(view: &[u8], place: usize, words: &[&[u8]]) -> bool {
    let before = part(view, place.saturating_sub(CONTEXT_LEN_MAX), place);
    words.iter().any(|word| find(before, word).is_some())
}

/// Where a number of a form ends that begins at a place: `d` is a digit, any other sign itself.
pub(super) fn shaped(view: &[u8], place: usize, shape: &[u8]) -> Option<usize> {
    let text = view.get(place..place + shape.len())?;
    let same = |(byte, sign): (&u8, &u8)| if *sign == b'd' { byte.is_ascii_digit() } else { byte == sign };
    let end = place + shape.len();
    (text.iter().zip(shape).all(same) && ends(view, end)).then_some(end)
}

/// Whether a number may end at a place: no digit, letter or further group follows.
pub(super) fn ends(view: &[u8], end: usize) -> bool {
    let (next, behind) = (at(view, end), at(view, end + 1));
    !next.is_ascii_alphanumeric()
        && next != b'_'
        && !(matches!(next, b'-' | b'.' | b'/' | b',' | b':') && behind.is_ascii_digit())
}

/// The digits in a text, as numbers.
pub(super) fn digits(text: &[u8]) -> Vec<u32> {
    text.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0')).collect()
}
