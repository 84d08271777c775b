//! Whoever keeps something that rests on rights is told when they are others (decisions/0052).

use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::audit::Kind;
use scalbotics_core::digest::Digest;
use scalbotics_core::identity::{AuthorityId, Svid};
use scalbotics_core::ids::AgentUid;
use scalbotics_core::ports::{
    Clock as _, Human, IdSource as _, PUT_AGENTS_MAX, Registry as _, Roster as _, SvidBook as _, all_agents,
};
use scalbotics_core::tenant::Name;
use scalbotics_testkit::fixture::World;

use crate::place::open;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_is_told_of_each_change_of_rights_and_of_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let world = World::new("rights", 91);
    world.register(&store).await.unwrap();
    let record = |action| world.record(Kind::Rpc, action).into();
    let mut rights = store.rights();
    assert!(!rights.has_changed().unwrap(), "whoever begins to watch has read already");

    // What takes nothing from anybody tells nobody: there may be hundreds a second.
    let now = world.clock.now();
    let svid = Svid {
        serial: "5e".to_owned(),
        tenant: world.tenant.clone(),
        agent: world.agent.uid,
        epoch: world.agent.epoch,
        authority: AuthorityId::of_key_identifier([1; 20]),
        key: Digest::of_bytes(b"key"),
        joined: None,
        issued_at: now,
        not_after: now.plus_ms(1_000),
        void_at: now.plus_ms(1_000),
    };
    assert!(store.enter(svid, record("identity.renew")).await.unwrap());
    assert!(!rights.has_changed().unwrap());

    store.cut_short(world.agent.uid, now.plus_ms(500), record("agent.rotate_keys")).await.unwrap();
    assert!(rights.has_changed().unwrap());
    rights.mark_unchanged();
    let human = Human { epoch: world.human.epoch + 1, ..world.human.clone() };
    store.put_human(human, record("human.suspend")).await.unwrap();
    assert!(rights.has_changed().unwrap());

    // However late somebody looks, and whatever happened meanwhile: they are told once, and what they read then is how it is.
    let suspended = Agent { standing: Standing::Suspended, epoch: world.agent.epoch + 1, ..world.agent.clone() };
    store.put_agent(suspended.clone(), record("agent.suspend")).await.unwrap();
    let before = *rights.borrow_and_update();
    assert_eq!(store.agent(world.agent.uid).await.unwrap(), Some(suspended.clone()));
    assert!(!rights.has_changed().unwrap());

    // Who waits is woken by the change itself.
    let waits = async {
        rights.changed().await.unwrap();
        store.agent(world.agent.uid).await.unwrap().unwrap().standing
    };
    let resumed = Agent { standing: Standing::Active, ..suspended };
    let (seen, put) = tokio::join!(waits, store.put_agent(resumed, record("agent.resume")));
    put.unwrap();
    assert_eq!((seen, *store.rights().borrow() > before), (Standing::Active, true));

    // Many at once are one commit, of which everybody is told once.
    let mut rights = store.rights();
    let before = *rights.borrow_and_update();
    let walkers: Vec<Agent> = (0..PUT_AGENTS_MAX)
        .map(|number| Agent {
            uid: AgentUid::from_u128(world.ids.next()),
            name: Name::parse(&format!("walker-{number}")).unwrap(),
            ..world.agent.clone()
        })
        .collect();
    store.put_agents(walkers.iter().map(|walker| (walker.clone(), record("agent.register"))).collect()).await.unwrap();
    assert_eq!(*rights.borrow_and_update(), before + 1);
    assert_eq!(all_agents(&store, &world.tenant).await.unwrap().len(), PUT_AGENTS_MAX + 1);

    // A change that is refused is none.
    let mut rights = store.rights();
    let older = Agent { epoch: 0, ..world.agent.clone() };
    assert!(store.put_agent(older, record("agent.resume")).await.is_err());
    assert!(!rights.has_changed().unwrap());
    rights.mark_unchanged();
}
