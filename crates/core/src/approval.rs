//! Approvals: what a person is asked, and the statement that the person's own program signs (semantics §5.1).
//!
//! **Invariant:** the statement is rebuilt from the fields that are displayed, on both sides; the daemon accepts only
//! bytes equal to its own rebuilding, under a key with an enrolment statement.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::ids::{AgentUid, ApprovalId, EffectId, GrantId, HumanUid, TaskId};
use crate::principal::Uid;
use crate::tenant::{Name, TenantId};
use crate::time::{Span, Timestamp};
use crate::tool::{Mark, ResolvedInput, Tier, call_digest_of_ids};

/// How long an approval request waits unless policy says otherwise.
pub const LIFETIME: Span = Span::from_ms(10 * 60_000);

/// Longest reason of an approver, in bytes.
pub const REASON_LEN_MAX: usize = 4 << 10;

/// Where an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Nobody has answered.
    Waiting,
    /// Granted, not yet used.
    Granted,
    /// Used by its one effect.
    Consumed,
    /// Refused.
    Denied,
    /// Nobody answered in time, or it lapsed unused.
    Expired,
}

impl Status {
    /// The word on the wire and in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Granted => "GRANTED",
            Self::Consumed => "CONSUMED",
            Self::Denied => "DENIED",
            Self::Expired => "EXPIRED",
        }
    }
}

/// A request for approval, as stored and as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its id.
    pub id: ApprovalId,
    /// The tenant.
    pub tenant: TenantId,
    /// The task.
    pub task: TaskId,
    /// The one effect that it is for.
    pub effect: EffectId,
    /// The step of the task.
    pub step: String,
    /// The agent that asks.
    pub agent: AgentUid,
    /// Its name.
    pub agent_name: Name,
    /// For whom, the human first.
    pub chain: Vec<Uid>,
    /// Under which grants, one between each pair of neighbours.
    pub grants: Vec<GrantId>,
    /// The tool.
    pub tool: Name,
    /// Its digest.
    pub tool_digest: Digest,
    /// Its tier.
    pub tier: Tier,
    /// Reference to what the call depends on beside its arguments; `None` when it is nothing.
    pub inputs: Option<crate::payload::Ref>,
    /// What the records name the call by.
    pub call: Mark,
    /// Reference to the canonical arguments.
    pub args: crate::payload::Ref,
    /// Makes every request unlike every other.
    pub nonce: Digest,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// When it lapses.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub status: Status,
    /// Who answered.
    pub answered_by: Option<Uid>,
}

/// What is sealed of a request, in the clear (semantics §7.2).
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    /// The exact arguments.
    pub args: Value,
    /// What the call depends on beside them.
    pub inputs: Vec<ResolvedInput>,
    /// The call digest, which is over both of them.
    pub call: Digest,
}

impl Request {
    /// The call digest of the request with these canonical arguments and inputs.
    #[must_use]
    pub fn call_digest(&self, args: &[u8], inputs: &[ResolvedInput]) -> Digest {
        call_digest_of_ids(self.tenant.as_str(), (&self.chain, &self.grants), &self.tool_digest, args, inputs)
    }
}

/// What an approver answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The call may be sent, once.
    Approve,
    /// The call must not be sent.
    Deny,
}

/// The statement that an approver signs: canonical JSON of exactly these fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// 1.
    pub version: u16,
    /// The installation's trust domain.
    pub trust_domain: String,
    /// The tenant.
    pub tenant: TenantId,
    /// The request.
    pub approval: ApprovalId,
    /// The task.
    pub task: TaskId,
    /// The effect.
    pub effect: EffectId,
    /// The agent's identity.
    pub agent: AgentUid,
    /// The agent's name.
    pub agent_name: Name,
    /// For whom, the human first.
    pub chain: Vec<Uid>,
    /// Under which grants, one between each pair of neighbours.
    pub grants: Vec<GrantId>,
    /// The tool.
    pub tool: Name,
    /// Its digest.
    pub tool_digest: Digest,
    /// Its tier.
    pub tier: Tier,
    /// The exact arguments, as shown.
    pub args: Value,
    /// What else the call depends on.
    pub inputs: Vec<ResolvedInput>,
    /// The call digest.
    pub call: Digest,
    /// The request's nonce.
    pub nonce: Digest,
    /// When the request lapses.
    pub expires_at: Timestamp,
    /// The approver.
    pub approver: HumanUid,
    /// Yes or no.
    pub answer: Answer,
    /// In which words.
    pub reason: String,
}

impl Statement {
    /// Rebuilds the statement for `request` with its contents in the clear.
    #[must_use]
    pub fn of(request: &Request, trust_domain: &str, contents: Contents, reply: Reply) -> Self {
        Self {
            version: 1,
            trust_domain: trust_domain.to_owned(),
            tenant: request.tenant.clone(),
            approval: request.id,
            task: request.task,
            effect: request.effect,
            agent: request.agent,
            agent_name: request.agent_name.clone(),
            chain: request.chain.clone(),
            grants: request.grants.clone(),
            tool: request.tool.clone(),
            tool_digest: request.tool_digest,
            tier: request.tier,
            args: contents.args,
            inputs: contents.inputs,
            call: contents.call,
            nonce: request.nonce,
            expires_at: request.expires_at,
            approver: reply.approver,
            answer: reply.answer,
            reason: reply.reason,
        }
    }

    /// Whether the call digest is that of the tenant, chain, grants, tool, arguments and inputs that stand beside it.
    ///
    /// An approver's program signs nothing else: another digest would be another call than the one that is shown.
    ///
    /// # Errors
    /// [`crate::json::Error`] when the arguments have no canonical form.
    pub fn shows_its_call(&self) -> Result<bool, crate::json::Error> {
        let args = crate::json::canonical(&self.args)?;
        let ids = (self.chain.as_slice(), self.grants.as_slice());
        let shown = call_digest_of_ids(self.tenant.as_str(), ids, &self.tool_digest, &args, &self.inputs);
        Ok(shown == self.call)
    }

    /// The bytes to sign.
    ///
    /// # Errors
    /// [`crate::json::Error`] when the arguments have no canonical form.
    pub fn canonical(&self) -> Result<Vec<u8>, crate::json::Error> {
        crate::json::canonical_of(self)
    }
}

/// Who answers, what, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The approver.
    pub approver: HumanUid,
    /// Yes or no.
    pub answer: Answer,
    /// In which words; at most [`REASON_LEN_MAX`] bytes.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tool::call_digest_of_ids;

    fn shown() -> Statement {
        let chain = vec![Uid::Human(HumanUid::from_u128(1)), Uid::Agent(AgentUid::from_u128(2))];
        let (grants, tool_digest) = (vec![GrantId::from_u128(3)], Digest::of_bytes(b"tool"));
        let inputs = vec![ResolvedInput { name: "program /opt/pay".to_owned(), digest: Digest::of_bytes(b"pay") }];
        let call = call_digest_of_ids("acme", (&chain, &grants), &tool_digest, br#"{"amount":7,"to":"bob"}"#, &inputs);
        Statement {
            version: 1,
            trust_domain: "acme.test".to_owned(),
            tenant: TenantId::parse("acme").unwrap(),
            approval: ApprovalId::from_u128(4),
            task: TaskId::from_u128(5),
            effect: EffectId::from_u128(6),
            agent: AgentUid::from_u128(2),
            agent_name: Name::parse("clerk").unwrap(),
            chain,
            grants,
            tool: Name::parse("pay").unwrap(),
            tool_digest,
            tier: Tier::Risky,
            args: json!({ "to": "bob", "amount": 7 }),
            inputs,
            call,
            nonce: Digest::of_bytes(b"nonce"),
            expires_at: Timestamp::from_unix_ms(9_000),
            approver: HumanUid::from_u128(8),
            answer: Answer::Approve,
            reason: "as shown".to_owned(),
        }
    }

    #[test]
    fn sem_2_3_what_is_signed_is_the_call_that_is_shown() {
        assert!(shown().shows_its_call().unwrap());
        let changes: [fn(&mut Statement); 8] = [
            |shown| shown.tenant = TenantId::parse("evil").unwrap(),
            |shown| shown.chain[0] = Uid::Human(HumanUid::from_u128(9)),
            |shown| shown.grants.clear(),
            |shown| shown.tool_digest = Digest::of_bytes(b"other"),
            |shown| shown.args = json!({ "to": "eve", "amount": 7 }),
            |shown| shown.inputs[0].digest = Digest::of_bytes(b"other"),
            |shown| shown.inputs.clear(),
            |shown| shown.call = Digest::of_bytes(b"other"),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut other = shown();
            change(&mut other);
            assert!(!other.shows_its_call().unwrap(), "change {number}");
        }
        let fraction = Statement { args: json!(1e300), ..shown() };
        assert!(fraction.shows_its_call().is_err() || !fraction.shows_its_call().unwrap());
    }
}
