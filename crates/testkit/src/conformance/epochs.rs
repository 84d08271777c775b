//! Epochs: those that a warrant was made under, and what has become of them since.

use scalbotics_core::agent::{Agent, Standing};
use scalbotics_core::audit::Kind;
use scalbotics_core::ids::AgentUid;
use scalbotics_core::ports::{Epochs, EpochsNow};

use super::Store;
use crate::fixture::World;

/// Runs the suite.
pub(super) async fn suite(store: &dyn Store) {
    let world = World::new("epochs", 70);
    world.register(store).await.unwrap();
    let submitted = world.submit();
    let state = submitted.state.clone();
    store.commit(submitted).await.unwrap();
    let warrant = store.commit(world.intend(&state, "a")).await.unwrap().warrants.remove(0);
    let writer = warrant.commit().writer_epoch;
    let agent = Some(world.agent.clone());
    assert_eq!(Epochs::now(store, world.agent.uid).await.unwrap(), EpochsNow { writer, agent });

    let suspended = Agent { standing: Standing::Suspended, epoch: world.agent.epoch + 1, ..world.agent.clone() };
    store.put_agent(suspended.clone(), world.record(Kind::Rpc, "agent.suspend").into()).await.unwrap();
    assert_eq!(Epochs::now(store, world.agent.uid).await.unwrap(), EpochsNow { writer, agent: Some(suspended) });
    let nobody = AgentUid::from_u128(0);
    assert_eq!(Epochs::now(store, nobody).await.unwrap(), EpochsNow { writer, agent: None });
}
