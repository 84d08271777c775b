//! All storage ports at once, since a commit shows in all of them.

use scalbotics_core::ports::{
    ApprovalStore, AuditLog, DecisionStore, Epochs, PayloadStore, Registry, Roster, SecretStore, TaskLog,
};

use super::{approval_store, audit_log, decision_store, epochs, payload_store, registry, secret_store, task_log};

/// Everything that one store implements.
pub trait Store:
    TaskLog + AuditLog + PayloadStore + ApprovalStore + DecisionStore + Registry + Roster + SecretStore + Epochs
{
}

impl<S: TaskLog + AuditLog + PayloadStore + ApprovalStore + DecisionStore + Registry + Roster + SecretStore + Epochs> Store
    for S
{
}

/// Runs every suite on one empty store.
pub async fn all(store: &dyn Store) {
    task_log::suite(store).await;
    audit_log::suite(store).await;
    payload_store::suite(store).await;
    approval_store::suite(store).await;
    decision_store::suite(store).await;
    registry::suite(store).await;
    secret_store::suite(store).await;
    epochs::suite(store).await;
}
