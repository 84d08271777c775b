//! What becomes durable with a change that is no task's: record, decisions, answer.

use std::sync::Arc;

use scalbotics_core::ports::{Note, SealedDecision, StoreError, StoredAnswer};
use scalbotics_core::tenant::TenantId;

use super::job::Tx;
use super::journal::{check_decisions, write_answer, write_decisions};
use super::leaves::{Leaves, leaves};

/// A note, encoded and checked on the caller's thread.
#[derive(Debug)]
pub(super) struct Noted {
    tenant: TenantId,
    leaves: Arc<Leaves>,
    decisions: Vec<SealedDecision>,
    answer: Option<(String, StoredAnswer)>,
}

impl Noted {
    /// Makes a note of a change in `tenant` ready; one of another tenant is refused.
    pub(super) fn prepare(tenant: &TenantId, note: Note) -> Result<Self, StoreError> {
        let Note { record, decisions, answer } = note;
        check_decisions(tenant, &decisions)?;
        Ok(Self { tenant: tenant.clone(), leaves: leaves(tenant, vec![record])?, decisions, answer })
    }

    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> usize {
        let decisions = self.decisions.iter().map(|decision| decision.sealed.ciphertext.len());
        let answers = self.answer.iter().map(|(key, answer)| key.len().saturating_add(answer.answer.len()));
        decisions.chain(answers).fold(self.leaves.weight(), usize::saturating_add)
    }

    /// Writes it inside of the change's transaction.
    pub(super) fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        write_decisions(tx.conn, &self.decisions)?;
        write_answer(tx.conn, self.answer.as_ref())?;
        tx.logs.append(tx.conn, &self.tenant, &self.leaves).map(|_| ())
    }
}
