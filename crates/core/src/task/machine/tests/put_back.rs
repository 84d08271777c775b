//! What a restore makes of a task: nothing runs again, nothing is approved, and what may have run is in doubt.

use super::fixture::*;
use crate::task::{Command, Doubt, Effect, Event, Phase, Rejection, Status};
use crate::tool::{EffectClass, Tier, Verification};

const CHANGING: [EffectClass; 3] = [EffectClass::Keyed, EffectClass::Verifiable, EffectClass::Opaque];

/// A life put back, whose only call has to be in doubt; whatever is tried then, nothing is sent.
#[track_caller]
fn in_doubt(mut life: Life) {
    life.go(Command::PutBack, at(1));
    assert_eq!(life.phase(), &Phase::InDoubt { doubt: Doubt::Restored });
    assert_eq!(life.state().status, Status::InputRequired);
    assert_eq!(life.folded().as_ref(), life.state.as_ref());
    for class in CHANGING {
        assert_eq!(life.refused(intend(2, class, Tier::Change, 2), at(2)), Rejection::Canceling);
        life.refused(intend(1, class, Tier::Change, 2), at(2));
    }
    life.refused(approve(1), at(2));
    life.refused(verified(Verification::NotLanded), at(2));
    assert_eq!(life.clone().go(Command::PutBack, at(2)).0, [], "a second restore changes nothing");
    for landed in [true, false] {
        let mut life = life.clone();
        let (_, effects) = life.go(settle(landed), at(3));
        assert_eq!((life.state().status, effects), (Status::Canceled, vec![Effect::Finish]), "{landed}");
    }
}

#[test]
fn sem_7_4_what_may_have_run_since_the_backup_is_in_doubt() {
    for class in CHANGING {
        in_doubt(Life::sent(class, 0));
        let mut ready = Life::sent(class, 0);
        ready.go(never_left(1), at(1));
        assert_eq!(ready.phase(), &Phase::Ready);
        in_doubt(ready);
    }
    in_doubt(Life::waiting());
    let mut approved = Life::waiting();
    approved.go(approve(1), at(1));
    in_doubt(approved);
}

#[test]
fn sem_7_4_no_approval_comes_back() {
    for granted in [false, true] {
        for class in [EffectClass::Pure, EffectClass::Keyed] {
            let mut life = Life::begun();
            life.go(ask(1, class), START);
            if granted {
                life.go(approve(1), at(1));
            }
            let (events, _) = life.go(Command::PutBack, at(2));
            assert!(events.contains(&Event::ApprovalExpired { approval: approval(1) }), "{events:?}");
            life.refused(approve(1), at(3));
            life.refused(intend(1, class, Tier::Risky, 3), at(3));
        }
    }
}

#[test]
fn sem_7_4_a_task_of_which_nothing_is_known_to_be_open_ends() {
    let mut fresh = Life::begun();
    fresh.go(Command::PutBack, at(1));
    assert_eq!(fresh.state().status, Status::Canceled, "its first call may have been sent since, so it is not made again");
    let mut landed_one = Life::sent(EffectClass::Opaque, 0);
    landed_one.go(landed(1), at(1));
    landed_one.go(Command::PutBack, at(2));
    assert_eq!(landed_one.state().status, Status::Canceled);
    assert!(matches!(landed_one.phase(), Phase::Landed { .. }), "what is known to have landed has");
    let mut reading = Life::sent(EffectClass::Pure, 0);
    reading.go(Command::PutBack, at(1));
    assert_eq!((reading.state().status, reading.phase()), (Status::Working, &Phase::Sent));
    reading.go(failed(1), at(2));
    assert_eq!(reading.state().status, Status::Canceled);
    let mut canceled = Life::sent(EffectClass::Opaque, 0);
    canceled.go(cancel(), at(1));
    let (events, _) = canceled.go(Command::PutBack, at(2));
    assert!(matches!(events[..], [Event::InDoubt { .. }]), "who canceled it is not forgotten: {events:?}");
}
