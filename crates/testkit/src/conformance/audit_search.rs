//! Finding records: every part of a filter, both orders, pages, and nothing of another tenant.

use scalbotics_core::audit::{Facts, Filter, Kind, Order, Record};
use scalbotics_core::ids::TaskId;
use scalbotics_core::ports::Search;
use scalbotics_core::principal::Uid;

use super::Store;
use crate::fixture::World;

/// Records of the log: more than an index that is made in steps takes at once.
const RECORDS: u32 = 2_600;

/// A task that some records are of.
const TASK: TaskId = TaskId::from_u128(77);

/// Runs the suite.
pub(super) async fn suite(store: &dyn Store) {
    let (world, other) = (World::new("search", 30), World::new("search-2", 30));
    assert_eq!(all(store, &world, &Search { limit: 10, ..Search::default() }).await, Vec::<u64>::new(), "there is no log");
    let records: Vec<Record> = (0..RECORDS).map(|n| record(&world, n)).collect();
    for part in records.chunks(500) {
        store.append(part.to_vec(), Vec::new()).await.unwrap();
        store.append(vec![record(&other, 3)], Vec::new()).await.unwrap();
    }
    let (human, agent) = (Uid::Human(world.human.uid), Uid::Agent(world.agent.uid));
    let at = |n: u32| Some(record(&world, n).at);
    let any = Filter::default();
    for filter in [
        any.clone(),
        Filter { actor: Some(agent), ..any.clone() },
        Filter { actor: Some(Uid::Daemon), ..any.clone() },
        Filter { on_behalf_of: Some(human), ..any.clone() },
        Filter { action: Some("action.rare".to_owned()), ..any.clone() },
        Filter { action: Some("action".to_owned()), ..any.clone() },
        Filter { kind: Some(Kind::Intent), ..any.clone() },
        Filter { task: Some(TASK), ..any.clone() },
        Filter { task: Some(TASK), actor: Some(human), ..any.clone() },
        Filter { since: at(100), until: at(300), ..any.clone() },
        Filter { since: at(2_590), ..any.clone() },
        Filter { until: at(3), actor: Some(agent), ..any.clone() },
        Filter { actor: Some(agent), action: Some("action.rare".to_owned()), ..any },
    ] {
        agrees(store, &world, &records, &filter).await;
    }
}

/// Record number `n`: some are the human's, most are the agent's for the human; few have the rare action, and some are of a task.
fn record(world: &World, n: u32) -> Record {
    let (human, agent) = (Uid::Human(world.human.uid), Uid::Agent(world.agent.uid));
    let mut record = world.record(if n.is_multiple_of(7) { Kind::Intent } else { Kind::Rpc }, "action.often");
    if !n.is_multiple_of(3) {
        record.actor = agent;
        record.chain = vec![human, agent];
    }
    if n % 1_000 == 17 {
        record.action = "action.rare".to_owned();
    }
    record.task = (n % 100 < 3).then_some(TASK);
    record.at = record.at.plus_ms(u64::from(n) * 10);
    record
}

/// What is found is what a look at each record finds, from both ends, whole and in pages, and from every start.
async fn agrees(store: &dyn Store, world: &World, records: &[Record], filter: &Filter) {
    let wants = |record: &Record| Facts::of_leaf(&record.canonical().unwrap()).is_some_and(|facts| filter.wants(&facts));
    let wanted: Vec<u64> = (0..).zip(records).filter(|(_, record)| wants(record)).map(|(index, _)| index).collect();
    for order in [Order::OldestFirst, Order::NewestFirst] {
        for start in [None, Some(0), Some(2_047), Some(2_048), Some(u64::MAX)] {
            let mut wanted = wanted.clone();
            match order {
                Order::OldestFirst => wanted.retain(|index| start.is_none_or(|start| *index >= start)),
                Order::NewestFirst => {
                    wanted.retain(|index| start.is_none_or(|start| *index <= start));
                    wanted.reverse();
                }
            }
            for limit in [1, 700] {
                let pages = if limit == 1 { 3 } else { usize::MAX };
                let search = Search { filter: filter.clone(), order, start, limit };
                let found = some(store, world, &search, pages).await;
                assert_eq!(found, wanted.iter().copied().take(found.len()).collect::<Vec<_>>(), "{search:?}");
                assert!(found.len() == wanted.len() || found.len() >= pages, "{search:?}: {} of {}", found.len(), wanted.len());
            }
        }
    }
}

async fn all(store: &dyn Store, world: &World, search: &Search) -> Vec<u64> {
    some(store, world, search, usize::MAX).await
}

/// The indexes on the first pages that are not empty.
async fn some(store: &dyn Store, world: &World, search: &Search, pages: usize) -> Vec<u64> {
    let (mut search, mut found, mut full) = (search.clone(), Vec::new(), 0);
    loop {
        let page = store.search(&world.tenant, &search).await.unwrap();
        assert!(page.entries.len() <= search.limit);
        full += usize::from(!page.entries.is_empty());
        found.extend(page.entries.iter().map(|entry| entry.index));
        match page.next {
            Some(next) if full < pages => search.start = Some(next),
            Some(_) | None => return found,
        }
    }
}
