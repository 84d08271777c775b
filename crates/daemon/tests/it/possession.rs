//! A token counts on connections on which its holder has proved the key that it is bound to, and nowhere else.

use std::time::Duration;

use scalbotics_core::ports::Clock as _;
use scalbotics_core::time::Timestamp;
use scalbotics_daemon::clock::{Guarded, System};
use scalbotics_identity::holder::key::{Algorithm, Pair};
use scalbotics_identity::holder::proof;
use scalbotics_proto::v1;
use scalbotics_proto::v1::human_service_client::HumanServiceClient;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use scalbotics_proto::v1::task_service_client::TaskServiceClient;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::outside::{FREELY, exchange};
use crate::provider::Provider;
use crate::proving::{TRUST_DOMAIN, key_of, prove};
use crate::world::{World, connect, with};

const WHO_AM_I: &str = "/scalbotics.v1.SessionService/WhoAmI";

/// A connection on which nothing is proved by itself.
async fn bare(world: &World) -> Channel {
    connect(&world.plan, world.running.as_ref().unwrap().api(), None).await.0
}

fn carrying(token: &str, proofs: &[&str]) -> Request<v1::WhoAmIRequest> {
    let mut request = with(token, v1::WhoAmIRequest {});
    for proof in proofs {
        request.metadata_mut().append("dpop", proof.parse().unwrap());
    }
    request
}

/// Who the daemon takes the bearer for.
async fn who(channel: &Channel, token: &str, proofs: &[&str]) -> Result<String, Status> {
    let answer = SessionServiceClient::new(channel.clone()).who_am_i(carrying(token, proofs)).await;
    answer.map(|answer| answer.into_inner().display_name)
}

/// Why it is refused, and what to do.
fn told(answer: Result<String, Status>) -> (String, String) {
    let refused = answer.unwrap_err();
    let details = refused.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!((refused.code(), info.reason.as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"));
    (info.metadata["why"].clone(), info.metadata["next"].clone())
}

fn now() -> Timestamp {
    Guarded::new(System, None).now()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(now().unix_ms() + seconds * 1_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn sem_4_4_a_stolen_token_is_nothing_on_another_connection() {
    let world = World::open().await;
    let token = world.token("ann").await;
    let (owner, thief) = (bare(&world).await, bare(&world).await);
    let proof = prove(&world.key("ann", "login"), WHO_AM_I, &token);
    assert_eq!(who(&owner, &token, &[&proof]).await.unwrap(), "ann");
    // Once is enough, for every method and every stream of this connection.
    assert_eq!(who(&owner, &token, &[]).await.unwrap(), "ann");
    HumanServiceClient::new(owner.clone()).list_humans(with(&token, v1::ListHumansRequest::default())).await.unwrap();
    // Another token of the same key counts there too, and one of another key does not.
    let (again, bobs) = (world.token("ann").await, world.token("bob").await);
    assert_eq!(who(&owner, &again, &[]).await.unwrap(), "ann");
    assert!(told(who(&owner, &bobs, &[]).await).0.contains("nobody has proved"));
    for _ in 0..3 {
        let (why, next) = told(who(&thief, &token, &[]).await);
        assert!(why.contains("nobody has proved") && next.contains("`dpop`"), "{why} {next}");
    }
    let watch = v1::WatchTaskRequest { name: "tenants/acme/tasks/task_00000000000000000000000001".to_owned(), from_sequence: 0 };
    let refused = TaskServiceClient::new(thief).watch_task(with(&token, watch)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn security_1_proofs_that_prove_nothing() {
    let world = World::open().await;
    let (token, key) = (world.token("ann").await, world.key("ann", "login"));
    let other = world.token("ann").await;
    let target = proof::target(TRUST_DOMAIN, WHO_AM_I);
    let sign = |target: &str, token: &str, at: Timestamp| proof::sign(&key, target, token, at).unwrap();
    let good = || sign(&target, &token, now());
    let used = good();
    assert_eq!(who(&bare(&world).await, &token, &[&used]).await.unwrap(), "ann");
    let (head, signature) = used.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{head}.{flipped}{}", &signature[1..]);
    let (one, two) = (good(), good());
    let thief = Pair::generate(Algorithm::Ed25519).unwrap();
    for (what, proofs, expected) in [
        ("replayed", vec![used.clone()], "used before"),
        ("by another key", vec![prove(&thief, WHO_AM_I, &token)], "another key"),
        ("by somebody else's key", vec![prove(&world.key("bob", "login"), WHO_AM_I, &token)], "another key"),
        ("for another token", vec![sign(&target, &other, now())], "another token"),
        ("for another method", vec![prove(&key, "/scalbotics.v1.TaskService/ListTasks", &token)], "another method"),
        ("for another installation", vec![sign(&proof::target("other.test", WHO_AM_I), &token, now())], "another installation"),
        ("old", vec![sign(&target, &token, at(-62))], "older than a minute"),
        ("early", vec![sign(&target, &token, at(65))], "future"),
        ("of before the start", vec![sign(&target, &token, at(-55))], "before the daemon started"),
        ("forged", vec![forged], "signature"),
        ("two", vec![one, two], "more than one"),
        ("the token itself", vec![token.clone()], "header"),
        ("none", vec!["x".to_owned()], "JWS"),
        ("long", vec!["x".repeat(5_000)], "4096"),
    ] {
        let connection = bare(&world).await;
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let (why, next) = told(who(&connection, &token, &proofs).await);
        assert!(why.contains(expected) && !next.is_empty(), "{what}: {why}");
        assert!(!why.contains(signature), "{what}");
        assert!(told(who(&connection, &token, &[]).await).0.contains("nobody has proved"), "{what} proved something");
        assert_eq!(
            who(&connection, &token, &[&good()]).await.unwrap(),
            "ann",
            "{what}: a good one counts on the same connection"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_of_before_a_restart_is_none_after_it() {
    let mut world = World::open().await;
    let (token, key) = (world.token("ann").await, world.key("ann", "login"));
    let proof = prove(&key, WHO_AM_I, &token);
    assert_eq!(who(&bare(&world).await, &token, &[&proof]).await.unwrap(), "ann");
    // Proofs say whole seconds.
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.restart().await;
    let connection = bare(&world).await;
    assert!(told(who(&connection, &token, &[&proof]).await).0.contains("before the daemon started"));
    assert_eq!(who(&connection, &token, &[&prove(&key, WHO_AM_I, &token)]).await.unwrap(), "ann");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_keys_than_a_connection_remembers_prove_each_call() {
    let provider = Provider::start().await;
    let world = World::with(false, &[&provider.trusted(), FREELY]).await;
    let connection = bare(&world).await;
    let mut tokens = Vec::new();
    for _ in 0..12 {
        tokens.push(exchange(&world, &provider.token("eve", &[])).await.unwrap());
    }
    let prove = |token: &str| prove(&key_of(token), WHO_AM_I, token);
    for token in &tokens {
        assert_eq!(who(&connection, token, &[&prove(token)]).await.unwrap(), "eve");
    }
    let mut remembered = 0;
    for token in &tokens {
        remembered += usize::from(who(&connection, token, &[]).await.is_ok());
        assert_eq!(who(&connection, token, &[&prove(token)]).await.unwrap(), "eve");
    }
    assert_eq!(remembered, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn security_22_a_flood_by_a_stolen_token_takes_nothing_from_its_owner() {
    let world = World::with(false, &["limits.connections=32", "limits.requests_per_second.read=1"]).await;
    let (token, key) = (world.token("ann").await, world.key("ann", "login"));
    let owner = bare(&world).await;
    who(&owner, &token, &[&prove(&key, WHO_AM_I, &token)]).await.unwrap();
    let thief = Pair::generate(Algorithm::Ed25519).unwrap();
    let mut open = Vec::new();
    for number in 0..200 {
        let connection = bare(&world).await;
        let proof = prove(&thief, WHO_AM_I, &token);
        let proofs: &[&str] = if number % 2 == 0 { &[] } else { &[&proof] };
        told(who(&connection, &token, proofs).await);
        open.push(connection);
    }
    // Neither the owner's place nor their calls: ten are there at once, and two were made.
    for _ in 0..5 {
        assert_eq!(who(&owner, &token, &[]).await.unwrap(), "ann");
    }
    assert_eq!(open.len(), 200);
    let (_, metrics) = world.get("/metrics").await;
    assert!(metrics.contains("scalbotics_rpc_unauthenticated_total{kind=\"token\",reason=\"refused\"} 200\n"), "{metrics}");
}
