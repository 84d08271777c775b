//! The client before issuers that answer as they should, and as they must not.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use scalbotics_core::time::Timestamp;
use scalbotics_testkit::tls as testkit;

use super::browser::Opener;
use super::client::{Client, Way};
use super::error::Error;
use crate::context::{Issuer, Shown, Store};

/// An answer to a path and a body, byte for byte.
type Answers = dyn Fn(&str, &str) -> Vec<u8> + Send + Sync;

/// An issuer of this process; its thread ends with the process.
struct Fake {
    issuer: Issuer,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Fake {
    /// Answers discovery as a good issuer does, and everything else by `answers`, which gets the issuer's address as its third argument.
    fn new(answers: impl Fn(&str, &str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::serving(Arc::new(answers), None)
    }

    /// Answers discovery with this.
    fn with_discovery(discovery: impl Fn(&str) -> Vec<u8>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        let document = discovery(&url);
        Self::start(socket, url, Arc::new(|_, _| Vec::new()), document)
    }

    fn serving(answers: Arc<Answers>, document: Option<Vec<u8>>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        let document = document.unwrap_or_else(|| json(200, &discovery(&url)));
        Self::start(socket, url, answers, document)
    }

    fn start(socket: TcpListener, url: String, answers: Arc<Answers>, document: Vec<u8>) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in socket.incoming() {
                let mut stream = stream.unwrap();
                let (target, body) = read(&mut stream);
                let answer = if target.starts_with("/.well-known/") { document.clone() } else { answers(&target, &body) };
                log.lock().unwrap().push((target, body));
                let _gone = stream.write_all(&answer);
            }
        });
        let issuer = Issuer {
            url,
            client_id: "cli".to_owned(),
            scopes: None,
            audience: None,
            token: Shown::Id,
            ca_file: None,
            redirect_port: None,
            store: Store::default(),
        };
        Self { issuer, asked }
    }

    fn bodies(&self, path: &str) -> Vec<String> {
        self.asked.lock().unwrap().iter().filter(|(target, _)| target == path).map(|(_, body)| body.clone()).collect()
    }
}

fn read(stream: &mut TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
            if body.len() >= length {
                return (head.split(' ').nth(1).unwrap_or_default().to_owned(), body.to_owned());
            }
        }
        match stream.read(&mut chunk) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&chunk[..read]),
            Ok(_) | Err(_) => return Default::default(),
        }
    }
}

fn answer(status: u16, kind: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn json(status: u16, value: &serde_json::Value) -> Vec<u8> {
    answer(status, "application/json;charset=utf-8", &value.to_string())
}

fn discovery(url: &str) -> serde_json::Value {
    serde_json::json!({
        "issuer": url, "token_endpoint": format!("{url}/token"), "authorization_endpoint": format!("{url}/auth"),
        "device_authorization_endpoint": format!("{url}/device"), "revocation_endpoint": format!("{url}/revoke"),
        "authorization_response_iss_parameter_supported": true, "scopes_supported": ["openid", "offline_access"],
    })
}

fn denied(code: &str) -> Vec<u8> {
    json(400, &serde_json::json!({ "error": code, "error_description": "said\u{1b}[2J" }))
}

/// Base64url of ASCII, for tokens whose signature nobody looks at here.
fn base64url(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            out.push(char::from(ALPHABET[((bits >> (18 - 6 * place)) & 63) as usize]));
        }
    }
    out
}

fn id_token(issuer: &str, sub: &str, nonce: Option<&str>) -> String {
    let claims = serde_json::json!({ "iss": issuer, "sub": sub, "aud": "cli", "exp": 2_000, "nonce": nonce });
    format!("{}.{}.{}", base64url("{}"), base64url(&claims.to_string()), base64url("signature"))
}

fn tokens(id_token: Option<String>) -> serde_json::Value {
    serde_json::json!({ "token_type": "Bearer", "access_token": "opaque", "refresh_token": "refresh", "id_token": id_token, "expires_in": 60 })
}

fn now() -> Timestamp {
    Timestamp::from_unix_ms(1_000_000)
}

async fn discovered(fake: &Fake) -> Result<(), Error> {
    Client::discover(&fake.issuer).await.map(drop)
}

#[tokio::test]
async fn hostile_discovery() {
    let good = |url: &str| discovery(url);
    type Discovery = Box<dyn Fn(&str) -> Vec<u8>>;
    let cases: Vec<(&str, Discovery)> = vec![
        (
            "status 302; redirects are not followed",
            Box::new(|url| format!("HTTP/1.1 302 x\r\nlocation: {url}/x\r\ncontent-length: 0\r\n\r\n").into_bytes()),
        ),
        ("status 500", Box::new(|_| answer(500, "application/json", "{}"))),
        ("does not say that it is JSON", Box::new(move |url| answer(200, "text/html", &good(url).to_string()))),
        ("does not say that it is JSON", Box::new(move |url| answer(200, "", &good(url).to_string()))),
        ("more than 65536 bytes", Box::new(|_| answer(200, "application/json", &" ".repeat(10 << 20)))),
        (
            "more than 65536 bytes",
            Box::new(|_| [b"HTTP/1.1 200 x\r\ncontent-type: application/json\r\n\r\n".to_vec(), vec![b' '; 10 << 20]].concat()),
        ),
        ("no discovery document", Box::new(|_| answer(200, "application/json", &"[".repeat(60_000)))),
        ("document of the issuer `https://evil.test`", Box::new(|_| json(200, &discovery("https://evil.test")))),
        ("does not answer", Box::new(|_| b"SSH-2.0-x\r\n".to_vec())),
        ("does not answer", Box::new(|_| Vec::new())),
        ("does not answer", Box::new(|_| b"HTTP/1.1 200 x\r\ncontent-length: 100\r\n\r\n{".to_vec())),
        ("does not answer", Box::new(|_| format!("HTTP/1.1 200 x\r\nx: {}\r\n\r\n", "y".repeat(1 << 20)).into_bytes())),
    ];
    for (says, answer) in cases {
        let error = discovered(&Fake::with_discovery(answer)).await.unwrap_err();
        assert!(error.to_string().contains(says), "{says}: {error}");
        let failure = error.failure("cannot log in");
        assert!(failure.code == "CLI_ISSUER" && !failure.why.is_empty() && !failure.next.is_empty(), "{failure:?}");
    }
    discovered(&Fake::new(|_, _| Vec::new())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_never_answers_is_given_up() {
    // Nothing runs but the limit, so time goes to it at once.
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut fake = Fake::new(|_, _| Vec::new());
    fake.issuer.url = format!("http://{}", socket.local_addr().unwrap());
    let error = discovered(&fake).await.unwrap_err();
    assert!(error.to_string().contains("no whole answer within 15 s"), "{error}");
}

#[tokio::test]
async fn settings_that_cannot_be_used() {
    let mut fake = Fake::new(|_, _| Vec::new());
    for (url, says) in [("http://example.test", "it is not https"), ("nonsense", "it is not https"), ("https://i?x", "a query")] {
        fake.issuer.url = url.to_owned();
        let error = discovered(&fake).await.unwrap_err();
        assert!(error.to_string().contains(says), "{url}: {error}");
        assert_eq!(error.failure("x").exit.number(), 2);
    }
    fake.issuer.ca_file = Some("/no/such/file".into());
    assert!(matches!(discovered(&fake).await, Err(Error::Setting(_))));
}

#[tokio::test]
async fn over_tls_by_a_companys_own_authority() {
    let authority = testkit::Authority::new("company");
    let other = testkit::Authority::new("other");
    let folder = tempfile::tempdir().unwrap();
    let ca_file = |name: &str, authority: &testkit::Authority| {
        let file = folder.path().join(name);
        std::fs::write(&file, authority.pem()).unwrap();
        Some(file)
    };
    for (certificate, ca_file, says) in [
        (authority.certificate(&["localhost"]), ca_file("good", &authority), ""),
        (authority.certificate(&["localhost"]), None, "does not answer"),
        (authority.certificate(&["localhost"]), ca_file("other", &other), "does not answer"),
        (authority.certificate(&["elsewhere.test"]), ca_file("good", &authority), "does not answer"),
        (authority.expired(&["localhost"]), ca_file("good", &authority), "does not answer"),
    ] {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let front = testkit::Front::new(port, certificate);
        let url = format!("https://localhost:{}", front.port());
        let mut fake = Fake::start(socket, url.clone(), Arc::new(|_, _| Vec::new()), json(200, &discovery(&url)));
        fake.issuer.ca_file = ca_file;
        match discovered(&fake).await {
            Ok(()) => assert_eq!(says, ""),
            Err(error) => assert!(!says.is_empty() && error.to_string().contains(says), "{says}: {error}"),
        }
    }
}

/// Logs in by a browser that answers with `answer`, a query in which STATE stands for the state.
async fn by_browser(fake: &Fake, answer: &'static str) -> Result<Option<String>, Error> {
    let client = Client::discover(&fake.issuer).await.unwrap();
    let (send, receive) = mpsc::channel::<String>();
    let issuer = fake.issuer.url.clone();
    let browser = std::thread::spawn(move || {
        let address = receive.recv().unwrap().lines().last().unwrap().to_owned();
        let parameter = |name: &str| {
            let query = address.split_once('?').unwrap().1;
            form_urlencoded::parse(query.as_bytes()).find(|(found, _)| found == name).unwrap().1.into_owned()
        };
        assert_eq!((parameter("response_type"), parameter("code_challenge_method")), ("code".into(), "S256".into()));
        assert_eq!((parameter("scope"), parameter("client_id")), ("openid offline_access".into(), "cli".into()));
        let back = parameter("redirect_uri");
        let place = back.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
        let iss: String = form_urlencoded::byte_serialize(issuer.as_bytes()).collect();
        let query = answer.replace("STATE", &parameter("state")).replace("NONCE", &parameter("nonce")).replace("ISS", &iss);
        let mut stream = TcpStream::connect(place).unwrap();
        write!(stream, "GET /callback?{query} HTTP/1.1\r\n\r\n").unwrap();
        let mut page = String::new();
        let _reset = stream.read_to_string(&mut page);
        page
    });
    let say = move |text: &str| send.send(text.to_owned()).unwrap();
    let way = Way::Browser(Opener::of(Some("none".into())));
    let done = client.login(&way, Some(Duration::from_secs(20)), now, say).await;
    assert!(browser.join().unwrap().starts_with("HTTP/1.1 200"));
    done.map(|done| done.subject)
}

/// An issuer whose code is the nonce, which it puts into the ID token.
fn good() -> Fake {
    let url = Arc::new(Mutex::new(String::new()));
    let own = Arc::clone(&url);
    let fake = Fake::new(move |path, body| {
        assert_eq!(path, "/token");
        let code = form_urlencoded::parse(body.as_bytes()).find(|(name, _)| name == "code").unwrap().1.into_owned();
        json(200, &tokens(Some(id_token(&own.lock().unwrap(), "ann", Some(&code)))))
    });
    url.lock().unwrap().clone_from(&fake.issuer.url);
    fake
}

#[tokio::test]
async fn login_by_a_browser() {
    let fake = good();
    assert_eq!(by_browser(&fake, "code=NONCE&state=STATE&iss=ISS").await.unwrap().as_deref(), Some("ann"));
    let body = fake.bodies("/token").pop().unwrap();
    assert!(body.starts_with("grant_type=authorization_code&client_id=cli&code=") && body.contains("&code_verifier="), "{body}");
    for (answer, says) in [
        ("code=NONCE&state=STATE", "does not say whose it is"),
        ("code=NONCE&state=STATE&iss=https://evil.test", "another identity provider"),
        ("error=access_denied&error_description=no&state=STATE&iss=ISS", "access_denied (no)"),
        ("code=other&state=STATE&iss=ISS", "`nonce`"),
    ] {
        let error = by_browser(&fake, answer).await.unwrap_err();
        assert!(error.to_string().contains(says), "{answer}: {error}");
        assert_eq!(error.failure("x").exit.number(), 4);
    }
    assert_eq!(fake.bodies("/token").len(), 2, "no code of a bad answer is redeemed but the one that only the ID token betrays");
}

#[tokio::test]
async fn nobody_comes_back() {
    let fake = good();
    let client = Client::discover(&fake.issuer).await.unwrap();
    let way = Way::Browser(Opener::of(Some("none".into())));
    let error = client.login(&way, Some(Duration::from_millis(50)), now, |_| {}).await.unwrap_err();
    assert_eq!(error.failure("x").exit.number(), 9, "{error}");
}

async fn refreshed(answer: Vec<u8>) -> Result<(), Error> {
    let fake = Fake::new(move |_, _| answer.clone());
    let client = Client::discover(&fake.issuer).await.unwrap();
    client.refresh("refresh", Some("ann"), now()).await.map(drop)
}

#[tokio::test]
async fn hostile_tokens() {
    let with = |name: &str, value: serde_json::Value| {
        let mut tokens = tokens(None);
        tokens[name] = value;
        json(200, &tokens)
    };
    let cases = [
        ("no ID token", json(200, &tokens(None))),
        ("its `iss`", json(200, &tokens(Some(id_token("https://evil.test", "ann", None))))),
        ("no signed token", with("id_token", "x".into())),
        ("type mac", with("token_type", "mac".into())),
        ("not what the protocol has", with("access_token", serde_json::Value::Null)),
        ("is empty or longer", with("access_token", "".into())),
        ("is empty or longer", with("refresh_token", "x".repeat((16 << 10) + 1).into())),
        ("more than 65536 bytes", with("x", "x".repeat(10 << 20).into())),
        ("says invalid_grant (said", denied("invalid_grant")),
        ("status 302", answer(302, "application/json", "{\"error\":\"x\"}")),
        ("status 503", answer(503, "application/json", "{\"error\":\"x\"}")),
        ("status 400", answer(400, "text/html", "{\"error\":\"x\"}")),
        ("does not say that it is JSON", answer(200, "text/plain", &tokens(None).to_string())),
    ];
    for (says, bytes) in cases {
        let error = refreshed(bytes).await.unwrap_err();
        assert!(error.to_string().contains(says), "{says}: {error}");
        assert_eq!(error.is_over(), says.contains("invalid_grant"));
    }
}

#[tokio::test]
async fn a_parse_error_shows_nothing_of_a_token() {
    let error =
        refreshed(answer(200, "application/json", r#"{"token_type":"Bearer","access_token":"canary","id_token":["canary"]}"#))
            .await;
    assert!(!error.unwrap_err().to_string().contains("canary"));
}

#[tokio::test]
async fn a_refresh_speaks_of_the_same_person() {
    let url = Arc::new(Mutex::new(String::new()));
    let own = Arc::clone(&url);
    let fake = Fake::new(move |_, _| json(200, &tokens(Some(id_token(&own.lock().unwrap(), "ann", None)))));
    url.lock().unwrap().clone_from(&fake.issuer.url);
    let client = Client::discover(&fake.issuer).await.unwrap();
    let tokens = client.refresh("r", Some("ann"), now()).await.unwrap();
    assert!(client.shown(&tokens).unwrap().1.ends_with(":id_token"));
    assert_eq!(fake.bodies("/token"), ["grant_type=refresh_token&client_id=cli&refresh_token=r"]);
    let error = client.refresh("r", Some("bob"), now()).await.unwrap_err();
    assert!(error.to_string().contains("its `sub`"), "{error}");
}

#[tokio::test]
async fn an_access_token_is_shown_where_it_is_a_jwt() {
    let asked = Arc::new(AtomicUsize::new(0));
    let mut fake = Fake::new(move |_, _| {
        let access =
            if asked.fetch_add(1, Ordering::Relaxed) == 0 { "opaque".to_owned() } else { id_token("https://i", "ann", None) };
        let mut tokens = tokens(None);
        tokens["access_token"] = access.into();
        json(200, &tokens)
    });
    fake.issuer.token = Shown::Access;
    fake.issuer.audience = Some("https://scalbotics.test".to_owned());
    let client = Client::discover(&fake.issuer).await.unwrap();
    assert!(client.refresh("r", None, now()).await.unwrap_err().to_string().contains("is no JWT"));
    let tokens = client.refresh("r", None, now()).await.unwrap();
    assert!(client.shown(&tokens).unwrap().1.ends_with(":access_token"));
    assert!(fake.bodies("/token")[0].ends_with("&audience=https%3A%2F%2Fscalbotics.test&resource=https%3A%2F%2Fscalbotics.test"));
}

/// Logs in by device code at an issuer whose code is `code`, and whose token endpoint answers `answers` one after the other.
async fn by_device(code: serde_json::Value, answers: Vec<Vec<u8>>) -> Result<(String, usize), Error> {
    let said = Arc::new(Mutex::new(String::new()));
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let fake = Fake::new(move |path, _| match path {
        "/device" => json(200, &code),
        _ => answers[counted.fetch_add(1, Ordering::Relaxed)].clone(),
    });
    let mut issuer = fake.issuer.clone();
    issuer.token = Shown::Access;
    let client = Client::discover(&issuer).await.unwrap();
    let say = |text: &str| text.clone_into(&mut said.lock().unwrap());
    client.login(&Way::Device, Some(Duration::from_secs(20)), now, say).await?;
    let said = said.lock().unwrap().clone();
    Ok((said, count.load(Ordering::Relaxed)))
}

fn device_code() -> serde_json::Value {
    serde_json::json!({
        "device_code": "d", "user_code": "AB-CD", "verification_uri": "https://i/device", "expires_in": 60, "interval": 1,
    })
}

#[tokio::test]
async fn login_by_device_code() {
    let mut given = tokens(None);
    given["access_token"] = id_token("https://i", "ann", None).into();
    let answers = vec![denied("authorization_pending"), json(200, &given)];
    let (said, asked) = by_device(device_code(), answers).await.unwrap();
    assert_eq!((said.as_str(), asked), ("open https://i/device and enter the code AB-CD", 2));
    for (code, exit) in [("access_denied", 4), ("expired_token", 4), ("invalid_client", 4)] {
        let error = by_device(device_code(), vec![denied(code)]).await.unwrap_err();
        assert!(error.to_string().contains(code) && error.failure("x").exit.number() == exit, "{error}");
    }
    let mut short = device_code();
    short["expires_in"] = 1.into();
    short["interval"] = 5.into();
    assert!(matches!(by_device(short, Vec::new()).await, Err(Error::TooLate { seconds: 1 })));
}

#[tokio::test]
async fn hostile_device_codes() {
    for (name, value, says) in [
        ("verification_uri", serde_json::json!("javascript:alert(1)"), "its verification_uri"),
        ("verification_uri", serde_json::json!("http://evil.test"), "it is not https"),
        ("verification_uri_complete", serde_json::json!("file:///x"), "its verification_uri_complete"),
        ("expires_in", serde_json::json!(-1), "not what the protocol has"),
        ("interval", serde_json::json!("5"), "not what the protocol has"),
        ("device_code", serde_json::json!("x".repeat(17 << 10)), "more than 16384 bytes"),
    ] {
        let mut code = device_code();
        code[name] = value;
        let error = by_device(code, Vec::new()).await.unwrap_err();
        assert!(error.to_string().contains(says), "{name}: {error}");
    }
}

#[tokio::test]
async fn what_is_not_offered_is_said() {
    let fake =
        Fake::with_discovery(|url| json(200, &serde_json::json!({ "issuer": url, "token_endpoint": format!("{url}/token") })));
    let client = Client::discover(&fake.issuer).await.unwrap();
    for (way, next) in [
        (Way::Device, "give `scalbotics login` the flag --headless"),
        (Way::Browser(Opener::of(None)), "give `scalbotics login` the flag --device"),
    ] {
        let error = client.login(&way, None, now, |_| {}).await.unwrap_err();
        let failure = error.failure("cannot log in");
        assert_eq!((failure.code.as_str(), failure.next.as_str()), ("CLI_ISSUER", next), "{error}");
    }
    assert!(!client.revoke("r").await.unwrap(), "it takes nothing back");
}

#[tokio::test]
async fn taking_back() {
    let fake = Fake::new(|path, _| if path == "/revoke" { answer(200, "text/plain", "") } else { Vec::new() });
    assert!(Client::discover(&fake.issuer).await.unwrap().revoke("r").await.unwrap());
    assert_eq!(fake.bodies("/revoke"), ["client_id=cli&token=r&token_type_hint=refresh_token"]);
    let fake = Fake::new(|_, _| denied("unsupported_token_type"));
    assert!(Client::discover(&fake.issuer).await.unwrap().revoke("r").await.is_err());
}
