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

fn value() -> impl Strategy<Value = Value> {
    // Quotes, controls, the ends of the surrogates' range, and what stands above it.
    let text = || "[ab\"\\\\/\u{0}-\u{1f}\u{7f}\u{e9}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{1f600}]{0,4}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1_i64 << 53) + 1..1_i64 << 53).prop_map(Value::from),
        (-1e15..1e15_f64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Fields that come in no order, numbers of every width, names that need escapes.
#[derive(serde::Serialize)]
struct Mixed {
    z: Option<u8>,
    #[serde(rename = "\"a\\\u{1}")]
    quoted: i16,
    a: Inner,
    #[serde(flatten)]
    more: std::collections::BTreeMap<i64, f32>,
    #[serde(rename = "\u{fb33}")]
    late: Box<serde_json::value::RawValue>,
    #[serde(rename = "\u{1f600}")]
    early: (u128, i128, char, ()),
    ab: f64,
    aa: Vec<Either>,
}

#[derive(serde::Serialize)]
struct Inner {
    b: bool,
    a: Vec<u8>,
}

#[derive(serde::Serialize)]
enum Either {
    One,
    Other(u32),
    Both { y: i8, x: u16 },
}

#[test]
fn what_serializes_is_written_as_its_tree_of_values_is() {
    let mixed = Mixed {
        z: None,
        quoted: -1,
        a: Inner { b: true, a: vec![1, 2] },
        more: [(-7, 0.1), (3, f32::NAN), (i64::MAX, 1.0)].into(),
        late: serde_json::value::RawValue::from_string("{ \"b\" : 1.0, \"a\":[ -0 ] }".to_owned()).unwrap(),
        early: (7, -7, '\u{7f}', ()),
        ab: 1.5e-9,
        aa: vec![Either::One, Either::Other(2), Either::Both { y: -3, x: 4 }],
    };
    let tree = serde_json::to_value(&mixed).unwrap();
    let text = String::from_utf8(canonical_of(&mixed).unwrap()).unwrap();
    assert_eq!(text, serde_json_canonicalizer::to_string(&tree).unwrap());
    let refused = canonical_of(&Mixed { ab: 1e21, ..mixed }).unwrap_err();
    assert!(matches!(refused, Error::Number { .. }), "it is no integer that is exact: {refused}");
}

#[test]
fn what_would_be_rounded_or_stands_twice_is_refused() {
    #[derive(serde::Serialize)]
    struct Twice {
        b: u8,
        a: u8,
        #[serde(rename = "b")]
        again: u8,
    }
    assert!(matches!(canonical_of(&Twice { b: 1, a: 2, again: 3 }), Err(Error::Refused { .. })));
    assert!(matches!(canonical_of(&u64::MAX), Err(Error::Number { .. })));
    assert!(matches!(canonical_of(&[i64::MIN]), Err(Error::Number { .. })));
    assert!(matches!(canonical_of(&u128::MAX), Err(Error::Number { .. })));
    assert!(matches!(canonical_of(&i128::MIN), Err(Error::Number { .. })));
    assert!(matches!(canonical_of(&9_007_199_254_740_992.0_f64), Err(Error::Number { .. })));
    let raw = serde_json::value::RawValue::from_string("[9007199254740993]".to_owned()).unwrap();
    assert!(matches!(canonical_of(&raw), Err(Error::Number { .. })));
    assert!(matches!(canonical_of(&std::collections::BTreeMap::from([((1, 2), 3)])), Err(Error::Refused { .. })));
}

proptest! {
    #[test]
    fn what_another_implementation_writes(value in value()) {
        if let Ok(bytes) = canonical(&value) {
            prop_assert_eq!(bytes, serde_json_canonicalizer::to_vec(&value).unwrap());
        }
    }

    #[test]
    fn canonical_is_a_fixed_point(text in "[\\[\\]{}:,\"a-c0-9.eE-]{0,40}") {
        if let Ok(value) = parse(text.as_bytes()) {
            let once = canonical(&value).unwrap();
            let twice = canonical(&parse(&once).unwrap()).unwrap();
            prop_assert_eq!(once, twice);
        }
    }
}
