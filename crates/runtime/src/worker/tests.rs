use std::sync::Arc;
use std::time::Duration;

use scalbotics_core::ids::{AgentUid, EffectId};
use scalbotics_core::time::Timestamp;
use scalbotics_core::worker::{CallWarrant, LEASE_MS};
use scalbotics_testkit::fixture::call_warrant;
use tokio::sync::mpsc::Receiver;

use super::posts::{CALLS_MAX, NotGiven, Waiting};
use super::*;

const TILL: AgentUid = AgentUid::from_u128(1);
const FIRST: Hello = Hello { instance: Instance(1), places: 100 };
const SECOND: Hello = Hello { instance: Instance(2), places: 1 };
const EPOCH: u64 = 7;

fn warrant(effect: u128) -> CallWarrant {
    CallWarrant { effect: EffectId::from_u128(effect), ..call_warrant(1, Timestamp::from_unix_ms(0)) }
}

fn key(effect: u128) -> Key {
    Key { effect: EffectId::from_u128(effect), attempt: 1 }
}

fn give(posts: &Posts, epoch: u64, effect: u128) -> Result<Waiting, NotGiven> {
    posts.give((TILL, epoch), warrant(effect), Arc::from(&b"{}"[..]))
}

/// What a worker was told, in words.
fn told(orders: &mut Receiver<Order>) -> Vec<String> {
    let word = |order| match order {
        Order::Assign { warrant, .. } => format!("assign {}", warrant.effect),
        Order::Stop { key, at_once } => format!("stop {} {at_once}", key.effect),
        Order::Ask { key } => format!("ask {}", key.effect),
    };
    std::iter::from_fn(|| orders.try_recv().ok()).map(word).collect()
}

fn not_begun() -> Word {
    Word::NotBegun { reason: "no place".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn sem_8_1_a_call_goes_to_the_worker_that_is_heard_and_of_this_epoch() {
    let posts = Posts::default();
    assert_eq!(give(&posts, EPOCH, 1).unwrap_err(), NotGiven::Absent);
    let (attending, mut orders) = posts.attend(TILL, EPOCH, FIRST);
    assert_eq!(give(&posts, EPOCH + 1, 1).unwrap_err(), NotGiven::Absent, "it was suspended since");
    let mut waiting = give(&posts, EPOCH, 1).unwrap();
    assert_eq!(told(&mut orders), [format!("assign {}", EffectId::from_u128(1))]);
    assert!(attending.say(key(2), not_begun()), "nobody asked, and it is taken");
    assert!(attending.say(key(1), not_begun()));
    assert_eq!(waiting.word().await, not_begun());
    // Silent for as long as a lease: it may begin nothing, so it gets nothing.
    tokio::time::advance(Duration::from_millis(LEASE_MS)).await;
    assert!(!posts.is_attended(TILL));
    assert_eq!(give(&posts, EPOCH, 2).unwrap_err(), NotGiven::Absent);
    assert!(!posts.wait(TILL, Duration::from_secs(1)).await);
    let (waited, ()) = tokio::join!(posts.wait(TILL, Duration::from_secs(1)), async { attending.beat(false) });
    assert!(waited, "it is heard again");
    let _again = give(&posts, EPOCH, 2).unwrap();
    drop(attending);
    assert_eq!(give(&posts, EPOCH, 3).unwrap_err(), NotGiven::Absent);
}

#[tokio::test]
async fn sem_8_1_only_the_process_that_was_given_a_call_knows_that_it_never_began() {
    let posts = Posts::default();
    let (first, mut orders) = posts.attend(TILL, EPOCH, FIRST);
    let (mut one, mut two) = (give(&posts, EPOCH, 1).unwrap(), give(&posts, EPOCH, 2).unwrap());
    assert_eq!(told(&mut orders).len(), 2);
    // The same process, on another stream, is asked about both.
    let (again, mut orders) = posts.attend(TILL, EPOCH, FIRST);
    assert_eq!(told(&mut orders), [1, 2].map(|effect| format!("ask {}", EffectId::from_u128(effect))));
    assert!(!first.say(key(1), Word::Unknown), "an older stream is not heard");
    drop(first);
    assert!(posts.is_attended(TILL), "the end of an older stream, which is noticed late, ends no newer one");
    assert!(again.say(key(1), Word::Unknown));
    assert!(matches!(one.word().await, Word::NotBegun { .. }), "it was given to this one, and never came");
    // Another process knows nothing of what that one did, not even that it is gone.
    let (second, mut orders) = posts.attend(TILL, EPOCH, SECOND);
    assert_eq!(told(&mut orders), [format!("ask {}", EffectId::from_u128(2))]);
    assert!(!again.say(key(2), not_begun()), "it keeps what it said");
    assert!(second.say(key(2), Word::Unknown));
    assert_eq!(two.word().await, Word::Unknown, "the one that was relieved is not heard");
    // Nor does anybody of what was given before the daemon was begun anew.
    let mut leftover = posts.ask(TILL, key(3)).unwrap();
    let effect = EffectId::from_u128(3);
    assert_eq!(told(&mut orders), [format!("stop {effect} true"), format!("ask {effect}")]);
    assert!(second.say(key(3), Word::Unknown));
    assert_eq!(leftover.word().await, Word::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_worker_gets_no_more_than_it_has_places_and_nothing_while_it_ends() {
    let posts = Posts::default();
    let (attending, _orders) = posts.attend(TILL, EPOCH, SECOND);
    let one = give(&posts, EPOCH, 1).unwrap();
    assert_eq!(give(&posts, EPOCH, 2).unwrap_err(), NotGiven::Busy);
    assert!(posts.is_attended(TILL) && !posts.wait_for_place(TILL, Duration::from_millis(1)).await);
    let (waited, ()) = tokio::join!(posts.wait_for_place(TILL, Duration::from_secs(1)), async { drop(one) });
    assert!(waited, "a place came free");
    drop(give(&posts, EPOCH, 2).unwrap());
    attending.beat(true);
    assert_eq!(give(&posts, EPOCH, 3).unwrap_err(), NotGiven::Busy, "it is ending");
}

#[tokio::test]
async fn a_worker_has_so_many_calls_and_is_told_to_end_what_nobody_waits_for() {
    let posts = Posts::default();
    let (attending, mut orders) = posts.attend(TILL, EPOCH, FIRST);
    let mut all: Vec<Waiting> = (0..CALLS_MAX as u128).map(|effect| give(&posts, EPOCH, effect).unwrap()).collect();
    assert_eq!(give(&posts, EPOCH, 999).unwrap_err(), NotGiven::Busy);
    let idle = posts.idle(TILL);
    tokio::pin!(idle);
    assert!(futures_util::poll!(&mut idle).is_pending());
    told(&mut orders);
    all.pop().unwrap().stop(false);
    let effect = EffectId::from_u128(CALLS_MAX as u128 - 1);
    assert_eq!(told(&mut orders), [format!("stop {effect} false"), format!("stop {effect} true")], "and then it was dropped");
    let last = CALLS_MAX as u128 - 2;
    let mut waiting = all.pop().unwrap();
    drop(all);
    assert!(futures_util::poll!(&mut idle).is_pending());
    assert!(attending.say(key(last), not_begun()));
    assert_eq!(waiting.word().await, not_begun());
    drop(waiting);
    idle.await;
}
