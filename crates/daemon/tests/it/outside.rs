//! People who come by an outside issuer.

use scalbotics_core::ports::Clock as _;
use scalbotics_core::principal::KeyHolder;
use scalbotics_daemon::clock::{Guarded, System};
use scalbotics_identity::holder::key::{Algorithm, Pair};
use scalbotics_identity::holder::{assertion, proof};
use scalbotics_proto::v1;
use scalbotics_proto::v1::audit_service_client::AuditServiceClient;
use scalbotics_proto::v1::human_service_client::HumanServiceClient;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::provider::{Keys, Provider, now_s};
use crate::proving::bound;
use crate::world::{World, with};

const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const METHOD: &str = "/scalbotics.v1.SessionService/ExchangeToken";

/// Logins without end, where a test is not about them.
pub(crate) const FREELY: &str = "limits.requests_per_second.login=100000";

/// The people of `initialize` log in by their keys beside the issuer.
const BROKEN: &str = "issuer.break_glass=true";

async fn exchange_by(world: &World, token: &str, key: Pair) -> Result<String, Status> {
    let now = Guarded::new(System, None).now();
    let proof = proof::sign(&key, &proof::target("acme.test", METHOD), token, now).unwrap();
    let request = v1::ExchangeTokenRequest { subject_token: token.to_owned(), subject_token_type: ID_TOKEN.to_owned(), proof };
    SessionServiceClient::new(world.channel.clone())
        .exchange_token(request)
        .await
        .map(|answer| bound(answer.into_inner().token, key))
}

pub(crate) async fn exchange(world: &World, token: &str) -> Result<String, Status> {
    exchange_by(world, token, Pair::generate(Algorithm::Ed25519).unwrap()).await
}

async fn who(world: &World, token: &str) -> Result<v1::Identity, Status> {
    SessionServiceClient::new(world.channel.clone())
        .who_am_i(with(token, v1::WhoAmIRequest {}))
        .await
        .map(tonic::Response::into_inner)
}

fn told(answer: Result<String, Status>) -> (Code, String, String) {
    let refused = answer.map(|_| ()).unwrap_err();
    let details = refused.get_error_details();
    let info = details.error_info().unwrap();
    (refused.code(), info.reason.clone(), info.metadata["why"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn sem_4_4_a_token_is_exchanged_once_for_one_of_ours() {
    let provider = Provider::start().await;
    let mut world = World::with(false, &[&provider.trusted(), FREELY, BROKEN]).await;
    let token = provider.token("eve", &["Ops", "Strangers"]);
    let ours = exchange(&world, &token).await.unwrap();
    let eve = who(&world, &ours).await.unwrap();
    assert_eq!((eve.kind.as_str(), eve.display_name.as_str(), eve.tenant.as_str()), ("human", "eve", "acme"));
    assert_eq!(eve.groups, ["operators"]);
    let (code, reason, why) = told(exchange(&world, &token).await);
    assert_eq!((code, reason.as_str()), (Code::Unauthenticated, "SUBJECT_TOKEN_USED"));
    assert!(why.contains("exchanged before"), "{why}");
    world.restart().await;
    assert!(told(exchange(&world, &token).await).2.contains("exchanged before"), "after a restart");
    // The same person again, in other groups; another one is somebody else.
    let again = who(&world, &exchange(&world, &provider.token("eve", &[])).await.unwrap()).await.unwrap();
    assert_eq!((again.uid, again.groups.len()), (eve.uid.clone(), 0));
    assert_eq!(who(&world, &ours).await.unwrap().groups.len(), 0, "groups are those of now, also for the older token");
    assert_ne!(who(&world, &exchange(&world, &provider.token("eva", &[])).await.unwrap()).await.unwrap().uid, eve.uid);
    // Logins are in the log, without the token.
    let admin = world.token("ann").await;
    let request = v1::ListAuditRecordsRequest { page_size: 1_000, ..Default::default() };
    let records = AuditServiceClient::new(world.channel.clone()).list_audit_records(with(&admin, request)).await.unwrap();
    let records: Vec<String> = records.into_inner().records.into_iter().map(|record| record.json).collect();
    let logins: Vec<&String> = records.iter().filter(|record| record.contains("session.exchange")).collect();
    assert_eq!(logins.len(), 3, "{logins:?}");
    assert!(logins.iter().all(|record| !record.contains(&token[..40])));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_suspended_stays_so_whatever_the_issuer_says() {
    let provider = Provider::start().await;
    let world = World::with(false, &[&provider.trusted(), FREELY, BROKEN]).await;
    let ours = exchange(&world, &provider.token("eve", &["Platform"])).await.unwrap();
    let eve = who(&world, &ours).await.unwrap();
    let admin = world.token("ann").await;
    let standing = || v1::HumanStandingRequest { name: "tenants/acme/humans/eve".to_owned(), ..Default::default() };
    let mut humans = HumanServiceClient::new(world.channel.clone());
    humans.suspend_human(with(&admin, standing())).await.unwrap();
    assert_eq!(who(&world, &ours).await.unwrap_err().code(), Code::Unauthenticated);
    let (code, reason, _) = told(exchange(&world, &provider.token("eve", &["Platform"])).await);
    assert_eq!((code, reason.as_str()), (Code::Unauthenticated, "PRINCIPAL_SUSPENDED"));
    humans.resume_human(with(&admin, standing())).await.unwrap();
    let back = exchange(&world, &provider.token("eve", &["Platform"])).await.unwrap();
    assert_eq!(who(&world, &back).await.unwrap().uid, eve.uid);
    assert_eq!(who(&world, &ours).await.unwrap_err().code(), Code::Unauthenticated, "a token of before stays void");
    humans.offboard_human(with(&admin, standing())).await.unwrap();
    assert_eq!(told(exchange(&world, &provider.token("eve", &["Platform"])).await).1, "PRINCIPAL_SUSPENDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_no_way_to_be_somebody_else() {
    let provider = Provider::start().await;
    let world = World::with(false, &[&provider.trusted(), FREELY, BROKEN]).await;
    let ours = exchange(&world, &provider.token("ann", &[])).await.unwrap();
    let ann = who(&world, &ours).await.unwrap();
    assert_ne!(ann.uid, world.uid("ann").to_string());
    assert!(ann.display_name.starts_with("ann-") && ann.groups.is_empty(), "{ann:?}");
    // Nobody logs in by an assertion as somebody who has no login key.
    let key = Pair::generate(Algorithm::Ed25519).unwrap();
    let holder = KeyHolder::Human(ann.uid.parse().unwrap());
    let login = assertion::Login { holder, tenant: &world.plan.tenant, audience: "acme.test", lifetime_s: 30 };
    let assertion = assertion::sign(&login, &key, Guarded::new(System, None).now()).unwrap();
    let refused = SessionServiceClient::new(world.channel.clone())
        .exchange_assertion(v1::ExchangeAssertionRequest { assertion })
        .await
        .unwrap_err();
    assert_eq!(refused.get_error_details().error_info().unwrap().reason, "ASSERTION_REFUSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn security_2_what_does_not_count_is_refused() {
    let provider = Provider::start().await;
    let other = Provider::start().await;
    let world = World::with(false, &[&provider.trusted(), FREELY, BROKEN]).await;
    let mut foreign = provider.claims("eve", &[]);
    foreign["tenant"] = json!("acme");
    let mut old = provider.claims("eve", &[]);
    (old["iat"], old["exp"]) = (json!(now_s() - 900), json!(now_s() - 600));
    let mut elsewhere = provider.claims("eve", &[]);
    elsewhere["aud"] = json!("another");
    for (what, token, why) in [
        ("of a tenant that it does not speak for", provider.sign("k1", &foreign), "tenant"),
        ("old", provider.sign("k1", &old), "expired"),
        ("for another", provider.sign("k1", &elsewhere), "for this installation"),
        ("of nobody who is trusted", other.token("eve", &[]), "not trusted"),
        ("by another's key", other.sign("k1", &provider.claims("eve", &[])), "signature"),
        ("empty", String::new(), "JWS"),
    ] {
        let (code, reason, said) = told(exchange(&world, &token).await);
        assert_eq!((code, reason.as_str()), (Code::Unauthenticated, "SUBJECT_TOKEN_REFUSED"), "{what}");
        assert!(said.contains(why), "{what}: {said}");
    }
    // A proof for another method.
    let now = Guarded::new(System, None).now();
    let key = Pair::generate(Algorithm::Ed25519).unwrap();
    let subject_token = provider.token("eve", &[]);
    let target = proof::target("acme.test", "/scalbotics.v1.SessionService/WhoAmI");
    let proof = proof::sign(&key, &target, &subject_token, now).unwrap();
    let request = v1::ExchangeTokenRequest { subject_token, subject_token_type: ID_TOKEN.to_owned(), proof };
    let refused = SessionServiceClient::new(world.channel.clone()).exchange_token(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let (_, metrics) = world.get("/metrics").await;
    for line in [
        "scalbotics_issuer_key_fetches_total{result=\"ok\"} 1",
        "scalbotics_logins_refused_total{reason=\"tenant\"} 1",
        "scalbotics_logins_refused_total{reason=\"proof\"} 1",
        "scalbotics_rpc_unauthenticated_total{kind=\"outside_token\",reason=\"refused\"} 7",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn test_9_a_thousand_unknown_keys_are_two_fetches() {
    let provider = Provider::start().await;
    let world = World::with(false, &[&provider.trusted(), FREELY, BROKEN]).await;
    let begun = std::time::Instant::now();
    exchange(&world, &provider.token("eve", &[])).await.unwrap();
    let claims = provider.claims("eve", &[]);
    for number in 0..1_000 {
        let (_, reason, why) = told(exchange(&world, &provider.sign(&format!("unknown-{number}"), &claims)).await);
        assert_eq!(reason, "SUBJECT_TOKEN_REFUSED");
        assert!(why.contains("does not publish"), "{why}");
    }
    // One at first, one for what is unknown, and one more for each half minute that a slow machine takes.
    let most = 2 + begun.elapsed().as_secs() / 30;
    assert!(provider.fetches() as u64 <= most, "{} in {:?}", provider.fetches(), begun.elapsed());
    exchange(&world, &provider.token("eve", &[])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn security_3_keys_that_change_all_the_time_are_fetched_no_oftener() {
    let provider = Provider::start().await;
    let world = World::with(false, &[&provider.trusted(), FREELY, BROKEN]).await;
    let begun = std::time::Instant::now();
    exchange(&world, &provider.token("eve", &[])).await.unwrap();
    // Each token by a key that is published in this very moment.
    let mut good = 0;
    for _ in 0..50 {
        let kid = provider.rotate();
        match exchange(&world, &provider.sign(&kid, &provider.claims("eve", &[]))).await {
            Ok(_) => good += 1,
            refused => {
                let (code, reason, why) = told(refused);
                assert_eq!((code, reason.as_str()), (Code::Unauthenticated, "SUBJECT_TOKEN_REFUSED"), "{why}");
                assert!(why.contains("does not publish"), "{why}");
            }
        }
    }
    let most = 2 + begun.elapsed().as_secs() / 30;
    assert!(provider.fetches() as u64 <= most && good <= most, "{} for {good} in {:?}", provider.fetches(), begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn security_3_keys_that_are_not_to_be_had() {
    for keys in [Keys::Down, Keys::Redirected, Keys::Huge, Keys::Private, Keys::Doubled] {
        let provider = Provider::start().await;
        provider.keys(keys.clone());
        let world = World::with(false, &[&provider.trusted(), FREELY, BROKEN]).await;
        let (code, reason, why) = told(exchange(&world, &provider.token("eve", &[])).await);
        assert_eq!((code, reason.as_str()), (Code::Unavailable, "ISSUER_UNAVAILABLE"), "{keys:?}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sem_4_5_beside_an_outside_issuer_nobody_logs_in_by_a_key_unless_the_glass_is_broken() {
    let provider = Provider::start().await;
    let mut world = World::with(false, &[&provider.trusted()]).await;
    let login = async |world: &World| {
        let assertion = world.assertion("ann", "acme.test", Guarded::new(System, None).now());
        SessionServiceClient::new(world.channel.clone()).exchange_assertion(v1::ExchangeAssertionRequest { assertion }).await
    };
    let refused = login(&world).await.unwrap_err();
    assert_eq!(refused.get_error_details().error_info().unwrap().reason, "OUTSIDE_ISSUER_ONLY");
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(!world.get("/readyz").await.1.contains("break_glass"));
    world.restart_with(&[BROKEN]).await;
    let admin = bound(login(&world).await.unwrap().into_inner().token, world.key("ann", "login"));
    assert!(world.get("/readyz").await.1.contains("break_glass"));
    let request = v1::ListAuditRecordsRequest { page_size: 1_000, ..Default::default() };
    let records = AuditServiceClient::new(world.channel.clone()).list_audit_records(with(&admin, request)).await.unwrap();
    assert!(records.into_inner().records.iter().any(|record| record.json.contains("session.break_glass")));
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_issuer_says_by_what_its_tokens_are_verified() {
    let world = World::open().await;
    let (status, document) = world.get("/.well-known/openid-configuration").await;
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!((status, &document["issuer"], &document["jwks_uri"]), (200, &json!("acme.test"), &json!("http://x/jwks.json")));
    let (status, keys) = world.get("/jwks.json").await;
    let keys: serde_json::Value = serde_json::from_str(&keys).unwrap();
    let token = world.token("ann").await;
    let header =
        base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, token.split('.').next().unwrap()).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    assert_eq!((status, &keys["keys"][0]["kid"], &keys["keys"][0]["alg"]), (200, &header["kid"], &header["alg"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_trusted_who_is_not_configured() {
    let provider = Provider::start().await;
    let world = World::open().await;
    let (code, reason, _) = told(exchange(&world, &provider.token("eve", &[])).await);
    assert_eq!((code, reason.as_str(), provider.fetches()), (Code::Unauthenticated, "SUBJECT_TOKEN_REFUSED", 0));
}
