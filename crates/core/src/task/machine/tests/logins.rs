//! The wait for a login (semantics §3.5).

use super::fixture::*;
use crate::task::{Command, Doubt, Event, Failure, Phase, Rejection, State, Status};
use crate::tool::{EffectClass, Tier};

fn parked() -> Life {
    let mut life = Life::begun();
    life.go(ask_login(60_000), at(1));
    life
}

#[test]
fn sem_3_5_a_task_parks_until_a_later_word_and_nothing_begins_meanwhile() {
    let mut life = parked();
    assert_eq!((life.state().status, life.state().login.as_ref().unwrap().expires_at), (Status::AuthRequired, at(60_000)));
    assert_eq!((life.state().calls.len(), life.state().account.taken().calls), (0, 0), "nothing is held for it");
    for begins in [ask(1, EffectClass::Keyed), intend(1, EffectClass::Pure, Tier::Read, 2), complete(), ask_login(9), refuse()] {
        assert_eq!(life.refused(begins, at(2)), Rejection::LoginAwaited);
    }
    assert_eq!(life.refused(note_login(0), at(3)), Rejection::NoLogin, "the same word again");
    assert_eq!(life.refused(Command::ExpireLogin, at(59_999)), Rejection::LoginNotOver);
    life.go(note_login(3), at(4));
    assert_eq!((life.state().status, &life.state().login), (Status::Working, &None));
    assert_eq!(life.refused(note_login(5), at(5)), Rejection::NoLogin);
    assert_eq!(life.refused(Command::ExpireLogin, at(70_000)), Rejection::NoLogin);
    // Decided anew: it may be asked for, denied, or wait again.
    for next in [ask(1, EffectClass::Keyed), refuse(), ask_login(60_000)] {
        life.clone().go(next, at(6));
    }
    assert_eq!(life.folded(), life.state);
}

#[test]
fn a_login_that_is_noticed_late_counts() {
    let mut life = parked();
    life.go(note_login(59_000), at(90_000));
    assert_eq!(life.state().status, Status::Working);
}

#[test]
fn the_wait_ends_with_its_time_the_deadline_or_a_cancellation() {
    let mut life = parked();
    life.go(Command::ExpireLogin, at(60_000));
    assert_eq!((life.state().status, life.state().failure), (Status::Failed, Some(Failure::LoginMissing)));
    assert_eq!((life.folded(), &life.state().login), (life.state.clone(), &None));

    let mut life = Life::begun();
    life.go(ask_login(DEADLINE.since_ms(START) + 1), at(1));
    assert_eq!(life.state().login.as_ref().unwrap().expires_at, DEADLINE);

    let mut life = parked();
    life.go(cancel(), at(2));
    assert_eq!((life.state().status, &life.state().login), (Status::Canceled, &None));
    assert_eq!(Life::begun().refused(ask_login(1), DEADLINE), Rejection::DeadlineExceeded);
}

#[test]
fn an_approval_stands_while_its_call_waits_for_a_login() {
    let mut life = Life::waiting();
    assert!(matches!(life.refused(ask_login(50_000), at(1)), Rejection::Phase { .. }), "a person is waited for already");
    life.go(approve(1), at(2));
    life.go(ask_login(50_000), at(3));
    assert!(matches!(life.phase(), Phase::Approved { .. }));
    assert_eq!(life.refused(intend(1, EffectClass::Keyed, Tier::Risky, 4), at(4)), Rejection::LoginAwaited);
    life.go(note_login(5), at(5));
    let sent = intent(1, EffectClass::Keyed, Tier::Risky);
    life.go(Command::Intend { proposal: proposal(sent), send_deadline: at(2_000) }, at(6));
    assert_eq!(life.state().calls[&effect(1)].approval, Some(approval(1)));
}

#[test]
fn an_open_call_may_wait_and_its_outcome_is_written_down() {
    let mut life = Life::sent(EffectClass::Keyed, 0);
    life.go(ask_login(5_000), at(1));
    assert_eq!((life.state().status, life.phase()), (Status::AuthRequired, &Phase::Sent));
    let mut heard = life.clone();
    heard.go(landed(1), at(2));
    assert!(matches!(heard.phase(), Phase::Landed { .. }));
    // In vain: the call is what the executor settles, the task goes on.
    life.go(Command::ExpireLogin, at(5_000));
    assert_eq!((life.state().status, life.state().failure), (Status::Working, None));
    life.go(park(Doubt::PolicyDenies), at(5_000));
    assert_eq!(life.state().status, Status::InputRequired);
    assert!(matches!(life.refused(ask_login(9_000), at(5_001)), Rejection::Phase { .. }));
    let mut canceled = Life::sent(EffectClass::Keyed, 0);
    canceled.go(ask_login(5_000), at(1));
    canceled.go(cancel(), at(2));
    assert_eq!((canceled.state().status, &canceled.state().login), (Status::Working, &None), "its outcome is outstanding");
    assert_eq!(canceled.refused(ask_login(5_000), at(3)), Rejection::Canceling);
}

#[test]
fn a_restore_ends_the_wait() {
    let mut life = parked();
    life.go(Command::PutBack, at(2));
    assert_eq!((life.state().status, &life.state().login), (Status::Canceled, &None));
}

#[test]
fn a_state_of_before_waits_for_nobody() {
    let mut stored = serde_json::to_value(Life::begun().state()).unwrap();
    assert!(stored.as_object_mut().unwrap().remove("login").is_none(), "not written where there is none");
    assert_eq!(serde_json::from_value::<State>(stored).unwrap().login, None);
    let event = Event::LoginSeen { claims_at: at(1) };
    assert_eq!(serde_json::to_value(event).unwrap()["event"], "login_seen");
}
