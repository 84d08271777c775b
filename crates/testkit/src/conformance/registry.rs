//! The registry: names are unique in a tenant and never used again, epochs never fall, every change is audited.

use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::audit::Kind;
use scalbotics_core::ids::{AgentUid, HumanUid};
use scalbotics_core::outside::{self, Outside};
use scalbotics_core::ports::{Human, IdSource as _, StoreError, all_agents};
use scalbotics_core::tenant::Name;
use scalbotics_core::time::Timestamp;

use super::Store;
use crate::fixture::World;

/// Runs the suite.
pub(super) async fn suite(store: &dyn Store) {
    humans(store).await;
    outsiders(store).await;
    agents(store).await;
    many_agents(store).await;
}

fn is_taken<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Taken { .. }))
}

async fn humans(store: &dyn Store) {
    let world = World::new("humans", 60);
    let record = || world.record(Kind::Rpc, "human.put");
    let ada = world.human.clone();
    assert_eq!(store.human(&world.tenant, &ada.name).await.unwrap(), None);
    store.put_human(ada.clone(), record().into()).await.unwrap();
    assert_eq!(store.human(&world.tenant, &ada.name).await.unwrap(), Some(ada.clone()));
    assert_eq!(store.human_by_uid(ada.uid).await.unwrap(), Some(ada.clone()));
    let elsewhere = World::new("humans-2", 61);
    assert_eq!(store.human(&elsewhere.tenant, &ada.name).await.unwrap(), None, "another tenant");
    store.put_human(elsewhere.human.clone(), elsewhere.record(Kind::Rpc, "human.put").into()).await.unwrap();

    let enrolled = Human { enrolment: Some(b"statement".to_vec()), epoch: 2, ..ada.clone() };
    store.put_human(enrolled.clone(), record().into()).await.unwrap();
    assert_eq!(store.human(&world.tenant, &ada.name).await.unwrap(), Some(enrolled.clone()));
    let size = store.head(&world.tenant).await.unwrap().size;
    assert_eq!(size, 2, "each change is a record");
    let double = Human { uid: HumanUid::from_u128(world.ids.next()), ..ada.clone() };
    assert!(is_taken(store.put_human(double, record().into()).await));
    let renamed = Human { name: Name::parse("eve").unwrap(), ..enrolled.clone() };
    assert!(is_taken(store.put_human(renamed, record().into()).await), "a name stays with its uid");
    assert!(store.put_human(ada, record().into()).await.is_err(), "an epoch never falls");
    let foreign = elsewhere.record(Kind::Rpc, "human.put");
    assert!(store.put_human(enrolled.clone(), foreign.into()).await.is_err(), "a record of another tenant");
    assert_eq!(store.human_by_uid(enrolled.uid).await.unwrap(), Some(enrolled));
    assert_eq!(store.head(&world.tenant).await.unwrap().size, size, "what is refused leaves no record");
    let kept = store.human(&world.tenant, &Name::parse("ada").unwrap()).await.unwrap().unwrap();
    let bo = Human { uid: HumanUid::from_u128(world.ids.next()), name: Name::parse("aaron").unwrap(), ..kept.clone() };
    store.put_human(bo.clone(), record().into()).await.unwrap();
    assert_eq!(store.humans(&world.tenant).await.unwrap(), [bo, kept], "by name, of one tenant");
}

async fn outsiders(store: &dyn Store) {
    let world = World::new("outsiders", 64);
    let record = || world.record(Kind::Rpc, "human.put");
    let (ada, person) = (world.human.clone(), outside::person("https://id.example", "42"));
    store.put_human(ada.clone(), record().into()).await.unwrap();
    assert_eq!(store.human_of(&world.tenant, person).await.unwrap(), None, "who logs in by a key is nobody's person");
    let said = |groups: &[&str], at| Outside {
        issuer: "https://id.example".to_owned(),
        person,
        groups: groups.iter().map(|group| Name::parse(group).unwrap()).collect(),
        claims_at: Timestamp::from_unix_ms(at),
    };
    let (uid, name) = (HumanUid::from_u128(world.ids.next()), Name::parse("bea").unwrap());
    let bea = Human { uid, name, outside: Some(said(&["ops"], 5)), ..ada.clone() };
    store.put_human(bea.clone(), record().into()).await.unwrap();
    assert_eq!(store.human_of(&world.tenant, person).await.unwrap(), Some(bea.clone()));
    let later = Human { outside: Some(said(&[], 6)), ..bea.clone() };
    store.put_human(later.clone(), record().into()).await.unwrap();
    assert_eq!(store.human_of(&world.tenant, person).await.unwrap(), Some(later.clone()));
    let (uid, name) = (HumanUid::from_u128(world.ids.next()), Name::parse("cy").unwrap());
    let twin = Human { uid, name, ..later.clone() };
    assert!(is_taken(store.put_human(twin, record().into()).await), "one person is one human");
    let elsewhere = World::new("outsiders-2", 65);
    assert_eq!(store.human_of(&elsewhere.tenant, person).await.unwrap(), None, "of another tenant");
    let there = Human { outside: later.outside.clone(), ..elsewhere.human.clone() };
    store.put_human(there.clone(), elsewhere.record(Kind::Rpc, "human.put").into()).await.unwrap();
    assert_eq!(store.human_of(&elsewhere.tenant, person).await.unwrap(), Some(there));
    assert_eq!(store.human_of(&world.tenant, outside::person("https://id.example", "43")).await.unwrap(), None);
}

async fn agents(store: &dyn Store) {
    let world = World::new("agents", 62);
    let record = || world.record(Kind::Rpc, "agent.put");
    let clerk = world.agent.clone();
    let bear = Agent { uid: AgentUid::from_u128(world.ids.next()), name: Name::parse("bear").unwrap(), ..clerk.clone() };
    assert_eq!(all_agents(store, &world.tenant).await.unwrap(), []);
    store.put_agent(clerk.clone(), record().into()).await.unwrap();
    store.put_agent(bear.clone(), record().into()).await.unwrap();
    assert_eq!(all_agents(store, &world.tenant).await.unwrap(), [bear.clone(), clerk.clone()], "by name");
    let (first, none) = (std::slice::from_ref(&bear), Vec::new());
    assert_eq!(store.agents(&world.tenant, None, 1).await.unwrap(), first, "a page");
    assert_eq!(store.agents(&world.tenant, Some(&bear.name), 1).await.unwrap(), std::slice::from_ref(&clerk), "the next one");
    assert_eq!(store.agents(&world.tenant, Some(&clerk.name), usize::MAX).await.unwrap(), none, "and the end");
    assert_eq!(store.agent(bear.uid).await.unwrap(), Some(bear.clone()));
    assert_eq!(store.agent_by_name(&world.tenant, &bear.name).await.unwrap(), Some(bear.clone()));
    assert_eq!(store.agent_by_name(&world.tenant, &Name::parse("nobody").unwrap()).await.unwrap(), None);
    assert_eq!(store.agent(AgentUid::from_u128(world.ids.next())).await.unwrap(), None);
    let elsewhere = World::new("agents-2", 63);
    store.put_agent(elsewhere.agent.clone(), elsewhere.record(Kind::Rpc, "agent.put").into()).await.unwrap();
    assert_eq!(all_agents(store, &elsewhere.tenant).await.unwrap(), std::slice::from_ref(&elsewhere.agent));
    assert_eq!(store.agent_by_name(&elsewhere.tenant, &bear.name).await.unwrap(), None, "of another tenant");

    let gone = Agent { standing: Standing::Offboarded, epoch: clerk.epoch + 1, ..clerk.clone() };
    store.put_agent(gone.clone(), record().into()).await.unwrap();
    let heir = Agent { uid: AgentUid::from_u128(world.ids.next()), ..clerk.clone() };
    assert!(is_taken(store.put_agent(heir, record().into()).await), "a name is never used again");
    assert!(is_taken(store.put_agent(Agent { name: clerk.name.clone(), ..bear.clone() }, record().into()).await));
    assert!(is_taken(
        store
            .put_agent(Agent { tenant: elsewhere.tenant.clone(), ..bear.clone() }, elsewhere.record(Kind::Rpc, "a").into())
            .await
    ));
    assert!(
        store.put_agent(Agent { standing: Standing::Active, ..gone.clone() }, record().into()).await.is_err(),
        "gone for good"
    );
    assert!(
        store.put_agent(Agent { epoch: bear.epoch - 1, ..bear.clone() }, record().into()).await.is_err(),
        "an epoch never falls"
    );
    assert_eq!(all_agents(store, &world.tenant).await.unwrap(), [bear, gone]);
    assert_eq!(store.head(&world.tenant).await.unwrap().size, 3, "what is refused leaves no record");
}

async fn many_agents(store: &dyn Store) {
    let world = World::new("agents-3", 64);
    let agent = |name: &str| Agent {
        uid: AgentUid::from_u128(world.ids.next()),
        name: Name::parse(name).unwrap(),
        ..world.agent.clone()
    };
    let noted = |agent: &Agent| (agent.clone(), world.record(Kind::Rpc, "agent.put").into());
    let [ant, bee, cat] = ["ant", "bee", "cat"].map(agent);
    store.put_agents(vec![noted(&bee), noted(&ant)]).await.unwrap();
    assert_eq!(store.agent_by_name(&world.tenant, &ant.name).await.unwrap(), Some(ant.clone()));
    let suspended = Agent { standing: Standing::Suspended, epoch: ant.epoch + 1, ..ant.clone() };
    let heir = Agent { uid: cat.uid, ..bee.clone() };
    assert!(is_taken(store.put_agents(vec![noted(&suspended), noted(&heir), noted(&cat)]).await));
    assert_eq!(all_agents(store, &world.tenant).await.unwrap(), [ant, bee.clone()], "one is refused, and none is written");
    store.put_agents(vec![noted(&suspended), noted(&cat)]).await.unwrap();
    assert_eq!(store.agent(suspended.uid).await.unwrap(), Some(suspended.clone()), "as whoever asked before sees too");
    assert_eq!(all_agents(store, &world.tenant).await.unwrap(), [suspended, bee, cat]);
    assert_eq!(store.head(&world.tenant).await.unwrap().size, 4, "a record for each");
    store.put_agents(Vec::new()).await.unwrap();
}
