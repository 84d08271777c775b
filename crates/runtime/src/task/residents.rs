//! Which tasks have an actor in memory, and how mail reaches them.
//!
//! **Invariant:** mail is handed over and an actor leaves under one lock, so no mail is sent to an actor that has left.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use scalbotics_core::ids::TaskId;
use scalbotics_core::principal::{Chain, Principal, Uid};
use scalbotics_core::tenant::TenantId;
use tokio::sync::mpsc;

use super::order::Mail;

/// Mails that wait for one actor; a person and a few watchers send one each.
const MAILBOX_LEN_MAX: usize = 64;

#[derive(Debug)]
struct Entry {
    number: u64,
    mail: mpsc::Sender<Mail>,
    /// The principals of the task's chain, once its state is loaded.
    chain: Option<Vec<Principal>>,
}

#[derive(Debug, Default)]
struct Book {
    entries: BTreeMap<TaskId, Entry>,
    last: u64,
}

/// The actors in memory.
#[derive(Debug, Default)]
pub(super) struct Residents {
    book: Mutex<Book>,
}

/// How mail was taken.
#[derive(Debug)]
pub(super) enum Posted {
    /// An actor has it.
    Taken,
    /// There is no actor: this one's place was made, and the mail is the first in its box.
    Opened(Residence),
    /// The box is full; the mail is gone.
    Full,
}

/// The place of one actor.
#[derive(Debug)]
pub(super) struct Residence {
    task: TaskId,
    number: u64,
    residents: Arc<Residents>,
    pub(super) mail: mpsc::Receiver<Mail>,
}

impl Residents {
    /// Hands `mail` to the task's actor, or makes the place of a new one.
    pub(super) fn post(self: &Arc<Self>, task: TaskId, mail: Mail) -> Posted {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let mail = match book.entries.get(&task) {
            None => mail,
            Some(entry) => match entry.mail.try_send(mail) {
                Ok(()) => return Posted::Taken,
                Err(mpsc::error::TrySendError::Full(_)) => return Posted::Full,
                // The actor panicked and its place is about to go.
                Err(mpsc::error::TrySendError::Closed(mail)) => mail,
            },
        };
        let (sender, receiver) = mpsc::channel(MAILBOX_LEN_MAX);
        // A new box has room for one.
        let _ = sender.try_send(mail);
        book.last += 1;
        let number = book.last;
        book.entries.insert(task, Entry { number, mail: sender, chain: None });
        Posted::Opened(Residence { task, number, residents: Arc::clone(self), mail: receiver })
    }

    /// Sends [`Mail::Halt`] to every actor whose chain holds `principal`, or that does not say yet.
    pub(super) fn halt(&self, principal: Uid) {
        self.halt_where(|found| found.uid == principal);
    }

    /// Sends [`Mail::Halt`] to every actor of a task of this tenant, or that does not say yet.
    pub(super) fn halt_tenant(&self, tenant: &TenantId) {
        self.halt_where(|found| found.tenant == *tenant);
    }

    fn halt_where(&self, is_meant: impl Fn(&Principal) -> bool) {
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let is_meant = |entry: &&Entry| entry.chain.as_ref().is_none_or(|chain| chain.iter().any(&is_meant));
        for entry in book.entries.values().filter(is_meant) {
            // A full box is read within moments, and every call passes the gate anyway.
            let _ = entry.mail.try_send(Mail::Halt);
        }
    }
}

impl Residence {
    /// Says for whom this actor acts.
    pub(super) fn acts_for(&self, chain: &Chain) {
        let mut book = self.residents.book.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = book.entries.get_mut(&self.task).filter(|entry| entry.number == self.number) {
            entry.chain.get_or_insert_with(|| chain.principals.clone());
        }
    }

    /// Gives the place up if there is no mail; answers whether it did.
    pub(super) fn leave(&self) -> bool {
        let mut book = self.residents.book.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.mail.is_empty() {
            return false;
        }
        if book.entries.get(&self.task).is_some_and(|entry| entry.number == self.number) {
            book.entries.remove(&self.task);
        }
        true
    }
}

impl Drop for Residence {
    fn drop(&mut self) {
        let mut book = self.residents.book.lock().unwrap_or_else(PoisonError::into_inner);
        if book.entries.get(&self.task).is_some_and(|entry| entry.number == self.number) {
            book.entries.remove(&self.task);
        }
    }
}
