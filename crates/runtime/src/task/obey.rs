//! How an actor reads its mail and carries out orders.

use scalbotics_core::in_words;
use scalbotics_core::ports::StoreError;
use scalbotics_core::task::{Command, State};
use tokio::sync::oneshot;

use super::actor::{Actor, Tries};
use super::draft::Trouble;
use super::order::{Mail, Order, OrderError};

impl Actor {
    /// Reads one mail.
    pub(super) async fn read(&mut self, mail: Mail) {
        match mail {
            // Whatever there is to do is looked at anyway; a suspension bites at the next gate.
            Mail::Wake | Mail::Halt => {}
            Mail::Order(order, reply) => self.carry_out(*order, reply).await,
        }
    }

    async fn carry_out(&mut self, order: Order, reply: oneshot::Sender<Result<State, OrderError>>) {
        let done = self.try_carry_out(order).await;
        // Whoever asked may have gone; the commit counts.
        let _ = reply.send(done);
    }

    async fn try_carry_out(&mut self, order: Order) -> Result<State, OrderError> {
        let broken = |trouble: Trouble| match trouble {
            Trouble::Rejected(rejection) => OrderError::Rejected(rejection),
            Trouble::Store(error) => OrderError::Store(error),
            Trouble::Corrupt(_) | Trouble::Cipher(_) => OrderError::Corrupt(in_words(&trouble)),
        };
        if order.tenant != self.tenant {
            return Err(OrderError::Absent);
        }
        let mut draft = self.draft().map_err(broken)?;
        draft.caused_by(order.cause);
        draft.payloads = order.payloads;
        // A person's settlement may bring a result or take a call back: what is in memory is built anew.
        let settles = matches!(order.command, Command::Settle { .. });
        draft.apply(order.command).map_err(broken)?;
        let version = draft.state().map_err(broken)?.version;
        draft.answer = order.repeat.map(|repeat| repeat.answered(version.to_string(), draft.at));
        match self.write(draft).await {
            Ok(()) => {
                if settles {
                    self.run = None;
                    self.tries = Tries::default();
                }
                self.state().cloned().map_err(broken)
            }
            Err(error) => {
                if !Self::is_about_next(&error) && !matches!(error, StoreError::Taken { .. }) {
                    self.reload().await;
                }
                Err(OrderError::Store(error))
            }
        }
    }

    /// Takes over what is stored: another writer was first, or a commit may have succeeded unheard. Where that cannot be read
    /// there is no state, and the next move that needs one ends in a pause.
    async fn reload(&mut self) {
        self.state = self.shared.ports.task_log.state(&self.tenant, self.task).await.unwrap_or_default();
    }
}
