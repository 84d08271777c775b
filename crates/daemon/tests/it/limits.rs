//! Limits of callers, and the admin listener.

use std::time::Duration;

use scalbotics_proto::v1;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::wire::call;
use crate::world::{World, with};

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_one_principal_is_not_anothers() {
    let world = World::with(false, &["limits.requests_per_second.read=1"]).await;
    let (ann, bob) = (world.token("ann").await, world.token("bob").await);
    let mut client = SessionServiceClient::new(world.channel.clone());
    let mut refused = None;
    for _ in 0..40 {
        if let Err(status) = client.who_am_i(with(&ann, v1::WhoAmIRequest {})).await {
            refused = Some(status);
            break;
        }
    }
    let refused = refused.expect("forty reads at one a second");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let wait = refused.get_error_details().retry_info().unwrap().retry_delay.unwrap();
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
    client.who_am_i(with(&bob, v1::WhoAmIRequest {})).await.unwrap();
    let metrics = world.get("/metrics").await.1;
    assert!(metrics.contains("scalbotics_rpc_limited_total{class=\"read\"} 1\n"), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_listener_tells_how_it_is() {
    let world = World::open().await;
    assert_eq!(world.get("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(world.get("/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(world.get("/nothing").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn security_22_connections_that_say_nothing_keep_nobody_out() {
    let mut world = World::with(false, &["limits.connections=4"]).await;
    let api = world.running.as_ref().unwrap().api();
    let known = world.channel.clone();
    let token = world.token("ann").await;
    SessionServiceClient::new(known.clone()).who_am_i(with(&token, v1::WhoAmIRequest {})).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..12 {
        silent.push(tokio::net::TcpStream::connect(api).await.unwrap());
    }
    world.reconnect().await;
    SessionServiceClient::new(world.channel.clone()).who_am_i(with(&token, v1::WhoAmIRequest {})).await.unwrap();
    // Whoever has shown a token keeps the connection.
    SessionServiceClient::new(known).who_am_i(with(&token, v1::WhoAmIRequest {})).await.unwrap();
    assert_eq!(silent.len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn security_22_strangers_have_small_messages_only() {
    let world = World::open().await;
    let long = vec![b'x'; 25 << 10];
    let assertion = v1::ExchangeAssertionRequest { assertion: String::from_utf8(long.clone()).unwrap() };
    let refused = SessionServiceClient::new(world.channel.clone()).exchange_assertion(assertion).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert_eq!(refused.get_error_details().error_info().unwrap().reason, "MESSAGE_TOO_LARGE");
    let refused = call(&world.channel, "/grpc.health.v1.Health/Check", long, None).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_service_has_no_health() {
    let world = World::open().await;
    // Field 1 is the service's name.
    let refused = call(&world.channel, "/grpc.health.v1.Health/Check", b"\x0a\x01x".to_vec(), None).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound, "{refused}");
}
