//! §2.4, §2.5, §2.7: which effect may be attempted again, when, and what its outcome means.

use super::fixture::*;
use crate::task::{Doubt, Effect, Event, Phase, Rejection, Status};
use crate::tool::{EffectClass, Tier, Verification};

const CLASSES: [EffectClass; 4] = [EffectClass::Pure, EffectClass::Keyed, EffectClass::Verifiable, EffectClass::Opaque];

#[test]
fn sem_2_1_an_intent_comes_before_its_run_and_names_the_attempt() {
    let mut life = Life::begun();
    let (events, effects) = life.go(intend(1, EffectClass::Pure, Tier::Read, 0), START);
    assert!(matches!(events[..], [Event::Intended { attempt: 1, approval: None, .. }]));
    assert_eq!(effects, [Effect::Run { effect: effect(1), attempt: 1 }]);
    assert_eq!(life.phase(), &Phase::Sent);
}

#[test]
fn sem_2_1_a_send_deadline_never_passes_the_tasks() {
    let mut life = Life::begun();
    let late = DEADLINE.since_ms(START) - 1;
    life.go(intend(1, EffectClass::Pure, Tier::Read, late), at(late));
    assert_eq!(life.state().calls[&effect(1)].send_deadline, Some(DEADLINE));
}

#[test]
fn sem_2_5_which_open_effect_may_be_sent_again() {
    for (class, ms, allowed) in [
        (EffectClass::Pure, 0, true),
        (EffectClass::Pure, KEY_TTL_MS * 100, true),
        (EffectClass::Keyed, KEY_TTL_MS - 1, true),
        (EffectClass::Keyed, KEY_TTL_MS, false),
        (EffectClass::Verifiable, 1, false),
        (EffectClass::Opaque, 1, false),
    ] {
        let mut life = Life::sent(class, 0);
        let again = life.try_go(intend(1, class, Tier::Change, ms), at(ms));
        match again {
            Ok((events, _)) => {
                assert!(allowed, "{class:?} at {ms}");
                assert!(matches!(events[..], [Event::Intended { attempt: 2, .. }]));
            }
            Err(rejection) => {
                assert!(!allowed, "{class:?} at {ms}");
                assert_eq!(rejection, Rejection::NotRepeatable { effect: effect(1) });
            }
        }
    }
}

#[test]
fn sem_2_4_another_attempt_is_the_same_call() {
    for change in 0..3 {
        let mut life = Life::sent(EffectClass::Keyed, 0);
        let mut other = intent(1, EffectClass::Keyed, Tier::Change);
        match change {
            0 => other.args = bytes(99),
            1 => other.call = crate::tool::Mark::Bare(crate::digest::Digest::of_bytes(b"another")),
            _ => other.effect = effect(2),
        }
        let command = crate::task::Command::Intend { proposal: proposal(other), send_deadline: at(5) };
        assert_eq!(life.refused(command, at(1)), Rejection::StepTaken { step: "step1".to_owned() });
    }
}

#[test]
fn sem_2_5_the_life_of_a_key_begins_with_the_first_attempt() {
    let mut life = Life::sent(EffectClass::Keyed, 0);
    life.go(intend(1, EffectClass::Keyed, Tier::Change, KEY_TTL_MS - 1), at(KEY_TTL_MS - 1));
    life.refused(intend(1, EffectClass::Keyed, Tier::Change, KEY_TTL_MS), at(KEY_TTL_MS));
}

#[test]
fn sem_2_5_another_attempt_arrives_before_the_key_is_forgotten() {
    for (class, ms, never_left_first, expected) in [
        (EffectClass::Keyed, KEY_TTL_MS - 1, false, KEY_TTL_MS),
        (EffectClass::Keyed, KEY_TTL_MS * 5, true, KEY_TTL_MS * 7),
        (EffectClass::Pure, KEY_TTL_MS * 5, false, KEY_TTL_MS * 7),
    ] {
        let mut life = Life::sent(class, 0);
        if never_left_first {
            life.go(never_left(1), at(1));
        }
        let command = crate::task::Command::Intend {
            proposal: proposal(intent(1, class, Tier::Change)),
            send_deadline: at(KEY_TTL_MS * 7),
        };
        life.go(command, at(ms));
        assert_eq!(life.state().calls[&effect(1)].send_deadline, Some(at(expected)), "{class:?} at {ms}");
    }
}

#[test]
fn sem_2_5_a_key_that_never_arrived_has_not_begun_to_live() {
    let mut life = Life::sent(EffectClass::Keyed, 0);
    life.go(never_left(1), at(1));
    life.go(intend(1, EffectClass::Keyed, Tier::Change, KEY_TTL_MS), at(KEY_TTL_MS));
    life.go(intend(1, EffectClass::Keyed, Tier::Change, KEY_TTL_MS * 2 - 1), at(KEY_TTL_MS * 2 - 1));
    life.refused(intend(1, EffectClass::Keyed, Tier::Change, KEY_TTL_MS * 2), at(KEY_TTL_MS * 2));
}

#[test]
fn sem_2_5_a_boundary_that_knows_that_the_call_never_left_says_so() {
    for class in CLASSES {
        let mut life = Life::sent(class, 0);
        life.go(never_left(1), at(1));
        assert_eq!(life.phase(), &Phase::Ready, "{class:?}");
        life.go(intend(1, class, Tier::Change, 2), at(2));
        assert_eq!(life.state().account.taken().calls, 1, "{class:?}: one effect is one call of the budget");
        life.go(landed(2), at(3));
    }
}

#[test]
fn sem_2_5_a_later_attempt_says_nothing_about_an_earlier_one() {
    let twice = || {
        let mut life = Life::sent(EffectClass::Keyed, 0);
        life.go(intend(1, EffectClass::Keyed, Tier::Change, 1), at(1));
        life
    };
    let mut life = twice();
    life.go(never_left(2), at(2));
    assert_eq!(life.phase(), &Phase::Sent, "the first attempt may have landed");
    life.refused(intend(1, EffectClass::Keyed, Tier::Change, KEY_TTL_MS), at(KEY_TTL_MS));
    life.refused(complete(), at(3));
    life.go(park(Doubt::KeyExpired), at(KEY_TTL_MS));

    let mut life = twice();
    life.go(failed(2), at(2));
    assert_eq!(life.phase(), &Phase::InDoubt { doubt: Doubt::OutcomeUnknown });

    let mut life = twice();
    life.go(cancel(), at(2));
    life.go(never_left(2), at(3));
    assert_eq!(life.state().status, Status::Working, "an effect that may have landed is not canceled away");

    let mut life = twice();
    life.go(park(Doubt::PolicyDenies), at(2));
    life.go(settle(false), at(3));
    life.go(intend(1, EffectClass::Keyed, Tier::Change, KEY_TTL_MS * 2), at(KEY_TTL_MS * 2));
    life.go(never_left(3), at(KEY_TTL_MS * 2 + 1));
    assert_eq!(life.phase(), &Phase::Ready, "a person vouches for the attempts before");

    let mut pure = Life::sent(EffectClass::Pure, 0);
    pure.go(intend(1, EffectClass::Pure, Tier::Change, 1), at(1));
    pure.go(failed(2), at(2));
    assert!(matches!(pure.phase(), Phase::Failed { .. }), "a pure call changes nothing, whichever attempt");
}

#[test]
fn sem_2_5_what_a_verification_means_and_when() {
    let settled = 2_000 + SETTLE_MS;
    for (verification, ms, phase) in [
        (Verification::Landed, 1, Ok(Phase::Landed { result: Some(bytes(8)), truncated: false })),
        (Verification::Landed, settled, Ok(Phase::Landed { result: Some(bytes(8)), truncated: false })),
        (Verification::NotLanded, settled - 1, Err(Rejection::NotSettled { effect: effect(1) })),
        (Verification::NotLanded, settled, Ok(Phase::Ready)),
        (Verification::Unknown, 1, Ok(Phase::InDoubt { doubt: Doubt::Unverified })),
        (Verification::Unknown, settled, Ok(Phase::InDoubt { doubt: Doubt::Unverified })),
    ] {
        let mut life = Life::sent(EffectClass::Verifiable, 0);
        let done = life.try_go(verified(verification), at(ms)).map(|_| life.phase().clone());
        assert_eq!(done, phase, "{verification:?} at {ms}");
    }
    for class in [EffectClass::Pure, EffectClass::Keyed, EffectClass::Opaque] {
        let mut life = Life::sent(class, 0);
        assert!(matches!(life.refused(verified(Verification::Landed), at(1)), Rejection::Phase { .. }), "{class:?}");
    }
    let mut life = Life::sent(EffectClass::Verifiable, 0);
    let without =
        crate::task::Command::RecordVerification { effect: effect(1), verification: Verification::Landed, result: None };
    life.go(without, at(1));
    assert_eq!(life.phase(), &Phase::InDoubt { doubt: Doubt::Unverified }, "landed without a result needs a person");
}

#[test]
fn sem_2_5_only_an_open_call_is_parked_and_only_a_parked_one_settled() {
    for class in CLASSES {
        let mut life = Life::sent(class, 0);
        assert!(matches!(life.refused(settle(true), at(1)), Rejection::Phase { .. }));
        life.go(park(Doubt::Opaque), at(1));
        assert_eq!(life.state().status, Status::InputRequired);
        life.refused(park(Doubt::Opaque), at(2));
        life.refused(intend(1, class, Tier::Change, 2), at(2));
        life.refused(landed(1), at(2));
        let mut other = life.clone();
        life.go(settle(true), at(3));
        assert_eq!(life.phase(), &Phase::Landed { result: Some(bytes(8)), truncated: false });
        life.refused(settle(false), at(4));
        other.go(settle(false), at(3));
        assert_eq!(other.phase(), &Phase::Ready);
        other.go(intend(1, class, Tier::Change, 4), at(4));
    }
}

#[test]
fn sem_2_7_an_outcome_is_recorded_late_while_canceling_and_over_time_but_once_and_of_its_attempt() {
    for now in [at(1), DEADLINE, DEADLINE.plus_ms(1_000_000)] {
        for command in [landed(1), failed(1), never_left(1)] {
            let mut life = Life::sent(EffectClass::Opaque, 0);
            life.go(command, now);
            life.refused(landed(1), now);
        }
    }
    let mut life = Life::sent(EffectClass::Keyed, 0);
    life.go(intend(1, EffectClass::Keyed, Tier::Change, 1), at(1));
    assert_eq!(life.refused(landed(1), at(2)), Rejection::Attempt { effect: effect(1) });
    assert_eq!(life.refused(landed(3), at(2)), Rejection::Attempt { effect: effect(1) });
    life.go(landed(2), at(2));
    let mut life = Life::begun();
    assert_eq!(life.refused(landed(1), at(1)), Rejection::NoCall { effect: effect(1) });
}
