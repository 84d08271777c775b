//! One actor per task in memory: it owns the state, reads the mail, and makes one move after the other.

use std::collections::VecDeque;
use std::sync::Arc;

use scalbotics_core::conversation::Heard;
use scalbotics_core::ids::{EffectId, TaskId};
use scalbotics_core::in_words;
use scalbotics_core::policy::Warrant;
use scalbotics_core::ports::StoreError;
use scalbotics_core::task::{Command, Failure, Phase, State};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::Call;

use super::draft::{Draft, Trouble};
use super::executor::Shared;
use super::plan;
use super::residents::Residence;
use super::run::{Born, Gone, Run};
use super::slots::Slot;
use super::wait::{Wait, waiting};
use crate::timers::{Sleeper, sleep_until};

/// Wait after trouble with a store before the task is looked at again, in milliseconds.
pub(super) const TROUBLE_WAIT_MS: u64 = 10_000;

/// Times that a revoked commit is decided anew at once: the second decision sees the suspension and denies.
const REVOKED_MAX: u32 = 3;

/// Times that a state is loaded again because another writer was faster; more means that two daemons fight.
const CONFLICTS_MAX: u32 = 3;

/// What comes after a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Another move, at once.
    Go,
    /// Nothing before this moment, or before mail where there is none.
    Rest(Option<Timestamp>),
}

/// The actor of one task.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) shared: Arc<Shared>,
    pub(super) task: TaskId,
    pub(super) tenant: TenantId,
    pub(super) residence: Residence,
    pub(super) state: Option<State>,
    pub(super) slot: Option<Slot>,
    pub(super) run: Option<Run>,
    pub(super) warrants: VecDeque<Warrant<Call>>,
    pub(super) tries: Tries,
    wait: Wait,
}

/// Attempts of the current effect that this actor saw come to nothing; not durable, the durable limit is in recovery.
#[derive(Debug, Default)]
pub(super) struct Tries {
    pub(super) effect: Option<EffectId>,
    pub(super) count: u32,
    /// Not before this moment again.
    pub(super) not_before: Option<Timestamp>,
    /// What was last seen.
    pub(super) words: String,
}

impl Actor {
    /// The actor of a task whose state is still in the store.
    pub(super) fn asleep(shared: Arc<Shared>, task: TaskId, tenant: TenantId, residence: Residence, slot: Option<Slot>) -> Self {
        Self {
            shared,
            task,
            tenant,
            residence,
            state: None,
            slot,
            run: None,
            warrants: VecDeque::new(),
            tries: Tries::default(),
            wait: Wait::default(),
        }
    }

    /// The actor of a task that was just submitted.
    pub(super) fn born(shared: Arc<Shared>, residence: Residence, born: Born) -> Self {
        let (task, tenant) = (born.state.envelope.id, born.state.envelope.tenant.clone());
        Self {
            shared,
            task,
            tenant,
            residence,
            state: Some(born.state),
            slot: born.slot,
            run: Some(born.run),
            warrants: born.warrants.into(),
            tries: Tries::default(),
            wait: Wait::default(),
        }
    }

    /// Lives until the task has nothing to do in memory.
    pub(super) async fn live(mut self) {
        let mut conflicts = 0;
        loop {
            match self.load().await {
                Ok(true) => {}
                // Absent: whoever sent mail is told so.
                Ok(false) => return self.refuse_mail(),
                Err(error) => {
                    tracing::error!(task = %self.task, %error, "task could not be loaded");
                    return self.sleep_after_trouble();
                }
            }
            while let Ok(mail) = self.residence.mail.try_recv() {
                self.read(mail).await;
            }
            let step = match self.step().await {
                Ok(step) => step,
                Err(Trouble::Store(StoreError::Conflict { .. })) if conflicts < CONFLICTS_MAX => {
                    // Another writer: what is stored counts.
                    conflicts += 1;
                    self.state = None;
                    self.run = None;
                    continue;
                }
                Err(Trouble::Store(StoreError::Closing | StoreError::Superseded)) => return,
                Err(Trouble::Store(error)) => {
                    tracing::error!(task = %self.task, %error, "task waits for its store");
                    return self.sleep_after_trouble();
                }
                Err(Trouble::Rejected(_)) if self.state.is_none() => return self.sleep_after_trouble(),
                Err(trouble @ (Trouble::Rejected(_) | Trouble::Corrupt(_) | Trouble::Cipher(_))) => {
                    let error = in_words(&trouble);
                    tracing::error!(task = %self.task, error, "task is stopped: its state allows no move");
                    return;
                }
            };
            if let Step::Rest(until) = step
                && self.rest(until).await
            {
                return;
            }
        }
    }

    async fn load(&mut self) -> Result<bool, StoreError> {
        if self.state.is_none() {
            self.state = self.shared.ports.task_log.state(&self.tenant, self.task).await?;
        }
        if let Some(state) = &self.state {
            self.residence.acts_for(&state.envelope.chain);
        }
        Ok(self.state.is_some())
    }

    /// The state; the loop never goes on without one.
    pub(super) fn state(&self) -> Result<&State, Trouble> {
        self.state.as_ref().ok_or(Trouble::Rejected(scalbotics_core::task::Rejection::Absent))
    }

    /// One move.
    async fn step(&mut self) -> Result<Step, Trouble> {
        if !self.warrants.is_empty() {
            return Box::pin(self.perform()).await;
        }
        let state = self.state()?;
        if state.status.is_final() || self.shared.supervisor.is_draining() {
            return Ok(Step::Rest(None));
        }
        let now = self.shared.now();
        let open = state.open_calls().map(|(effect, _)| *effect).next();
        if let Some(effect) = open {
            if let Some(step) = self.await_login().await? {
                return Ok(step);
            }
            return if self.take_slot() { Box::pin(self.recover(effect)).await } else { Ok(Step::Rest(None)) };
        }
        if state.calls.values().any(|call| matches!(call.phase, Phase::InDoubt { .. })) {
            return Ok(Step::Rest(None));
        }
        let deadline = state.envelope.deadline;
        if now >= deadline {
            let failure = plan::time_over(state);
            return self.commit(|shared, draft| draft.fail(&shared.vault, failure, "time is up")).await;
        }
        if let Some((approval, expires_at)) = waiting(state) {
            if now >= expires_at {
                return self.commit(|_, draft| draft.apply(Command::ExpireApproval { approval })).await;
            }
            return Ok(Step::Rest(Some(expires_at)));
        }
        if state.login.is_some() {
            return match self.await_login().await? {
                Some(step) => Ok(step),
                None => self.commit(|_, draft| draft.apply(Command::ExpireLogin)).await,
            };
        }
        if let Some(not_before) = self.tries.not_before.filter(|not_before| now < *not_before) {
            return Ok(Step::Rest(Some(not_before)));
        }
        if !self.take_slot() {
            return Ok(Step::Rest(Some(deadline)));
        }
        self.advance().await
    }

    /// Whether this actor may run; queues the task if not.
    fn take_slot(&mut self) -> bool {
        if self.slot.is_none() {
            let sleeper = self.sleeper();
            self.slot = self.shared.slots.take(sleeper.task, (&sleeper.tenant, sleeper.priority));
            if self.slot.is_none() {
                self.shared.slots.enqueue(sleeper);
            }
        }
        self.slot.is_some()
    }

    pub(super) fn sleeper(&self) -> Sleeper {
        let priority = self.state.as_ref().map_or(0, |state| state.envelope.priority);
        Sleeper { task: self.task, tenant: self.tenant.clone(), priority }
    }

    /// The next move of the workflow, committed; the warrants that it gives are performed by the next step.
    async fn advance(&mut self) -> Result<Step, Trouble> {
        if let Err(words) = self.ensure_run().await? {
            return self.commit(|shared, draft| draft.fail(&shared.vault, Failure::Unavailable, &words)).await;
        }
        for _ in 0..REVOKED_MAX {
            let mut draft = self.draft()?;
            if let Some(run) = &self.run {
                plan::advance(&self.shared, run, &mut draft).await?;
            }
            match self.write(draft).await {
                Ok(()) => return Ok(Step::Go),
                // The agent was suspended between decision and commit: decide again.
                Err(StoreError::Revoked { .. }) => {}
                Err(StoreError::Full | StoreError::Quota { .. } | StoreError::Unwitnessed) => {
                    let until = self.wait.next(self.shared.now());
                    return Ok(Step::Rest(Some(until)));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Step::Rest(Some(self.shared.now().plus_ms(TROUBLE_WAIT_MS))))
    }

    /// Makes sure that the run is in memory; `Err` in words when it cannot be had any more.
    pub(super) async fn ensure_run(&mut self) -> Result<Result<(), String>, Trouble> {
        if self.run.is_some() {
            return Ok(Ok(()));
        }
        match Run::load(&self.shared, self.state()?).await {
            Ok(run) => {
                self.run = Some(run);
                Ok(Ok(()))
            }
            Err(Gone::Missing(words)) => Ok(Err(words)),
            Err(Gone::Store(error)) => Err(error.into()),
        }
    }

    pub(super) fn draft(&self) -> Result<Draft, Trouble> {
        Ok(Draft::on(self.state()?, self.shared.now()))
    }

    /// Commits a draft and takes over its state and warrant.
    pub(super) async fn write(&mut self, draft: Draft) -> Result<(), StoreError> {
        let refused = draft.refused_steps();
        let written = self.shared.write(draft).await?;
        for step in refused {
            // A workflow ends with it; a conversation takes any refusal of a step.
            let _taken = self.run.as_mut().map(|run| run.take(&step, Heard::Refused));
        }
        self.warrants.extend(written.warrants);
        let waited = self.state.replace(written.state).is_some_and(|before| before.login.is_some());
        if waited && self.state.as_ref().is_none_or(|state| state.login.is_none()) {
            self.shared.logins.forget(self.task);
        }
        self.wait = Wait::default();
        Ok(())
    }

    /// Commits what `fill` puts into a draft, waiting as long as there is no room.
    pub(super) async fn commit(&mut self, fill: impl Fn(&Shared, &mut Draft) -> Result<(), Trouble>) -> Result<Step, Trouble> {
        let mut wait = Wait::default();
        loop {
            let mut draft = self.draft()?;
            fill(&self.shared, &mut draft)?;
            match self.write(draft).await {
                Ok(()) => return Ok(Step::Go),
                Err(StoreError::Full) => self.wait_for_room(&mut wait).await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits before a commit is tried again for which there was no room; nothing is sent meanwhile.
    pub(super) async fn wait_for_room(&self, wait: &mut Wait) -> Result<(), Trouble> {
        let until = wait.next(self.shared.now());
        tokio::select! {
            biased;
            () = self.shared.supervisor.draining() => Err(StoreError::Full.into()),
            () = sleep_until(self.shared.ports.clock.as_ref(), until) => Ok(()),
        }
    }
}
