//! How tasks begin and end: nothing ends over an open effect, nothing begins after the end.

use super::fixture::*;
use crate::ids::{AgentUid, TaskId};
use crate::task::{Command, Doubt, Effect, Envelope, EnvelopeError, Event, Failure, Rejection, Status, decide, evolve, fold};
use crate::tool::{EffectClass, Tier};

#[test]
fn sem_1_1_a_task_is_submitted_once_with_a_sound_envelope() {
    let mut life = Life::begun();
    assert_eq!(life.state().status, Status::Submitted);
    assert_eq!(life.refused(submit(3), at(1)), Rejection::Exists);
    for (command, _) in every_command() {
        if !matches!(command, Command::Submit { .. }) {
            assert_eq!(decide(None, command, START), Err(Rejection::Absent));
        }
    }
    let Command::Submit { path, .. } = submit(3) else { unreachable!() };
    let changes: [fn(&mut Envelope); 3] = [
        |bad| bad.chain.grants.clear(),
        |bad| bad.chain.grants[0].task = Some(TaskId::from_u128(99)),
        |bad| bad.agent = AgentUid::from_u128(99),
    ];
    for change in changes {
        let mut bad = envelope(3);
        change(&mut bad);
        let refused = decide(None, Command::Submit { envelope: Box::new(bad), path: path.clone() }, START);
        assert!(matches!(refused, Err(Rejection::Envelope(EnvelopeError::Chain { .. }))));
    }
}

/// One command of each kind.
fn every_command() -> Vec<(Command, &'static str)> {
    vec![
        (submit(3), "submit"),
        (ask(2, EffectClass::Keyed), "ask"),
        (approve(1), "approve"),
        (deny(1), "deny"),
        (Command::ExpireApproval { approval: approval(1) }, "expire"),
        (intend(2, EffectClass::Pure, Tier::Read, 0), "intend"),
        (refuse(), "refuse"),
        (landed(1), "landed"),
        (failed(1), "failed"),
        (never_left(1), "never left"),
        (verified(crate::tool::Verification::Landed), "verified"),
        (park(Doubt::Opaque), "park"),
        (settle(true), "settle"),
        (complete(), "complete"),
        (fail(), "fail"),
        (cancel(), "cancel"),
        (Command::PutBack, "put back"),
    ]
}

#[test]
fn final_is_final() {
    for end in [complete(), fail(), cancel(), refuse()] {
        let mut life = Life::begun();
        let (events, effects) = life.go(end, at(1));
        assert!(life.state().status.is_final());
        assert_eq!(effects.last(), Some(&Effect::Finish));
        for (command, what) in every_command().into_iter().filter(|(_, what)| *what != "submit") {
            assert_eq!(life.refused(command, at(2)), Rejection::Final, "{what} after {events:?}");
        }
        for (event, _) in life.journal.clone() {
            assert!(evolve(life.state.clone(), &event, at(3)).is_err(), "{event:?} after the end");
        }
    }
}

#[test]
fn nothing_ends_over_an_open_or_doubtful_effect() {
    for doubtful in [false, true] {
        for end in [complete(), fail(), refuse()] {
            let mut life = Life::sent(EffectClass::Opaque, 0);
            if doubtful {
                life.go(park(Doubt::Opaque), at(1));
            }
            assert_eq!(life.refused(end, at(2)), Rejection::CallsOpen);
        }
    }
}

#[test]
fn canceling_waits_for_what_is_on_its_way() {
    let mut waiting = Life::waiting();
    waiting.go(cancel(), at(1));
    assert_eq!(waiting.state().status, Status::Canceled, "a call that only waits was never sent");

    for outcome in [landed(1), failed(1), never_left(1)] {
        let mut life = Life::sent(EffectClass::Opaque, 0);
        let (_, effects) = life.go(cancel(), at(1));
        assert_eq!(effects, [Effect::Stop { effect: effect(1) }]);
        assert_eq!(life.refused(cancel(), at(2)), Rejection::Canceling);
        assert_eq!(life.refused(intend(2, EffectClass::Pure, Tier::Read, 2), at(2)), Rejection::Canceling);
        life.go(outcome, at(3));
        assert_eq!(life.state().status, Status::Canceled);
    }

    let mut life = Life::sent(EffectClass::Opaque, 0);
    life.go(park(Doubt::OutcomeUnknown), at(1));
    life.go(cancel(), at(2));
    assert_eq!(life.state().status, Status::InputRequired);
    let (events, _) = life.go(settle(true), at(3));
    assert!(matches!(events[..], [Event::Settled { .. }, Event::Canceled]));
}

#[test]
fn sem_6_1_budget_and_deadline_stop_new_effects() {
    let mut life = Life::begun();
    for number in 1..=3 {
        life.go(intend(number, EffectClass::Pure, Tier::Read, 0), START);
    }
    assert_eq!(life.refused(intend(4, EffectClass::Pure, Tier::Read, 0), START), Rejection::BudgetExhausted);
    assert_eq!(life.refused(ask(4, EffectClass::Keyed), START), Rejection::BudgetExhausted);
    life.go(intend(1, EffectClass::Pure, Tier::Read, 1), at(1));
    assert_eq!(life.state().account.taken().calls, 3);
    let over = DEADLINE.since_ms(START);
    assert_eq!(life.refused(intend(1, EffectClass::Pure, Tier::Read, over), DEADLINE), Rejection::DeadlineExceeded);
    let mut life = Life::begun();
    assert_eq!(life.refused(ask(1, EffectClass::Keyed), DEADLINE), Rejection::DeadlineExceeded);
}

/// What was charged and what is taken in all, in calls.
fn account(life: &Life) -> (u64, u64) {
    (life.state().account.used().calls, life.state().account.taken().calls)
}

#[test]
fn sem_6_1_every_end_of_a_call_settles_its_hold() {
    let charged: [(EffectClass, Vec<Command>); 3] = [
        (EffectClass::Pure, vec![landed(1)]),
        (EffectClass::Keyed, vec![failed(1)]),
        (EffectClass::Opaque, vec![park(Doubt::Opaque), settle(true)]),
    ];
    for (class, commands) in charged {
        let mut life = Life::sent(class, 0);
        assert_eq!(account(&life), (0, 1), "held before it is sent");
        for command in commands {
            life.go(command, at(1));
        }
        assert_eq!(account(&life), (1, 1), "{class:?}");
    }

    let mut doubtful = Life::sent(EffectClass::Opaque, 0);
    doubtful.go(park(Doubt::Opaque), at(1));
    assert_eq!(account(&doubtful), (1, 1), "a lost reply charges its whole hold");
    doubtful.go(settle(false), at(2));
    assert_eq!(account(&doubtful), (0, 1), "held again for another attempt");
    doubtful.go(fail(), at(3));
    assert_eq!(account(&doubtful), (0, 0), "nothing of it was ever carried out");

    let mut waiting = Life::waiting();
    assert_eq!(account(&waiting), (0, 1));
    waiting.go(deny(1), at(1));
    assert_eq!(account(&waiting), (0, 0), "a call that nobody approves costs nothing");
}

#[test]
fn a_failure_carries_its_words() {
    let mut life = Life::begun();
    life.go(Command::Fail { failure: Failure::WorkflowFailed, detail: Some(bytes(4)) }, at(1));
    assert_eq!((life.state().failure, life.state().failure_detail), (Some(Failure::WorkflowFailed), Some(bytes(4))));
}

#[test]
fn a_journal_that_no_run_wrote_is_corrupt_and_names_its_event() {
    let life = Life::sent(EffectClass::Keyed, 0);
    let journal = life.journal;
    let broken: [(Vec<usize>, u64); 3] = [(vec![1], 0), (vec![0, 0], 1), (vec![0, 1, 1], 2)];
    for (order, place) in broken {
        let events = order.iter().map(|index| (&journal[*index].0, journal[*index].1));
        assert_eq!(fold(events).unwrap_err().at, place, "{order:?}");
    }
    for event in [
        Event::Landed {
            effect: effect(9),
            attempt: 1,
            result: bytes(1),
            truncated: false,
            spent: crate::task::Usage::ONE_CALL,
            answer: None,
        },
        Event::ApprovalExpired { approval: approval(9) },
        Event::ApprovalGranted { approval: approval(9), by: HUMAN, statement: bytes(1) },
    ] {
        let events = [(&journal[0].0, START), (&event, at(1))];
        assert_eq!(fold(events).unwrap_err().at, 1);
    }
    assert_eq!(fold([]), Ok(None));
}

#[test]
fn states_and_events_survive_their_text() {
    let mut life = Life::waiting();
    life.go(approve(1), at(1));
    life.go(intend(1, EffectClass::Keyed, Tier::Risky, 2), at(2));
    life.go(intend(1, EffectClass::Keyed, Tier::Risky, 3), at(3));
    let text = serde_json::to_string(life.state()).unwrap();
    assert_eq!(&serde_json::from_str::<crate::task::State>(&text).unwrap(), life.state());
    for (event, _) in &life.journal {
        let text = serde_json::to_string(event).unwrap();
        assert_eq!(&serde_json::from_str::<Event>(&text).unwrap(), event);
    }
}

fn deny_call(step: &str, number: u128, failure: Option<Failure>) -> Command {
    Command::Refuse {
        step: step.to_owned(),
        tool: crate::tenant::Name::parse("fs.read").unwrap(),
        tier: Tier::Read,
        decision: crate::ids::DecisionId::from_u128(number),
        failure,
    }
}

#[test]
fn a_denied_call_stays_in_the_state_with_its_decision_to_the_end() {
    let mut life = Life::begun();
    life.go(deny_call("turn-2.call-1", 9, None), at(1));
    life.go(deny_call("turn-1.call-1", 8, None), at(1));
    life.go(complete(), at(2));
    let state = life.state();
    assert_eq!((state.denied.len(), state.last_denied().unwrap().decision), (2, crate::ids::DecisionId::from_u128(9)));
    assert_eq!(state.denied["turn-1.call-1"].tier, Some(Tier::Read));
    let text = serde_json::to_string(state).unwrap();
    assert_eq!(&serde_json::from_str::<crate::task::State>(&text).unwrap(), state);
}

#[test]
fn a_task_that_is_denied_without_end_has_an_end_and_a_size() {
    let mut life = Life::begun();
    for number in 1..crate::task::DENIED_MAX {
        life.go(deny_call(&format!("step-{number}"), number as u128, None), at(1));
        assert!(!life.state().status.is_final(), "{number}");
    }
    life.go(deny_call("last", 99, None), at(1));
    assert_eq!((life.state().status, life.state().failure), (Status::Failed, Some(Failure::PolicyDenied)));
    assert_eq!(life.state().denied.len(), crate::task::DENIED_MAX);
}

#[test]
fn what_was_stored_before_denials_were_kept_whole_is_read() {
    let mut life = Life::sent(EffectClass::Pure, 0);
    life.go(landed(1), at(1));
    let mut state = serde_json::to_value(life.state()).unwrap();
    state["refused"] = serde_json::json!(["turn-1.call-1"]);
    let read: crate::task::State = serde_json::from_value(state).unwrap();
    assert!(read.refused.contains("turn-1.call-1") && read.denied.is_empty() && read.cost_micros() == 0);
    let mut event = serde_json::to_value(Event::CallDenied {
        step: "s".to_owned(),
        tool: crate::tenant::Name::parse("fs.read").unwrap(),
        tier: Some(Tier::Read),
        decision: crate::ids::DecisionId::from_u128(9),
    })
    .unwrap();
    event.as_object_mut().unwrap().remove("tier").unwrap();
    assert!(matches!(serde_json::from_value(event).unwrap(), Event::CallDenied { tier: None, .. }));
}

#[test]
fn what_an_answer_took_is_kept_with_its_call_and_summed_up() {
    let mut life = Life::sent(EffectClass::Pure, 0);
    let model = crate::tenant::Name::parse("large").unwrap();
    let before = crate::model::SupersededNote {
        model: crate::tenant::Name::parse("small").unwrap(),
        miss: Some(crate::model::Miss::Busy),
        may_have_spent: true,
    };
    let note = crate::model::AnswerNote {
        model,
        input_tokens: 10,
        output_tokens: 5,
        estimated: false,
        cost_micros: u64::MAX,
        superseded: vec![before],
    };
    let Command::RecordLanded { effect, attempt, result, truncated, spent, .. } = landed(1) else { panic!() };
    life.go(Command::RecordLanded { effect, attempt, result, truncated, spent, answer: Some(Box::new(note.clone())) }, at(1));
    assert_eq!(life.state().calls[&effect].answer.as_deref(), Some(&note));
    assert_eq!(life.state().cost_micros(), u64::MAX);
    let (event, _) = life.journal.last().unwrap();
    assert_eq!(&serde_json::from_str::<Event>(&serde_json::to_string(event).unwrap()).unwrap(), event);
}
