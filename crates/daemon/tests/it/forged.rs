//! Published ways to forge a signed token (RFC 8725, and what libraries got wrong), before the API: our own access tokens, and an outside issuer's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scalbotics_core::digest::Digest;
use scalbotics_core::ports::Clock as _;
use scalbotics_daemon::clock::{Guarded, System};
use scalbotics_identity::holder::key::{Algorithm, Jwk, Pair};
use scalbotics_identity::holder::proof;
use scalbotics_proto::v1;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use serde_json::{Value, json};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::provider::Provider;
use crate::world::{World, with};

const METHOD: &str = "/scalbotics.v1.SessionService/ExchangeToken";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// Block of SHA-256, in bytes (RFC 2104).
const BLOCK: usize = 64;

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn hmac(key: &[u8], message: &[u8]) -> Digest {
    let mut block = [0; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(Digest::of_bytes(key).as_bytes());
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let [inner, outer] = [0x36, 0x5c].map(|pad| block.map(|byte| byte ^ pad));
    Digest::of_bytes(&[&outer, Digest::of_bytes(&[&inner, message].concat()).as_bytes().as_slice()].concat())
}

/// Somebody who counts who comes: nobody may.
async fn canary() -> (u16, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let (port, came) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&came);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    (port, came)
}

/// Forgeries of a good token whose key is published as `jwk`; what is to be fetched is at `port`.
fn forgeries(good: &str, jwk: &Value, port: u16) -> Vec<(String, String)> {
    let parts: Vec<&str> = good.split('.').collect();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[0]).unwrap()).unwrap();
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    let own = Pair::generate(Algorithm::P256).unwrap();
    let own_jwk = serde_json::to_value(Jwk::from(own.public())).unwrap();
    let url = format!("http://127.0.0.1:{port}/keys");
    let changed = |changes: &[(&str, Value)]| {
        let mut header = header.clone();
        changes.iter().for_each(|(name, value)| header[*name] = value.clone());
        format!("{}.{}", b64(header.to_string()), parts[1])
    };
    let mut all = Vec::new();
    let headers = [
        vec![("alg", json!("none"))],
        vec![("alg", json!("None"))],
        vec![("alg", json!("HS256"))],
        vec![("alg", json!("RS256"))],
        vec![("alg", json!(""))],
        vec![("alg", Value::Null)],
        vec![("jwk", own_jwk.clone())],
        vec![("jwk", own_jwk), ("kid", json!(own.thumbprint().to_string()))],
        vec![("kid", json!(own.thumbprint().to_string()))],
        vec![("jku", json!(url))],
        vec![("x5u", json!(url))],
        vec![("x5c", json!(["MIIB"]))],
        vec![("crit", json!(["exp"]))],
        vec![("crit", json!(["b64"])), ("b64", json!(false))],
        vec![("kid", json!("../../../dev/null"))],
        vec![("kid", json!(format!("{url}#1")))],
        vec![("kid", json!("' OR 1=1 --"))],
        vec![("typ", json!("dpop+jwt"))],
        vec![("cty", json!("JWT"))],
        vec![("zip", json!("DEF"))],
    ];
    for header in headers {
        let signed = changed(&header);
        let names: Vec<String> = header.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let signatures = [String::new(), parts[2].to_owned(), b64([0; 64]), b64(own.sign(signed.as_bytes()).unwrap())];
        all.extend(signatures.iter().enumerate().map(|(n, of)| (format!("{names:?} {n}"), format!("{signed}.{of}"))));
    }
    let by_hmac = changed(&[("alg", json!("HS256"))]);
    let public = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
    for secret in [jwk.to_string().into_bytes(), public, jwk["x"].as_str().unwrap().as_bytes().to_vec(), Vec::new()] {
        let mac = hmac(&secret, by_hmac.as_bytes());
        all.push(("HS256 by the public key".to_owned(), format!("{by_hmac}.{}", b64(mac.as_bytes()))));
    }
    claims["groups"] = json!(["admins", "Platform"]);
    claims["exp"] = json!(i64::from(u32::MAX));
    let more = format!("{}.{}", parts[0], b64(claims.to_string()));
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
        0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let bytes = [Vec::new(), vec![0; 64], vec![0xff; 64], [order, order].concat(), own.sign(more.as_bytes()).unwrap().to_vec()];
    all.extend(bytes.iter().map(|bytes| ("other claims".to_owned(), format!("{more}.{}", b64(bytes)))));
    all.push(("other claims, signature of the good ones".to_owned(), format!("{more}.{}", parts[2])));
    all.push(("no signature".to_owned(), format!("{}.{}", parts[0], parts[1])));
    all.push(("padded".to_owned(), format!("{good}=")));
    all.push(("one part more".to_owned(), format!("{good}.{}", parts[2])));
    all.push(("encrypted".to_owned(), format!("{}.e30.e30.{}.{}", b64(r#"{"alg":"dir","enc":"A256GCM"}"#), parts[1], parts[2])));
    all
}

/// Security row 1 at our own door.
#[tokio::test(flavor = "multi_thread")]
async fn security_1_forged_access_tokens_are_nobodys_and_nothing_is_fetched() {
    let world = World::with(false, &["limits.requests_per_second.read=100000"]).await;
    let (port, came) = canary().await;
    let good = world.token("ann").await;
    let keys: Value = serde_json::from_str(&world.get("/jwks.json").await.1).unwrap();
    let mut client = SessionServiceClient::new(world.channel.clone());
    client.who_am_i(with(&good, v1::WhoAmIRequest {})).await.unwrap();
    let forged = forgeries(&good, &keys["keys"][0], port);
    assert!(forged.len() > 90);
    for (what, token) in &forged {
        let refused = client.who_am_i(with(token, v1::WhoAmIRequest {})).await.map(drop).unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{what}: {refused}");
        assert!(!format!("{refused:?}").contains(good.split('.').nth(1).unwrap()), "{what}: the token is repeated");
    }
    assert_eq!(came.load(Ordering::Relaxed), 0, "something was fetched");
    client.who_am_i(with(&good, v1::WhoAmIRequest {})).await.unwrap();
    let (_, metrics) = world.get("/metrics").await;
    let line = format!("scalbotics_rpc_unauthenticated_total{{kind=\"token\",reason=\"refused\"}} {}", forged.len());
    assert!(metrics.contains(&line), "{line}: {metrics}");
}

/// Security row 1 at an outside issuer's tokens.
#[tokio::test(flavor = "multi_thread")]
async fn security_1_forged_tokens_of_an_outside_issuer_are_exchanged_for_nothing() {
    let provider = Provider::start().await;
    let values = [provider.trusted(), "limits.requests_per_second.login=100000".to_owned(), "issuer.break_glass=true".to_owned()];
    let world = World::with(false, &values.each_ref().map(String::as_str)).await;
    let (port, came) = canary().await;
    let mut client = SessionServiceClient::new(world.channel.clone());
    let key = Pair::generate(Algorithm::Ed25519).unwrap();
    let mut exchange = async |token: &str| {
        let now = Guarded::new(System, None).now();
        let proof = proof::sign(&key, &proof::target("acme.test", METHOD), token, now).unwrap();
        let request =
            v1::ExchangeTokenRequest { subject_token: token.to_owned(), subject_token_type: ID_TOKEN.to_owned(), proof };
        client.exchange_token(request).await.map(drop)
    };
    let good = provider.token("eve", &["Ops"]);
    for (what, token) in forgeries(&good, &provider.jwk(), port) {
        let refused = exchange(&token).await.unwrap_err();
        let reason = refused.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default();
        assert_eq!((refused.code(), reason.as_str()), (Code::Unauthenticated, "SUBJECT_TOKEN_REFUSED"), "{what}: {refused}");
    }
    assert_eq!(came.load(Ordering::Relaxed), 0, "something was fetched");
    exchange(&good).await.unwrap();
}
