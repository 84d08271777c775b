//! National identifiers of digits: a table of forms, checks and the words that name them.

use std::sync::LazyLock;

use super::super::bytes::run;
use super::checksum as check;
use super::number::{digits, is_named, shaped};

/// A form of an identifier.
struct Form {
    /// How it is written: `d` is a digit.
    shape: &'static [u8],
    check: fn(&[u32]) -> bool,
    /// Words of which one must stand shortly before; none where form and check say enough.
    words: &'static [&'static [u8]],
}

const fn form(shape: &'static [u8], check: fn(&[u32]) -> bool, words: &'static [&'static [u8]]) -> Form {
    Form { shape, check, words }
}

const SSN: &[&[u8]] = &[b"ssn", b"social security", b"socialsecurity", b"social_security"];
const SIN: &[&[u8]] = &[b"sin", b"social insurance", b"nas"];
const TAX: &[&[u8]] =
    &[b"steuer", b"tax id", b"tax-id", b"tax_id", b"taxid", b"idnr", b"tin", b"tax number", b"tax identification"];

/// All forms, those with stronger checks first.
static FORMS: [Form; 66] = [
    form(b"ddd-dd-dddd", check::ssn, &[]),
    form(b"ddd-dd-dddd", check::itin, &[]),
    form(b"ddd dd dddd", check::ssn, SSN),
    form(b"ddd.dd.dddd", check::ssn, SSN),
    form(b"ddddddddd", check::ssn, SSN),
    form(b"ddddddddd", check::itin, &[b"itin", b"tax"]),
    form(b"ddd dd dddd", check::itin, &[b"itin", b"tax"]),
    form(b"ddddddddddd", check::german_tax_id, TAX),
    form(b"dd ddd ddd ddd", check::german_tax_id, &[]),
    form(b"ddddddddddddddd", check::nir, &[]),
    form(b"d dd dd dd ddd ddd dd", check::nir, &[]),
    form(b"d dd dd dd ddd ddd-dd", check::nir, &[]),
    form(b"ddddddddddddd dd", check::nir, &[]),
    form(b"ddddddddd", check::bsn, &[b"bsn", b"burgerservice", b"sofi", b"citizen service"]),
    form(b"dddd.dd.ddd", check::bsn, &[]),
    form(b"dddd dd ddd", check::bsn, &[b"bsn", b"burgerservice", b"sofi"]),
    form(b"ddddddddddd", check::pesel, &[]),
    form(b"dddddd-dddd", check::personnummer, &[]),
    form(b"dddddd+dddd", check::personnummer, &[]),
    form(b"dddddddd-dddd", check::personnummer, &[]),
    form(b"dddddddddddd", check::personnummer, &[b"personnummer", b"pnr", b"personal number", b"personal identity", b"swedish"]),
    form(b"dddddddddd", check::personnummer, &[b"personnummer", b"pnr", b"personal number", b"personal identity", b"swedish"]),
    form(b"ddd.ddd.ddd-dd", check::cpf, &[]),
    form(b"ddddddddddd", check::cpf, &[]),
    form(b"dd.ddd.ddd/dddd-dd", check::cnpj, &[]),
    form(b"dddddddddddddd", check::cnpj, &[b"cnpj"]),
    form(b"dddd dddd dddd", check::aadhaar, &[]),
    form(b"dddd-dddd-dddd", check::aadhaar, &[]),
    form(b"dddddddddddd", check::aadhaar, &[b"aadhaar", b"aadhar", b"adhaar", b"uidai", b"uid"]),
    form(b"ddd ddd ddd", check::luhn, SIN),
    form(b"ddd-ddd-ddd", check::luhn, SIN),
    form(b"ddddddddd", check::luhn, SIN),
    form(b"ddd.dddd.dddd.dd", check::ahv, &[]),
    form(b"ddddddddddddd", check::ahv, &[]),
    form(b"dd.dd.dd-ddd.dd", check::rijksregister, &[]),
    form(b"ddddddddddd", check::rijksregister, &[b"rijksregister", b"registre national", b"national number", b"insz", b"niss"]),
    form(b"ddddddddddd", check::fodselsnummer, &[]),
    form(b"dddddd ddddd", check::fodselsnummer, &[]),
    form(b"dddddd-dddd", check::cpr, &[b"cpr", b"danish"]),
    form(b"ddddddddddd", check::tckn, &[b"tckn", b"kimlik", b"t.c.", b"turkish"]),
    form(b"dddddd/dddd", check::rodne_cislo, &[]),
    form(b"dddddd/ddd", check::any, &["rodné".as_bytes(), b"rodne"]),
    form(b"ddddddddddddd", check::cnp, &[]),
    form(b"ddddddddddddd", check::south_african, &[b"id number", b"south africa", b"identity number", b"said"]),
    form(b"dddddd-ddddddd", check::rrn, &[]),
    form(b"dd ddd ddd ddd", check::abn, &[]),
    form(b"ddddddddddd", check::abn, &[b"abn", b"business number"]),
    form(b"ddd ddd ddd", check::tfn, &[b"tfn", b"tax file"]),
    form(b"ddddddddd", check::tfn, &[b"tfn", b"tax file"]),
    form(b"dddd ddddd d", check::medicare, &[]),
    form(b"dddd-ddddd-d", check::medicare, &[]),
    form(b"dddddddddd", check::medicare, &[b"medicare"]),
    form(b"ddd ddd dddd", check::nhs, &[b"nhs", b"health"]),
    form(b"ddd-ddd-dddd", check::nhs, &[b"nhs"]),
    form(b"dddddddddd", check::nhs, &[b"nhs"]),
    form(b"ddddddddd", check::routing, &[b"routing", b"aba", b"rtn"]),
    form(b"dd-dddddddd-d", check::cuit, &[]),
    form(b"ddddddddddd", check::cuit, &[b"cuit", b"cuil"]),
    form(b"ddddddddd", check::nif, &[b"nif", b"contribuinte"]),
    form(b"ddddddddd", check::any, &[b"passport", b"passeport", b"pasaporte", b"reisepass"]),
    form(
        b"dddddddd",
        check::any,
        &[b"passport", b"driver's license", b"drivers license", b"driver license", b"national id", b"dni "],
    ),
    form(b"ddddddddd", check::any, &[b"driver's license", b"drivers license", b"driver license", b"national id", b"ssn"]),
    form(b"dd-ddddddd", check::any, &[b"ein", b"employer identification"]),
    form(b"dddddddddddd", check::any, &[b"my number", b"mynumber", b"individual number"]),
    form(b"dddd dddd dddd", check::any, &[b"my number", b"mynumber", b"aadhaar", b"aadhar"]),
    form(b"dddddddddd", check::any, &[b"bank account", b"account number", b"account no"]),
];

/// Most digits in a row at the beginning of a form.
const FIRST_LEN_MAX: usize = 18;

/// The forms by the number of digits that they begin with.
static BY_FIRST_LEN: LazyLock<Vec<Vec<&'static Form>>> = LazyLock::new(|| {
    let first_len = |form: &&Form| form.shape.iter().position(|sign| *sign != b'd').unwrap_or(form.shape.len());
    (0..=FIRST_LEN_MAX).map(|len| FORMS.iter().filter(|form| first_len(form) == len).collect()).collect()
});

/// Where an identifier ends that begins at a place.
pub(super) fn national(view: &[u8], place: usize) -> Option<usize> {
    let first_len = run(view, place, FIRST_LEN_MAX, |byte| byte.is_ascii_digit()) - place;
    BY_FIRST_LEN.get(first_len)?.iter().find_map(|form| {
        let end = shaped(view, place, form.shape)?;
        let valid = (form.check)(&digits(view.get(place..end)?));
        (valid && (form.words.is_empty() || is_named(view, place, form.words))).then_some(end)
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{all_hold, all_stay, personal, redacted_all};

    #[test]
    fn identifiers_are_covered_by_form_check_and_word() {
        all_hold(
            personal,
            "national-id",
            &[
                "856-45-6789",
                "ssn: 856456789",
                "912-70-1234",
                "86 095 742 719",
                "Steuer-ID 86095742719",
                "255081416802538",
                "2 55 08 14 168 025 38",
                "BSN 111222333",
                "44051401359",
                "811218-9876",
                "19811218-9876",
                "111.444.777-35",
                "11.222.333/0001-81",
                "2341 2341 2346",
                "aadhaar 234123412346",
                "756.9217.0769.85",
                "85.07.30-033.28",
                "13097248022",
                "710319/2745",
                "1800101221144",
                "SIN 046 454 286",
                "NHS number 943 476 5919",
                "passport 123456798",
                "20-12123456-5",
            ],
        );
        all_stay(
            redacted_all,
            &[
                "000-45-6789",
                "666-45-6789",
                "856-00-6789",
                "856-45-0000",
                "111222333",
                "86095742718",
                "811218-9877",
                "111.444.777-36",
                "2341 2341 2345",
                "2026-11-29",
                "2026-11-29 19:12",
                "1764443523",
                "1764443523123",
                "10.0.0.1",
                "192.168.100.200",
                "1.2.3-4",
                "018f4e2a-1111-7c3e-9a55-123456789012",
                "856-45-67890",
                "1856-45-6789",
                "[127.0.0.1:34567]",
                "20261129T191200Z",
                "line 123456, column 78",
            ],
        );
    }
}
