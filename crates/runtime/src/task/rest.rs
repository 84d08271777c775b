//! How an actor waits: in memory for a while, else it leaves and a timer wakes its task; and what becomes of its mail when it ends.

use scalbotics_core::time::Timestamp;

use super::actor::{Actor, TROUBLE_WAIT_MS};
use super::order::{Mail, OrderError};
use super::wait::waking;
use crate::timers::sleep_until;

/// Longest wait that an actor spends in memory with its results, in milliseconds; for a longer one it leaves.
const STAY_MS: u64 = 5_000;

impl Actor {
    /// Waits in memory or leaves it; answers whether the actor is gone.
    pub(super) async fn rest(&mut self, until: Option<Timestamp>) -> bool {
        let now = self.shared.now();
        if let Some(until) = until.filter(|until| until.since_ms(now) <= STAY_MS && !self.shared.supervisor.is_draining()) {
            tokio::select! {
                biased;
                () = self.shared.supervisor.draining() => {}
                mail = self.residence.mail.recv() => if let Some(mail) = mail { self.read(mail).await },
                () = sleep_until(self.shared.ports.clock.as_ref(), until) => {}
            }
            return false;
        }
        self.slot = None;
        let unfinished = self.state.as_ref().filter(|state| !state.status.is_final());
        match unfinished.and_then(|state| until.map(|until| waking(until, state.envelope.deadline, now))) {
            Some(at) => self.shared.timers.set(self.sleeper(), at),
            None => self.shared.timers.clear(self.task),
        }
        self.residence.leave()
    }

    pub(super) fn sleep_after_trouble(mut self) {
        let at = self.shared.now().plus_ms(TROUBLE_WAIT_MS);
        self.shared.timers.set(self.sleeper(), at);
        while let Ok(mail) = self.residence.mail.try_recv() {
            if let Mail::Order(_, reply) = mail {
                let _ = reply.send(Err(OrderError::Busy));
            }
        }
    }

    pub(super) fn refuse_mail(mut self) {
        while let Ok(mail) = self.residence.mail.try_recv() {
            if let Mail::Order(_, reply) = mail {
                let _ = reply.send(Err(OrderError::Absent));
            }
        }
    }
}
