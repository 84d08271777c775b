//! A login that is kept in the keyring of the desktop, from the first to the last of it: the program that speaks to the keyring is one of ours here.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scalbotics_core::ports::Clock as _;
use scalbotics_daemon::clock::{Guarded, System};
use scalbotics_identity::holder::key::{Algorithm, Jwk, Pair};
use serde_json::{Value, json};

use crate::command::Answer;
use crate::installation::{Installation, cli};
use crate::web::{Request, Web, page};

/// Items are files beside it; `locked` is one that says so.
const PROGRAM: &str = r#"#!/bin/sh
here=${0%/*}; verb=$1; item='*'
while [ $# -gt 0 ]; do if [ "$1" = item ]; then item=$2; fi; shift; done
if [ -f "$here/locked" ] && [ "$verb" != search ]; then
  if [ "$verb" = store ]; then cat >&2; fi
  exit 1
fi
case $verb in
store) if [ -f "$here/full" ] && [ "$item" = login ]; then cat >&2; exit 1; fi; cat > "$here/item-$item" ;;
lookup) cat "$here/item-$item" 2>/dev/null ;;
clear) rm "$here"/item-$item 2>/dev/null ;;
search) cat "$here"/item-* 2>/dev/null; exit 0 ;;
esac
"#;

/// What an issuer keeps: the refresh token that counts, and how often another one was shown.
#[derive(Debug, Default)]
struct Book {
    current: Option<String>,
    drawn: u32,
    refused: u32,
}

fn b64(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn id_token(key: &Pair, issuer: &str) -> String {
    let now_s = Guarded::new(System, None).now().unix_ms() / 1000;
    let once = b64(Pair::generate(Algorithm::Ed25519).unwrap().public().raw());
    let claims = json!({
        "iss": issuer, "sub": "u-eve", "aud": "scalbotics", "tenant": "t-1", "groups": ["Ops"], "preferred_username": "eve",
        "iat": now_s, "exp": now_s + 300, "jti": once,
    });
    let signed = format!("{}.{}", b64(json!({"alg": "ES256", "kid": "k1", "typ": "JWT"}).to_string()), b64(claims.to_string()));
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", b64(signature))
}

/// An issuer at which a device code is good at once, and a refresh token counts once.
fn issuer(book: &Arc<Mutex<Book>>) -> Web {
    let (book, key) = (Arc::clone(book), Pair::generate(Algorithm::P256).unwrap());
    Web::serve(move |port, request| {
        let base = format!("http://127.0.0.1:{port}");
        let body = match request.path.as_str() {
            "/.well-known/openid-configuration" => json!({
                "issuer": base, "jwks_uri": format!("{base}/jwks"), "token_endpoint": format!("{base}/token"),
                "device_authorization_endpoint": format!("{base}/device"), "revocation_endpoint": format!("{base}/revoke"),
            }),
            "/jwks" => {
                let mut jwk = serde_json::to_value(Jwk::from(key.public())).unwrap();
                jwk["kid"] = json!("k1");
                json!({ "keys": [jwk] })
            }
            "/device" => json!({
                "device_code": "d", "user_code": "AB", "verification_uri": format!("{base}/go"), "expires_in": 60, "interval": 1,
            }),
            "/token" => match granted(&mut book.lock().unwrap(), request) {
                Some(refresh) => json!({
                    "access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "id_token": id_token(&key, &base),
                    "refresh_token": refresh,
                }),
                None => return page(400, "application/json", json!({"error": "invalid_grant"}).to_string()),
            },
            "/revoke" => {
                book.lock().unwrap().current = None;
                json!({})
            }
            _ => return page(404, "text/plain", "no"),
        };
        page(200, "application/json", body.to_string())
    })
}

/// The next refresh token, for the one that counts or for a device code.
fn granted(book: &mut Book, request: &Request) -> Option<String> {
    let form = String::from_utf8_lossy(&request.body).into_owned();
    let shown = form.split('&').find_map(|pair| pair.strip_prefix("refresh_token="));
    if shown.is_some_and(|shown| Some(shown) != book.current.as_deref()) {
        book.refused += 1;
        return None;
    }
    book.drawn += 1;
    book.current = Some(format!("canary-refresh-{}", book.drawn));
    book.current.clone()
}

struct Scene {
    installation: Installation,
    book: Arc<Mutex<Book>>,
    desk: PathBuf,
    _web: Web,
}

impl Scene {
    fn new() -> Self {
        let book = Arc::<Mutex<Book>>::default();
        let (installation, web) = (Installation::new(), issuer(&book));
        let mut trusts = installation.environment(&cli());
        trusts.args(["identity", "issuer", "add", web.at("").trim_end_matches('/'), "--audience", "scalbotics"]);
        trusts.args(["--tenants", "t-1=acme", "--groups", "Ops=operators", "--config"]).arg(installation.config());
        Answer::of(&mut trusts).exits(0);
        let (server, trust) = (format!("https://127.0.0.1:{}", installation.api), installation.root.join("trust.json"));
        let mut add = installation.environment(&cli());
        add.args(["context", "add", "eve", "--server", &server, "--of-tenant", "acme", "--client-id", "scalbotics"]);
        add.args(["--issuer", web.at("").trim_end_matches('/')]).arg("--trust-file").arg(trust);
        Answer::of(&mut add).exits(0);
        let desk = installation.path("desk");
        std::fs::create_dir(&desk).unwrap();
        std::fs::write(desk.join("fresh"), PROGRAM).unwrap();
        std::fs::set_permissions(desk.join("fresh"), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(desk.join("fresh"), desk.join("secret-tool")).unwrap();
        Self { installation, book, desk, _web: web }
    }

    fn eve(&self, arguments: &[&str]) -> Command {
        let mut command = self.installation.cli("eve", arguments);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(self.desk.clone()).chain(std::env::split_paths(&path))).unwrap();
        command.env("PATH", path);
        command
    }

    /// Runs a command, which shows no refresh token.
    fn runs(&self, arguments: &[&str], code: i32) -> Answer {
        let answer = Answer::of(&mut self.eve(arguments)).exits(code);
        assert!(!format!("{answer:?}").contains("canary"), "{arguments:?}: {answer:?}");
        answer
    }

    fn state(&self, file: &str) -> PathBuf {
        self.installation.path("state").join(file)
    }

    fn login(&self) -> String {
        std::fs::read_to_string(self.state("logins/eve.json")).unwrap_or_default()
    }

    fn item(&self) -> String {
        std::fs::read_to_string(self.desk.join("item-login")).unwrap_or_default()
    }

    fn current(&self) -> String {
        self.book.lock().unwrap().current.clone().unwrap()
    }

    /// Takes the access token away, so that the next command needs another.
    fn age(&self) {
        std::fs::remove_file(self.state("tokens/eve.json")).unwrap();
    }

    /// Does something to the keyring.
    fn mark(&self, what: &str, is_so: bool) {
        let mark = self.desk.join(what);
        if is_so { std::fs::write(mark, "") } else { std::fs::remove_file(mark) }.unwrap();
    }

    /// Where the token is: in the file, in the keyring.
    fn places(&self) -> (bool, bool) {
        let token = format!("{}\"", self.current());
        (self.login().contains(&token), self.item().contains(&token))
    }
}

#[test]
fn issue_5_a_refresh_token_is_in_the_keyring_and_in_no_file() {
    let scene = Scene::new();
    let daemon = scene.installation.start();
    scene.runs(&["login", "--device"], 0);
    assert_eq!(scene.places(), (true, false), "by default it is a file");

    // A keyring that is locked is found out before anybody does anything, and the login of before stays.
    scene.mark("locked", true);
    let told = scene.runs(&["login", "--device", "--store", "keyring"], 1).error();
    assert_eq!(told.code, "CLI_KEYRING", "{told:?}");
    assert_eq!((scene.places(), scene.book.lock().unwrap().drawn), ((true, false), 1));
    scene.mark("locked", false);

    scene.runs(&["login", "--device", "--store", "keyring"], 0);
    assert_eq!(scene.places(), (false, true));
    assert!(!scene.login().contains("canary"), "the file has no token: {}", scene.login());
    let status = scene.runs(&["login", "--status"], 0).json();
    assert_eq!((&status["store"], &status["renews"]), (&json!("keyring"), &json!(true)), "{status}");

    // It renews itself, one program at a time, and stays where it is; a plain login as well.
    scene.age();
    let racers: Vec<_> = (0..4).map(|_| scene.eve(&["whoami"]).stdout(std::process::Stdio::null()).spawn().unwrap()).collect();
    for mut racer in racers {
        assert!(racer.wait().unwrap().success());
    }
    assert_eq!((scene.places(), scene.book.lock().unwrap().refused), ((false, true), 0));
    scene.runs(&["login", "--device"], 0);
    assert_eq!(scene.places(), (false, true), "the context remembers it");

    // Locked: nothing is asked of the issuer, and nothing lost.
    scene.age();
    scene.mark("locked", true);
    let drawn = scene.book.lock().unwrap().drawn;
    let told = scene.runs(&["whoami"], 1).error();
    assert_eq!((told.code.as_str(), scene.book.lock().unwrap().drawn), ("CLI_KEYRING", drawn), "{told:?}");
    scene.mark("locked", false);
    scene.runs(&["whoami"], 0);

    // What cannot be kept is not used: no token of the daemon's comes of it.
    scene.age();
    scene.mark("full", true);
    let told = scene.runs(&["whoami"], 1).error();
    assert_eq!(told.code, "CLI_KEYRING", "{told:?}");
    assert!(!scene.state("tokens/eve.json").try_exists().unwrap());
    scene.mark("full", false);

    // Back to the file, which takes it out of the keyring; also where that is locked, with a word about it.
    scene.runs(&["login", "--device", "--store", "file"], 0);
    assert_eq!((scene.places(), scene.item().as_str()), ((true, false), ""));
    scene.runs(&["login", "--device", "--store", "keyring"], 0);
    scene.mark("locked", true);
    let answer = scene.runs(&["login", "--device", "--store", "file"], 0);
    assert!(format!("{answer:?}").contains("the keyring still has a login of context eve: it is locked"), "{answer:?}");
    assert_eq!(scene.places(), (true, false));
    scene.mark("locked", false);
    scene.runs(&["logout"], 0);
    assert!(scene.item().is_empty() && scene.login().is_empty() && scene.book.lock().unwrap().current.is_none());
    let status: Value = scene.runs(&["login", "--status"], 4).json();
    assert_eq!(status["store"], Value::Null);
    drop(daemon);
}
