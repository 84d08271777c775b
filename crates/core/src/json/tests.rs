use proptest::prelude::*;

use super::*;

fn check(text: &str, expected: Option<&str>) {
    let got = parse(text.as_bytes()).and_then(|v| canonical(&v)).map(|b| String::from_utf8(b).unwrap());
    assert_eq!(got.as_deref().ok(), expected, "{text}: {got:?}");
}

#[test]
fn sem_2_2_canonical_arguments() {
    check(r#"{"b":1,"a":[true,null,"x"]}"#, Some(r#"{"a":[true,null,"x"],"b":1}"#));
    check(r#"{"a":1,"a":1}"#, None);
    check(r#"{"x":{"a":1,"\u0061":2}}"#, None);
    check("9007199254740991", Some("9007199254740991"));
    check("9007199254740992", None);
    check("-9007199254740992", None);
    check("9007199254740993.0", None);
    check("1e300", None);
    check("1e400", None);
    check("NaN", None);
    check("Infinity", None);
    check("1.0", Some("1"));
    check("-0", Some("0"));
    check("-0.0", Some("0"));
    check("0.1", Some("0.1"));
    check("1e-7", Some("1e-7"));
    check("[1,]", None);
    check("[1] 2", None);
    check("\"\\ud800\"", None);
    check("", None);
    check("{\"\u{e9}\":1,\"e\":2}", Some("{\"e\":2,\"\u{e9}\":1}"));
}

#[test]
fn limits() {
    check(
        &format!("{}1{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX)),
        Some(&format!("{}1{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX))),
    );
    check(&format!("{}1{}", "[".repeat(DEPTH_MAX + 1), "]".repeat(DEPTH_MAX + 1)), None);
    check(&"[".repeat(100_000), None);
    let long = format!("\"{}\"", "x".repeat(LEN_MAX));
    assert!(matches!(parse(long.as_bytes()), Err(Error::TooLong { .. })));
}

#[test]
fn utf16_order_of_keys() {
    // RFC 8785 §3.2.3 sorts by UTF-16 code units: U+1F600 (D83D…) before U+FB33.
    check("{\"\u{fb33}\":1,\"\u{1f600}\":2}", Some("{\"\u{1f600}\":2,\"\u{fb33}\":1}"));
}

proptest! {
    #[test]
    fn canonical_is_a_fixed_point(text in "[\\[\\]{}:,\"a-c0-9.eE-]{0,40}") {
        if let Ok(value) = parse(text.as_bytes()) {
            let once = canonical(&value).unwrap();
            let twice = canonical(&parse(&once).unwrap()).unwrap();
            prop_assert_eq!(once, twice);
        }
    }
}
