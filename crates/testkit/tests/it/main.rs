//! The fakes keep the rules that they stand for.

use scalbotics_core::identity::{SpiffeId, TrustDomain};
use scalbotics_core::time::Timestamp;
use scalbotics_testkit::conformance::AuthorityGround;
use scalbotics_testkit::{FakeAuthority, MemoryStore, conformance};

#[tokio::test]
async fn the_store_in_memory_conforms() {
    conformance::all(&MemoryStore::new()).await;
}

#[tokio::test]
async fn the_authority_in_memory_conforms() {
    let now = Timestamp::from_unix_ms(1_700_000_000_500);
    let port = FakeAuthority::new(TrustDomain::parse("td.test").unwrap(), now);
    let workload = SpiffeId::parse("spiffe://td.test/acme/agent/clerk").unwrap();
    let ground = AuthorityGround { root: &FakeAuthority::signed, workload, key_spki: vec![1], now };
    conformance::key_authority(&port, &ground).await;
}
