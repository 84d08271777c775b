//! The pipeline as a whole: parts of a text, known values, both at once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::testing::glue;
use super::{Detect, Mask};
use crate::secret::Secret;

fn mask(values: &[&[u8]], detect: Detect) -> Mask {
    let mut mask = Mask::detecting(detect);
    values.iter().for_each(|value| mask.add(Secret::new(value.to_vec())));
    mask
}

fn masked(mask: &Mask, text: &[u8], cut: bool) -> Vec<u8> {
    let mut text = text.to_vec();
    mask.apply(&mut text, cut);
    text
}

/// What comes out of a text that comes in parts of these lengths, again and again.
fn streamed(mask: &Mask, text: &[u8], lengths: &[usize], cut: bool) -> Vec<u8> {
    let (mut stream, mut out, mut rest) = (mask.stream(), Vec::new(), text);
    for len in lengths.iter().cycle() {
        let (part, more) = rest.split_at((*len).min(rest.len()));
        stream.push(part, &mut out);
        rest = more;
        if rest.is_empty() {
            break;
        }
    }
    stream.finish(cut, &mut out);
    out
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[test]
fn whatever_stands_beside_a_value_in_base64() {
    let value = b"quoth-the-nightjar".as_slice();
    let mask = mask(&[value], Detect::Nothing);
    for before in 0..4 {
        for behind in 0..4 {
            let whole = [&vec![b'x'; before], value, &vec![b'y'; behind]].concat();
            let cleaned = masked(&mask, STANDARD.encode(&whole).as_bytes(), false);
            assert!(cleaned.len() < 16, "{before} {behind}: {cleaned:?}");
        }
    }
}

#[test]
fn numbers_of_our_own_json_stay_and_texts_in_it_are_covered_as_ever() {
    let mask = mask(&[b"918273645"], Detect::SecretsAndPersonalData);
    let own = |line: &str| {
        let mut line = line.as_bytes().to_vec();
        mask.apply_to_own_json(&mut line);
        String::from_utf8(line).unwrap()
    };
    for stays in [
        r#"{"message":"call answered","elapsed_us":123456789}"#,
        r#"{"message":"call me","list":[ 5552345678 , 4111111111111111],"less":-5552345678}"#,
        r#"{"message":"call \\\\","elapsed_us":5552345678}"#,
    ] {
        assert_eq!(own(stays), stays);
        assert_ne!(masked(&mask, stays.as_bytes(), false), stays.as_bytes(), "anybody's: {stays}");
    }
    for (line, shown) in [
        (r#"{"message":"phone 5552345678"}"#, r#"{"message":"phone [redacted:phone]"}"#),
        (r#"{"said":"{\"phone\": 5552345678}","n":5552345678}"#, r#"{"said":"{\"phone\": [redacted:phone]}","n":5552345678}"#),
        (r#"{"a\\":"+4915112345678","b":"4111111111111111"}"#, r#"{"a\\":"[redacted:phone]","b":"[redacted:payment-card]"}"#),
        (r#"{"count":918273645}"#, r#"{"count":***}"#),
        (r#"{"message":"to ann@acme.example"}"#, r#"{"message":"to [redacted:email]"}"#),
    ] {
        assert_eq!(own(line), shown);
    }
    let token = glue(&["gl", "pat-", "Zk3vQ9xLm2Rt7Yp4Bn8W"]);
    assert_eq!(own(&format!(r#"{{"n":5552345678,"said":"{token}"}}"#)), r#"{"n":5552345678,"said":"[redacted:gitlab-token]"}"#);
}

#[test]
fn the_longest_value_counts_and_neighbours_too() {
    let mask = mask(&[b"token", b"token-of-ann", b"tok"], Detect::Nothing);
    assert_eq!(masked(&mask, b"token-of-anntokentok", false), b"******tok");
}

#[test]
fn what_was_cut_shows_no_beginning_of_a_value() {
    let mask = mask(&[b"correct-horse-battery"], Detect::Nothing);
    assert_eq!(masked(&mask, b"it is correct-ho", true), b"it is ***");
    assert_eq!(masked(&mask, b"it is correct-ho", false), b"it is correct-ho");
    assert_eq!(masked(&mask, b"it is cor", true), b"it is cor");
}

#[test]
fn the_beginning_of_a_long_value_is_covered_as_far_as_it_agrees() {
    let value: Vec<u8> = (0..20_000_u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes().into_iter().skip(3))
        .map(|byte| b'a' + byte % 26)
        .collect();
    let mask = mask(&[&value], Detect::Nothing);
    for (len, shown) in [(63, 63), (64, 3), (5_000, 3), (20_000, 3)] {
        let text = [b"before ".as_slice(), &value[..len], b" after"].concat();
        assert_eq!(masked(&mask, &text, false).len(), 13 + shown, "{len}");
        assert_eq!(streamed(&mask, &text, &[1], false), masked(&mask, &text, false), "{len}");
    }
}

#[test]
fn a_known_value_and_what_is_detected_are_covered_in_one_go() {
    let token = glue(&["gl", "pat-", "Zk3vQ9xLm2Rt7Yp4Bn8W"]);
    let mask = mask(&[b"quoth-the-nightjar"], Detect::SecretsAndPersonalData);
    let text = format!("quoth-the-nightjar {token} ann@acme.example");
    assert_eq!(masked(&mask, text.as_bytes(), false), b"*** [redacted:gitlab-token] [redacted:email]");
    let json = r#"{"card": 4111111111111111, "cards": [4111111111111111]}"#;
    let shown = String::from_utf8(masked(&mask, json.as_bytes(), false)).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap()["cards"][0], "[redacted:payment-card]");
}

#[test]
fn hostile_texts_end_soon() {
    let value = [vec![b'a'; 60_000], b"b".to_vec()].concat();
    let mask = mask(&[&value], Detect::SecretsAndPersonalData);
    let unit = [
        "eyJh-",
        "AKIA",
        "secret=a1",
        "password: ",
        "-----BEGIN PRIVATE KEY-----",
        "a:/",
        "%41",
        "\\u0041",
        "a@",
        "//a:",
        "+49 1",
        "4111 ",
        "Bearer ",
        "curl -u ",
        "Cookie: a=b;",
        "sqlplus a/b1@",
        "jdbc:oracle:thin:",
        "ghp_",
        "QUtJ",
        "4142",
        "aaaa",
        "hooks.slack.com/services/",
        ".",
        "-",
        "=",
        "\"",
        "\u{0}",
        "é",
    ];
    for unit in unit {
        let text = unit.repeat(20_000 / unit.len());
        assert_eq!(streamed(&mask, text.as_bytes(), &[4_096], false), masked(&mask, text.as_bytes(), false), "{unit}");
    }
}

/// Texts in which a secret may stand, with all that detectors look at around it.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let token = glue(&["gh", "p_", "Zk3vQ9xLm2Rt7Yp4Bn8Wc1Hd6Jf5Gs0aKe2u"]);
    let pem = glue(&["-----BEGIN ", "PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n-----END ", "PRIVATE KEY-----"]);
    let id = glue(&["AK", "IA", "QF3ZT7LMKW2XN5RB"]);
    let of_aws = glue(&["wT4kZ8/pQ2mX", "+9LrVb7nYc3Hd6Jf", "1Gs5Ke0Ux2Ma"]);
    let fixed = [
        format!("{id},{of_aws}"),
        format!("{of_aws}\n{id}"),
        of_aws,
        id,
        "sqlplus scott/p8hkqdlm7t@orcl".to_owned(),
        token.clone(),
        STANDARD.encode(&token),
        pem,
        "password: hunter2x".to_owned(),
        "quoth-the-nightjar".to_owned(),
        STANDARD.encode("quoth-the-nightjar"),
        "ann@acme.example".to_owned(),
        "4111 1111 1111 1111".to_owned(),
        "+49 30 1234567".to_owned(),
        "DE89370400440532013000".to_owned(),
        "postgres://app:s3cr3tpw@db/x".to_owned(),
        "Authorization: Bearer Zk3vQ9xLm2Rt7Yp4".to_owned(),
        "%67%68%70%5f".to_owned(),
        "856-45-6789".to_owned(),
        "the quick brown fox".to_owned(),
        "MIIE".repeat(1_500),
        "x".repeat(5_000),
        "Zk3vQ9xLm2Rt7Yp4Bn8W".repeat(300),
        " ".repeat(600),
    ];
    let piece = prop_oneof![
        proptest::sample::select(fixed.to_vec()).prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..40),
        "[ -~\n]{0,40}".prop_map(String::into_bytes)
    ];
    let between = proptest::sample::select(vec![" ", "\n", "", "=", ": ", "\"", "/", ","]);
    proptest::collection::vec((piece, between), 0..12).prop_map(|pieces| {
        pieces.into_iter().flat_map(|(piece, between)| [piece, between.as_bytes().to_vec()].concat()).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn where_a_text_is_parted_changes_nothing(text in texts(), lengths in proptest::collection::vec(1_usize..700, 1..6), cut in any::<bool>()) {
        let mask = mask(&[b"quoth-the-nightjar"], Detect::SecretsAndPersonalData);
        let whole = masked(&mask, &text, cut);
        prop_assert_eq!(&streamed(&mask, &text, &lengths, cut), &whole);
        prop_assert_eq!(&streamed(&mask, &text, &[1], cut), &whole);
        prop_assert!(!holds(&whole, b"quoth-the-nightjar"));
    }

    #[test]
    fn what_is_covered_stays_so(text in "[ -~\n]{0,200}", which in 0..4_usize) {
        let secret = [glue(&["gh", "p_", "Zk3vQ9xLm2Rt7Yp4Bn8Wc1Hd6Jf5Gs0aKe2u"]), "api_key = \"Zk3vQ9xLm2Rt7Yp4\"".to_owned(), "ann@acme.example".to_owned(),
            "4111111111111111".to_owned()].into_iter().nth(which).unwrap_or_default();
        let mask = mask(&[], Detect::SecretsAndPersonalData);
        let text = format!("{text}\n{secret}\n{text}");
        let once = masked(&mask, text.as_bytes(), false);
        prop_assert!(!holds(&once, secret.as_bytes()));
        let twice = masked(&mask, &once, false);
        prop_assert_eq!(String::from_utf8_lossy(&twice), String::from_utf8_lossy(&once));
    }

    #[test]
    fn any_bytes_are_taken(text in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let mask = mask(&[b"quoth"], Detect::SecretsAndPersonalData);
        masked(&mask, &text, true);
    }
}
