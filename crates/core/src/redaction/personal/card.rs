//! Payment cards (ISO/IEC 7812): the ranges of issuers, the lengths that they use, and Luhn.

use super::checksum::{luhn, number};
use super::number::{digits, shaped};

/// How cards are written: without separators, in fours, and as some issuers do.
const SHAPES: [&[u8]; 14] = [
    b"dddddddddddddddd",
    b"ddddddddddddddd",
    b"dddd dddd dddd dddd",
    b"dddd-dddd-dddd-dddd",
    b"dddd.dddd.dddd.dddd",
    b"dddd dddddd ddddd",
    b"dddd-dddddd-ddddd",
    b"dddd dddddd dddd",
    b"dddd-dddddd-dddd",
    b"dddddddddddddd",
    b"ddddddddddddd",
    b"ddddddddddddddddddd",
    b"dddd dddd dddd dddd ddd",
    b"dddddddddddddddddd",
];

/// Where a card's number ends that begins at a place.
pub(super) fn card(view: &[u8], place: usize) -> Option<usize> {
    let end = SHAPES.iter().find_map(|shape| shaped(view, place, shape))?;
    let digits = digits(view.get(place..end)?);
    (is_issued(&digits) && luhn(&digits)).then_some(end)
}

/// Whether an issuer gives numbers that begin so and are so long.
fn is_issued(digits: &[u32]) -> bool {
    let (two, three, four) = (number(digits, 0, 2), number(digits, 0, 3), number(digits, 0, 4));
    let maestro = matches!(four, 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763);
    match digits.len() {
        13 => digits.first() == Some(&4),
        14 => two == 36 || two == 38 || two == 39 || (300..=305).contains(&three),
        15 => two == 34 || two == 37,
        16 => {
            digits.first() == Some(&4)
                || matches!(two, 51..=55 | 62 | 65 | 60 | 81 | 82)
                || matches!(four, 2200..=2204 | 2221..=2720 | 3528..=3589)
                || (644..=649).contains(&three)
                || maestro
        }
        18 | 19 => two == 62 || maestro || (digits.len() == 19 && (digits.first() == Some(&4) || two == 65)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{all_hold, all_stay, personal, redacted_all};

    #[test]
    fn cards_of_all_issuers_are_covered_and_wrong_ones_are_not() {
        all_hold(
            personal,
            "payment-card",
            &[
                "4111111111111111",
                "4111 1111 1111 1111",
                "4111-1111-1111-1111",
                "5555555555554444",
                "2223003122003222",
                "378282246310005",
                "3782 822463 10005",
                "6011111111111117",
                "30569309025904",
                "3530111333300000",
                "card: 4242424242424242,",
                "6200000000000005",
                "4222222222222",
                r#"{"text":"note\n4111 1111 1111 1111\nnote"}"#,
            ],
        );
        all_stay(
            redacted_all,
            &[
                "4111111111111112",
                "1764443523123456",
                "9111111111111111",
                "id-4111111111111111",
                "0.4111111111111111",
                "4111111111111111a",
                "a4111111111111111",
            ],
        );
    }
}
