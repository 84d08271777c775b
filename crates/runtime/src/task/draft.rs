//! A commit in the making: commands decided one after the other, with everything that becomes durable beside their events.

use std::collections::BTreeMap;

use scalbotics_core::approval::{Request, Status};
use scalbotics_core::ids::{ApprovalId, DecisionId, TaskId};
use scalbotics_core::outside::LOGIN_WAIT;
use scalbotics_core::payload::{Ref, Salt, Sealed};
use scalbotics_core::policy::{Decision, Permit};
use scalbotics_core::ports::{CipherError, IntentPermit, StoreError, StoredAnswer};
use scalbotics_core::principal::Uid;
use scalbotics_core::task::{
    ApprovalAsked, Command, Corrupt, Event, Failure, Intent, LoginAsked, Phase, Proposal, Rejection, State, decide, evolve,
};
use scalbotics_core::tenant::Name;
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::{Call, Definition, Tier};

use super::Cause;
use super::record;
use crate::tool::Stale;
use crate::vault::Vault;

/// Longest words of a tool that are kept as the reason of a failure, in bytes.
const WORDS_LEN_MAX: usize = 16 << 10;

/// Why a draft cannot be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The machine refuses.
    #[error("command is refused")]
    Rejected(#[from] Rejection),
    /// Events do not fit the state.
    #[error("task is corrupt")]
    Corrupt(#[from] Corrupt),
    /// A store did not answer.
    #[error("store did not answer")]
    Store(#[from] StoreError),
    /// A payload could not be sealed.
    #[error("payload could not be sealed")]
    Cipher(#[from] CipherError),
}

/// What becomes of an approval's row.
#[derive(Debug)]
pub(super) enum Row {
    /// It is new.
    New(Box<Request>),
    /// It gets this status, and perhaps an answerer.
    Change(Status, Option<Uid>),
}

/// A commit in the making.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) task: TaskId,
    pub(super) base_version: u64,
    pub(super) at: Timestamp,
    pub(super) state: Option<State>,
    pub(super) events: Vec<Event>,
    pub(super) payloads: Vec<Sealed>,
    pub(super) rows: BTreeMap<ApprovalId, Row>,
    pub(super) audit: Vec<scalbotics_core::audit::Record>,
    pub(super) decisions: Vec<Decision>,
    pub(super) intents: Vec<IntentPermit>,
    pub(super) agent_epoch: u64,
    pub(super) answer: Option<(String, StoredAnswer)>,
    pub(super) cause: Cause,
}

impl Draft {
    /// A draft on top of a stored state.
    pub(super) fn on(state: &State, at: Timestamp) -> Self {
        Self { base_version: state.version, state: Some(state.clone()), ..Self::submission(state.envelope.id, at) }
    }

    /// The draft of a task that does not exist.
    pub(super) fn submission(task: TaskId, at: Timestamp) -> Self {
        Self {
            task,
            base_version: 0,
            at,
            state: None,
            events: Vec::new(),
            payloads: Vec::new(),
            rows: BTreeMap::new(),
            audit: Vec::new(),
            decisions: Vec::new(),
            intents: Vec::new(),
            agent_epoch: 0,
            answer: None,
            cause: Cause::default(),
        }
    }

    /// The state after what was applied so far.
    pub(super) fn state(&self) -> Result<&State, Trouble> {
        self.state.as_ref().ok_or(Trouble::Rejected(Rejection::Absent))
    }

    /// Who caused it; its decision is recorded.
    pub(super) fn caused_by(&mut self, cause: Cause) {
        self.decisions.extend(cause.decision.clone());
        self.cause = cause;
    }

    /// Seals bytes of this task.
    pub(super) fn seal(&mut self, vault: &Vault, bytes: Vec<u8>) -> Result<Ref, Trouble> {
        let salt = vault.salt();
        self.seal_under(vault, salt, bytes)
    }

    /// The same with a salt that something else is committed to with too.
    pub(super) fn seal_under(&mut self, vault: &Vault, salt: Salt, bytes: Vec<u8>) -> Result<Ref, Trouble> {
        let tenant = self.state()?.envelope.tenant.clone();
        let sealed = vault.seal_under(&tenant, salt, bytes)?;
        let reference = sealed.reference;
        self.payloads.push(sealed);
        Ok(reference)
    }

    /// Seals words, cut at a limit.
    pub(super) fn seal_words(&mut self, vault: &Vault, words: &str) -> Result<Ref, Trouble> {
        let end = words.floor_char_boundary(WORDS_LEN_MAX);
        let kept = words.get(..end).unwrap_or_default();
        self.seal(vault, kept.as_bytes().to_vec())
    }

    /// Applies a command: its events, their records, the rows that they change.
    pub(super) fn apply(&mut self, command: Command) -> Result<(), Trouble> {
        let (events, _effects) = decide(self.state.as_ref(), command, self.at)?;
        for event in events {
            self.change_rows(&event);
            let state = evolve(self.state.take(), &event, self.at)?;
            self.audit.push(record::of(&event, &state, self));
            self.add_row(&event, &state);
            self.state = Some(state);
            self.events.push(event);
        }
        Ok(())
    }

    /// Applies an intent of a call of `tool` with its permit.
    pub(super) fn intend(
        &mut self,
        intent: Intent,
        permit: Permit<Call>,
        (tool, send_deadline): (&Definition, Timestamp),
    ) -> Result<(), Trouble> {
        let proposal = Box::new(Proposal { intent, decision: permit.decision() });
        let before = self.events.len();
        self.apply(Command::Intend { proposal, send_deadline })?;
        // The machine says which attempt this is, and may shorten the deadline.
        if let Some(Event::Intended { attempt, send_deadline, .. }) = self.events.get(before) {
            let (attempt, send_deadline, outcome_len_max) = (*attempt, *send_deadline, tool.outcome_len_max());
            self.intents.push(IntentPermit { permit, attempt, send_deadline, outcome_len_max });
        }
        Ok(())
    }

    /// Notes a decision in the newest record: the one that a denial led to.
    pub(super) fn note_decision(&mut self, id: DecisionId) {
        let note = self.decisions.iter().find(|known| known.id == id).map(scalbotics_core::audit::DecisionNote::of);
        if let Some(record) = self.audit.last_mut() {
            record.decision = note;
        }
    }

    /// The steps that it refuses.
    pub(super) fn refused_steps(&self) -> Vec<String> {
        let denied = |event: &Event| if let Event::CallDenied { step, .. } = event { Some(step.clone()) } else { None };
        self.events.iter().filter_map(denied).collect()
    }

    /// Waits for the login that a call needs, at most until `until` where something of the call ends then.
    pub(super) fn ask_login(
        &mut self,
        stale: Stale,
        (step, tool, tier): (String, Name, Tier),
        (decision, until): (DecisionId, Option<Timestamp>),
    ) -> Result<(), Trouble> {
        let longest = self.at.plus_ms(LOGIN_WAIT.as_ms());
        let expires_at = until.map_or(longest, |until| until.min(longest));
        let Stale { human, claims_at } = stale;
        let login = Box::new(LoginAsked { step, tool, tier, human, claims_at, expires_at });
        self.apply(Command::AskLogin { login, decision })
    }

    /// Says first that a wait for a login is over, where one is: what comes next is about the call that waited.
    pub(super) fn lapse_login(&mut self) -> Result<(), Trouble> {
        match &self.state()?.login {
            Some(login) if self.at >= login.expires_at => self.apply(Command::ExpireLogin),
            Some(_) | None => Ok(()),
        }
    }

    /// Ends the task with words.
    pub(super) fn fail(&mut self, vault: &Vault, failure: Failure, words: &str) -> Result<(), Trouble> {
        let detail = if words.is_empty() { None } else { Some(self.seal_words(vault, words)?) };
        self.apply(Command::Fail { failure, detail })
    }

    fn change_rows(&mut self, event: &Event) {
        let (approval, status, by) = match event {
            Event::ApprovalGranted { approval, by, .. } => (*approval, Status::Granted, Some(*by)),
            Event::ApprovalDenied { approval, by, .. } => (*approval, Status::Denied, Some(*by)),
            Event::ApprovalExpired { approval } => (*approval, Status::Expired, None),
            Event::Intended { approval: Some(approval), .. } => (*approval, Status::Consumed, None),
            Event::Completed { .. } | Event::Failed { .. } | Event::Canceled => return self.lapse_rows(),
            Event::Submitted { .. }
            | Event::ApprovalRequested { .. }
            | Event::Intended { approval: None, .. }
            | Event::CallDenied { .. }
            | Event::LoginRequested { .. }
            | Event::LoginSeen { .. }
            | Event::LoginExpired
            | Event::Landed { .. }
            | Event::CallFailed { .. }
            | Event::NotLanded { .. }
            | Event::InDoubt { .. }
            | Event::Settled { .. }
            | Event::CancelRequested { .. } => return,
        };
        self.rows.insert(approval, Row::Change(status, by));
    }

    /// A task that ends leaves no approval open.
    fn lapse_rows(&mut self) {
        let open: Vec<ApprovalId> = self.state.iter().flat_map(|state| state.calls.values()).filter_map(open_approval).collect();
        self.rows.extend(open.into_iter().map(|approval| (approval, Row::Change(Status::Expired, None))));
    }

    fn add_row(&mut self, event: &Event, state: &State) {
        if let Event::ApprovalRequested { intent, approval, .. } = event {
            self.rows.insert(approval.id, Row::New(Box::new(row(state, intent, approval, self.at))));
        }
    }
}

fn open_approval(call: &scalbotics_core::task::CallState) -> Option<ApprovalId> {
    match &call.phase {
        Phase::Waiting { approval, .. } | Phase::Approved { approval, .. } => Some(*approval),
        Phase::Sent | Phase::Ready | Phase::Landed { .. } | Phase::Failed { .. } | Phase::InDoubt { .. } => None,
    }
}

fn row(state: &State, intent: &Intent, approval: &ApprovalAsked, at: Timestamp) -> Request {
    let envelope = &state.envelope;
    Request {
        id: approval.id,
        tenant: envelope.tenant.clone(),
        task: envelope.id,
        effect: intent.effect,
        step: intent.step.clone(),
        agent: envelope.agent,
        agent_name: envelope.agent_name.clone(),
        chain: envelope.chain.principals.iter().map(|principal| principal.uid).collect(),
        grants: envelope.chain.grants.iter().map(|grant| grant.id).collect(),
        tool: intent.tool.clone(),
        tool_digest: intent.tool_digest,
        tier: intent.tier,
        inputs: intent.inputs,
        call: intent.call,
        args: intent.args,
        nonce: approval.nonce,
        asked_at: at,
        expires_at: approval.expires_at,
        status: Status::Waiting,
        answered_by: None,
    }
}
