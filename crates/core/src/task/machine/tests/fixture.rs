//! A task and commands about it.

use crate::digest::Digest;
use crate::ids::{AgentUid, ApprovalId, DecisionId, EffectId, GrantId, HumanUid, PayloadId, TaskId};
use crate::payload;
use crate::principal::{Chain, Grant, Principal, Scope, Uid};
use crate::task::{
    Accepted, ApprovalAsked, Budget, Command, Doubt, Envelope, Event, Failure, Goal, Intent, LoginAsked, Path, Phase, Proposal,
    Rejection, State, Usage, Verdict, Way, decide, evolve, fold,
};
use crate::tenant::{Name, TenantId};
use crate::time::{Span, Timestamp};
use crate::tool::{EffectClass, Mark, Tier, Verification};

/// Submission of the fixture's task.
pub(super) const START: Timestamp = Timestamp::from_unix_ms(1_000_000);

/// Its deadline.
pub(super) const DEADLINE: Timestamp = Timestamp::from_unix_ms(100_000_000);

pub(super) const HUMAN: Uid = Uid::Human(HumanUid::from_u128(1));

pub(super) const KEY_TTL_MS: u64 = 10_000;

pub(super) const SETTLE_MS: u64 = 5_000;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(super) fn effect(number: u8) -> EffectId {
    EffectId::from_u128(u128::from(number))
}

pub(super) fn approval(number: u8) -> ApprovalId {
    ApprovalId::from_u128(u128::from(number))
}

pub(super) fn bytes(number: u8) -> payload::Ref {
    payload::Ref { id: PayloadId::from_u128(u128::from(number)), commitment: Digest::of_bytes(&[number]), len: 1 }
}

pub(super) fn at(ms: u64) -> Timestamp {
    START.plus_ms(ms)
}

pub(super) fn intent(number: u8, class: EffectClass, tier: Tier) -> Intent {
    Intent {
        effect: effect(number),
        step: format!("step{number}"),
        tool: name("tool"),
        tool_digest: Digest::of_bytes(b"tool"),
        tier,
        class,
        args: bytes(number),
        inputs: None,
        call: Mark::Bare(Digest::of_bytes(&[number])),
        key_ttl: Span::from_ms(KEY_TTL_MS),
        settle_after: Span::from_ms(SETTLE_MS),
        timeout: Span::from_ms(1_000),
        worst: Usage::ONE_CALL,
    }
}

pub(super) fn proposal(intent: Intent) -> Box<Proposal> {
    Box::new(Proposal { intent, decision: DecisionId::from_u128(9) })
}

pub(super) fn envelope(calls: u64) -> Envelope {
    let tenant = TenantId::parse("acme").unwrap();
    let (agent, id) = (AgentUid::from_u128(2), TaskId::from_u128(3));
    let principal = |uid, text| Principal { uid, tenant: tenant.clone(), name: name(text), groups: Vec::new() };
    let grant = Grant {
        id: GrantId::from_u128(4),
        grantor: HUMAN,
        grantee: Uid::Agent(agent),
        task: Some(id),
        scope: Scope { tools: vec![name("tool")], tier_max: Tier::Risky },
        expires_at: DEADLINE,
    };
    Envelope {
        schema_version: 1,
        id,
        idempotency_key: String::new(),
        tenant: tenant.clone(),
        team: name("ops"),
        agent,
        agent_name: name("clerk"),
        chain: Chain { principals: vec![principal(HUMAN, "ada"), principal(Uid::Agent(agent), "clerk")], grants: vec![grant] },
        goal: Goal::Workflow { id: name("flow") },
        input: bytes(0),
        token: None,
        budget: Budget { calls, tokens: 0, seconds: 1_000 },
        submitted_at: START,
        deadline: DEADLINE,
        priority: 5,
        trace: None,
    }
}

pub(super) fn submit(calls: u64) -> Command {
    let path = Path {
        way: Way::Workflow { workflow: name("flow"), digest: Digest::of_bytes(b"flow") },
        commit: "c".to_owned(),
        bundle: Digest::of_bytes(b"bundle"),
        bootstrap: Vec::new(),
        tools: vec![(name("tool"), Digest::of_bytes(b"tool"))],
        models: Vec::new(),
    };
    Command::Submit { envelope: Box::new(envelope(calls)), path }
}

/// A task that lives through commands, with its journal.
#[derive(Debug, Clone, Default)]
pub(super) struct Life {
    pub(super) state: Option<State>,
    pub(super) journal: Vec<(Event, Timestamp)>,
}

impl Life {
    /// A submitted task.
    pub(super) fn begun() -> Self {
        let mut life = Self::default();
        life.go(submit(3), START);
        life
    }

    /// A task with a call of this class sent at `ms`.
    pub(super) fn sent(class: EffectClass, ms: u64) -> Self {
        let mut life = Self::begun();
        life.go(intend(1, class, Tier::Change, ms), at(ms));
        life
    }

    /// A task whose tier 2 call waits until 60 s.
    pub(super) fn waiting() -> Self {
        let mut life = Self::begun();
        life.go(ask(1, EffectClass::Keyed), START);
        life
    }

    pub(super) fn try_go(&mut self, command: Command, now: Timestamp) -> Result<Accepted, Rejection> {
        let accepted = decide(self.state.as_ref(), command, now)?;
        for event in &accepted.0 {
            self.state = Some(evolve(self.state.take(), event, now).unwrap());
            self.journal.push((event.clone(), now));
        }
        Ok(accepted)
    }

    pub(super) fn go(&mut self, command: Command, now: Timestamp) -> Accepted {
        self.try_go(command, now).unwrap()
    }

    pub(super) fn refused(&mut self, command: Command, now: Timestamp) -> Rejection {
        let before = self.clone();
        let rejection = self.try_go(command, now).unwrap_err();
        assert_eq!((&self.state, &self.journal), (&before.state, &before.journal));
        rejection
    }

    pub(super) fn state(&self) -> &State {
        self.state.as_ref().unwrap()
    }

    pub(super) fn phase(&self) -> &Phase {
        &self.state().calls[&effect(1)].phase
    }

    pub(super) fn folded(&self) -> Option<State> {
        fold(self.journal.iter().map(|(event, at)| (event, *at))).unwrap()
    }
}

pub(super) fn intend(number: u8, class: EffectClass, tier: Tier, ms: u64) -> Command {
    Command::Intend { proposal: proposal(intent(number, class, tier)), send_deadline: at(ms + 2_000) }
}

/// Asks for an approval that lapses after 60 s.
pub(super) fn ask(number: u8, class: EffectClass) -> Command {
    let asked = ApprovalAsked { id: approval(number), nonce: Digest::of_bytes(&[number]), expires_at: at(60_000) };
    Command::AskApproval { proposal: proposal(intent(number, class, Tier::Risky)), approval: asked }
}

pub(super) fn approve(number: u8) -> Command {
    Command::Approve { approval: approval(number), by: HUMAN, statement: bytes(7) }
}

pub(super) fn deny(number: u8) -> Command {
    Command::Deny { approval: approval(number), by: HUMAN, statement: bytes(7) }
}

pub(super) fn landed(attempt: u32) -> Command {
    Command::RecordLanded { effect: effect(1), attempt, result: bytes(8), truncated: false, spent: Usage::ONE_CALL, answer: None }
}

pub(super) fn failed(attempt: u32) -> Command {
    Command::RecordFailed { effect: effect(1), attempt, reason: bytes(8), spent: Usage::ONE_CALL }
}

pub(super) fn never_left(attempt: u32) -> Command {
    Command::RecordNeverLeft { effect: effect(1), attempt }
}

pub(super) fn verified(verification: Verification) -> Command {
    let result = (verification == Verification::Landed).then(|| bytes(8));
    Command::RecordVerification { effect: effect(1), verification, result }
}

pub(super) fn park(doubt: Doubt) -> Command {
    Command::Park { effect: effect(1), doubt }
}

pub(super) fn settle(landed: bool) -> Command {
    let verdict = if landed { Verdict::Landed { result: Some(bytes(8)) } } else { Verdict::NotLanded };
    Command::Settle { effect: effect(1), by: HUMAN, verdict, reason: bytes(6) }
}

pub(super) fn fail() -> Command {
    Command::Fail { failure: Failure::ToolFailed, detail: None }
}

pub(super) fn complete() -> Command {
    Command::Complete { output: bytes(5) }
}

pub(super) fn cancel() -> Command {
    Command::Cancel { by: HUMAN }
}

pub(super) fn refuse() -> Command {
    Command::Refuse {
        step: "step1".to_owned(),
        tool: name("tool"),
        tier: Tier::Read,
        decision: DecisionId::from_u128(9),
        failure: Some(Failure::PolicyDenied),
    }
}

/// Waits for a login with a later word than that of the start, at most until `until_ms`.
pub(super) fn ask_login(until_ms: u64) -> Command {
    let login = LoginAsked {
        step: "step1".to_owned(),
        tool: name("tool"),
        tier: Tier::Risky,
        human: HumanUid::from_u128(1),
        claims_at: START,
        expires_at: at(until_ms),
    };
    Command::AskLogin { login: Box::new(login), decision: DecisionId::from_u128(5) }
}

pub(super) fn note_login(ms: u64) -> Command {
    Command::NoteLogin { claims_at: at(ms) }
}
