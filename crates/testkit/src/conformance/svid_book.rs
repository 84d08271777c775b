//! Certificates: one entry for each with one record, none for an agent that may not have it, and what takes away cuts short in its commit.

use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::audit::Kind;
use scalbotics_core::digest::Digest;
use scalbotics_core::identity::{AuthorityId, Joined, Svid};
use scalbotics_core::ids::GrantId;
use scalbotics_core::ports::{Clock as _, RevokedSvid, SvidFilter};

use super::Store;
use crate::fixture::World;

/// Life of a certificate here, in milliseconds.
const LIFE_MS: u64 = 3_600_000;

/// A certificate of the world's agent that ends `after_ms` later than others.
pub(super) fn svid(world: &World, serial: &str, after_ms: u64) -> Svid {
    let now = world.clock.now();
    let not_after = now.plus_ms(LIFE_MS + after_ms);
    Svid {
        serial: serial.to_owned(),
        tenant: world.tenant.clone(),
        agent: world.agent.uid,
        epoch: world.agent.epoch,
        authority: AuthorityId::of_key_identifier([7; 20]),
        key: Digest::of_bytes(serial.as_bytes()),
        joined: Some(Joined { sponsor: world.human.uid, grant: GrantId::from_u128(9) }),
        issued_at: now,
        not_after,
        void_at: not_after,
    }
}

/// Runs the suite.
pub(super) async fn suite(store: &dyn Store) {
    let (world, elsewhere) = (World::new("svids", 71), World::new("svids-2", 72));
    let record = || world.record(Kind::Rpc, "identity.issue");
    let first = svid(&world, "a1", 0);
    assert!(!store.enter(first.clone(), record().into()).await.unwrap(), "nobody has heard of the agent");
    world.register(store).await.unwrap();
    elsewhere.register(store).await.unwrap();
    let begun = store.head(&world.tenant).await.unwrap().size;
    assert!(store.enter(first.clone(), record().into()).await.unwrap());
    assert_eq!(store.svid("a1").await.unwrap(), Some(first.clone()));
    assert_eq!(store.svid("a2").await.unwrap(), None);
    let alone = Svid { joined: None, ..svid(&world, "a2", 10) };
    assert!(store.enter(alone.clone(), record().into()).await.unwrap());
    for epoch in [first.epoch - 1, first.epoch + 1] {
        let other = Svid { epoch, ..svid(&world, "a3", 0) };
        assert!(!store.enter(other, record().into()).await.unwrap(), "epoch {epoch}");
    }
    assert!(store.enter(Svid { key: Digest::of_bytes(b"x"), ..first.clone() }, record().into()).await.is_err(), "a serial twice");
    let foreign = elsewhere.record(Kind::Rpc, "identity.issue");
    assert!(store.enter(svid(&world, "a4", 0), foreign.into()).await.is_err(), "a record of another tenant");
    assert_eq!(store.head(&world.tenant).await.unwrap().size, begun + 2, "what is refused leaves no record");
    assert!(store.enter(svid(&elsewhere, "b1", 5), elsewhere.record(Kind::Rpc, "x").into()).await.unwrap());
    let now = world.clock.now();
    let last = svid(&elsewhere, "b1", 5).not_after;
    assert!(alone.not_after > last && first.not_after < last, "each agent's last one counts");
    assert_eq!(store.nearest_end(now).await.unwrap(), Some(last));
    assert_eq!(store.nearest_end(last).await.unwrap(), Some(alone.not_after));
    assert_eq!(store.nearest_end(alone.not_after).await.unwrap(), None);
    lists(store, &world, [&first, &alone]).await;
    cuts(store, &world).await;
    raised(store, &world).await;
}

async fn lists(store: &dyn Store, world: &World, [first, last]: [&Svid; 2]) {
    let (both, one, other) = (vec![first.clone(), last.clone()], vec![first.clone()], vec![last.clone()]);
    let all = SvidFilter { tenant: world.tenant.clone(), agent: None, from: world.clock.now(), after: None, limit: 10 };
    assert_eq!(store.svids(&all).await.unwrap(), both, "by their end, of one tenant");
    let own = SvidFilter { agent: Some(world.agent.uid), ..all.clone() };
    assert_eq!(store.svids(&own).await.unwrap(), both);
    assert_eq!(store.svids(&SvidFilter { limit: 1, ..own.clone() }).await.unwrap(), one);
    let after = Some((first.not_after, first.serial.clone()));
    assert_eq!(store.svids(&SvidFilter { after, ..own.clone() }).await.unwrap(), other);
    assert_eq!(store.svids(&SvidFilter { from: last.not_after, ..own }).await.unwrap(), other);
    let nobody = SvidFilter { agent: Some(World::new("svids-3", 73).agent.uid), ..all };
    assert_eq!(store.svids(&nobody).await.unwrap(), []);
}

async fn cuts(store: &dyn Store, world: &World) {
    let (now, record) = (world.clock.now(), || world.record(Kind::Rpc, "agent.rotate_keys"));
    let authority = svid(world, "", 0).authority;
    assert_eq!(store.revoked(&authority, now).await.unwrap(), []);
    let soon = now.plus_ms(60_000);
    assert_eq!(store.cut_short(world.agent.uid, soon, record().into()).await.unwrap(), 2);
    assert_eq!(store.cut_short(world.agent.uid, now.plus_ms(90_000), record().into()).await.unwrap(), 0, "never longer");
    assert_eq!(store.svid("a1").await.unwrap().map(|svid| svid.void_at), Some(soon), "also where it was read before");
    assert_eq!(store.svid("b1").await.unwrap().map(|svid| svid.void_at > soon), Some(true), "another agent's");
    assert_eq!(store.revoked(&authority, now).await.unwrap(), [], "not yet");
    let revoked = ["a1", "a2"].map(|serial| RevokedSvid { serial: serial.to_owned(), revoked_at: soon });
    assert_eq!(store.revoked(&authority, soon).await.unwrap(), revoked);
    assert_eq!(store.revoked(&AuthorityId::of_key_identifier([8; 20]), soon).await.unwrap(), []);
    let ended = now.plus_ms(LIFE_MS + 5);
    assert_eq!(store.revoked(&authority, ended).await.unwrap(), revoked[1..], "what has ended is on no list");
}

/// Semantics §4.3: a higher epoch voids in its own commit.
async fn raised(store: &dyn Store, world: &World) {
    let now = world.clock.now();
    assert!(store.enter(svid(world, "c1", 0), world.record(Kind::Rpc, "identity.issue").into()).await.unwrap());
    let suspended = Agent { standing: Standing::Suspended, epoch: world.agent.epoch + 1, ..world.agent.clone() };
    store.put_agent(suspended.clone(), world.record(Kind::Rpc, "agent.suspend").into()).await.unwrap();
    assert_eq!(store.svid("c1").await.unwrap().map(|svid| svid.void_at), Some(now));
    let again = Svid { epoch: suspended.epoch, ..svid(world, "c2", 0) };
    assert!(!store.enter(again.clone(), world.record(Kind::Rpc, "x").into()).await.unwrap(), "it is suspended");
    let resumed = Agent { standing: Standing::Active, ..suspended };
    store.put_agent(resumed, world.record(Kind::Rpc, "agent.resume").into()).await.unwrap();
    assert!(store.enter(again.clone(), world.record(Kind::Rpc, "x").into()).await.unwrap());
    assert_eq!(store.svid("c2").await.unwrap(), Some(again), "resuming cuts nothing short");
}
