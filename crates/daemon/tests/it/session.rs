//! Login and who the caller is.

use scalbotics_core::ports::Clock as _;
use scalbotics_daemon::clock::{Guarded, System};
use scalbotics_daemon::layout;
use scalbotics_proto::v1;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use tonic::Code;

use crate::world::{World, with};

#[tokio::test(flavor = "multi_thread")]
async fn who_am_i() {
    let world = World::open().await;
    let mut client = SessionServiceClient::new(world.channel.clone());
    for (human, can_approve) in [("ann", false), ("bob", true)] {
        let token = world.token(human).await;
        let answer = client.who_am_i(with(&token, v1::WhoAmIRequest {})).await.unwrap();
        assert!(answer.metadata().get("x-request-id").unwrap().to_str().unwrap().starts_with("req_"));
        let identity = answer.into_inner();
        assert_eq!((identity.display_name.as_str(), identity.tenant.as_str()), (human, "acme"));
        assert_eq!((identity.uid, identity.can_approve), (world.uid(human).to_string(), can_approve));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_counts_once_here_and_now() {
    let mut world = World::open().await;
    let mut client = SessionServiceClient::new(world.channel.clone());
    let now = Guarded::new(System, None).now();
    let good = world.assertion("ann", "acme.test", now);
    client.exchange_assertion(v1::ExchangeAssertionRequest { assertion: good.clone() }).await.unwrap();
    let (head, signature) = good.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { 'B' } else { 'A' };
    for (what, bad) in [
        ("replayed", good.clone()),
        ("of another audience", world.assertion("ann", "other.test", now)),
        ("old", world.assertion("ann", "acme.test", scalbotics_core::time::Timestamp::from_unix_ms(now.unix_ms() - 600_000))),
        ("early", world.assertion("ann", "acme.test", now.plus_ms(600_000))),
        ("forged", format!("{head}.{flipped}{}", &signature[1..])),
        ("empty", String::new()),
        ("long", "x".repeat(10_000)),
    ] {
        let refused = client.exchange_assertion(v1::ExchangeAssertionRequest { assertion: bad }).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{what}");
    }
    world.restart().await;
    let mut client = SessionServiceClient::new(world.channel.clone());
    let refused = client.exchange_assertion(v1::ExchangeAssertionRequest { assertion: good }).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated, "replayed after a restart");
}

#[tokio::test(flavor = "multi_thread")]
async fn sem_4_6_the_root_key_is_needed_by_no_start() {
    let mut world = World::open().await;
    for part in [layout::ROOT_KEYSTORE, layout::ROOT_KEYSTORE_KEY] {
        std::fs::remove_file(world.path("box").join(part)).unwrap();
    }
    world.restart().await;
    let token = world.token("ann").await;
    let mut client = SessionServiceClient::new(world.channel.clone());
    client.who_am_i(with(&token, v1::WhoAmIRequest {})).await.unwrap();
}
