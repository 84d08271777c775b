//! Decisions about reads that were made and recorded a moment ago: the same question with the same answers is the same decision.
//!
//! A page that is looked at again asks the same again and again. Each time the call has its own audit record, and policy is
//! asked as it stands; but the decision that the record names is sealed and stored once in [`MADE_MS`] (decisions/0031).
//!
//! **Invariant:** only what was handed to the log is here, and what is handed in later is written later, so that no record
//! stands in a log without the decision that it names.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use scalbotics_core::ids::DecisionId;
use scalbotics_core::policy::{Answer, Decision, Request};
use scalbotics_core::principal::Uid;
use scalbotics_core::time::Timestamp;

/// How long a decision stands for the same one, in milliseconds.
const MADE_MS: u64 = 10_000;

/// Decisions that are kept: what a few people look at; beyond it all are forgotten.
const LEN_MAX: usize = 256;

/// Who asked (the last of the chain), for what, about what; each has one decision here, the newest.
type Key = (Uid, String, String);

/// The decisions.
#[derive(Debug, Default)]
pub(super) struct Made(Mutex<BTreeMap<Key, Decision>>);

impl Made {
    /// Id and time of the decision that was made with these questions and answers, if it was within the last [`MADE_MS`].
    pub(super) fn find(&self, requests: &[Request], answers: &[Vec<Answer>], now: Timestamp) -> Option<(DecisionId, Timestamp)> {
        let made = self.lock();
        let found = made.get(&key(requests)?)?;
        let is_recent = found.at <= now && now < found.at.plus_ms(MADE_MS);
        let is_same = found.requests == requests && found.answers == answers;
        (is_recent && is_same).then_some((found.id, found.at))
    }

    /// Keeps a decision whose record was handed to the log; a denial is never kept, each is told apart.
    pub(super) fn keep(&self, decision: Decision) {
        let Some(key) = key(&decision.requests).filter(|_| decision.allows()) else { return };
        let mut made = self.lock();
        if made.len() >= LEN_MAX {
            made.clear();
        }
        made.insert(key, decision);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Decision>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(requests: &[Request]) -> Option<Key> {
    let last = requests.last()?;
    Some((last.principal.uid, last.action.clone(), last.resource.id.clone()))
}

#[cfg(test)]
mod tests {
    use scalbotics_core::digest::Digest;
    use scalbotics_core::ids::HumanUid;
    use scalbotics_core::policy::{Denial, Resource, Ruling, Verdict};
    use scalbotics_core::principal::Principal;
    use scalbotics_core::tenant::{Name, TenantId};
    use serde_json::json;

    use super::*;

    fn decision(id: u128, at: i64, task: &str, groups: &[&str], ruling: Ruling) -> Decision {
        let tenant = TenantId::parse("acme").unwrap();
        let groups = groups.iter().map(|group| Name::parse(group).unwrap()).collect();
        let uid = Uid::Human(HumanUid::from_u128(7));
        let principal = Principal { uid, tenant, name: Name::parse("ada").unwrap(), groups };
        let resource = Resource { kind: "Task".to_owned(), id: task.to_owned(), attributes: json!({"status": "open"}) };
        let request = Request { principal, action: "task.read".to_owned(), resource, context: json!({}) };
        let digest = Digest::of_bytes(b"bundle");
        let verdict = if ruling == Ruling::Allow { Verdict::Allow } else { Verdict::Deny };
        let (engine, deciding, errors) = ("cedar".to_owned(), Vec::new(), Vec::new());
        let answer = Answer { engine, bundle: digest, slice: digest, verdict, deciding, errors };
        let (id, at) = (DecisionId::from_u128(id), Timestamp::from_unix_ms(at));
        Decision { id, at, ruling, requests: vec![request], answers: vec![vec![answer]] }
    }

    #[test]
    fn only_the_same_decision_within_its_time_is_found() {
        let made = Made::default();
        let first = decision(1, 1_000, "task_1", &["ops"], Ruling::Allow);
        made.keep(first.clone());
        let mut another_bundle = first.clone();
        another_bundle.answers[0][0].bundle = Digest::of_bytes(b"another");
        let mut another_status = first.clone();
        another_status.requests[0].resource.attributes = json!({"status": "completed"});
        for (asked, now, found) in [
            (&first, 1_000, true),
            (&first, 10_999, true),
            (&first, 11_000, false),
            (&first, 999, false),
            (&another_bundle, 1_001, false),
            (&another_status, 1_001, false),
            (&decision(2, 0, "task_1", &[], Ruling::Allow), 1_001, false),
            (&decision(2, 0, "task_2", &["ops"], Ruling::Allow), 1_001, false),
        ] {
            let found_now = made.find(&asked.requests, &asked.answers, Timestamp::from_unix_ms(now));
            assert_eq!(found_now, found.then_some((first.id, first.at)), "{asked:?} at {now}");
        }
        assert_eq!(made.find(&[], &[], Timestamp::from_unix_ms(1_000)), None);
    }

    #[test]
    fn denials_are_not_kept_and_room_is_limited() {
        let made = Made::default();
        let denied = decision(1, 0, "task_1", &[], Ruling::Deny(Denial::Unanswered));
        made.keep(denied.clone());
        assert_eq!(made.find(&denied.requests, &denied.answers, denied.at), None);
        for number in 0..3 * LEN_MAX {
            let next = decision(9, 0, &format!("task_{number}"), &[], Ruling::Allow);
            made.keep(next.clone());
            assert_eq!(made.find(&next.requests, &next.answers, next.at), Some((next.id, next.at)));
            assert!(made.lock().len() <= LEN_MAX);
        }
    }
}
