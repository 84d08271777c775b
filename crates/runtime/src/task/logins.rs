//! Which tasks wait until somebody logs in, and the wait itself.
//!
//! **Invariant:** a task is in the book before its actor looks whether the login has come, and a login is durable before the book is asked: one of
//! the two sees the other. The book is made anew at start.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use scalbotics_core::ids::{HumanUid, TaskId};
use scalbotics_core::ports::StoreError;
use scalbotics_core::task::{Command, LoginAsked, State};
use scalbotics_core::time::Timestamp;

use super::actor::{Actor, Step};
use super::draft::Trouble;
use super::executor::Shared;
use crate::timers::Sleeper;

#[derive(Debug, Default)]
struct Book {
    waiting: BTreeMap<(HumanUid, TaskId), Sleeper>,
    humans: BTreeMap<TaskId, HumanUid>,
}

/// The tasks that wait for a login, by whose; no more than tasks that have not ended.
#[derive(Debug, Default)]
pub(super) struct Logins(Mutex<Book>);

impl Logins {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The task waits for a login of this human.
    pub(super) fn add(&self, human: HumanUid, sleeper: Sleeper) {
        let mut book = self.book();
        book.humans.insert(sleeper.task, human);
        book.waiting.insert((human, sleeper.task), sleeper);
    }

    /// The task waits no more.
    pub(super) fn forget(&self, task: TaskId) {
        let mut book = self.book();
        if let Some(human) = book.humans.remove(&task) {
            book.waiting.remove(&(human, task));
        }
    }

    /// The tasks that waited for a login of this human; one that still waits comes back by itself.
    pub(super) fn take(&self, human: HumanUid) -> Vec<Sleeper> {
        let mut book = self.book();
        let of_human = (human, TaskId::from_u128(0))..=(human, TaskId::from_u128(u128::MAX));
        let found: Vec<Sleeper> = book.waiting.range(of_human).map(|(_, sleeper)| sleeper.clone()).collect();
        for sleeper in &found {
            book.waiting.remove(&(human, sleeper.task));
            book.humans.remove(&sleeper.task);
        }
        found
    }
}

impl Shared {
    /// When the issuer of the awaited human said something later than what was too old, if it did.
    async fn later_word(&self, login: &LoginAsked) -> Result<Option<Timestamp>, StoreError> {
        let human = self.ports.registry.human_by_uid(login.human).await?;
        let said = human.and_then(|human| human.outside).map(|outside| outside.claims_at);
        Ok(said.filter(|said| *said > login.claims_at))
    }

    /// Brings a task back that waits for a login: queued if it came before, or else with its timer.
    pub(super) async fn bring_back_waiting(&self, state: &State, login: &LoginAsked) -> Result<(), StoreError> {
        let envelope = &state.envelope;
        let sleeper = Sleeper { task: envelope.id, tenant: envelope.tenant.clone(), priority: envelope.priority };
        self.logins.add(login.human, sleeper.clone());
        match self.later_word(login).await? {
            Some(_) => self.slots.enqueue(sleeper),
            None => self.timers.set(sleeper, login.expires_at),
        }
        Ok(())
    }
}

impl Actor {
    /// Waits for the login that the task waits for, or notes that it came; `None` where it waits for none, or not any more.
    pub(super) async fn await_login(&mut self) -> Result<Option<Step>, Trouble> {
        let Some(login) = self.state()?.login.clone() else { return Ok(None) };
        self.shared.logins.add(login.human, self.sleeper());
        if let Some(claims_at) = self.shared.later_word(&login).await? {
            return self.commit(|_, draft| draft.apply(Command::NoteLogin { claims_at })).await.map(Some);
        }
        let until = login.expires_at;
        Ok((self.shared.now() < until).then_some(Step::Rest(Some(until))))
    }
}

#[cfg(test)]
mod tests {
    use scalbotics_core::tenant::TenantId;

    use super::*;

    #[test]
    fn a_login_wakes_those_who_wait_for_it_once() {
        let logins = Logins::default();
        let (ann, bob) = (HumanUid::from_u128(1), HumanUid::from_u128(2));
        let sleeper = |task| Sleeper { task: TaskId::from_u128(task), tenant: TenantId::parse("acme").unwrap(), priority: 4 };
        let tasks = |human| logins.take(human).into_iter().map(|sleeper| sleeper.task.as_u128()).collect::<Vec<_>>();
        for (human, task) in [(ann, 1), (ann, 2), (bob, 3), (ann, 1), (ann, 4)] {
            logins.add(human, sleeper(task));
        }
        logins.forget(TaskId::from_u128(4));
        logins.forget(TaskId::from_u128(9));
        assert_eq!(tasks(ann), [1, 2]);
        assert_eq!(tasks(ann), [] as [u128; 0]);
        assert_eq!(tasks(bob), [3]);
        assert!(logins.book().humans.is_empty() && logins.book().waiting.is_empty());
    }
}
