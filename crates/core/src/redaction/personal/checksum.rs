//! Check digits of numbers that people are known by.

/// The sum of digits, each times its weight.
pub(super) fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

fn digit(digits: &[u32], place: usize) -> u32 {
    digits.get(place).copied().unwrap_or_default()
}

/// The number that the digits from `start` to `end` make.
pub(super) fn number(digits: &[u32], start: usize, end: usize) -> u32 {
    digits.get(start..end).unwrap_or_default().iter().fold(0, |sum, digit| sum * 10 + digit)
}

/// Luhn (ISO/IEC 7812-1 Annex B).
pub(super) fn luhn(digits: &[u32]) -> bool {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let term = |(place, digit): (usize, &u32)| if place % 2 == 1 { doubled(*digit) } else { *digit };
    digits.iter().rev().enumerate().map(term).sum::<u32>() % 10 == 0
}

/// Verhoeff's, by which Aadhaar is checked.
pub(super) fn verhoeff(digits: &[u32]) -> bool {
    // The dihedral group of order ten, and the permutation that a place is given.
    let times = |a: u32, b: u32| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b - 5) % 5,
        (false, true) => 5 + (a - 5 + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    };
    const TURN: [u32; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let turned = |digit: u32, often: usize| {
        (0..often)
            .fold(digit, |digit, _| usize::try_from(digit).ok().and_then(|place| TURN.get(place)).copied().unwrap_or_default())
    };
    digits.iter().rev().enumerate().fold(0, |sum, (place, digit)| times(sum, turned(*digit, place % 8))) == 0
}

/// ISO/IEC 7064 MOD 11,10.
pub(super) fn mod_11_10(digits: &[u32]) -> bool {
    let Some((check, rest)) = digits.split_last() else { return false };
    let product = rest.iter().fold(10, |product, digit| {
        let sum = (product + digit) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == *check
}

/// Whether a month and a day may be in one date.
pub(super) fn is_date(month: u32, day: u32) -> bool {
    (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// United States: no area of 000, 666 or 9xx, no group 00, no serial 0000; some that advertisements made known.
pub(super) fn ssn(digits: &[u32]) -> bool {
    let (area, group, serial) = (number(digits, 0, 3), number(digits, 3, 5), number(digits, 5, 9));
    let known = matches!((area, group, serial), (78, 5, 1120) | (219, 9, 9999) | (123, 45, 6789));
    area != 0 && area != 666 && area < 900 && group != 0 && serial != 0 && !known
}

/// United States: numbers of taxpayers without one of the above.
pub(super) fn itin(digits: &[u32]) -> bool {
    let group = number(digits, 3, 5);
    digit(digits, 0) == 9 && matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// Germany: one digit of the first ten twice or three times, MOD 11,10.
pub(super) fn german_tax_id(digits: &[u32]) -> bool {
    let first = digits.get(..10).unwrap_or_default();
    let counts = (0..10).map(|digit| first.iter().filter(|other| **other == digit).count());
    let repeated: Vec<_> = counts.filter(|count| *count > 1).collect();
    digit(digits, 0) != 0 && matches!(repeated.as_slice(), [2 | 3]) && mod_11_10(digits)
}

/// France: sex, month, and the key of two digits by 97.
pub(super) fn nir(digits: &[u32]) -> bool {
    let body = digits.get(..13).unwrap_or_default().iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(*digit));
    let month = number(digits, 3, 5);
    matches!(digit(digits, 0), 1 | 2 | 3 | 4 | 7 | 8)
        && (matches!(month, 1..=12 | 20..=42) || month >= 50)
        && 97 - body % 97 == u64::from(number(digits, 13, 15))
}

/// Netherlands: the proof by eleven.
pub(super) fn bsn(digits: &[u32]) -> bool {
    let sum = weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]);
    sum > 0 && (sum + 11 * 9 - digit(digits, 8)).is_multiple_of(11)
}

/// Poland: a date whose month tells the century, and a digit by ten.
pub(super) fn pesel(digits: &[u32]) -> bool {
    let sum = weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    is_date(number(digits, 2, 4) % 20, number(digits, 4, 6)) && sum.is_multiple_of(10)
}

/// Sweden: a date, or one with 60 added to the day, and Luhn over the last ten digits.
pub(super) fn personnummer(digits: &[u32]) -> bool {
    let ten = digits.get(digits.len().saturating_sub(10)..).unwrap_or_default();
    let day = number(ten, 4, 6);
    is_date(number(ten, 2, 4), if day > 60 { day - 60 } else { day }) && luhn(ten)
}

/// Brazil, people: two digits by eleven.
pub(super) fn cpf(digits: &[u32]) -> bool {
    let check = |len: u32| {
        let sum: u32 = digits.iter().zip((2..=len + 1).rev()).map(|(digit, weight)| digit * weight).sum();
        sum * 10 % 11 % 10
    };
    let same = digits.iter().all(|other| *other == digit(digits, 0));
    !same && check(9) == digit(digits, 9) && check(10) == digit(digits, 10)
}

/// Brazil, companies: two digits by eleven.
pub(super) fn cnpj(digits: &[u32]) -> bool {
    const WEIGHTS: [u32; 13] = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    let check = |sum: u32| if sum % 11 < 2 { 0 } else { 11 - sum % 11 };
    let first = check(weighted(digits, WEIGHTS.get(1..).unwrap_or_default()));
    first == digit(digits, 12) && check(weighted(digits, &WEIGHTS)) == digit(digits, 13)
}

/// India: Verhoeff, and no beginning with 0 or 1.
pub(super) fn aadhaar(digits: &[u32]) -> bool {
    digit(digits, 0) > 1 && verhoeff(digits)
}

/// Switzerland: the digit of EAN-13 behind 756.
pub(super) fn ahv(digits: &[u32]) -> bool {
    number(digits, 0, 3) == 756 && weighted(digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

/// Belgium: a date, and two digits by 97, since 2000 with a 2 before.
pub(super) fn rijksregister(digits: &[u32]) -> bool {
    let body = number(digits, 0, 9);
    let check = number(digits, 9, 11);
    let by = |body: u64| 97 - body % 97 == u64::from(check);
    number(digits, 2, 4) % 20 <= 12 && (by(u64::from(body)) || by(u64::from(body) + 2_000_000_000))
}

/// Norway: a date, and two digits by eleven.
pub(super) fn fodselsnummer(digits: &[u32]) -> bool {
    let first = weighted(digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]) % 11;
    let second = weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11;
    is_date(number(digits, 2, 4) % 40, number(digits, 0, 2) % 40) && first == 0 && second == 0
}

/// Denmark: a date; the sum by eleven is no longer kept.
pub(super) fn cpr(digits: &[u32]) -> bool {
    is_date(number(digits, 2, 4), number(digits, 0, 2))
}

/// Turkey: two digits by sums.
pub(super) fn tckn(digits: &[u32]) -> bool {
    let odd: u32 = digits.iter().take(9).step_by(2).sum();
    let even: u32 = digits.iter().take(8).skip(1).step_by(2).sum();
    let all: u32 = digits.iter().take(10).sum();
    digit(digits, 0) != 0 && (odd * 7 + 100 - even) % 10 == digit(digits, 9) && all % 10 == digit(digits, 10)
}

/// Czechia and Slovakia: a date with 50 added for women, divisible by eleven.
pub(super) fn rodne_cislo(digits: &[u32]) -> bool {
    let whole = digits.iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(*digit));
    let month = number(digits, 2, 4) % 50;
    is_date(if month > 20 { month - 20 } else { month }, number(digits, 4, 6)) && whole % 11 == 0
}

/// Romania: sex and century, a date, and a digit by eleven.
pub(super) fn cnp(digits: &[u32]) -> bool {
    let check = weighted(digits, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    let last = if check == 10 { 1 } else { check };
    digit(digits, 0) > 0 && is_date(number(digits, 3, 5), number(digits, 5, 7)) && last == digit(digits, 12)
}

/// South Africa: a date and Luhn.
pub(super) fn south_african(digits: &[u32]) -> bool {
    is_date(number(digits, 2, 4), number(digits, 4, 6)) && digit(digits, 10) < 2 && luhn(digits)
}

/// Korea: a date, and a digit that tells century and sex.
pub(super) fn rrn(digits: &[u32]) -> bool {
    is_date(number(digits, 2, 4), number(digits, 4, 6)) && (1..=8).contains(&digit(digits, 6))
}

/// Australia, companies: by 89, one taken from the first digit.
pub(super) fn abn(digits: &[u32]) -> bool {
    let sum = weighted(digits, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    digit(digits, 0) > 0 && sum >= 10 && (sum - 10).is_multiple_of(89)
}

/// Australia, taxpayers: by eleven.
pub(super) fn tfn(digits: &[u32]) -> bool {
    weighted(digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11)
}

/// Australia, patients: by ten.
pub(super) fn medicare(digits: &[u32]) -> bool {
    (2..=6).contains(&digit(digits, 0)) && weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == digit(digits, 8)
}

/// United Kingdom, patients: by eleven.
pub(super) fn nhs(digits: &[u32]) -> bool {
    weighted(digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// United States, banks: by ten.
pub(super) fn routing(digits: &[u32]) -> bool {
    weighted(digits, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}

/// Argentina: by eleven.
pub(super) fn cuit(digits: &[u32]) -> bool {
    let check = (11 - weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    check == digit(digits, 10)
}

/// Portugal: by eleven.
pub(super) fn nif(digits: &[u32]) -> bool {
    let rest = weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    (if rest < 2 { 0 } else { 11 - rest }) == digit(digits, 8)
}

/// Any number.
pub(super) fn any(digits: &[u32]) -> bool {
    !digits.iter().all(|other| *other == digit(digits, 0))
}

#[cfg(test)]
mod tests {
    use super::super::number::digits;
    use super::*;

    #[test]
    fn published_examples_pass_and_another_digit_fails() {
        type Check = fn(&[u32]) -> bool;
        let table: [(&str, Check, &str); 23] = [
            ("Luhn", luhn, "4111111111111111"),
            ("Verhoeff", verhoeff, "2363"),
            ("German tax id", german_tax_id, "86095742719"),
            ("NIR", nir, "255081416802538"),
            ("BSN", bsn, "111222333"),
            ("PESEL", pesel, "44051401359"),
            ("personnummer", personnummer, "8112189876"),
            ("CPF", cpf, "11144477735"),
            ("CNPJ", cnpj, "11222333000181"),
            ("Aadhaar", aadhaar, "234123412346"),
            ("AHV", ahv, "7569217076985"),
            ("rijksregister", rijksregister, "85073003328"),
            ("fødselsnummer", fodselsnummer, "13097248022"),
            ("TCKN", tckn, "10000000146"),
            ("rodné číslo", rodne_cislo, "7103192745"),
            ("CNP", cnp, "1800101221144"),
            ("South African", south_african, "8001015009087"),
            ("ABN", abn, "51824753556"),
            ("TFN", tfn, "123456782"),
            ("NHS", nhs, "9434765919"),
            ("routing", routing, "111000025"),
            ("CUIT", cuit, "20121234565"),
            ("NIF", nif, "123456789"),
        ];
        for (name, check, number) in table {
            let right = digits(number.as_bytes());
            assert!(check(&right), "{name} {number}");
            let mut wrong = right.clone();
            let last = wrong.last_mut().unwrap();
            *last = (*last + 1) % 10;
            assert!(!check(&wrong), "{name} {wrong:?}");
        }
        for (number, valid) in [
            ("856456789", true),
            ("000456789", false),
            ("666456789", false),
            ("956456789", false),
            ("856006789", false),
            ("856450000", false),
        ] {
            assert_eq!(ssn(&digits(number.as_bytes())), valid, "{number}");
        }
        assert!(itin(&digits(b"912701234")) && !itin(&digits(b"812701234")));
        assert!(medicare(&digits(b"2123456701")) && !medicare(&digits(b"2123456711")));
    }
}
