//! Telephone numbers: international ones (ITU-T E.164), and national ones in the forms of the larger countries.

use super::super::bytes::{at, begins_word, part, run};
use super::number::{is_named, shaped};

/// Words that name a telephone number.
const WORDS: [&[u8]; 21] = [
    b"call ",
    b"dial ",
    b"number is",
    b"my number",
    b"contact",
    b"phone",
    b"tel:",
    b"tel.",
    b"tel ",
    b"telephone",
    b"mobile",
    b"mobil",
    b"cell",
    b"fax",
    b"whatsapp",
    b"telefon",
    b"sms",
    b"handy",
    b"call me",
    b"call us",
    b"telefono",
];

/// Forms of North America (NANP): area and exchange begin with 2 to 9.
const NORTH_AMERICAN: [&[u8]; 8] = [
    b"ddd-ddd-dddd",
    b"ddd.ddd.dddd",
    b"ddd) ddd-dddd",
    b"ddd)ddd-dddd",
    b"ddd) ddd dddd",
    b"ddd/ddd-dddd",
    b"ddd) ddd.dddd",
    b"ddd)-ddd-dddd",
];

fn is_part(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/')
}

/// Where the digits and separators from a place on end, an extension included, and how many digits they are.
fn spread(view: &[u8], place: usize) -> (usize, usize) {
    let (mut end, mut digits, mut signs) = (place, 0, 0);
    for (offset, byte) in part(view, place, place + 26).iter().copied().enumerate() {
        if byte.is_ascii_digit() {
            digits += 1;
            signs = 0;
            end = place + offset + 1;
        } else if !is_part(byte) || signs >= 2 {
            break;
        } else {
            signs += 1;
        }
    }
    (end, digits)
}

/// A number that begins with `+` or `00` and a country, whose first digit is at a place: where it begins and ends.
pub(super) fn international(view: &[u8], place: usize) -> Option<(usize, usize)> {
    let (end, digits) = spread(view, place);
    if at(view, end).is_ascii_alphanumeric() && !matches!(at(view, end), b'x' | b'e') || end == place {
        return None;
    }
    let signs = usize::from(at(view, place.wrapping_sub(1)) == b'(') + 1;
    let start = place.checked_sub(signs);
    if let Some(start) = start.filter(|start| at(view, *start) == b'+') {
        let free = begins_word(view, start);
        let country = at(view, place) != b'0';
        return (free && country && (8..=15).contains(&digits)).then_some((start, end));
    }
    let doubled = part(view, place, place + 2) == b"00" && at(view, place + 2) != b'0';
    let parted = part(view, place, end).iter().any(|byte| !byte.is_ascii_digit());
    let groups_fit = part(view, place, end).split(|byte| !byte.is_ascii_digit()).next().is_some_and(|first| first.len() <= 5);
    (doubled && (11..=17).contains(&digits) && ((parted && groups_fit) || is_named(view, place, &WORDS))).then_some((place, end))
}

/// A number in the form of a country, whose first digit is at a place: where it begins and ends.
pub(super) fn national(view: &[u8], place: usize) -> Option<(usize, usize)> {
    let opened = at(view, place.wrapping_sub(1)) == b'(' && place > 0;
    let start = if opened { place - 1 } else { place };
    if !begins_word(view, start) {
        return None;
    }
    let after_one = matches!(part(view, place, place + 2), b"1-" | b"1 " | b"1.").then_some(place + 2);
    let after_one = after_one.map(|area| area + usize::from(at(view, area) == b'('));
    for area in after_one.into_iter().chain([place]) {
        let found = NORTH_AMERICAN.iter().find_map(|shape| {
            let end = shaped(view, area, shape)?;
            let exchange = run(view, area + 3, 3, |byte| !byte.is_ascii_digit());
            let closes = shape.contains(&b')') == (at(view, area.wrapping_sub(1)) == b'(' && area > 0);
            (closes && at(view, area) > b'1' && at(view, exchange) > b'1').then_some(end)
        });
        if let Some(end) = found {
            return Some((start, end));
        }
    }
    let (end, digits) = spread(view, place);
    let number = part(view, place, end);
    if !(7..=15).contains(&digits) || at(view, end).is_ascii_alphabetic() && at(view, end) != b'x' || is_dated(number) {
        return None;
    }
    let named = is_named(view, place, &WORDS) && !number.contains(&b'/');
    (named || is_trunk(number, digits, opened)).then_some((start, end))
}

/// `020 7946 0958`, `01 23 45 67 89`, `089/1234567`, `(030) 123456`: a nought, an area and groups.
fn is_trunk(number: &[u8], digits: usize, opened: bool) -> bool {
    let groups: Vec<usize> = number.split(|byte| !byte.is_ascii_digit()).map(<[u8]>::len).filter(|len| *len > 0).collect();
    let separators: Vec<u8> = number.iter().copied().filter(|byte| !byte.is_ascii_digit()).collect();
    let alike = separators.iter().all(|byte| matches!(byte, b' ' | b')'))
        || separators.iter().all(|byte| Some(byte) == separators.first())
        || (separators.first() == Some(&b'/') && separators.iter().skip(1).all(|byte| *byte == b' '));
    let fits = match groups.as_slice() {
        [2..=5, rest] => (5..=8).contains(rest),
        [2..=5, second, third] => *second >= 3 && (2..=4).contains(third),
        [2, 2, 2, 2, 2] => true,
        [2..=5, second, third, fourth] => *second >= 2 && *third >= 2 && *fourth >= 2,
        _ => false,
    };
    number.first() == Some(&b'0')
        && !matches!(number.get(1), Some(b'0') | None)
        && (9..=12).contains(&digits)
        && fits
        && alike
        && (opened || !number.contains(&b')'))
        && !number.contains(&b'.') | (groups.len() == 5)
}

/// A date, or a date and a time: `01-02-2026 12`.
fn is_dated(number: &[u8]) -> bool {
    let groups: Vec<usize> = number.split(|byte| !byte.is_ascii_digit()).map(<[u8]>::len).take(3).collect();
    matches!(groups.as_slice(), [4, 1 | 2, 1 | 2] | [1 | 2, 1 | 2, 4])
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{all_hold, all_stay, personal, redacted_all};

    #[test]
    fn numbers_of_telephones_are_covered() {
        all_hold(
            personal,
            "phone",
            &[
                "+49 30 1234567",
                "+4915112345678",
                "+1 (555) 234-5678",
                "+1-555-234-5678",
                "+44 20 7946 0958",
                "+33 1 23 45 67 89",
                "0049 30 1234567",
                "555-234-5678",
                "(555) 234-5678",
                "(555)234-5678",
                "555.234.5678",
                "1-555-234-5678",
                "020 7946 0958",
                "01 23 45 67 89",
                "089/1234567",
                "(030) 1234567",
                "07911 123456",
                "phone: 5552345678",
                "tel: 30 1234567",
                "mobile 98765 43210",
                "call me at +919876543210",
                "05 12 34 56 78",
            ],
        );
        all_stay(
            redacted_all,
            &[
                "2026-11-29 10:00",
                "01-02-2026 12:30",
                "123-456-7890123",
                "a+12345678",
                "1.2.3.4",
                "192.168.1.100",
                "0.123456789",
                "1234567890",
                "8080-8090",
                "555-1234",
                "100 200 300 400",
                "0123456789abcdef",
                "10/20/2030",
                "155-134-5678",
                "1,234,567,890",
                "+1234",
                "12:34:56.789012",
            ],
        );
    }
}
