//! Carrying out one warrant: the last checks, the run, and mail meanwhile.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use scalbotics_core::agent::Standing;
use scalbotics_core::failpoint;
use scalbotics_core::policy::Warrant;
use scalbotics_core::ports::{StoreError, is_served};
use scalbotics_core::principal::Uid;
use scalbotics_core::tool::{Call, NotDone, Outcome};

use super::actor::{Actor, Step};
use super::conclude::Done;
use super::draft::Trouble;
use super::order::Mail;
use super::stop::{Ending, Signal};
use crate::timers::sleep_until;

impl Actor {
    /// Runs what there are warrants for, one after the other, and concludes: what landed in one commit, anything else each by
    /// itself, behind it.
    pub(super) async fn perform(&mut self) -> Result<Step, Trouble> {
        let mut landed = Vec::with_capacity(self.warrants.len());
        let mut others = Vec::new();
        while let Some(warrant) = self.warrants.pop_front() {
            let (effect, attempt) = (warrant.act().effect, warrant.attempt());
            let outcome = match self.void(&warrant).await {
                Some(reason) => Outcome::NeverLeft { reason: NotDone::Void { reason } },
                None => self.send(warrant).await?,
            };
            self.shared.metrics.count_outcome(&outcome);
            let list = if matches!(outcome, Outcome::Landed { .. }) { &mut landed } else { &mut others };
            list.push(Done { effect, attempt, outcome });
        }
        let mut step = if landed.is_empty() { Step::Go } else { self.conclude(landed).await? };
        for done in others {
            step = self.conclude(vec![done]).await?;
        }
        Ok(step)
    }

    /// Why the warrant is void now, if it is: epochs and deadline are checked again just before sending (semantics §2.1).
    async fn void(&self, warrant: &Warrant<Call>) -> Option<String> {
        if self.state().is_ok_and(|state| state.cancel_requested_by.is_some()) {
            return Some("the task is being canceled".to_owned());
        }
        let now = match self.shared.ports.epochs.now(warrant.act().agent).await {
            Ok(now) => now,
            Err(error) => return Some(format!("the epochs cannot be read: {error}")),
        };
        let commit = warrant.commit();
        if now.writer != commit.writer_epoch {
            return Some("a later writer has taken the data over".to_owned());
        }
        if now.agent.as_ref().is_none_or(|agent| agent.standing != Standing::Active) {
            return Some("the agent was suspended".to_owned());
        }
        if now.agent.is_some_and(|agent| agent.epoch != commit.revocation_epoch) {
            return Some("the agent was suspended or got new keys since it was decided".to_owned());
        }
        if let Some(reason) = self.absent_principal().await {
            return Some(reason);
        }
        // Last, for reading the epoch may have taken its time.
        (self.shared.now() >= warrant.deadline()).then(|| "its deadline has passed".to_owned())
    }

    /// Why the tenant, the human or the service of the chain may not act now, if one may not: nothing is sent for whoever was suspended after the
    /// decision. That a grant is over shows in the deadline, which lies before its end.
    async fn absent_principal(&self) -> Option<String> {
        let ports = &self.shared.ports;
        match is_served(ports.tenants.as_ref(), &self.tenant).await {
            Ok(true) => {}
            Ok(false) => return Some("the tenant was suspended".to_owned()),
            Err(error) => return Some(format!("the registry cannot be read: {error}")),
        }
        for principal in &self.state().ok()?.envelope.chain.principals {
            let standing = match principal.uid {
                Uid::Human(uid) => ports.registry.human_by_uid(uid).await.map(|human| human.map(|human| human.standing)),
                Uid::Service(uid) => ports.services.service_by_uid(uid).await.map(|service| service.map(|s| s.standing)),
                Uid::Agent(_) | Uid::Daemon => continue,
            };
            match standing {
                Ok(Some(Standing::Active)) => {}
                Ok(_) => return Some(format!("the {} was suspended", principal.uid.kind())),
                Err(error) => return Some(format!("the registry cannot be read: {error}")),
            }
        }
        None
    }

    /// Hands the warrant over and waits for the outcome.
    async fn send(&mut self, warrant: Warrant<Call>) -> Result<Outcome, Trouble> {
        let (effect, ending) = (warrant.act().effect, Ending::at(warrant.deadline(), warrant.act().class));
        if let Err(words) = self.ensure_run().await? {
            return Ok(Outcome::NeverLeft { reason: NotDone::Unavailable { reason: words } });
        }
        let tool = match &self.run {
            Some(run) => run.tool_of(&self.shared, self.state()?, effect),
            None => None,
        };
        let Some(tool) = tool else {
            let reason = "the tool is not in force any more".to_owned();
            return Ok(Outcome::NeverLeft { reason: NotDone::Unavailable { reason } });
        };
        let tool_runner = Arc::clone(&self.shared.ports.tools);
        let signal = Signal::default();
        let begun = tokio::time::Instant::now();
        failpoint!("effect.send.before");
        let mut running = tool_runner.run(&tool, warrant, &signal);
        let first = futures_util::poll!(&mut running);
        failpoint!("effect.send.after");
        let outcome = match first {
            std::task::Poll::Ready(outcome) => Some(outcome),
            std::task::Poll::Pending => self.attend(running, &signal, ending).await,
        };
        failpoint!("effect.reply.before");
        self.shared.metrics.call_duration.observe(begun.elapsed());
        let lost = || Outcome::Unknown { reason: "the tool did not stop when it was told to".to_owned() };
        Ok(outcome.unwrap_or_else(lost))
    }

    /// Waits for what runs, reads mail meanwhile, and tells it to stop in time; `None` when it was given up.
    pub(super) async fn attend<T>(
        &mut self,
        mut running: Pin<Box<dyn Future<Output = T> + Send + '_>>,
        signal: &Signal,
        mut ending: Ending,
    ) -> Option<T> {
        let (clock, supervisor) = (Arc::clone(&self.shared.ports.clock), self.shared.supervisor.clone());
        loop {
            let next = if signal.is_raised() { ending.give_up_at() } else { ending.stop_at };
            tokio::select! {
                biased;
                done = &mut running => return Some(done),
                mail = self.residence.mail.recv() => {
                    let Some(mail) = mail else { continue };
                    let halted = matches!(mail, Mail::Halt);
                    self.read(mail).await;
                    let canceled = self.state().is_ok_and(|state| state.cancel_requested_by.is_some());
                    if halted || canceled {
                        ending = ending.hasten(self.shared.now());
                    }
                }
                () = supervisor.killing(), if !signal.is_raised() => {
                    ending = ending.hasten(self.shared.now());
                    signal.raise();
                }
                () = sleep_until(clock.as_ref(), next) => {
                    if signal.is_raised() {
                        return None;
                    }
                    signal.raise();
                }
            }
        }
    }
}

impl Actor {
    /// Whether a store error means that the outcome alone should be written, without what comes next.
    pub(super) const fn is_about_next(error: &StoreError) -> bool {
        matches!(error, StoreError::Full | StoreError::Quota { .. } | StoreError::Unwitnessed | StoreError::Revoked { .. })
    }
}
