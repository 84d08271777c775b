//! People who log in by an outside issuer, with the shipped programs on both sides.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scalbotics_identity::holder::key::{Algorithm, Jwk, Pair};
use serde_json::{Value, json};

use crate::command::Answer;
use crate::installation::{Installation, cli};
use crate::web::{Request, Response, Web, page};

/// Tokens that say the same second, whenever they are made.
const SAME: usize = 2;

/// An issuer at which everybody is Ann, by a code that nobody has to enter.
struct Issuer {
    key: Pair,
    gives_refresh_tokens: bool,
    given: AtomicUsize,
    first_s: AtomicI64,
}

impl Issuer {
    fn new(gives_refresh_tokens: bool) -> Arc<Self> {
        let key = Pair::generate(Algorithm::P256).unwrap();
        Arc::new(Self { key, gives_refresh_tokens, given: AtomicUsize::new(0), first_s: AtomicI64::new(0) })
    }

    fn serve(self: &Arc<Self>) -> Web {
        let issuer = Arc::clone(self);
        Web::serve(move |port, request| issuer.answer(&format!("http://127.0.0.1:{port}"), request))
    }

    fn answer(&self, base: &str, request: &Request) -> Response {
        let document = match request.path.as_str() {
            "/.well-known/openid-configuration" => json!({
                "issuer": base, "jwks_uri": format!("{base}/jwks"), "token_endpoint": format!("{base}/token"),
                "device_authorization_endpoint": format!("{base}/device"),
            }),
            "/jwks" => {
                let mut jwk = serde_json::to_value(Jwk::from(self.key.public())).unwrap();
                jwk["kid"] = json!("one");
                json!({ "keys": [jwk] })
            }
            "/device" => json!({
                "device_code": "d", "user_code": "AB-CD", "verification_uri": format!("{base}/enter"), "expires_in": 60, "interval": 1,
            }),
            "/token" => self.tokens(base),
            _ => return page(404, "text/plain", ""),
        };
        page(200, "application/json", document.to_string())
    }

    fn tokens(&self, base: &str) -> Value {
        let now_s = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs().try_into().unwrap();
        let given = self.given.fetch_add(1, Ordering::Relaxed);
        if given == 0 {
            self.first_s.store(now_s, Ordering::Relaxed);
        }
        let iat = if given < SAME { self.first_s.load(Ordering::Relaxed) } else { now_s };
        let claims = json!({
            "iss": base, "sub": "u-ann", "aud": "scalbotics", "iat": iat, "exp": iat + 300, "tenant": "t-1", "groups": [],
            "preferred_username": "ann",
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({ "alg": "ES256", "kid": "one" })), part(&claims));
        // Another signature each time, over the same words.
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()).unwrap());
        let mut tokens = json!({ "token_type": "Bearer", "access_token": "opaque", "id_token": format!("{signed}.{signature}") });
        if self.gives_refresh_tokens {
            tokens["refresh_token"] = json!("refresh");
        }
        tokens
    }
}

#[test]
fn sem_4_4_two_logins_of_one_second_are_two_logins() {
    let installation = Installation::new();
    let (renewing, plain) = (Issuer::new(true), Issuer::new(false));
    let (renewing_web, plain_web) = (renewing.serve(), plain.serve());
    for web in [&renewing_web, &plain_web] {
        let mut add = installation.environment(&cli());
        add.args([
            "identity",
            "issuer",
            "add",
            web.at("").as_str(),
            "--audience",
            "scalbotics",
            "--tenants",
            "t-1=acme",
            "--config",
        ]);
        Answer::of(add.arg(installation.config())).exits(0);
    }
    let (server, trust) = (format!("https://127.0.0.1:{}", installation.api), installation.trust_file());
    let run = |context: &str, arguments: &[&str]| Answer::of(&mut installation.cli(context, arguments));
    for (context, web) in [("one", &renewing_web), ("two", &renewing_web), ("three", &plain_web), ("four", &plain_web)] {
        let place =
            ["context", "add", context, "--server", &server, "--trust-file", trust.to_str().unwrap(), "--of-tenant", "acme"];
        let issuer = web.at("");
        installation.ann(&[place.as_slice(), &["--issuer", &issuer, "--client-id", "scalbotics"]].concat()).exits(0);
    }
    let _daemon = installation.start();

    run("one", &["login", "--device"]).exits(0);
    // The second token says what the first one said, under another signature; the third is of another second.
    run("two", &["login", "--device"]).exits(0);
    assert_eq!(renewing.given.load(Ordering::Relaxed), 3);
    let who = |context: &str| run(context, &["whoami"]).exits(0).json()["uid"].clone();
    assert_eq!(who("one"), who("two"));

    run("three", &["login", "--device"]).exits(0);
    let refused = run("four", &["login", "--device"]).exits(4).error();
    assert_eq!((refused.code.as_str(), refused.next.as_str()), ("SUBJECT_TOKEN_USED", "scalbotics login"));
    assert!(refused.why.contains("same second"), "{refused:?}");
    run("four", &["login", "--device"]).exits(0);
    assert_eq!(who("three"), who("four"));
}
