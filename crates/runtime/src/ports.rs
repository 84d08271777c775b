//! Every port of the system in one value.

use std::sync::Arc;

use scalbotics_core::ports::{
    ApprovalStore, AuditLog, AuditSearch, AuditTree, Clock, DecisionStore, Epochs, IdSource, JoinTokens, PayloadCipher,
    PayloadStore, Registry, Roster, SecretStore, ServiceRegistry, Signer, StatementVerifier, SvidBook, TaskLog, TenantRegistry,
    ToolRunner,
};

/// Every port of the system. Cloning is cheap and shares the implementations.
#[derive(Debug, Clone)]
pub struct Ports {
    /// Tasks.
    pub task_log: Arc<dyn TaskLog>,
    /// Audit.
    pub audit_log: Arc<dyn AuditLog>,
    /// Records of the audit logs, by what they say.
    pub audit_search: Arc<dyn AuditSearch>,
    /// Trees of the audit logs, for proofs.
    pub audit_tree: Arc<dyn AuditTree>,
    /// Payloads.
    pub payload_store: Arc<dyn PayloadStore>,
    /// Approvals.
    pub approval_store: Arc<dyn ApprovalStore>,
    /// Decisions.
    pub decision_store: Arc<dyn DecisionStore>,
    /// Tenants.
    pub tenants: Arc<dyn TenantRegistry>,
    /// Humans and agents.
    pub registry: Arc<dyn Registry>,
    /// Lists of humans and agents.
    pub roster: Arc<dyn Roster>,
    /// Services.
    pub services: Arc<dyn ServiceRegistry>,
    /// Certificates of agents.
    pub svids: Arc<dyn SvidBook>,
    /// The tokens by which agents join.
    pub join_tokens: Arc<dyn JoinTokens>,
    /// The epochs that void warrants.
    pub epochs: Arc<dyn Epochs>,
    /// Secrets, sealed.
    pub secret_store: Arc<dyn SecretStore>,
    /// Encryption of payloads.
    pub cipher: Arc<dyn PayloadCipher>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids and randomness.
    pub ids: Arc<dyn IdSource>,
    /// Tools.
    pub tools: Arc<dyn ToolRunner>,
    /// Signatures under checkpoints.
    pub signer: Arc<dyn Signer>,
    /// Signatures of approvers.
    pub statement_verifier: Arc<dyn StatementVerifier>,
}
