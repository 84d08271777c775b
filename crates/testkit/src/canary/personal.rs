//! Personal data as a person may have written it: addresses of mail, telephone numbers, accounts, cards, national identifiers.

use super::{Canary, Maker};

/// The digits of a text, whatever else stands in it.
fn digits(text: &str) -> Vec<u32> {
    text.chars().filter_map(|sign| sign.to_digit(10)).collect()
}

/// The digit that makes a number one of Luhn's (ISO/IEC 7812-1 Annex B).
fn luhn(number: &str) -> u32 {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let term = |(place, digit): (usize, u32)| if place % 2 == 0 { doubled(digit) } else { digit };
    let sum: u32 = digits(number).into_iter().rev().enumerate().map(term).sum();
    (10 - sum % 10) % 10
}

/// The two digits that make an account one (ISO 13616).
fn iban(country: &str, rest: &str) -> String {
    let moved = format!("{rest}{country}00");
    let remainder = moved
        .chars()
        .filter_map(|sign| sign.to_digit(36))
        .fold(0, |sum, value| if value < 10 { (sum * 10 + value) % 97 } else { (sum * 100 + value) % 97 });
    format!("{country}{:02}{rest}", 98 - remainder)
}

/// A digit of the check of Brazil's CPF: weights count down to two.
fn cpf(number: &str) -> u32 {
    let digits = digits(number);
    let weights = (2..=u32::try_from(digits.len()).unwrap_or_default() + 1).rev();
    let sum: u32 = digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum();
    let rest = sum * 10 % 11;
    if rest == 10 { 0 } else { rest }
}

/// In groups of so many signs.
fn grouped(text: &str, len: usize, by: &str) -> String {
    let signs: Vec<char> = text.chars().collect();
    signs.chunks(len).map(|chunk| chunk.iter().collect::<String>()).collect::<Vec<_>>().join(by)
}

impl Maker {
    fn digits_from(&mut self, first: &str, len: usize) -> String {
        format!("{first}{}", self.signs("dg", len))
    }

    /// Personal data, several of each kind; what must not be seen is all of it.
    #[must_use]
    pub fn personal(&mut self) -> Vec<Canary> {
        let mut made: Vec<(&'static str, String, String)> = Vec::new();
        let mut add = |kind, around: &str, secret: String| made.push((kind, around.replace("{}", &secret), secret));
        let mail =
            |maker: &mut Self| format!("{}.{}@{}.example", maker.signs("lo", 7), maker.signs("lo", 7), maker.signs("lo", 9));
        add("email", "write to {} today", mail(self));
        add("email in brackets", "From: Ann <{}>", mail(self));
        add("email in JSON", "{\"mail\":\"{}\"}", mail(self));
        let phone = self.digits_from("+49 89 7", 7);
        add("phone", "ring {} after six", phone);
        let phone = format!("+1 ({}) 5{}-{}", self.digits_from("21", 1), self.signs("dg", 2), self.signs("dg", 4));
        add("phone of America", "phone: {}", phone);
        let phone = grouped(&self.digits_from("7", 9), 3, " ");
        add("mobile phone", "mobile {}", format!("+44 {phone}"));
        let account = iban("DE", &self.signs("dg", 18));
        add("iban", "pay to {} please", account.clone());
        add("iban in groups", "IBAN: {}", grouped(&iban("GB", &format!("NWBK{}", self.signs("dg", 14))), 4, " "));
        let card = |maker: &mut Self, first: &str, len: usize| {
            let number = maker.digits_from(first, len);
            format!("{number}{}", luhn(&number))
        };
        add("card", "card {} expires soon", card(self, "4", 14));
        add("card in groups", "{}", grouped(&card(self, "4", 14), 4, " "));
        add("card of fifteen digits", "amex={}", card(self, "37", 12));
        let ssn = format!("2{}-4{}-7{}", self.signs("dg", 2), self.signs("dg", 1), self.signs("dg", 3));
        add("social security number", "ssn {} of Ann", ssn);
        let first = self.digits_from("3", 8);
        let first = format!("{first}{}", cpf(&first));
        let number = format!("{first}{}", cpf(&first));
        let (head, check) = number.split_at(9);
        add("cpf", "cpf {}", format!("{}-{check}", grouped(head, 3, ".")));
        made.into_iter().map(|(kind, text, secret)| Canary { kind, text, secret }).collect()
    }
}

#[cfg(test)]
mod tests {
    use scalbotics_core::redaction::{Detect, Mask};

    use super::*;

    #[test]
    fn what_is_made_is_found() {
        let mask = Mask::detecting(Detect::SecretsAndPersonalData);
        for seed in 0..200 {
            for canary in Maker::new(seed).personal() {
                let mut text = canary.text.clone();
                mask.apply_to_text(&mut text, false);
                assert!(!text.contains(&canary.secret), "seed {seed}: {canary:?} is {text}");
            }
        }
    }

    /// In a line of its own, as JSON writes lines: the letter of the escape is none of the word's.
    #[test]
    fn what_begins_a_line_in_json_is_found() {
        let mask = Mask::detecting(Detect::SecretsAndPersonalData);
        // What is told by the word before it begins no line.
        let told = ["phone of America", "mobile phone", "social security number", "cpf"];
        for seed in 0..200 {
            for canary in Maker::new(seed).personal().iter().filter(|canary| !told.contains(&canary.kind)) {
                for (before, after) in [("\n", "\n"), ("\t", "\r\n")] {
                    let text = format!("note{before}{}{after}end", canary.secret);
                    let mut text = serde_json::to_string(&text).unwrap();
                    mask.apply_to_text(&mut text, false);
                    assert!(!text.contains(&canary.secret), "seed {seed}: {canary:?} is {text}");
                }
            }
        }
    }

    #[test]
    fn check_digits_are_those_of_the_standards() {
        assert_eq!(luhn("411111111111111"), 1);
        assert_eq!(iban("DE", "370400440532013000"), "DE89370400440532013000");
        assert_eq!(iban("GB", "NWBK60161331926819"), "GB29NWBK60161331926819");
        assert_eq!((cpf("111444777"), cpf("1114447773")), (3, 5));
        assert_eq!(grouped("abcde", 2, "-"), "ab-cd-e");
    }
}
