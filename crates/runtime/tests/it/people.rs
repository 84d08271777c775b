//! Administrators over fakes: what races, what is refused, and what is not sent any more.

use std::sync::Arc;
use std::time::Duration;

use scalbotics_core::agent::Standing;
use scalbotics_core::ports::Human;
use scalbotics_core::task::{Event, Failure};
use scalbotics_runtime::people::{Error, GROUPS_MAX, Move, NewHuman, Roles, Service};
use scalbotics_runtime::{Caller, ChangeError};

use super::bed::Bed;
use super::repo::name;

fn service(bed: &Bed) -> Service {
    Service::new(bed.ports.clone(), bed.tasks.clone(), (Arc::clone(&bed.quota), Arc::clone(&bed.metrics)))
}

async fn add(bed: &Bed, people: &Service, who: &str, group: &str) -> Human {
    let new = NewHuman { name: name(who), groups: vec![name(group)], login_key: format!("the key of {who}") };
    people.add(&bed.ada(), new, false).await.unwrap().now
}

#[tokio::test(start_paused = true)]
async fn two_administrators_cannot_take_each_other_away() {
    let bed = Bed::new().await;
    let people = service(&bed);
    let (one, two) = (add(&bed, &people, "one", "admins").await, add(&bed, &people, "two", "admins").await);
    let (by_one, by_two) = (bed.human(&one), bed.human(&two));
    let both = tokio::join!(
        people.move_human(&by_one, &two.name, Move::Suspend, false),
        people.move_human(&by_two, &one.name, Move::Offboard, false)
    );
    let refused = [both.0, both.1].into_iter().filter_map(Result::err).collect::<Vec<_>>();
    assert!(matches!(refused.as_slice(), [Error::Stopped]), "{refused:?}");
    let left = people.humans(bed.tenant()).await.unwrap();
    let admins = |human: &&Human| human.standing == Standing::Active && human.groups.contains(&name("admins"));
    assert_eq!(left.iter().filter(admins).count(), 1);
    let last = left.iter().find(admins).unwrap();
    let roles = Roles { add: Vec::new(), remove: vec![name("admins")] };
    let refused = people.bind(&bed.ada(), &last.name, &roles, false).await;
    assert!(matches!(refused, Err(Error::LastAdmin { .. })), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn sem_4_3_a_suspension_waits_for_what_is_being_granted_and_stops_who_was_let_in_before() {
    let bed = Bed::new().await;
    let people = service(&bed);
    let (one, two) = (add(&bed, &people, "one", "admins").await, add(&bed, &people, "two", "admins").await);
    let (still, other) = (people.still().await, people.still().await);
    let ada = bed.ada();
    let mut suspends = Box::pin(people.move_human(&ada, &one.name, Move::Suspend, false));
    assert!(tokio::time::timeout(Duration::from_secs(1), &mut suspends).await.is_err(), "it waits");
    drop(still);
    assert!(tokio::time::timeout(Duration::from_secs(1), &mut suspends).await.is_err(), "for all of them");
    drop(other);
    suspends.await.unwrap();
    // A call that was let in before goes on as nobody's.
    let by_one = bed.human(&one);
    let roles = Roles { add: vec![name("operators")], remove: Vec::new() };
    assert!(matches!(people.bind(&by_one, &two.name, &roles, false).await, Err(Error::Stopped)));
    let refused = people.move_human(&by_one, &one.name, Move::Resume, false).await;
    assert!(matches!(refused, Err(Error::Stopped)), "{refused:?}");
    assert_eq!(people.human(bed.tenant(), &two.name).await.unwrap(), Some(two));
}

#[tokio::test(start_paused = true)]
async fn sem_5_2_only_a_later_statement_takes_the_place_of_an_enrolment() {
    let bed = Bed::new().await;
    let people = service(&bed);
    let carol = add(&bed, &people, "carol", "approvers").await;
    let now = bed.ports.clock.now().unix_ms();
    let enroll = async |statement: String, only_check: bool| {
        people.enroll(&bed.ada(), &carol.name, statement.as_bytes(), only_check).await
    };
    let of = |at: i64| format!("carol {at}");
    assert!(matches!(enroll(format!("dave {now}"), false).await, Err(Error::Enrolment { .. })));
    assert!(matches!(enroll(of(now + 3_600_000), false).await, Err(Error::Ahead { .. })));
    assert_eq!(enroll(of(now - 10), true).await.unwrap().now.enrolment, Some(of(now - 10).into_bytes()));
    assert_eq!(people.human(bed.tenant(), &carol.name).await.unwrap().unwrap().enrolment, None, "it was only looked at");
    let first = enroll(of(now - 10), false).await.unwrap();
    assert!(first.audited && first.now.enrolment.is_some());
    assert!(!enroll(of(now - 10), false).await.unwrap().audited, "the same again is no change");
    for old in [now - 11, now - 3_600_000] {
        assert!(matches!(enroll(of(old), false).await, Err(Error::Older { .. })), "{old}");
    }
    assert!(enroll(of(now), false).await.unwrap().audited);
    assert!(matches!(enroll(of(now - 10), false).await, Err(Error::Older { .. })), "a key that was replaced does not come back");
    // Everything else of the human is as it was.
    let known = people.human(bed.tenant(), &carol.name).await.unwrap().unwrap();
    assert_eq!(known, Human { enrolment: Some(of(now).into_bytes()), ..carol.clone() });
    people.move_human(&bed.ada(), &carol.name, Move::Offboard, false).await.unwrap();
    assert!(matches!(enroll(of(now + 1), false).await, Err(Error::Gone { .. })));
    assert!(matches!(people.enroll(&bed.ada(), &name("ghost"), b"x", false).await, Err(Error::NotFound { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_human_who_is_suspended_between_commit_and_send_sends_nothing() {
    let bed = Bed::new().await;
    let people = service(&bed);
    let task = bed.submit("keyed-flow").await;
    // The intent is durable and its actor has not run yet.
    assert!(bed.state(task).await.open_calls().next().is_some());
    people.move_human(&bed.bob(), &bed.disk.world.human.name, Move::Suspend, false).await.unwrap();
    assert_eq!(bed.ended(task).await.failure, Some(Failure::PolicyDenied));
    assert!(bed.disk.tools.sent().is_empty());
    assert!(bed.events(task).await.iter().any(|event| matches!(event, Event::NotLanded { .. })));
}

#[tokio::test(start_paused = true)]
async fn what_is_repeated_is_one_change_and_what_is_the_same_is_none() {
    let bed = Bed::new().await;
    let people = service(&bed);
    let carol = add(&bed, &people, "carol", "operators").await;
    let once = Caller { repeat_key: Some("k".to_owned()), ..bed.ada() };
    let first = people.move_human(&once, &carol.name, Move::Suspend, false).await.unwrap();
    people.move_human(&bed.ada(), &carol.name, Move::Resume, false).await.unwrap();
    let again = people.move_human(&once, &carol.name, Move::Suspend, false).await.unwrap();
    assert_eq!((first.now.epoch, first.audited), (1, true));
    assert_eq!((again.now, again.audited), (first.now, false), "the first answer, and nothing done");
    let now = people.human(bed.tenant(), &carol.name).await.unwrap().unwrap();
    assert_eq!((now.standing, now.epoch), (Standing::Active, 1), "what was void stays void");
    let same = people.move_human(&bed.ada(), &carol.name, Move::Resume, false).await.unwrap();
    assert_eq!((same.now, same.audited), (now.clone(), true), "nothing to change, and recorded in its place");
    let dry = people.move_human(&bed.ada(), &carol.name, Move::Offboard, true).await.unwrap();
    assert_eq!((dry.now.standing, dry.audited), (Standing::Offboarded, false));
    assert_eq!(people.human(bed.tenant(), &carol.name).await.unwrap().unwrap(), now, "a dry run changes nothing");
}

#[tokio::test(start_paused = true)]
async fn groups_are_sorted_and_there_is_an_end_to_them() {
    let bed = Bed::new().await;
    let people = service(&bed);
    let carol = add(&bed, &people, "carol", "operators").await;
    let roles = Roles { add: vec![name("b"), name("a"), name("b")], remove: vec![name("operators"), name("none")] };
    let bound = people.bind(&bed.ada(), &carol.name, &roles, false).await.unwrap();
    assert_eq!(bound.now.groups, [name("a"), name("b")]);
    let many = Roles { add: (0..=GROUPS_MAX).map(|n| name(&format!("g{n}"))).collect(), remove: Vec::new() };
    assert!(matches!(people.bind(&bed.ada(), &carol.name, &many, false).await, Err(Error::TooManyGroups { .. })));
    let absent = people.move_agent(&bed.ada(), &name("ghost"), Move::Suspend, false).await;
    assert!(matches!(absent, Err(Error::NotFound { kind: "agent", .. })), "{absent:?}");
    bed.disk.store.set_full(true);
    let full = people.bind(&bed.ada(), &carol.name, &Roles { add: vec![name("c")], remove: Vec::new() }, false).await;
    assert!(matches!(full, Err(Error::Change(ChangeError::Store(_)))), "{full:?}");
    people.move_human(&bed.ada(), &carol.name, Move::Suspend, false).await.expect("taking away works on a full disk");
}
