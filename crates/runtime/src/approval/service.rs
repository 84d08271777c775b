//! The approval service: what callers may do with approvals.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scalbotics_core::agent::Standing;
use scalbotics_core::approval::{Answer, Request, Status};
use scalbotics_core::ids::{ApprovalId, HumanUid};
use scalbotics_core::ports::{ApprovalFilter, Human, StoreError};
use scalbotics_core::principal::Uid;
use scalbotics_core::task::{Command, Rejection};
use scalbotics_core::tenant::TenantId;
use serde_json::{Value, json};

use super::Error;
use super::statement::{self, Asked};
use crate::task::{Cause, Order, OrderError, Service as TaskService, Shared};
use crate::vault::OpenError;
use crate::{Caller, Ports};

/// Approvals, for callers. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Service {
    ports: Ports,
    shared: Arc<Shared>,
    trust_domain: Arc<str>,
}

/// A request with its arguments in the clear.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The request.
    pub request: Request,
    /// The exact arguments.
    pub args: Value,
    /// Their canonical bytes, as they will be sent.
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
        Self { ports, shared: tasks.shared(), trust_domain: trust_domain.into() }
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
        let opened = self.shared.vault.open(&request.tenant, &request.args).await;
        let canonical = opened.map_err(|error| match error {
            OpenError::Erased(_) => Error::Erased { approval },
            OpenError::Cipher(_) => Error::Unreadable { approval },
            OpenError::Store(error) => Error::Store(error),
        })?;
        let args = scalbotics_core::json::parse(&canonical).map_err(|_| Error::Unreadable { approval })?;
        Ok(Shown { request, args, canonical, trust_domain: self.trust_domain.to_string() })
    }

    /// Takes an approver's statement: of two that race, exactly one wins. Answers the request as it stands then.
    ///
    /// # Errors
    /// [`Error`]; nothing has changed then.
    pub async fn decide(&self, caller: &Caller, approval: ApprovalId, signed: &SignedAnswer) -> Result<Request, Error> {
        let shown = self.get(caller, approval).await?;
        let human = self.approver(caller).await?;
        if shown.request.chain.contains(&Uid::Human(human.uid)) {
            return Err(Error::OwnCall { approval });
        }
        if self.is_replayed(caller, approval, signed).await? {
            return Ok(shown.request);
        }
        let asked = Asked { request: &shown.request, trust_domain: &self.trust_domain, args: shown.args, approver: human.uid };
        let answer = statement::check(asked, &signed.statement)?;
        let key = self.ports.statement_verifier.verify(&human, &signed.statement, &signed.signature)?;
        if shown.request.status != Status::Waiting {
            return Err(Error::Answered { approval, status: shown.request.status });
        }
        let sealed = self.shared.vault.seal(&shown.request.tenant, evidence(&human, signed, &key))?;
        let (by, statement) = (Uid::Human(human.uid), sealed.reference);
        let command = match answer {
            Answer::Approve => Command::Approve { approval, by, statement },
            Answer::Deny => Command::Deny { approval, by, statement },
        };
        let order = Order {
            tenant: tenant(caller).clone(),
            command,
            payloads: vec![sealed],
            cause: Cause::of(caller),
            answer: self.repeat(caller, approval, signed).map(|repeat| repeat.answered(approval.to_string(), self.shared.now())),
        };
        let task = shown.request.task;
        match self.shared.order(task, order).await {
            Ok(_) => self.request(caller, approval).await,
            Err(error) => Err(self.refusal(caller, approval, error).await),
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

    fn repeat(&self, caller: &Caller, approval: ApprovalId, signed: &SignedAnswer) -> Option<crate::task::Repeat> {
        let body = [approval.to_string().as_bytes(), &signed.statement].concat();
        crate::task::Repeat::of(caller, "approval.decide", &body)
    }

    async fn is_replayed(&self, caller: &Caller, approval: ApprovalId, signed: &SignedAnswer) -> Result<bool, Error> {
        let Some(repeat) = self.repeat(caller, approval, signed) else { return Ok(false) };
        match self.ports.task_log.answer(&repeat.key, self.shared.now()).await? {
            None => Ok(false),
            Some(stored) if stored.body == repeat.body => Ok(true),
            Some(_) => Err(Error::KeyReused),
        }
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

/// What is kept of the answer, for whoever verifies it without the daemon: statement, signature, key, enrolment.
fn evidence(human: &Human, signed: &SignedAnswer, key: &str) -> Vec<u8> {
    let enrolment = human.enrolment.as_ref().map(|bytes| STANDARD.encode(bytes));
    let evidence = json!({
        "version": 1,
        "assurance": "cli",
        "statement": STANDARD.encode(&signed.statement),
        "signature": STANDARD.encode(&signed.signature),
        "key": key,
        "enrolment": enrolment,
    });
    evidence.to_string().into_bytes()
}

const fn tenant(caller: &Caller) -> &TenantId {
    &caller.principal.tenant
}
