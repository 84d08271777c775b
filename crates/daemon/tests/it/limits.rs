//! Limits of callers, and the admin listener.

use std::time::Duration;

use scalbotics_proto::v1;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use tonic::Code;
use tonic_types::StatusExt as _;

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
