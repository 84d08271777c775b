//! National identifiers that hold letters.

use super::super::bytes::{at, begins_word, part, run};
use super::checksum::{is_date, number, weighted};
use super::number::{digits, ends};

/// Where an identifier ends that begins with so many letters at a place.
pub(super) fn lettered(view: &[u8], start: usize, letters: usize) -> Option<usize> {
    let end = run(view, start, 20, |byte| byte.is_ascii_alphanumeric());
    let text = part(view, start, end);
    let upper = !text.iter().any(u8::is_ascii_lowercase);
    let found = match (letters, text.len()) {
        (2, 9) => upper && is_nino(text),
        (1, 9) => is_nie(text) || (upper && is_nric(text)),
        (6, 16) => is_codice_fiscale(&text.to_ascii_uppercase()),
        (5, 10) => upper && is_pan(text),
        (4, 18) => upper && is_curp(text),
        _ => false,
    };
    (found && ends(view, end)).then_some(end)
}

/// Where an identifier ends that begins with digits at a place and holds a letter.
pub(super) fn ending(view: &[u8], place: usize) -> Option<usize> {
    let end = run(view, place, 24, |byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'+');
    let text = part(view, place, end);
    let found = match text {
        [_, .., letter] if text.len() == 9 || text.len() == 10 => {
            let body = text.strip_suffix(&[*letter]).unwrap_or_default();
            is_letter_of(body.strip_suffix(b"-").unwrap_or(body), *letter)
        }
        _ => false,
    };
    (found || is_hetu(text) || is_chinese(text)).then_some(end).filter(|end| ends(view, *end))
}

/// `AB 12 34 56 C`, from its first letter.
pub(super) fn spaced_nino(view: &[u8], start: usize) -> Option<usize> {
    let text = part(view, start, start + 13);
    let joined: Vec<u8> = text.iter().copied().filter(|byte| *byte != b' ').collect();
    let spaced = [2, 5, 8, 11].iter().all(|place| at(text, *place) == b' ');
    let begins = begins_word(view, start);
    (spaced && begins && joined.len() == 9 && is_nino(&joined) && ends(view, start + 13)).then_some(start + 13)
}

fn all(text: &[u8], start: usize, end: usize, is: fn(&u8) -> bool) -> bool {
    end <= text.len() && part(text, start, end).iter().all(is)
}

/// United Kingdom: prefixes that are given, six digits, a suffix from A to D.
fn is_nino(text: &[u8]) -> bool {
    let (first, second) = (at(text, 0), at(text, 1));
    let given =
        !b"DFIQUV".contains(&first) && !b"DFIQUVO".contains(&second) && first.is_ascii_uppercase() && second.is_ascii_uppercase();
    let prefix = ![b"BG", b"GB", b"NK", b"KN", b"TN", b"NT", b"ZZ"].contains(&&[first, second]);
    given && prefix && all(text, 2, 8, u8::is_ascii_digit) && matches!(at(text, 8), b'A'..=b'D')
}

/// Spain: the letter that belongs to eight digits.
fn is_letter_of(digits_of: &[u8], letter: u8) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let value = number(&digits(digits_of), 0, 8);
    let expected = usize::try_from(value % 23).ok().and_then(|place| LETTERS.get(place));
    digits_of.len() == 8 && all(digits_of, 0, 8, u8::is_ascii_digit) && expected == Some(&letter.to_ascii_uppercase())
}

/// Spain, foreigners: X, Y, Z count as 0, 1, 2.
fn is_nie(text: &[u8]) -> bool {
    let first = match at(text, 0).to_ascii_uppercase() {
        b'X' => b'0',
        b'Y' => b'1',
        b'Z' => b'2',
        _ => return false,
    };
    is_letter_of(&[&[first], part(text, 1, 8)].concat(), at(text, 8))
}

/// Singapore.
fn is_nric(text: &[u8]) -> bool {
    let sum = weighted(&digits(part(text, 1, 8)), &[2, 7, 6, 5, 4, 3, 2]);
    let (letters, offset): (&[u8; 11], u32) = match at(text, 0) {
        b'S' => (b"JZIHGFEDCBA", 0),
        b'T' => (b"JZIHGFEDCBA", 4),
        b'F' => (b"XWUTRQPNMLK", 0),
        b'G' => (b"XWUTRQPNMLK", 4),
        b'M' => (b"XWUTRQPNJLK", 3),
        _ => return false,
    };
    let expected = usize::try_from((sum + offset) % 11).ok().and_then(|place| letters.get(place));
    all(text, 1, 8, u8::is_ascii_digit) && expected == Some(&at(text, 8))
}

/// Italy: letters of the name, a date, a place and the check letter.
fn is_codice_fiscale(text: &[u8]) -> bool {
    const ODD: [u32; 26] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let digit_like = |byte: &u8| byte.is_ascii_digit() || b"LMNPQRSTUV".contains(byte);
    let formed = all(text, 0, 6, u8::is_ascii_uppercase)
        && [6, 7, 9, 10, 12, 13, 14].iter().all(|place| digit_like(&at(text, *place)))
        && b"ABCDEHLMPRST".contains(&at(text, 8))
        && at(text, 11).is_ascii_uppercase();
    let value = |byte: u8| if byte.is_ascii_digit() { u32::from(byte - b'0') } else { u32::from(byte.wrapping_sub(b'A')) };
    let odd = |byte: u8| usize::try_from(value(byte)).ok().and_then(|place| ODD.get(place)).copied().unwrap_or_default();
    let sum: u32 =
        part(text, 0, 15).iter().enumerate().map(|(place, byte)| if place % 2 == 0 { odd(*byte) } else { value(*byte) }).sum();
    formed && u32::from(at(text, 15)) == u32::from(b'A') + sum % 26
}

/// India, taxpayers: the fourth letter tells who pays.
fn is_pan(text: &[u8]) -> bool {
    b"ABCFGHLJPT".contains(&at(text, 3)) && all(text, 5, 9, u8::is_ascii_digit) && at(text, 9).is_ascii_uppercase()
}

/// Mexico: letters of the name, a date, sex, a state.
fn is_curp(text: &[u8]) -> bool {
    let date = digits(part(text, 4, 10));
    date.len() == 6
        && is_date(number(&date, 2, 4), number(&date, 4, 6))
        && b"HMX".contains(&at(text, 10))
        && all(text, 11, 16, u8::is_ascii_uppercase)
        && at(text, 17).is_ascii_digit()
}

/// Finland: a date, a sign of the century, three digits and the check sign.
fn is_hetu(text: &[u8]) -> bool {
    const SIGNS: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let (date, own) = (digits(part(text, 0, 6)), digits(part(text, 7, 10)));
    if text.len() != 11 || date.len() != 6 || own.len() != 3 || !b"+-ABCDEFUVWXY".contains(&at(text, 6)) {
        return false;
    }
    let whole = number(&date, 0, 6) * 1_000 + number(&own, 0, 3);
    let expected = usize::try_from(whole % 31).ok().and_then(|place| SIGNS.get(place));
    is_date(number(&date, 2, 4), number(&date, 0, 2)) && expected == Some(&at(text, 10))
}

/// China: ISO/IEC 7064 MOD 11-2, a date inside.
fn is_chinese(text: &[u8]) -> bool {
    let body = digits(part(text, 0, 17));
    if text.len() != 18 || body.len() != 17 {
        return false;
    }
    let sum = weighted(&body, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    let expected = usize::try_from(sum % 11).ok().and_then(|place| b"10X98765432".get(place));
    matches!(number(&body, 6, 8), 19 | 20)
        && is_date(number(&body, 10, 12), number(&body, 12, 14))
        && expected == Some(&at(text, 17).to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{all_hold, all_stay, personal, redacted_all};

    #[test]
    fn identifiers_with_letters_are_covered_by_their_checks() {
        all_hold(
            personal,
            "national-id",
            &[
                "AB123456C",
                "AB 12 34 56 C",
                "12345678Z",
                "12345678-Z",
                "X1234567L",
                "Y7654321G",
                "S0000001I",
                "RSSMRA85T10A562S",
                "rssmra85t10a562s",
                "AAAPL1234C",
                "131052-308T",
                "11010519491231002X",
                "BADD110313HCMLNS09",
            ],
        );
        all_stay(
            redacted_all,
            &[
                "DB123456C",
                "AB123456E",
                "12345678A",
                "X1234567A",
                "RSSMRA85T10A562T",
                "131052-308U",
                "110105194912310021",
                "S0000001A",
                "AAAXL1234C",
                "HTTP12345",
            ],
        );
    }
}
