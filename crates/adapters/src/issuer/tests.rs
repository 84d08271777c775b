//! Issuers that answer as none does.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use scalbotics_core::egress::Roots;
use scalbotics_core::in_words;

use super::{Error, discover, transfer};

const KEY: &str = r#"{"kty":"EC","kid":"k","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;

/// Answers each path as `answer` does, to the connection; ends with the test's process. Answers its address.
fn serve(answer: impl Fn(&str, &str, &mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let own = base.clone();
    std::thread::spawn(move || {
        for mut tcp in listener.incoming().flatten() {
            let mut head = vec![0; 4096];
            let len = tcp.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..len]).into_owned();
            answer(&own, head.split(' ').nth(1).unwrap_or_default(), &mut tcp);
        }
    });
    base
}

/// An answer with these headers, each on a line of its own.
fn said(tcp: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\n\r\n");
    // Who has heard enough hangs up.
    let _gone = tcp.write_all(head.as_bytes()).and_then(|()| tcp.write_all(body));
}

fn json(tcp: &mut TcpStream, body: &str) {
    said(tcp, "200 OK", "content-type: application/json; charset=utf-8\r\n", body.as_bytes());
}

fn document(base: &str) -> String {
    format!(r#"{{"issuer":"{base}","jwks_uri":"{base}/jwks"}}"#)
}

type Answer = fn(&str, &mut TcpStream);

fn redirects(base: &str, tcp: &mut TcpStream) {
    said(tcp, "302 Found", &format!("location: {base}/good\r\n"), b"");
}

fn packed(_: &str, tcp: &mut TcpStream) {
    // Ten bytes of a header of gzip: nobody looks at what would follow.
    said(tcp, "200 OK", "content-type: application/json\r\ncontent-encoding: gzip\r\n", b"\x1f\x8b\x08\0\0\0\0\0\0\x03");
}

fn of_html(_: &str, tcp: &mut TcpStream) {
    said(tcp, "200 OK", "content-type: text/html\r\n", b"<html>");
}

fn huge(_: &str, tcp: &mut TcpStream) {
    said(tcp, "200 OK", "content-type: application/json\r\ncontent-length: 10485760\r\n", &vec![b' '; 10 << 20]);
}

fn endless(_: &str, tcp: &mut TcpStream) {
    said(tcp, "200 OK", "content-type: application/json\r\n", &vec![b' '; 10 << 20]);
}

fn cut_off(_: &str, tcp: &mut TcpStream) {
    said(tcp, "200 OK", "content-type: application/json\r\ncontent-length: 100\r\n", b"{");
}

#[tokio::test]
async fn security_3_answers_that_are_none() {
    let table: [(Answer, &str); 7] = [
        (redirects, "answers with status 302"),
        (packed, "it is packed"),
        (of_html, "it is no"),
        (huge, "more than"),
        (endless, "more than"),
        (cut_off, "does not answer"),
        (|_, _| (), "does not answer"),
    ];
    for (answer, says) in table {
        // The discovery document, and the keys.
        for bad in ["/.well-known/openid-configuration", "/jwks"] {
            let base = serve(move |base, path, tcp| match path {
                path if path == bad => answer(base, tcp),
                "/jwks" | "/good" => json(tcp, &format!(r#"{{"keys":[{KEY}]}}"#)),
                _ => json(tcp, &document(base)),
            });
            let error = discover(&base, &Roots::default()).await.unwrap_err();
            let error = in_words(&error);
            assert!(error.contains(says) && error.contains(&base), "{says} at {bad}: {error}");
        }
    }
}

#[tokio::test]
async fn security_3_keys_and_documents_that_do_not_count() {
    let kid = "k".repeat(1 << 20);
    let private = KEY.replace("\"kid\"", "\"d\":\"AQAB\",\"kid\"");
    for (body, says) in [
        (format!(r#"{{"keys":[{}]}}"#, KEY.replace("\"k\"", &format!("\"{kid}\""))), "more than 262144 bytes"),
        (format!(r#"{{"keys":[{KEY},{private}]}}"#), "publishes a private key"),
        (format!(r#"{{"keys":[{}]}}"#, vec![KEY; 101].join(",")), "more than 100"),
        (r#"{"keys":[]}"#.to_owned(), "no named key"),
        ("[".repeat(200_000), "no JWKS"),
    ] {
        let base = serve(move |base, path, tcp| json(tcp, &if path == "/jwks" { body.clone() } else { document(base) }));
        let error = in_words(&discover(&base, &Roots::default()).await.unwrap_err());
        assert!(error.contains(says) && error.contains("/jwks"), "{says}: {error}");
    }
    for (document, says) in [
        (r#"{"issuer":"https://evil.test","jwks_uri":"BASE/jwks"}"#, "the document of the issuer `https://evil.test`"),
        (r#"{"issuer":"BASE/","jwks_uri":"BASE/jwks"}"#, "the document of the issuer `BASE/`"),
        (r#"{"issuer":"BASE","issuer":"BASE","jwks_uri":"BASE/jwks"}"#, "no discovery document"),
        (r#"{"issuer":"BASE","jwks_uri":"http://evil.test/jwks"}"#, "its jwks_uri: it is not https"),
        (r#"{"issuer":"BASE","jwks_uri":"https://evil.test/jwks"}"#, "another scheme"),
        (r#"{"issuer":"BASE","jwks_uri":"file:///etc/passwd"}"#, "its jwks_uri"),
        (r#"{"issuer":"BASE","jwks_uri":"BASE/jwks?x"}"#, "a query"),
        (r#"{"issuer":"BASE"}"#, "no discovery document"),
    ] {
        let base = serve(move |base, _, tcp| json(tcp, &document.replace("BASE", base)));
        let error = in_words(&discover(&base, &Roots::default()).await.unwrap_err());
        assert!(error.contains(&says.replace("BASE", &base)), "{says}: {error}");
    }
    let base =
        serve(|base, path, tcp| json(tcp, &if path == "/jwks" { format!(r#"{{"keys":[{KEY}]}}"#) } else { document(base) }));
    assert_eq!(discover(&base, &Roots::default()).await.unwrap().keys, 1);
}

#[tokio::test]
async fn security_3_an_answer_that_drips_is_given_up() {
    let base = serve(|_, _, tcp| {
        said(tcp, "200 OK", "content-type: application/json\r\n", b"{");
        while tcp.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let url = transfer::parse(&base).unwrap();
    let error = transfer::fetch_within(&url, 1 << 20, &Roots::default(), Duration::from_millis(500)).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && in_words(&error).contains("does not answer"), "{error}");
}
