//! Numbers of accounts (ISO 13616): the length of each country, and the remainder of one by 97.

use super::super::bytes::at;

/// Countries of the registry with the length of their numbers.
const COUNTRIES: &[u8] = b"AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23\
GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25\
QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30";

/// Where an account's number ends that begins at a place, in groups of four or without.
pub(super) fn iban(view: &[u8], start: usize) -> Option<usize> {
    let country = [at(view, start).to_ascii_uppercase(), at(view, start + 1).to_ascii_uppercase()];
    let entry = COUNTRIES.chunks_exact(4).find(|entry| entry.starts_with(&country))?;
    let len = std::str::from_utf8(entry.get(2..)?).ok()?.parse::<usize>().ok()?;
    let (mut letters, mut place) = (Vec::with_capacity(len), start);
    while letters.len() < len {
        let byte = at(view, place);
        if byte.is_ascii_alphanumeric() {
            letters.push(byte.to_ascii_uppercase());
        } else if !(matches!(byte, b' ' | b'-') && at(view, place + 1).is_ascii_alphanumeric() && letters.len() >= 4) {
            return None;
        }
        place += 1;
    }
    let rest = letters.iter().skip(4).chain(letters.iter().take(4)).fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        letter => (rest * 100 + u32::from(letter - b'A') + 10) % 97,
    });
    let checked = letters.get(2..4)?.iter().all(u8::is_ascii_digit);
    (rest == 1 && checked && !at(view, place).is_ascii_alphanumeric()).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{all_hold, all_stay, personal, redacted_all};

    #[test]
    fn accounts_are_covered_by_their_remainder() {
        all_hold(
            personal,
            "iban",
            &[
                "DE89370400440532013000",
                r#"{"text":"note\nDE89370400440532013000\nnote"}"#,
                "DE89 3704 0044 0532 0130 00",
                "GB29NWBK60161331926819",
                "GB29 NWBK 6016 1331 9268 19",
                "FR1420041010050500013M02606",
                "IBAN: NL91ABNA0417164300.",
                "MT84MALT011000012345MTLCAST001S",
                "CH9300762011623852957",
                "NO9386011117947",
                "IT60X0542811101000000123456",
                "BR1800360305000010009795493C1",
                "de89370400440532013000",
                "PL61109010140000071219812874",
            ],
        );
        all_stay(
            redacted_all,
            &[
                "DE89370400440532013001",
                "XX89370400440532013000",
                "DE8937040044053201300",
                "ADE89370400440532013000",
                "DE893704004405320130001",
            ],
        );
    }
}
