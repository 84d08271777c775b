//! The task service: what callers may do with tasks.

use std::sync::Arc;

use futures_util::stream::Stream;
use scalbotics_core::approval::REASON_LEN_MAX;
use scalbotics_core::ids::{EffectId, HumanUid, TaskId};
use scalbotics_core::outside::ClaimsAge;
use scalbotics_core::ports::{StoreError, StoredEvent, Summary, TaskFilter};
use scalbotics_core::principal::Uid;
use scalbotics_core::task::{Command, Goal as StoredGoal, Path, State, Status, Verdict};
use scalbotics_core::tenant::TenantId;
use serde_json::{Value, json};

use super::cause::Repeat;
use super::order::{Order, OrderError};
use super::view::View;
use super::watch::{self, Watched};
use super::{Cause, Error, Goal, Limits, Shared, Submit, SubmitError, Submitted};
use crate::audit::Quota;
use crate::metrics::Metrics;
use crate::reconcile::States;
use crate::{Caller, Ports, Supervisor};

/// Tasks, for callers. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Service {
    shared: Arc<Shared>,
}

impl Service {
    /// Starts the loops of the executor; `ages` says how old an issuer's word about groups may be for a call. Call [`Service::recover`] before the
    /// first request is served.
    #[must_use]
    pub fn start(
        ports: Ports,
        states: States,
        supervisor: Supervisor,
        metrics: Arc<Metrics>,
        (quota, ages): (Arc<Quota>, ClaimsAge),
    ) -> Self {
        let shared = Shared::new(ports, states, supervisor, metrics, (quota, ages));
        shared.start();
        Self { shared }
    }

    /// Brings every unfinished task back and returns their number; does not wait for any of them to settle.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub async fn recover(&self) -> Result<usize, StoreError> {
        let recovered = self.shared.recover().await?;
        if recovered > 0 {
            tracing::info!("recovered {recovered} {}", if recovered == 1 { "task" } else { "tasks" });
        }
        Ok(recovered)
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Takes on a task; durable when this returns, its first call included.
    ///
    /// # Errors
    /// [`SubmitError`]; nothing is durable then.
    ///
    /// # Cancel safety
    /// Dropping the future may leave the task submitted; with a repeat key, asking again gives the same task.
    pub async fn submit(&self, caller: &Caller, submit: &Submit) -> Result<Submitted, SubmitError> {
        let body = scalbotics_core::json::canonical_of(submit).map_err(SubmitError::InputForm)?;
        let repeat = Repeat::of(&self.shared.vault, caller, "task.submit", &body)?;
        Box::pin(self.shared.submit(caller, submit, repeat, None)).await
    }

    /// Checks a submission as [`Service::submit`] does and submits nothing; answers the way that it would take.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn validate(&self, caller: &Caller, submit: &Submit) -> Result<Path, SubmitError> {
        Ok(self.shared.prepare(caller, submit, None).await?.path)
    }

    /// One task.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Unreadable`].
    pub async fn get(&self, caller: &Caller, task: TaskId, with_output: bool) -> Result<View, Error> {
        let state = self.state(caller, task).await?;
        self.shared.view(state, with_output).await
    }

    /// A state of a task as it is shown, such as the one that a mutation answered.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Unreadable`].
    pub async fn show(&self, state: State) -> Result<View, Error> {
        self.shared.view(state, false).await
    }

    /// The state of one task without its words; for deciding about an RPC.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn state(&self, caller: &Caller, task: TaskId) -> Result<State, Error> {
        let state = self.shared.ports.task_log.state(tenant(caller), task).await.map_err(Error::store(task))?;
        state.ok_or(Error::NotFound { task })
    }

    /// Tasks of the caller's tenant, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, caller: &Caller, filter: &TaskFilter) -> Result<Vec<Summary>, StoreError> {
        self.shared.ports.task_log.list(tenant(caller), filter).await
    }

    /// Events of a task as they are stored, at most `limit` from `from` on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn events(&self, caller: &Caller, task: TaskId, from: u64, limit: usize) -> Result<Vec<StoredEvent>, Error> {
        self.state(caller, task).await?;
        self.shared.ports.task_log.events(tenant(caller), task, from, limit).await.map_err(Error::store(task))
    }

    /// The events of a task from `from` on; the stream ends after the event that ended the task, or when a drain begins.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Busy`], [`Error::Store`].
    pub async fn watch(
        &self,
        caller: &Caller,
        task: TaskId,
        from: u64,
    ) -> Result<impl Stream<Item = Result<Watched, Error>> + Send + use<>, Error> {
        self.state(caller, task).await?;
        let (log, supervisor) = (Arc::clone(&self.shared.ports.task_log), self.shared.supervisor.clone());
        watch::events(&self.shared.watchers, log, supervisor, (tenant(caller).clone(), task), from)
    }

    /// The output of a completed task.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NoResult`], [`Error::Erased`], [`Error::Store`].
    pub async fn result(&self, caller: &Caller, task: TaskId) -> Result<Value, Error> {
        let state = self.state(caller, task).await?;
        self.shared.output(&state).await
    }

    /// Asks a task to end; an effect that is on its way is recorded first. Answers the state after the request.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn cancel(&self, caller: &Caller, task: TaskId) -> Result<Changed, Error> {
        let repeat = self.repeat(caller, task, ("task.cancel", task.to_string().as_bytes()))?;
        if let Some(known) = self.replay(caller, task, repeat.as_ref()).await? {
            return Ok(known);
        }
        self.state(caller, task).await?;
        let command = Command::Cancel { by: caller.principal.uid };
        self.order(caller, task, (command, Vec::new()), repeat).await
    }

    /// Settles an effect that is IN_DOUBT by a person's word; `result` is the effect's result where later steps need one.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn settle(&self, caller: &Caller, task: TaskId, effect: EffectId, word: Word) -> Result<Changed, Error> {
        if word.reason.len() > REASON_LEN_MAX {
            let (len, max) = (word.reason.len(), REASON_LEN_MAX);
            return Err(Error::TooLong { field: "reason", len, max });
        }
        let (landed, given) = match &word.outcome {
            Settled::Landed { result } => (true, result.clone()),
            Settled::NotLanded => (false, None),
        };
        let body = json!({"task": task, "effect": effect, "landed": landed, "result": given, "reason": word.reason});
        let body = scalbotics_core::json::canonical(&body).map_err(|_| Error::Unreadable { task })?;
        let repeat = self.repeat(caller, task, ("task.settle", &body))?;
        if let Some(known) = self.replay(caller, task, repeat.as_ref()).await? {
            return Ok(known);
        }
        self.state(caller, task).await?;
        let seal = |bytes: Vec<u8>| self.shared.vault.seal(tenant(caller), bytes).map_err(|_| Error::Unreadable { task });
        let mut payloads = vec![seal(word.reason.into_bytes())?];
        let reason = payloads.first().map(|sealed| sealed.reference).ok_or(Error::Unreadable { task })?;
        let result = match given {
            None => None,
            Some(value) => {
                let sealed = seal(output_bytes(&value).ok_or(Error::Unreadable { task })?)?;
                let reference = sealed.reference;
                payloads.push(sealed);
                Some(reference)
            }
        };
        let verdict = if landed { Verdict::Landed { result } } else { Verdict::NotLanded };
        let command = Command::Settle { effect, by: caller.principal.uid, verdict, reason };
        self.order(caller, task, (command, payloads), repeat).await
    }

    /// Submits a failed or canceled task again, as a new task of the caller under the versions that the first one recorded
    /// (semantics §9.3); policy and the agent's standing are those of now.
    ///
    /// # Errors
    /// [`Error::NotRetryable`], [`Error::Resubmit`], [`Error::Erased`], and what reading gives.
    pub async fn retry(&self, caller: &Caller, task: TaskId) -> Result<Submitted, Error> {
        let resubmit = |source| Error::Resubmit { task, source: Box::new(source) };
        let repeat = self.repeat(caller, task, ("task.retry", task.to_string().as_bytes()))?;
        if let Some(known) = self.shared.known(tenant(caller), repeat.as_ref()).await.map_err(resubmit)? {
            return Ok(known);
        }
        let state = self.state(caller, task).await?;
        match state.status {
            Status::Failed | Status::Canceled => {}
            status @ (Status::Submitted
            | Status::Working
            | Status::InputRequired
            | Status::AuthRequired
            | Status::Completed
            | Status::Rejected) => return Err(Error::NotRetryable { task, status }),
        }
        let envelope = &state.envelope;
        // A deadline that was the end of a service's grant is not what was asked for.
        let is_cut = envelope.chain.grants.iter().rev().skip(1).any(|standing| standing.expires_at == envelope.deadline);
        let open = async |reference| self.shared.vault.open(tenant(caller), reference).await.map_err(Error::open(task));
        let goal = match &envelope.goal {
            StoredGoal::Workflow { id } => Goal::Workflow(id.clone()),
            StoredGoal::Text { text } => Goal::Text(String::from_utf8_lossy(&open(text).await?).into_owned()),
        };
        let input = open(&envelope.input).await?;
        let submit = Submit {
            agent: envelope.agent_name.clone(),
            goal,
            input: scalbotics_core::json::parse(&input).map_err(|_| Error::Unreadable { task })?,
            limits: Limits {
                calls: Some(envelope.budget.calls),
                tokens: Some(envelope.budget.tokens),
                seconds: Some(envelope.budget.seconds),
            },
            timeout_ms: (!is_cut).then(|| envelope.deadline.since_ms(envelope.submitted_at)),
            priority: envelope.priority,
        };
        let commit = &state.path.commit;
        let under = self.shared.states.at(tenant(caller), commit).await;
        let under = under.ok_or_else(|| resubmit(SubmitError::CommitGone { commit: commit.clone() }))?;
        Box::pin(self.shared.submit(caller, &submit, repeat, Some(under))).await.map_err(resubmit)
    }

    /// Stops what runs for an agent or a human that was just suspended; every new call is refused by the gate anyway.
    pub fn halt(&self, principal: Uid) {
        self.shared.residents.halt(principal);
    }

    /// Says that there are several tenants from now on, of which none takes all places where tasks run.
    pub fn share_places(&self) {
        self.shared.slots.share();
    }

    /// Stops what runs for a tenant that was just suspended; every new call is refused by the gate anyway.
    pub fn halt_tenant(&self, tenant: &TenantId) {
        self.shared.residents.halt_tenant(tenant);
    }

    /// Looks at the tasks that wait until this human has logged in: their issuer has just said something, which is durable.
    pub fn logged_in(&self, human: HumanUid) {
        self.shared.logins.take(human).into_iter().for_each(|sleeper| self.shared.slots.enqueue(sleeper));
    }

    fn repeat(&self, caller: &Caller, task: TaskId, (method, body): (&str, &[u8])) -> Result<Option<Repeat>, Error> {
        Repeat::of(&self.shared.vault, caller, method, body).map_err(|_| Error::Unreadable { task })
    }

    /// The first answer to the same request, if there was one: the state as it was then (semantics §9.1).
    async fn replay(&self, caller: &Caller, task: TaskId, repeat: Option<&Repeat>) -> Result<Option<Changed>, Error> {
        let Some(repeat) = repeat else { return Ok(None) };
        let stored = self.shared.ports.task_log.answer(&repeat.key, self.shared.now()).await.map_err(Error::store(task))?;
        let Some(stored) = stored else { return Ok(None) };
        if stored.body != repeat.body {
            return Err(Error::KeyReused);
        }
        let version = String::from_utf8_lossy(&stored.answer).parse().map_err(|_| Error::Unreadable { task })?;
        let state = self.shared.state_at(tenant(caller), task, version).await.map_err(Error::store(task))?;
        let state = state.ok_or(Error::Unreadable { task })?;
        Ok(Some(Changed { state, replayed: true }))
    }

    async fn order(
        &self,
        caller: &Caller,
        task: TaskId,
        (command, payloads): (Command, Vec<scalbotics_core::payload::Sealed>),
        repeat: Option<Repeat>,
    ) -> Result<Changed, Error> {
        let (cause, again) = (Cause::of(caller), repeat.clone());
        let order = Order { tenant: tenant(caller).clone(), command, payloads, cause, repeat };
        match self.shared.order(task, order).await {
            Ok(state) => Ok(Changed { state, replayed: false }),
            // The same request may have come in twice at once: then the other one won, and its answer is the answer.
            Err(error @ (OrderError::Rejected(_) | OrderError::Store(StoreError::Taken { .. }))) => {
                let known = self.replay(caller, task, again.as_ref()).await?;
                known.ok_or_else(|| Error::order(task, error))
            }
            Err(error) => Err(Error::order(task, error)),
        }
    }
}

/// A task that a request changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its state after the commit that did it.
    pub state: State,
    /// Whether this is the answer to an earlier request with the same key; nothing was done or audited now.
    pub replayed: bool,
}

/// A person's word on an effect that is IN_DOUBT.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// What the person says.
    pub outcome: Settled,
    /// In which words; at most [`REASON_LEN_MAX`] bytes.
    pub reason: String,
}

/// What a person says about an effect that is IN_DOUBT.
#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    /// It landed, with this result where later steps need one.
    Landed {
        /// Its result: a text for a tool whose output is text.
        result: Option<Value>,
    },
    /// It did not; it may be tried again.
    NotLanded,
}

const fn tenant(caller: &Caller) -> &TenantId {
    &caller.principal.tenant
}

/// The bytes that the tool would have given: a bare text stands for itself.
fn output_bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.clone().into_bytes()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            scalbotics_core::json::canonical(value).ok()
        }
    }
}
