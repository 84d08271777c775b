//! Join tokens: used once, with the certificate in the same commit, and only for the agent and epoch that they were made for.

use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::audit::Kind;
use scalbotics_core::identity::{JOIN_TOKEN_LIFETIME_MS, JOIN_TOKENS_MAX, JoinToken, Joined, Svid};
use scalbotics_core::ids::GrantId;
use scalbotics_core::ports::{Clock as _, Human, Redeemed};

use super::Store;
use super::svid_book::svid;
use crate::fixture::World;

fn token(world: &World, secret: &str) -> JoinToken {
    let now = world.clock.now();
    JoinToken {
        digest: JoinToken::digest_of(secret.as_bytes()),
        tenant: world.tenant.clone(),
        agent: world.agent.uid,
        epoch: world.agent.epoch,
        joined: Joined { sponsor: world.human.uid, grant: GrantId::from_u128(4) },
        issued_at: now,
        expires_at: now.plus_ms(JOIN_TOKEN_LIFETIME_MS),
        used_at: None,
    }
}

/// Runs the suite.
pub(super) async fn suite(store: &dyn Store) {
    let (world, elsewhere) = (World::new("joins", 74), World::new("joins-2", 75));
    let record = || world.record(Kind::Rpc, "agent.join_token");
    let first = token(&world, "one");
    assert!(!store.put_join_token(first.clone(), record().into()).await.unwrap(), "nobody has heard of the agent");
    world.register(store).await.unwrap();
    elsewhere.register(store).await.unwrap();
    let begun = store.head(&world.tenant).await.unwrap().size;
    assert!(store.put_join_token(first.clone(), record().into()).await.unwrap());
    assert_eq!(store.join_token(&first.digest).await.unwrap(), Some(first.clone()));
    assert_eq!(store.join_token(&JoinToken::digest_of(b"two")).await.unwrap(), None);
    assert!(store.put_join_token(first.clone(), record().into()).await.is_err(), "a token is kept once");

    let redeem = async |secret: &str, svid: Svid| {
        let tenant_record = World::new(svid.tenant.as_str(), 76).record(Kind::Rpc, "identity.enroll");
        store.redeem(&JoinToken::digest_of(secret.as_bytes()), svid, tenant_record.into()).await
    };
    assert_eq!(redeem("two", svid(&world, "d1", 0)).await.unwrap(), Redeemed::Spent, "there is none");
    assert_eq!(redeem("one", svid(&elsewhere, "d1", 0)).await.unwrap(), Redeemed::Spent, "another agent's");
    let older = Svid { epoch: world.agent.epoch - 1, ..svid(&world, "d1", 0) };
    assert_eq!(redeem("one", older).await.unwrap(), Redeemed::Void);
    assert_eq!(store.svid("d1").await.unwrap(), None);
    assert_eq!(store.head(&world.tenant).await.unwrap().size, begun + 1, "what is refused leaves no record");
    assert_eq!(redeem("one", svid(&world, "d1", 0)).await.unwrap(), Redeemed::Entered);
    assert_eq!(redeem("one", svid(&world, "d2", 0)).await.unwrap(), Redeemed::Spent, "once");
    assert_eq!((store.svid("d1").await.unwrap().is_some(), store.svid("d2").await.unwrap()), (true, None));
    let used = store.join_token(&first.digest).await.unwrap().and_then(|token| token.used_at);
    assert_eq!(used, Some(world.clock.now()));
    assert_eq!(store.head(&world.tenant).await.unwrap().size, begun + 2);

    for n in 0..JOIN_TOKENS_MAX {
        assert!(store.put_join_token(token(&world, &format!("n{n}")), record().into()).await.unwrap(), "{n}");
    }
    assert!(!store.put_join_token(token(&world, "more"), record().into()).await.unwrap(), "so many wait");
    assert_eq!(redeem("n0", svid(&world, "d3", 0)).await.unwrap(), Redeemed::Entered);
    assert!(store.put_join_token(token(&world, "more"), record().into()).await.unwrap(), "a place is free");
    assert_eq!(redeem("n1", svid(&world, "d5", 0)).await.unwrap(), Redeemed::Entered);
    let over = JoinToken { expires_at: world.clock.now(), ..token(&world, "over") };
    assert!(store.put_join_token(over, record().into()).await.unwrap(), "one that is over takes no place");
    assert_eq!(redeem("over", svid(&world, "d4", 0)).await.unwrap(), Redeemed::Spent, "it counts before its end");
    let human = Human { standing: Standing::Suspended, epoch: world.human.epoch + 1, ..world.human.clone() };
    let others = Joined { sponsor: elsewhere.human.uid, grant: GrantId::from_u128(5) };
    let others = JoinToken { joined: others, ..token(&world, "others") };
    assert!(store.put_join_token(others.clone(), record().into()).await.unwrap());
    store.put_human(human.clone(), record().into()).await.unwrap();
    assert_eq!(redeem("n2", svid(&world, "d6", 0)).await.unwrap(), Redeemed::Spent, "who made it is suspended");
    let ended = store.join_token(&JoinToken::digest_of(b"n2")).await.unwrap().unwrap();
    assert!(ended.expires_at <= world.clock.now(), "{ended:?}");
    store.put_human(Human { standing: Standing::Active, ..human }, record().into()).await.unwrap();
    assert_eq!(redeem("n3", svid(&world, "d7", 0)).await.unwrap(), Redeemed::Spent, "for good");
    assert_eq!(store.join_token(&others.digest).await.unwrap(), Some(others), "nobody else's");
    let suspended = Agent { standing: Standing::Suspended, epoch: world.agent.epoch + 1, ..world.agent.clone() };
    store.put_agent(suspended, record().into()).await.unwrap();
    assert_eq!(redeem("others", svid(&world, "d8", 0)).await.unwrap(), Redeemed::Void, "it is suspended");
    assert!(!store.put_join_token(token(&world, "late"), record().into()).await.unwrap(), "of an epoch that is over");
}
