//! The approval service: what callers may do with approvals.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scalbotics_core::agent::Standing;
use scalbotics_core::approval::{Answer, Contents, Request, Status};
use scalbotics_core::audit::{DecisionNote, Kind, OutcomeNote, Record};
use scalbotics_core::ids::{ApprovalId, DecisionId, HumanUid};
use scalbotics_core::policy::{Act, Authorization, Request as Question, Resource, SELF_APPROVAL, authorize};
use scalbotics_core::ports::{ApprovalFilter, Human, StoreError};
use scalbotics_core::principal::{Chain, Uid};
use scalbotics_core::task::{Command, Rejection};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::tool::Mark;
use serde::Serialize;
use serde_json::json;

use super::Error;
use super::statement::{self, Asked};
use crate::task::{Cause, Order, OrderError, Repeat, Service as TaskService, Shared};
use crate::vault::OpenError;
use crate::{Caller, Ports};

/// Approvals, for callers. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Service {
    ports: Ports,
    shared: Arc<Shared>,
    trust_domain: Arc<str>,
    stamp: Option<&'static str>,
}

/// A request that was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The request right after the commit of the answer.
    pub request: Request,
    /// Whether this is the answer to an earlier request with the same key; nothing was done or audited now.
    pub replayed: bool,
}

/// A request with its arguments in the clear.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The request.
    pub request: Request,
    /// The exact arguments, and what else the call depends on.
    pub contents: Contents,
    /// The arguments' canonical bytes, as they will be sent.
    pub canonical: Vec<u8>,
    /// The installation's trust domain, which stands in the statement.
    pub trust_domain: String,
}

/// An approver's signed statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedAnswer {
    /// Canonical JSON of the statement, as the approver's program rebuilt it.
    pub statement: Vec<u8>,
    /// Signature over it under its domain tag.
    pub signature: Vec<u8>,
}

impl Service {
    /// A service over the tasks of `tasks`.
    #[must_use]
    pub fn new(ports: Ports, tasks: &TaskService, trust_domain: &str) -> Self {
        Self { ports, shared: tasks.shared(), trust_domain: trust_domain.into(), stamp: None }
    }

    /// The same, with words that every answer's evidence carries (semantics §5.5).
    #[must_use]
    pub fn stamped(self, stamp: &'static str) -> Self {
        Self { stamp: Some(stamp), ..self }
    }

    /// Requests of the caller's tenant, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, caller: &Caller, filter: &ApprovalFilter) -> Result<Vec<Request>, StoreError> {
        self.ports.approval_store.list(tenant(caller), filter).await
    }

    /// The request without its arguments; for deciding about an RPC.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn request(&self, caller: &Caller, approval: ApprovalId) -> Result<Request, Error> {
        self.ports.approval_store.get(tenant(caller), approval).await?.ok_or(Error::NotFound { approval })
    }

    /// One request with its exact arguments.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Erased`], [`Error::Unreadable`], [`Error::Store`].
    pub async fn get(&self, caller: &Caller, approval: ApprovalId) -> Result<Shown, Error> {
        let request = self.request(caller, approval).await?;
        let failed = |error: OpenError| match error {
            OpenError::Erased(_) => Error::Erased { approval },
            OpenError::Cipher(_) => Error::Unreadable { approval },
            OpenError::Store(error) => Error::Store(error),
        };
        let opened = self.shared.vault.reveal(&request.tenant, &request.args).await.map_err(failed)?;
        let (salt, canonical) = (request.call.is_salted().then_some(opened.salt), opened.bytes);
        let args = scalbotics_core::json::parse(&canonical).map_err(|_| Error::Unreadable { approval })?;
        let inputs = self.shared.vault.open_inputs(&request.tenant, request.inputs.as_ref()).await.map_err(failed)?;
        let call = request.call_digest(&canonical, &inputs);
        if Mark::of(&call, salt.as_ref()) != request.call {
            return Err(Error::Unreadable { approval });
        }
        let contents = Contents { args, inputs, call };
        Ok(Shown { request, contents, canonical, trust_domain: self.trust_domain.to_string() })
    }

    /// Takes an approver's statement: of two that race, exactly one wins. Answers the request as it stands then.
    ///
    /// # Errors
    /// [`Error`]; nothing has changed then.
    pub async fn decide(&self, caller: &Caller, approval: ApprovalId, signed: &SignedAnswer) -> Result<Decided, Error> {
        let shown = self.get(caller, approval).await?;
        let human = self.approver(caller).await?;
        if let Some(request) = self.replay(caller, &shown.request, signed).await? {
            return Ok(Decided { request, replayed: true });
        }
        let (request, contents) = (&shown.request, shown.contents);
        let asked = Asked { request, trust_domain: &self.trust_domain, contents, approver: human.uid };
        let answer = statement::check(asked, &signed.statement)?;
        let key = self.ports.statement_verifier.verify(&human, &signed.statement, &signed.signature)?;
        if shown.request.status != Status::Waiting {
            return Err(Error::Answered { approval, status: shown.request.status });
        }
        if matches!(answer, Answer::Approve) {
            self.shared.quota.admit_risky()?;
        }
        let self_approval = match answer {
            Answer::Approve if shown.request.chain.contains(&Uid::Human(human.uid)) => {
                Some(self.permit_self(caller, &shown.request).await?)
            }
            Answer::Approve | Answer::Deny => None,
        };
        let evidence = Evidence {
            version: 1,
            assurance: "cli",
            statement: STANDARD.encode(&signed.statement),
            signature: STANDARD.encode(&signed.signature),
            key: &key,
            enrolment: human.enrolment.as_ref().map(|bytes| STANDARD.encode(bytes)),
            self_approval,
            stamp: self.stamp,
        };
        let evidence = scalbotics_core::json::canonical_of(&evidence).map_err(Error::Form)?;
        let sealed = self.shared.vault.seal(&shown.request.tenant, evidence)?;
        let (by, statement) = (Uid::Human(human.uid), sealed.reference);
        let (command, status) = match answer {
            Answer::Approve => (Command::Approve { approval, by, statement }, Status::Granted),
            Answer::Deny => (Command::Deny { approval, by, statement }, Status::Denied),
        };
        let order = Order {
            tenant: tenant(caller).clone(),
            command,
            payloads: vec![sealed],
            cause: Cause::of(caller),
            repeat: self.repeat(caller, approval, signed)?,
        };
        let task = shown.request.task;
        let answered = Request { status, answered_by: Some(by), ..shown.request };
        match self.shared.order(task, order).await {
            Ok(_) => Ok(Decided { request: answered, replayed: false }),
            // The same request may have come in twice at once: then the other one won, and its answer is the answer.
            Err(error) => match self.replay(caller, &answered, signed).await? {
                Some(request) => Ok(Decided { request, replayed: true }),
                None => Err(self.refusal(caller, approval, error).await),
            },
        }
    }

    /// Asks policy whether the approver may say yes to a call that is made for themselves, and has the decision audited before
    /// anything comes of it (semantics §5.3a).
    async fn permit_self(&self, caller: &Caller, request: &Request) -> Result<DecisionId, Error> {
        let question = Question {
            principal: caller.principal.clone(),
            action: SELF_APPROVAL.to_owned(),
            resource: Resource::approval(request),
            context: json!({}),
        };
        let requests = vec![question];
        let answers = match self.shared.states.current(&request.tenant) {
            Some(in_force) => in_force.ask(&requests).await,
            None => vec![Vec::new()],
        };
        let chain = Chain { principals: vec![caller.principal.clone()], grants: Vec::new() };
        let (id, at) = (DecisionId::from_u128(self.ports.ids.next()), self.shared.now());
        let asked = Authorization { id, at, chain: &chain, tool: None, requests, answers };
        let (decision, permit) = authorize(SelfApproval(request.id), asked);
        let mut record = Record::new(Kind::Decision, at, request.tenant.clone(), caller.principal.uid, SELF_APPROVAL);
        record.approval = Some(request.id);
        record.decision = Some(DecisionNote::of(&decision));
        record.request = Some(caller.request);
        record.trace = caller.trace.as_ref().map(|trace| trace.trace_id.clone());
        let word = if permit.is_some() { "allowed" } else { "denied" };
        record.outcome = Some(OutcomeNote { word: word.to_owned(), attempt: None, commitment: None });
        let sealed = self.shared.vault.seal_decisions(&request.tenant, std::slice::from_ref(&decision));
        let sealed = sealed.map_err(|_| Error::Unreadable { approval: request.id })?;
        record.decision.iter_mut().for_each(|note| note.commit_to(&sealed));
        self.ports.audit_log.append(vec![record], sealed).await?;
        match permit {
            Some(permit) if permit.act().0 == request.id => Ok(permit.decision()),
            Some(_) | None => Err(Error::OwnCall { approval: request.id, decision: id }),
        }
    }

    async fn approver(&self, caller: &Caller) -> Result<Human, Error> {
        let Uid::Human(uid) = caller.principal.uid else { return Err(Error::NotHuman) };
        let human = self.human(uid, tenant(caller)).await?;
        if human.standing == Standing::Active { Ok(human) } else { Err(Error::NotActive) }
    }

    async fn human(&self, uid: HumanUid, tenant: &TenantId) -> Result<Human, Error> {
        let human = self.ports.registry.human_by_uid(uid).await?;
        human.filter(|human| human.tenant == *tenant).ok_or(Error::NotActive)
    }

    fn repeat(&self, caller: &Caller, approval: ApprovalId, signed: &SignedAnswer) -> Result<Option<Repeat>, Error> {
        let body = [approval.to_string().as_bytes(), &signed.statement].concat();
        let repeat = Repeat::of(&self.shared.vault, caller, "approval.decide", &body);
        repeat.map_err(|_| Error::Unreadable { approval })
    }

    /// The first answer to the same request, if there was one: the approval as it was right after it (semantics §9.1).
    async fn replay(&self, caller: &Caller, request: &Request, signed: &SignedAnswer) -> Result<Option<Request>, Error> {
        let Some(repeat) = self.repeat(caller, request.id, signed)? else { return Ok(None) };
        let Some(stored) = self.ports.task_log.answer(&repeat.key, self.shared.now()).await? else { return Ok(None) };
        if stored.body != repeat.body {
            return Err(Error::KeyReused);
        }
        // The body is the statement that was taken, so it says what was answered.
        let status = match statement::answer_of(&signed.statement)? {
            Answer::Approve => Status::Granted,
            Answer::Deny => Status::Denied,
        };
        Ok(Some(Request { status, answered_by: Some(caller.principal.uid), ..request.clone() }))
    }

    async fn refusal(&self, caller: &Caller, approval: ApprovalId, error: OrderError) -> Error {
        match error {
            OrderError::Busy => Error::Busy { approval },
            OrderError::Draining => Error::Draining,
            OrderError::Store(error) => Error::Store(error),
            OrderError::Corrupt(what) => Error::Store(StoreError::Corrupt { what }),
            OrderError::Absent => Error::NotFound { approval },
            OrderError::Rejected(Rejection::NotWaiting { .. }) => match self.request(caller, approval).await {
                Ok(request) if request.status != Status::Waiting => Error::Answered { approval, status: request.status },
                Ok(_) | Err(_) => Error::NotWaiting { approval },
            },
            OrderError::Rejected(_) => Error::NotWaiting { approval },
        }
    }
}

/// The act of approving a call that is made for oneself.
#[derive(Debug)]
struct SelfApproval(ApprovalId);

impl Act for SelfApproval {}

/// What is kept of the answer, for whoever verifies it without the daemon: statement, signature, key, enrolment, and what
/// makes it worth less than another's.
#[derive(Serialize)]
struct Evidence<'a> {
    version: u16,
    /// How the approver saw what was signed (semantics §5.1).
    assurance: &'static str,
    statement: String,
    signature: String,
    key: &'a str,
    enrolment: Option<String>,
    /// The decision that let somebody approve a call made for themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    self_approval: Option<DecisionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stamp: Option<&'static str>,
}

const fn tenant(caller: &Caller) -> &TenantId {
    &caller.principal.tenant
}
