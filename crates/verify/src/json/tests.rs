use super::value::Kind;
use super::*;

fn refused(text: &str) {
    let refusal = Document::read(text.as_bytes()).unwrap_err();
    assert_eq!(refusal.reason, "form", "{text}");
}

#[test]
fn only_the_one_text_of_a_value_is_read() {
    for good in [
        "{}",
        "[]",
        "null",
        r#"{"a":[1,-2,0.5,true,false,null,""],"b":{"":{}}}"#,
        r#""\b\t\n\f\r\"\\\u0000\u001f/é😀""#,
        "\"\u{7f}\u{2028}\"",
        "{\"\u{20ac}\":1,\"\u{1f600}\":2,\"\u{fb33}\":3}",
        r#"{"\n":1,"1":2}"#,
    ] {
        let document = Document::read(good.as_bytes()).unwrap();
        assert_eq!(document.root().raw_json(), good);
        assert_eq!(document.root().kind() == Kind::Object, good.starts_with('{'));
    }
    for bad in [
        "",
        " {}",
        "{} ",
        "{}\n",
        "{ }",
        r#"{"a": 1}"#,
        r#"{"a":1,}"#,
        r#"{"a":1,"a":1}"#,
        r#"{"b":1,"a":1}"#,
        r#"{"a":1 ,"b":1}"#,
        r#"{"1":1,"\n":1}"#,
        "{\"\u{fb33}\":3,\"\u{1f600}\":2}",
        "[1,]",
        "[,1]",
        "[1 ]",
        "1.0",
        "1e3",
        "-0",
        "01",
        "nul",
        "True",
        "'a'",
        "\"a",
        "\"\u{1}\"",
        r#""\u0041""#,
        r#""\u000A""#,
        r#""\u000a""#,
        r#""\u001F""#,
        r#""\/""#,
        r#""\x""#,
        r#""\"#,
        r#"{"a"}"#,
        r#"{a:1}"#,
        "[1}",
        "{\"a\":1]",
        "9007199254740992",
    ] {
        refused(bad);
    }
    assert!(Document::read(b"\"\xff\"").is_err());
    assert!(Document::read(format!("{}{}", "[".repeat(64), "]".repeat(64)).as_bytes()).is_ok());
    refused(&format!("{}{}", "[".repeat(65), "]".repeat(65)));
    refused(&"[".repeat(100_000));
    refused(&format!("[{}0]", "0,".repeat(5 << 20)));
}

#[test]
fn values_are_what_stands_there() {
    let document = Document::read(r#"{"a":["x\n\u0001é",7,-7],"b":{"c":true},"d":false}"#.as_bytes()).unwrap();
    let root = document.root();
    let items: Vec<Value<'_>> = root.get("a").unwrap().items().unwrap().collect();
    assert_eq!(items[0].text().unwrap(), "x\n\u{1}é");
    assert_eq!((items[0].plain(), items[0].raw()), (None, "x\\n\\u0001é"));
    assert_eq!((items[1].natural(), items[2].natural(), items[2].integer()), (Some(7), None, Some(-7)));
    assert_eq!(root.get("b").unwrap().raw(), r#"{"c":true}"#);
    assert_eq!(root.get("b").unwrap().get("c").unwrap().boolean(), Some(true));
    assert_eq!(root.get("d").unwrap().boolean(), Some(false));
    assert!(root.get("e").is_none() && root.get("d").unwrap().get("x").is_none());
    assert_eq!(root.fields().unwrap().count(), 3);
    assert!(root.items().is_none() && root.text().is_none());
}
