//! The warrant of one call as it travels: everything that a worker needs to carry it out, in one canonical text that the daemon signs.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::identity::SpiffeId;
use crate::ids::{AgentUid, DecisionId, EffectId, TaskId};
use crate::tenant::Name;
use crate::time::Timestamp;
use crate::tool::EffectClass;

/// How long after it was made a warrant may start its call at most, in milliseconds (semantics §8.1).
pub const START_WITHIN_MS: u64 = 30_000;

/// How far the clock of a worker may be behind the daemon's, in milliseconds. How long a warrant really lay is counted by a clock that nobody sets.
const BEHIND_MS: u64 = 60_000;

/// The bit in the number of an attempt by which questions whether a call landed are told from attempts to carry it out.
pub const QUESTION: u32 = 1 << 31;

/// Longest text of a warrant, in bytes: a command line in which the arguments stand, and little more.
pub const WARRANT_LEN_MAX: usize = 1 << 20;

/// What a warrant is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// To carry the call out.
    Run,
    /// To ask the call's target whether it landed, which changes nothing.
    Verify,
}

/// The right to carry out one call, once, as the daemon says it to the worker that the tool names.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallWarrant {
    /// What it is for.
    pub act: Act,
    /// The only one who may use it.
    pub worker: SpiffeId,
    /// The task.
    pub task: TaskId,
    /// The effect; also the idempotency key.
    pub effect: EffectId,
    /// Which attempt of the effect, or with [`QUESTION`] which question about it.
    pub attempt: u32,
    /// The agent that acts.
    pub agent: AgentUid,
    /// The tool.
    pub tool: Name,
    /// The tool's digest when the call was decided.
    pub tool_digest: Digest,
    /// What the audit log names the call by.
    pub call: Digest,
    /// How the effect may be repeated.
    pub class: EffectClass,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Environment of the program beside what every program of the worker gets.
    pub env: BTreeMap<String, String>,
    /// SHA-256 of the argument bytes, which come beside.
    pub arguments: Digest,
    /// The decision, of a warrant to run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub decision: Option<DecisionId>,
    /// The leaf of the intent in the tenant's log, of a warrant to run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub audit_leaf: Option<u64>,
    /// The first moment at which it may not begin any more.
    pub not_after: Timestamp,
    /// How long after it was signed that is, in milliseconds: what a worker counts by a clock that nobody sets.
    pub begin_within_ms: u64,
    /// How long the program may run, in milliseconds.
    pub time_limit_ms: u64,
    /// Bytes of standard output that are kept.
    pub output_bytes: u64,
}

/// A command line that is too long for a warrant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its command line is too long to be sent to a worker")]
pub struct TooLong;

/// Why a warrant counts for nothing here and now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Void {
    /// It is no warrant of a version that is known.
    #[error("it is no warrant")]
    Malformed,
    /// It was made for somebody else.
    #[error("it was made for `{worker}`")]
    Foreign {
        /// For whom.
        worker: SpiffeId,
    },
    /// The arguments beside it are others than it was made for.
    #[error("the arguments are not those of the call")]
    Arguments,
    /// Its time is over, or not come: the clock of this machine and the daemon's differ, or it was long on its way.
    #[error("by the clock of this machine its time {}; look whether the clock is right", if *.late { "is over" } else { "is not near" })]
    Time {
        /// Whether it is too late, and not too early.
        late: bool,
    },
}

impl CallWarrant {
    /// The text that is signed: canonical JSON (RFC 8785).
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn to_text(&self) -> Result<Vec<u8>, TooLong> {
        let text = crate::json::canonical_of(self).map_err(|_| TooLong)?;
        if text.len() > WARRANT_LEN_MAX { Err(TooLong) } else { Ok(text) }
    }

    /// Reads a text whose signature was verified.
    ///
    /// # Errors
    /// [`Void::Malformed`], also for a text that is not the canonical one.
    pub fn parse(text: &[u8]) -> Result<Self, Void> {
        if text.len() > WARRANT_LEN_MAX {
            return Err(Void::Malformed);
        }
        let warrant: Self = serde_json::from_slice(text).map_err(|_| Void::Malformed)?;
        let canonical = warrant.to_text().is_ok_and(|canonical| canonical == text);
        if canonical && !warrant.argv.is_empty() { Ok(warrant) } else { Err(Void::Malformed) }
    }

    /// Checks that `worker` may begin the call with `arguments` at `now`, by its own clock.
    ///
    /// # Errors
    /// Any [`Void`] but [`Void::Malformed`].
    pub fn check(&self, worker: &SpiffeId, arguments: &[u8], now: Timestamp) -> Result<(), Void> {
        if self.worker != *worker {
            return Err(Void::Foreign { worker: self.worker.clone() });
        }
        if self.arguments != Digest::of_bytes(arguments) {
            return Err(Void::Arguments);
        }
        self.check_time(now)
    }

    /// Checks that the call may begin at `now`: by a clock that was set back nothing begins either.
    ///
    /// # Errors
    /// [`Void::Time`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), Void> {
        if now >= self.not_after {
            return Err(Void::Time { late: true });
        }
        if self.not_after.since_ms(now) > START_WITHIN_MS + BEHIND_MS {
            return Err(Void::Time { late: false });
        }
        Ok(())
    }
}

impl fmt::Debug for CallWarrant {
    /// Prints what is in the audit log too, never the command line: arguments stand in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallWarrant")
            .field("act", &self.act)
            .field("worker", &self.worker)
            .field("effect", &self.effect)
            .field("attempt", &self.attempt)
            .field("tool", &self.tool)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warrant() -> CallWarrant {
        CallWarrant {
            act: Act::Run,
            worker: SpiffeId::parse("spiffe://td.test/acme/agent/till").unwrap(),
            task: TaskId::from_u128(1),
            effect: EffectId::from_u128(2),
            attempt: 1,
            agent: AgentUid::from_u128(3),
            tool: Name::parse("refund.issue").unwrap(),
            tool_digest: Digest::of_bytes(b"tool"),
            call: Digest::of_bytes(b"call"),
            class: EffectClass::Opaque,
            argv: vec!["/opt/refund".to_owned(), "A-8891".to_owned()],
            env: BTreeMap::new(),
            arguments: Digest::of_bytes(b"{}"),
            decision: Some(DecisionId::from_u128(4)),
            audit_leaf: Some(5),
            not_after: Timestamp::from_unix_ms(100_000),
            begin_within_ms: 5_000,
            time_limit_ms: 1_000,
            output_bytes: 1_000,
        }
    }

    #[test]
    fn sem_8_1_a_text_is_read_back_and_another_text_of_the_same_is_refused() {
        let text = warrant().to_text().unwrap();
        assert_eq!(CallWarrant::parse(&text).unwrap(), warrant());
        let spaced = String::from_utf8(text.clone()).unwrap().replacen(',', ", ", 1);
        assert_eq!(CallWarrant::parse(spaced.as_bytes()), Err(Void::Malformed));
        let more = String::from_utf8(text.clone()).unwrap().replacen('{', "{\"also\":1,", 1);
        assert_eq!(CallWarrant::parse(more.as_bytes()), Err(Void::Malformed));
        for len in 0..text.len() {
            assert_eq!(CallWarrant::parse(text.get(..len).unwrap()), Err(Void::Malformed), "{len}");
        }
        let empty = CallWarrant { argv: Vec::new(), ..warrant() }.to_text().unwrap();
        assert_eq!(CallWarrant::parse(&empty), Err(Void::Malformed));
        let long = CallWarrant { argv: vec!["x".repeat(WARRANT_LEN_MAX)], ..warrant() };
        assert_eq!(long.to_text(), Err(TooLong));
    }

    #[test]
    fn sem_8_1_it_is_for_one_worker_one_call_and_half_a_minute() {
        let at = Timestamp::from_unix_ms;
        let me = warrant().worker;
        assert_eq!(warrant().check(&me, b"{}", at(99_999)), Ok(()));
        assert_eq!(warrant().check(&me, b"{}", at(100_000)), Err(Void::Time { late: true }));
        assert_eq!(warrant().check(&me, b"{}", at(10_000)), Ok(()));
        assert_eq!(warrant().check(&me, b"{}", at(9_999)), Err(Void::Time { late: false }), "a clock that was set back");
        assert_eq!(warrant().check(&me, b"{ }", at(99_999)), Err(Void::Arguments));
        let other = SpiffeId::parse("spiffe://td.test/acme/agent/clerk").unwrap();
        assert_eq!(warrant().check(&other, b"{}", at(99_999)), Err(Void::Foreign { worker: me }));
        assert!(!format!("{:?}", warrant()).contains("A-8891"), "arguments stand in the command line");
    }
}
