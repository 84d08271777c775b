//! All storage ports at once, since a commit shows in all of them.

use scalbotics_core::ports::{
    ApprovalStore, AuditLog, AuditSearch, AuditTree, DecisionStore, Epochs, JoinTokens, PayloadStore, PrivacyStore, Registry,
    Roster, SecretStore, ServiceRegistry, SvidBook, TaskLog, TenantRegistry, WrapStore,
};

use super::{
    approval_store, audit_log, audit_search, decision_store, epochs, join_tokens, log_tree, payload_store, privacy_store,
    registry, secret_store, service_registry, svid_book, task_log, tenant_registry,
};

/// Everything that one store implements.
pub trait Store:
    TaskLog
    + AuditLog
    + AuditSearch
    + AuditTree
    + PayloadStore
    + ApprovalStore
    + DecisionStore
    + Registry
    + Roster
    + ServiceRegistry
    + TenantRegistry
    + SvidBook
    + JoinTokens
    + SecretStore
    + PrivacyStore
    + WrapStore
    + Epochs
{
}

impl<S> Store for S where
    S: TaskLog
        + AuditLog
        + AuditSearch
        + AuditTree
        + PayloadStore
        + ApprovalStore
        + DecisionStore
        + Registry
        + Roster
        + ServiceRegistry
        + TenantRegistry
        + TenantRegistry
        + SvidBook
        + JoinTokens
        + SecretStore
        + PrivacyStore
        + WrapStore
        + Epochs
{
}

/// Runs every suite on one empty store.
pub async fn all(store: &dyn Store) {
    task_log::suite(store).await;
    audit_log::suite(store).await;
    audit_search::suite(store).await;
    log_tree::suite(store).await;
    payload_store::suite(store).await;
    privacy_store::suite(store).await;
    approval_store::suite(store).await;
    decision_store::suite(store).await;
    registry::suite(store).await;
    service_registry::suite(store).await;
    tenant_registry::suite(store).await;
    svid_book::suite(store).await;
    join_tokens::suite(store).await;
    secret_store::suite(store).await;
    epochs::suite(store).await;
}
