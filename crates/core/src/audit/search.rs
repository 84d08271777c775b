//! What records of the audit log are looked for, and what of a leaf decides whether it is one of them.

use std::borrow::Cow;

use serde::Deserialize;

use super::{Kind, glance};
use crate::ids::TaskId;
use crate::principal::Uid;
use crate::time::Timestamp;

/// Which records are wanted: those of which everything that is set holds. People are known by their ids alone (semantics §7.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Who acted.
    pub actor: Option<Uid>,
    /// For whom: anybody in the chain, from the human to the agent.
    pub on_behalf_of: Option<Uid>,
    /// The policy action, whole: `task.submit`, `tool/fs.read`.
    pub action: Option<String>,
    /// What kind of thing is recorded.
    pub kind: Option<Kind>,
    /// What was decided: `true` for allowed, `false` for denied. A record without a decision is neither.
    pub allowed: Option<bool>,
    /// The task.
    pub task: Option<TaskId>,
    /// At this moment or later.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

impl Filter {
    /// Whether a record with these facts is wanted.
    #[must_use]
    pub fn wants(&self, facts: &Facts<'_>) -> bool {
        self.since.is_none_or(|since| facts.at >= since)
            && self.until.is_none_or(|until| facts.at < until)
            && self.task.is_none_or(|task| facts.task == Some(task))
            && self.actor.is_none_or(|actor| facts.actor == actor)
            && self.on_behalf_of.is_none_or(|principal| facts.chain.contains(&principal))
            && self.action.as_ref().is_none_or(|action| facts.action == *action)
            && self.kind.is_none_or(|kind| facts.kind == kind)
            && self.allowed.is_none_or(|allowed| facts.decision.as_ref().is_some_and(|ruling| ruling.allow == allowed))
    }
}

/// What was decided, of a record that has a decision.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Ruled {
    /// Whether it allows.
    pub allow: bool,
}

/// What a leaf says that it can be found by; the rest of it is passed over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Facts<'l> {
    /// When.
    pub at: Timestamp,
    /// What kind of thing.
    pub kind: Kind,
    /// Who acted.
    pub actor: Uid,
    /// For whom, the human first.
    #[serde(default)]
    pub chain: Vec<Uid>,
    /// The policy action.
    #[serde(borrow)]
    pub action: Cow<'l, str>,
    /// The task.
    #[serde(default)]
    pub task: Option<TaskId>,
    /// What was decided.
    #[serde(default)]
    pub decision: Option<Ruled>,
}

impl<'l> Facts<'l> {
    /// Reads them from a leaf; `None` when it is no record.
    #[must_use]
    pub fn of_leaf(leaf: &'l [u8]) -> Option<Self> {
        glance::facts(leaf).or_else(|| serde_json::from_slice(leaf).ok())
    }
}

/// From which end of the log records are looked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// As they were written.
    #[default]
    OldestFirst,
    /// The last one first.
    NewestFirst,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{DecisionNote, Record};
    use crate::ids::{AgentUid, DecisionId, HumanUid};
    use crate::tenant::TenantId;

    fn record() -> Record {
        let (human, agent) = (Uid::Human(HumanUid::from_u128(7)), Uid::Agent(AgentUid::from_u128(8)));
        let tenant = TenantId::parse("acme").unwrap();
        let mut record = Record::new(Kind::Intent, Timestamp::from_unix_ms(50), tenant, agent, "tool/fs.read \"\u{1f600}");
        record.chain = vec![human, agent];
        record.task = Some(TaskId::from_u128(9));
        record.decision = Some(DecisionNote {
            id: DecisionId::from_u128(1),
            allow: false,
            denial: None,
            policies: Vec::new(),
            bundles: Vec::new(),
            slices: Vec::new(),
            commitment: None,
        });
        record
    }

    #[test]
    fn each_part_of_a_filter_lets_through_what_it_names_and_nothing_else() {
        let leaf = record().canonical().unwrap();
        let facts = Facts::of_leaf(&leaf).unwrap();
        let all = Filter::default();
        let at = |ms| Some(Timestamp::from_unix_ms(ms));
        let (human, agent) = (Uid::Human(HumanUid::from_u128(7)), Uid::Agent(AgentUid::from_u128(8)));
        for (filter, wanted) in [
            (all.clone(), true),
            (Filter { actor: Some(agent), ..all.clone() }, true),
            (Filter { actor: Some(human), ..all.clone() }, false),
            (Filter { actor: Some(Uid::Daemon), ..all.clone() }, false),
            (Filter { on_behalf_of: Some(human), ..all.clone() }, true),
            (Filter { on_behalf_of: Some(Uid::Daemon), ..all.clone() }, false),
            (Filter { action: Some("tool/fs.read \"\u{1f600}".to_owned()), ..all.clone() }, true),
            (Filter { action: Some("tool/fs.read".to_owned()), ..all.clone() }, false),
            (Filter { kind: Some(Kind::Intent), ..all.clone() }, true),
            (Filter { kind: Some(Kind::Outcome), ..all.clone() }, false),
            (Filter { allowed: Some(false), ..all.clone() }, true),
            (Filter { allowed: Some(true), ..all.clone() }, false),
            (Filter { task: Some(TaskId::from_u128(9)), ..all.clone() }, true),
            (Filter { task: Some(TaskId::from_u128(10)), ..all.clone() }, false),
            (Filter { since: at(50), ..all.clone() }, true),
            (Filter { since: at(51), ..all.clone() }, false),
            (Filter { until: at(51), ..all.clone() }, true),
            (Filter { until: at(50), ..all.clone() }, false),
            (Filter { actor: Some(agent), allowed: Some(true), ..all }, false),
        ] {
            assert_eq!(filter.wants(&facts), wanted, "{filter:?}");
        }
    }

    #[test]
    fn what_is_seen_at_a_glance_is_what_a_parser_reads() {
        use crate::audit::{HeadNote, OutcomeNote};
        use crate::digest::Digest;
        use crate::ids::{ApprovalId, EffectId, GrantId, RequestId, ServiceUid};
        let digest = Some(Digest::from_bytes([0x5a; 32]));
        let actors = [Uid::Daemon, Uid::Service(ServiceUid::from_u128(3)), Uid::Human(HumanUid::from_u128(u128::MAX))];
        for bits in 0_u32..1 << 12 {
            let has = |bit: u32| bits >> bit & 1 == 1;
            let mut one = record();
            one.kind = Kind::ALL[bits as usize % Kind::ALL.len()];
            one.actor = actors[bits as usize % actors.len()];
            one.at = Timestamp::from_unix_ms(if has(0) { -1_798_000_000_000 } else { i64::from(bits) });
            one.action = if has(1) { "task.submit".to_owned() } else { one.action };
            one.chain = if has(2) { Vec::new() } else { one.chain };
            one.task = one.task.filter(|_| has(3));
            one.decision = one.decision.filter(|_| has(4));
            one.approval = has(5).then(|| ApprovalId::from_u128(5));
            (one.args, one.call) = (digest.filter(|_| has(6)), digest.filter(|_| has(7)));
            one.outcome = has(8).then(|| OutcomeNote {
                word: ",\"kind\":\"rpc\",\"tenant\":\"x".to_owned(),
                attempt: Some(1),
                commitment: digest,
            });
            one.target = has(9).then(|| "\\\",\"task\":\"task_00000000000000000000000000\"".to_owned());
            one.request = has(10).then(|| RequestId::from_u128(7));
            (one.seq, one.effect) = (has(11).then_some(3), has(9).then(|| EffectId::from_u128(8)));
            one.grants = if has(10) { vec![GrantId::from_u128(9)] } else { Vec::new() };
            one.head = has(5).then(|| HeadNote { origin: "o/\"kind\":".to_owned(), size: 1, root: Digest::from_bytes([1; 32]) });
            let leaf = one.canonical().unwrap();
            let parsed: Facts<'_> = serde_json::from_slice(&leaf).unwrap();
            assert_eq!(Facts::of_leaf(&leaf).as_ref(), Some(&parsed), "{}", String::from_utf8_lossy(&leaf));
            // A text with escapes is left to the parser.
            assert_eq!(glance::facts(&leaf).is_some(), has(1), "{}", String::from_utf8_lossy(&leaf));
        }
    }

    #[test]
    fn what_has_no_decision_was_neither_allowed_nor_denied_and_what_is_no_record_has_no_facts() {
        let leaf = Record { decision: None, task: None, ..record() }.canonical().unwrap();
        let facts = Facts::of_leaf(&leaf).unwrap();
        for allowed in [true, false] {
            assert!(!Filter { allowed: Some(allowed), ..Filter::default() }.wants(&facts));
        }
        assert!(!Filter { task: Some(TaskId::from_u128(9)), ..Filter::default() }.wants(&facts));
        for bad in [b"".as_slice(), b"{}", b"[]", b"{\"at\":1}", b"\xff", &leaf[1..]] {
            assert_eq!(Facts::of_leaf(bad), None);
        }
    }
}
