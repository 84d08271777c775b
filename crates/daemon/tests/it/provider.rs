//! An identity provider on this machine: discovery, keys, and tokens made as a test wants them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scalbotics_core::ports::Clock as _;
use scalbotics_daemon::clock::{Guarded, System};
use scalbotics_identity::holder::key::{Algorithm, Jwk, Pair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// What it answers for its keys.
#[derive(Debug, Clone)]
pub(crate) enum Keys {
    Published,
    Redirected,
    Huge,
    /// One of them with its private half.
    Private,
    /// Two of one name.
    Doubled,
    Down,
}

struct Shared {
    address: SocketAddr,
    pairs: Mutex<Vec<(String, Pair)>>,
    keys: Mutex<Keys>,
    fetches: AtomicUsize,
}

#[derive(Clone)]
pub(crate) struct Provider(Arc<Shared>);

fn b64(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Seconds since 1970.
pub(crate) fn now_s() -> i64 {
    Guarded::new(System, None).now().unix_ms() / 1000
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let pairs = Mutex::new(vec![("k1".to_owned(), Pair::generate(Algorithm::P256).unwrap())]);
        let shared = Arc::new(Shared {
            address: listener.local_addr().unwrap(),
            pairs,
            keys: Mutex::new(Keys::Published),
            fetches: AtomicUsize::new(0),
        });
        let provider = Self(shared);
        let serving = provider.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                serving.answer(tcp).await;
            }
        });
        provider
    }

    async fn answer(&self, mut tcp: tokio::net::TcpStream) {
        let mut head = vec![0; 4096];
        let len = tcp.read(&mut head).await.unwrap_or(0);
        let head = String::from_utf8_lossy(&head[..len]).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default();
        let keys = self.0.keys.lock().unwrap().clone();
        let (status, body) = match (path, keys) {
            (_, Keys::Down) => return,
            ("/.well-known/openid-configuration", _) => {
                self.0.fetches.fetch_add(1, Ordering::Relaxed);
                ("200 OK", json!({"issuer": self.url(), "jwks_uri": format!("{}/jwks", self.url())}).to_string())
            }
            ("/jwks", Keys::Published) => ("200 OK", self.published()),
            ("/jwks", Keys::Redirected) => ("302 Found\r\nlocation: /other", String::new()),
            ("/jwks", Keys::Private) => ("200 OK", self.published().replacen("\"kid\"", "\"d\":\"AQAB\",\"kid\"", 1)),
            ("/jwks", Keys::Doubled) => {
                let other = Jwk::from(Pair::generate(Algorithm::P256).unwrap().public());
                let mut other = serde_json::to_value(other).unwrap();
                other["kid"] = json!("k1");
                ("200 OK", json!({"keys": [self.jwk(), other]}).to_string())
            }
            ("/jwks", Keys::Huge) => ("200 OK", " ".repeat(10 << 20)),
            ("/other", _) => ("200 OK", self.published()),
            _ => ("404 Not Found", String::new()),
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let _gone = tcp.write_all(answer.as_bytes()).await;
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    fn published(&self) -> String {
        let of = |(kid, pair): &(String, Pair)| {
            let mut jwk = serde_json::to_value(Jwk::from(pair.public())).unwrap();
            jwk["kid"] = json!(kid);
            jwk
        };
        json!({"keys": self.0.pairs.lock().unwrap().iter().map(of).collect::<Vec<Value>>()}).to_string()
    }

    /// Its first key, as it publishes it.
    pub(crate) fn jwk(&self) -> Value {
        let keys: Value = serde_json::from_str(&self.published()).unwrap();
        keys["keys"][0].clone()
    }

    /// Makes a key, which signs from now on under a name of its own; answers the name.
    pub(crate) fn rotate(&self) -> String {
        let mut pairs = self.0.pairs.lock().unwrap();
        let kid = format!("k{}", pairs.len() + 1);
        pairs.push((kid.clone(), Pair::generate(Algorithm::P256).unwrap()));
        kid
    }

    /// The value of `issuer.trusted` that trusts it.
    pub(crate) fn trusted(&self) -> String {
        format!(
            "issuer.trusted=[{{ url = \"{}\", audience = \"scalbotics\", tenants = {{ t-1 = \"acme\" }}, groups = {{ Platform = \"admins\", Ops = \"operators\" }} }}]",
            self.url()
        )
    }

    pub(crate) fn keys(&self, keys: Keys) {
        *self.0.keys.lock().unwrap() = keys;
    }

    pub(crate) fn fetches(&self) -> usize {
        self.0.fetches.load(Ordering::Relaxed)
    }

    /// What it says of somebody now.
    pub(crate) fn claims(&self, subject: &str, groups: &[&str]) -> Value {
        json!({
            "iss": self.url(), "sub": subject, "aud": "scalbotics", "iat": now_s(), "exp": now_s() + 300, "tenant": "t-1",
            "groups": groups, "preferred_username": format!("{subject}@acme.test"), "jti": b64(Pair::generate(Algorithm::Ed25519).unwrap().public().raw()),
        })
    }

    /// A token by its newest key, which calls itself `kid`.
    pub(crate) fn sign(&self, kid: &str, claims: &Value) -> String {
        let header = json!({"alg": "ES256", "kid": kid, "typ": "JWT"});
        let signed = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
        let signature = self.0.pairs.lock().unwrap().last().unwrap().1.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", b64(signature))
    }

    pub(crate) fn token(&self, subject: &str, groups: &[&str]) -> String {
        self.sign("k1", &self.claims(subject, groups))
    }
}
