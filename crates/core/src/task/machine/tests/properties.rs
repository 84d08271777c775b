//! What no sequence of commands may break.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::fixture::*;
use crate::ids::{ApprovalId, EffectId};
use crate::task::{Command, Doubt, Event, Phase};
use crate::tool::{EffectClass, Tier, Verification};

fn class() -> impl Strategy<Value = EffectClass> {
    prop_oneof![Just(EffectClass::Pure), Just(EffectClass::Keyed), Just(EffectClass::Verifiable), Just(EffectClass::Opaque)]
}

fn about(number: u8, command: Command) -> Command {
    let effect = effect(number);
    match command {
        Command::RecordLanded { attempt, result, truncated, spent, answer, .. } => {
            Command::RecordLanded { effect, attempt, result, truncated, spent, answer }
        }
        Command::RecordFailed { attempt, reason, spent, .. } => Command::RecordFailed { effect, attempt, reason, spent },
        Command::RecordNeverLeft { attempt, .. } => Command::RecordNeverLeft { effect, attempt },
        Command::RecordVerification { verification, result, .. } => Command::RecordVerification { effect, verification, result },
        Command::Park { doubt, .. } => Command::Park { effect, doubt },
        Command::Settle { by, verdict, reason, .. } => Command::Settle { effect, by, verdict, reason },
        other => other,
    }
}

/// A command about one of three calls; classes and tiers are the call's own, so that sequences go deep.
fn command() -> impl Strategy<Value = (Command, u64)> {
    let number = 1..4_u8;
    let tier = |number: u8| if number == 3 { Tier::Risky } else { Tier::Change };
    let own = |number: u8| [EffectClass::Keyed, EffectClass::Verifiable, EffectClass::Keyed][usize::from(number - 1)];
    let verification = prop_oneof![Just(Verification::Landed), Just(Verification::NotLanded), Just(Verification::Unknown)];
    let of_call = (number, 1..4_u32, verification, any::<bool>(), 0..9_usize, class()).prop_map(
        move |(number, attempt, verification, yes, kind, any_class)| {
            let class = if yes { own(number) } else { any_class };
            match kind {
                0..=2 => intend(number, if kind == 2 { class } else { own(number) }, tier(number), 0),
                3 => about(number, landed(attempt)),
                4 => about(number, failed(attempt)),
                5 => about(number, never_left(attempt)),
                6 => about(number, verified(verification)),
                7 => about(number, park(Doubt::Opaque)),
                _ => about(number, settle(yes)),
            }
        },
    );
    let of_approval = (1..4_u8, 0..6_usize).prop_map(move |(number, kind)| match kind {
        0..=2 => ask(number, own(number)),
        3 | 4 => approve(number),
        _ if number == 1 => deny(3),
        _ => Command::ExpireApproval { approval: approval(number) },
    });
    let of_task = (0..12_usize).prop_map(|kind| match kind {
        0 => complete(),
        1 => fail(),
        2 => cancel(),
        _ => submit(3),
    });
    let of_login = (0..4_usize, 1..90_000_u64).prop_map(|(kind, ms)| match kind {
        0 => ask_login(ms),
        1 | 2 => note_login(ms),
        _ => Command::ExpireLogin,
    });
    let command = prop_oneof![8 => of_call, 4 => of_approval, 1 => of_login, 1 => of_task];
    (command, prop_oneof![4 => 0..500_u64, 1 => 0..30_000_u64])
}

/// How often an effect may have been sent with a life of its key behind it, and other facts of a journal.
fn check(life: &Life) -> Result<(), TestCaseError> {
    prop_assert_eq!(life.folded(), life.state.clone());
    let mut consumed: BTreeMap<ApprovalId, usize> = BTreeMap::new();
    let mut attempts: BTreeMap<EffectId, u32> = BTreeMap::new();
    let mut open: BTreeMap<EffectId, bool> = BTreeMap::new();
    let mut awaited = false;
    for (place, (event, _)) in life.journal.iter().enumerate() {
        let is_end = matches!(event, Event::Completed { .. } | Event::Failed { .. } | Event::Canceled);
        prop_assert!(!is_end || place + 1 == life.journal.len(), "something after the end");
        let begins = matches!(event, Event::Intended { .. } | Event::ApprovalRequested { .. } | Event::Completed { .. });
        prop_assert!(!(awaited && begins), "something begins while a login is waited for");
        match event {
            Event::LoginRequested { .. } => prop_assert!(!std::mem::replace(&mut awaited, true), "two logins are waited for"),
            Event::LoginSeen { .. } | Event::LoginExpired => {
                prop_assert!(std::mem::replace(&mut awaited, false), "nobody waited")
            }
            Event::CancelRequested { .. } => awaited = false,
            Event::Intended { intent, attempt, approval, .. } => {
                let before = attempts.insert(intent.effect, *attempt).unwrap_or(0);
                prop_assert_eq!(*attempt, before + 1);
                prop_assert!(intent.tier != Tier::Risky || before > 0 || approval.is_some(), "risky and never approved");
                if let Some(approval) = approval {
                    *consumed.entry(*approval).or_default() += 1;
                }
                let was_open = open.insert(intent.effect, true).unwrap_or(false);
                let repeatable = matches!(intent.class, EffectClass::Pure | EffectClass::Keyed);
                prop_assert!(!was_open || repeatable, "a blind second attempt of {:?}", intent.class);
            }
            Event::Landed { effect, .. } | Event::CallFailed { effect, .. } | Event::Settled { effect, .. } => {
                open.insert(*effect, false);
            }
            // Known of one attempt only; a keyed one may have others on their way.
            Event::NotLanded { effect, .. } if life.state().calls[effect].intent.class != EffectClass::Keyed => {
                open.insert(*effect, false);
            }
            Event::Completed { .. } | Event::Failed { .. } | Event::Canceled => {
                let unsettled = life.state().calls.values().any(|c| matches!(c.phase, Phase::Sent | Phase::InDoubt { .. }));
                prop_assert!(!unsettled, "ended over an open effect");
            }
            _ => {}
        }
    }
    let ended = life.state().status.is_final();
    prop_assert_eq!(life.state().login.is_some(), awaited && !ended, "who is waited for is the journal's to say");
    prop_assert!(consumed.values().all(|times| *times == 1), "an approval was used twice");
    prop_assert!(life.state().account.taken().calls <= life.state().envelope.budget.calls);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_commands_keeps_the_rules(commands in prop::collection::vec(command(), 1..60)) {
        let mut life = Life::begun();
        let mut ms = 0;
        let mut accepted = 0;
        for (command, later_ms) in commands {
            ms += later_ms;
            let before = life.state.clone();
            let was_final = life.state().status.is_final();
            match life.try_go(command, at(ms)) {
                Ok((events, _)) => {
                    prop_assert!(!was_final && !events.is_empty());
                    let intents = events.iter().filter(|event| matches!(event, Event::Intended { .. })).count();
                    prop_assert!(intents <= 1);
                    accepted += 1;
                }
                Err(_) => prop_assert_eq!(&before, &life.state),
            }
        }
        prop_assert!(accepted <= life.journal.len());
        check(&life)?;
    }
}
