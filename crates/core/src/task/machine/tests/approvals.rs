//! §5.4: one approval is one effect, consumed in the commit of its intent.

use super::fixture::*;
use crate::task::{Doubt, Effect, Event, Failure, Phase, Rejection, Status};
use crate::tool::{EffectClass, Tier};

#[test]
fn sem_5_4_a_risky_call_is_not_sent_without_an_approval() {
    let mut life = Life::begun();
    let missing = Rejection::ApprovalMissing { effect: effect(1) };
    assert_eq!(life.refused(intend(1, EffectClass::Keyed, Tier::Risky, 0), START), missing);
    let mut life = Life::waiting();
    assert_eq!(life.state().status, Status::InputRequired);
    assert_eq!(life.refused(intend(1, EffectClass::Keyed, Tier::Risky, 1), at(1)), missing);
    life.refused(ask(1, EffectClass::Keyed), at(1));
}

#[test]
fn sem_5_4_an_approval_is_answered_once_used_once_and_in_time() {
    let mut life = Life::waiting();
    let (_, effects) = life.go(approve(1), at(1));
    assert_eq!(effects, [Effect::Advance]);
    let waits_no_more = Rejection::NotWaiting { approval: approval(1) };
    assert_eq!(life.refused(approve(1), at(2)), waits_no_more);
    assert_eq!(life.refused(deny(1), at(2)), waits_no_more);
    let mut unused = life.clone();
    let (events, _) = life.go(intend(1, EffectClass::Keyed, Tier::Risky, 3), at(3));
    assert!(matches!(events[..], [Event::Intended { approval: Some(used), .. }] if used == approval(1)));
    life.go(landed(1), at(4));
    assert!(matches!(life.refused(intend(1, EffectClass::Keyed, Tier::Risky, 5), at(5)), Rejection::Phase { .. }));
    assert_eq!(life.refused(approve(1), at(5)), waits_no_more);

    let late = unused.refused(intend(1, EffectClass::Keyed, Tier::Risky, 60_000), at(60_000));
    assert_eq!(late, Rejection::Expired { approval: approval(1) });
    unused.go(crate::task::Command::ExpireApproval { approval: approval(1) }, at(60_000));
    assert_eq!(unused.state().failure, Some(Failure::ApprovalExpired));
}

#[test]
fn sem_5_4_nobody_answers_late_and_nothing_expires_early() {
    let expire = || crate::task::Command::ExpireApproval { approval: approval(1) };
    let mut life = Life::waiting();
    assert_eq!(life.refused(expire(), at(59_999)), Rejection::NotExpired { approval: approval(1) });
    for command in [approve(1), deny(1)] {
        assert_eq!(life.refused(command, at(60_000)), Rejection::Expired { approval: approval(1) });
    }
    life.go(expire(), at(60_000));
    assert_eq!((life.state().status, life.phase()), (Status::Failed, &Phase::Failed { reason: None }));
    assert_eq!(life.refused(expire(), at(60_001)), Rejection::Final);
}

#[test]
fn sem_5_4_a_no_ends_the_task() {
    let mut life = Life::waiting();
    life.go(deny(1), at(1));
    assert_eq!((life.state().status, life.state().failure), (Status::Failed, Some(Failure::ApprovalDenied)));
}

#[test]
fn sem_5_4_a_no_waits_for_an_effect_that_is_on_its_way() {
    let mut life = Life::waiting();
    life.go(intend(2, EffectClass::Opaque, Tier::Change, 1), at(1));
    life.go(deny(1), at(2));
    assert_eq!(life.state().status, Status::Working);
}

#[test]
fn sem_2_4_further_attempts_need_no_new_approval() {
    let mut life = Life::waiting();
    life.go(approve(1), at(1));
    life.go(intend(1, EffectClass::Keyed, Tier::Risky, 2), at(2));
    let (events, _) = life.go(intend(1, EffectClass::Keyed, Tier::Risky, 70), at(70_000 - 69_930));
    assert!(matches!(events[..], [Event::Intended { approval: None, attempt: 2, .. }]));
    assert_eq!(life.state().calls[&effect(1)].approval, Some(approval(1)));
    life.go(park(Doubt::PolicyDenies), at(100));
    life.go(settle(false), at(101));
    life.go(intend(1, EffectClass::Keyed, Tier::Risky, 90_000), at(90_000));
}

#[test]
fn sem_5_4_an_approval_is_not_anothers() {
    let mut life = Life::waiting();
    life.go(approve(1), at(1));
    let other = intend(2, EffectClass::Keyed, Tier::Risky, 2);
    assert_eq!(life.refused(other, at(2)), Rejection::ApprovalMissing { effect: effect(2) });
    assert_eq!(life.refused(approve(2), at(2)), Rejection::NotWaiting { approval: approval(2) });
}

#[test]
fn nothing_is_approved_while_canceling() {
    let mut life = Life::waiting();
    life.go(intend(2, EffectClass::Opaque, Tier::Change, 1), at(1));
    life.go(cancel(), at(2));
    assert_eq!(life.refused(approve(1), at(3)), Rejection::Canceling);
    assert_eq!(life.refused(ask(3, EffectClass::Keyed), at(3)), Rejection::Canceling);
}
