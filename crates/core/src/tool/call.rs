//! One exact call of a tool: what is decided, approved, journalled and run.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{EffectClass, Tier};
use crate::digest::Digest;
use crate::ids::{AgentUid, EffectId, GrantId, TaskId};
use crate::payload::{Salt, commitment_under};
use crate::principal::{Chain, Uid};
use crate::tenant::{Name, TenantId};

/// Domain tag of call digests.
const CALL_TAG: &str = "scalbotics/call/v1";

/// Domain tag of commitments to call digests.
const MARK_TAG: &[u8] = b"scalbotics/call-commitment/v1\0";

/// What the audit log, the journal and rows name a call by.
///
/// **Invariant:** none of them holds a call digest. Whoever has one can try guesses of the arguments against it, since everything else that
/// it covers is known; the commitment's salt is that of the arguments, and is destroyed with them (semantics §7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Mark {
    /// SHA-256(tag ‖ salt of the arguments' payload ‖ call digest).
    Salted {
        /// The commitment.
        commitment: Digest,
    },
    /// The call digest itself: of calls that were decided by a program that wrote records of version 1. They keep it to their end, so that
    /// all records of one effect are about one call.
    Bare(Digest),
}

impl Mark {
    /// The mark of the call with this digest; `salt` is that of its arguments, and `None` for a call whose mark is bare already.
    #[must_use]
    pub fn of(digest: &Digest, salt: Option<&Salt>) -> Self {
        match salt {
            Some(salt) => Self::Salted { commitment: commitment_under(MARK_TAG, salt, digest.as_bytes()) },
            None => Self::Bare(*digest),
        }
    }

    /// The 32 bytes that a record, or a decision in place of the arguments, shows.
    #[must_use]
    pub const fn shown(&self) -> &Digest {
        match self {
            Self::Salted { commitment } => commitment,
            Self::Bare(digest) => digest,
        }
    }

    /// Whether it hides the call digest.
    #[must_use]
    pub const fn is_salted(&self) -> bool {
        matches!(self, Self::Salted { .. })
    }
}

/// A file or tree that the call depends on, hashed when it was decided (semantics §2.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedInput {
    /// What it is, as the person reads it.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
}

impl ResolvedInput {
    /// Inputs as the bytes of a payload: their names may be arguments, so they never stand in a journal or a row (semantics §7.2).
    #[must_use]
    pub fn to_payload(inputs: &[Self]) -> Vec<u8> {
        let one = |input: &Self| serde_json::json!({ "name": input.name, "digest": input.digest.to_string() });
        serde_json::Value::Array(inputs.iter().map(one).collect()).to_string().into_bytes()
    }

    /// Inputs from such bytes; `None` when they are none.
    #[must_use]
    pub fn from_payload(bytes: &[u8]) -> Option<Vec<Self>> {
        serde_json::from_slice(bytes).ok()
    }
}

/// One exact call.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The task it belongs to.
    pub task: TaskId,
    /// The effect that it is.
    pub effect: EffectId,
    /// The tenant.
    pub tenant: TenantId,
    /// The acting agent.
    pub agent: AgentUid,
    /// The acting agent's name, for workspaces and messages.
    pub agent_name: Name,
    /// The tool.
    pub tool: Name,
    /// The tool's digest at the moment of decision.
    pub tool_digest: Digest,
    /// The tool's tier.
    pub tier: Tier,
    /// The tool's effect class.
    pub class: EffectClass,
    /// RFC 8785 bytes of the arguments: what the tool gets, and nothing else.
    pub args: Arc<[u8]>,
    /// What the call depends on beside its arguments.
    pub inputs: Vec<ResolvedInput>,
    /// What journal and audit log name it by.
    pub mark: Mark,
}

impl Call {
    /// The idempotency key: one per effect, the same at every attempt.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        self.effect.to_string()
    }
}

impl std::fmt::Debug for Call {
    /// Prints what is in the audit log too, never the arguments.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("effect", &self.effect)
            .field("tool", &self.tool)
            .field("tier", &self.tier)
            .field("class", &self.class)
            .field("mark", &self.mark)
            .finish_non_exhaustive()
    }
}

/// The call digest (semantics §2.2): tenant, agent, chain principals and grants, tool digest, arguments, inputs.
///
/// It stands in what an approver signs, which is a payload, and nowhere else; see [`Mark`]. Tokens and certificates are left out, since they renew; so is the effect id, since the approval names it beside.
#[must_use]
pub fn call_digest(chain: &Chain, tool_digest: &Digest, args: &[u8], inputs: &[ResolvedInput]) -> Digest {
    let tenant = chain.actor().map(|p| p.tenant.to_string()).unwrap_or_default();
    let principals: Vec<Uid> = chain.principals.iter().map(|p| p.uid).collect();
    let grants: Vec<GrantId> = chain.grants.iter().map(|g| g.id).collect();
    call_digest_of_ids(&tenant, (&principals, &grants), tool_digest, args, inputs)
}

/// The call digest, from the ids of a chain alone.
pub(crate) fn call_digest_of_ids(
    tenant: &str,
    (principals, grants): (&[Uid], &[GrantId]),
    tool_digest: &Digest,
    args: &[u8],
    inputs: &[ResolvedInput],
) -> Digest {
    let principals: Vec<String> = principals.iter().map(Uid::to_string).collect();
    let grants: Vec<String> = grants.iter().map(GrantId::to_string).collect();
    let inputs: Vec<String> = inputs.iter().map(|i| format!("{}\0{}", i.name, i.digest)).collect();
    let list = |items: &[String]| Digest::of_parts(CALL_TAG, &items.iter().map(String::as_bytes).collect::<Vec<_>>());
    Digest::of_parts(
        CALL_TAG,
        &[
            tenant.as_bytes(),
            list(&principals).as_bytes(),
            list(&grants).as_bytes(),
            tool_digest.as_bytes(),
            args,
            list(&inputs).as_bytes(),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::HumanUid;

    /// A change of one part of a call.
    type Change = fn(&mut Parts);

    #[derive(Clone)]
    struct Parts {
        tenant: &'static str,
        principals: Vec<Uid>,
        grants: Vec<GrantId>,
        tool: Digest,
        args: &'static [u8],
        inputs: Vec<ResolvedInput>,
    }

    impl Parts {
        fn digest(&self) -> Digest {
            call_digest_of_ids(self.tenant, (&self.principals, &self.grants), &self.tool, self.args, &self.inputs)
        }
    }

    fn input(name: &str, content: &str) -> ResolvedInput {
        ResolvedInput { name: name.to_owned(), digest: Digest::of_bytes(content.as_bytes()) }
    }

    #[test]
    fn sem_7_2_a_mark_needs_its_salt_and_a_bare_one_is_read_as_it_was_written() {
        let digest = Digest::of_bytes(b"call");
        let mark = Mark::of(&digest, Some(&[7; 32]));
        assert!(mark.is_salted() && *mark.shown() != digest);
        assert_eq!(mark, Mark::of(&digest, Some(&[7; 32])));
        for other in [Mark::of(&digest, Some(&[8; 32])), Mark::of(&Digest::of_bytes(b"other"), Some(&[7; 32]))] {
            assert_ne!(mark, other);
        }
        // The same salt commits to the arguments themselves, and says nothing of this.
        assert_ne!(*mark.shown(), crate::payload::commitment(&[7; 32], digest.as_bytes()));
        let bare = Mark::of(&digest, None);
        assert_eq!(serde_json::to_value(bare).unwrap(), serde_json::json!(digest));
        for mark in [mark, bare] {
            assert_eq!(serde_json::from_value::<Mark>(serde_json::to_value(mark).unwrap()).unwrap(), mark);
        }
    }

    #[test]
    fn sem_2_2_every_part_of_a_call_changes_its_digest() {
        let call = Parts {
            tenant: "acme",
            principals: vec![Uid::Human(HumanUid::from_u128(1)), Uid::Agent(AgentUid::from_u128(2))],
            grants: vec![GrantId::from_u128(3)],
            tool: Digest::of_bytes(b"tool"),
            args: b"{}",
            inputs: vec![input("program /a", "a"), input("file /b", "b")],
        };
        let changes: [Change; 13] = [
            |call| call.tenant = "acmf",
            |call| call.principals[0] = Uid::Human(HumanUid::from_u128(9)),
            |call| call.principals[1] = Uid::Agent(AgentUid::from_u128(9)),
            |call| call.principals.swap(0, 1),
            |call| call.grants[0] = GrantId::from_u128(9),
            |call| call.grants.clear(),
            |call| call.tool = Digest::of_bytes(b"other"),
            |call| call.args = b"{\"a\":1}",
            |call| call.inputs[0].digest = Digest::of_bytes(b"other"),
            |call| call.inputs[1].name.push('x'),
            |call| call.inputs.swap(0, 1),
            |call| call.inputs.truncate(1),
            |call| call.inputs.clear(),
        ];
        let mut seen = vec![call.digest()];
        for (number, change) in changes.iter().enumerate() {
            let mut other = call.clone();
            change(&mut other);
            assert!(!seen.contains(&other.digest()), "change {number}");
            seen.push(other.digest());
        }
    }
}
