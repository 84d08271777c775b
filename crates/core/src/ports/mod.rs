//! Ports: what core and runtime need from the outside, one trait a file, at most six methods, no default bodies.
//!
//! **Boundary:** implementations live in store, identity and adapters; only the daemon knows which. The fakes and the
//! conformance suites that every implementation passes are in testkit.

mod approval_store;
mod audit_log;
mod audit_search;
mod audit_tree;
mod checkpoint_keeper;
mod clock;
mod decision_store;
mod desired_source;
mod epochs;
mod id_source;
mod issuer_keys;
mod join_tokens;
mod key_authority;
mod model_provider;
mod note;
mod payload_cipher;
mod payload_store;
mod policy_engine;
mod privacy_store;
mod registry;
mod roster;
mod secret_source;
mod secret_store;
mod service_registry;
mod signer;
mod statement_verifier;
mod svid_book;
mod task_log;
mod tool_runner;
mod wrap_store;
mod wrapping_keys;

pub use approval_store::{ApprovalFilter, ApprovalStore};
pub use audit_log::{AuditEntry, AuditLog, AuditQuery, LogHead};
pub use audit_search::{AuditFound, AuditSearch, Search};
pub use audit_tree::AuditTree;
pub use checkpoint_keeper::{CheckpointKeeper, KeepError, Kept};
pub use clock::Clock;
pub use decision_store::{DecisionStore, SealedDecision};
pub use desired_source::{DesiredError, DesiredSource, RawFiles};
pub use epochs::{Epochs, EpochsNow};
pub use id_source::IdSource;
pub use issuer_keys::{IssuerKeys, IssuerKeysError};
pub use join_tokens::{JoinTokens, Redeemed};
pub use key_authority::{AuthorityMark, IssuedSvid, KeyAuthority, KeyAuthorityError, RevokedSvid, SvidOrder};
pub use model_provider::{ModelProvider, NotAnswered};
pub use note::Note;
pub use payload_cipher::{CipherError, PayloadCipher};
pub use payload_store::PayloadStore;
pub use policy_engine::PolicyEngine;
pub use privacy_store::{Forgotten, Orders, PrivacyChange, PrivacyStore};
pub use registry::{Human, Registry, StoredAnswer};
pub use roster::{PUT_AGENTS_MAX, ROSTER_PAGE_MAX, Roster, all_agents};
pub use secret_source::SecretSource;
pub use secret_store::{SealedSecret, SecretStore};
pub use service_registry::ServiceRegistry;
pub use signer::{SignError, Signer};
pub use statement_verifier::{EnrolledKey, StatementVerifier, VerifyError};
pub use svid_book::{SvidBook, SvidFilter};
pub use task_log::{Batch, BatchError, Committed, IntentPermit, StoreError, StoredEvent, Summary, TaskFilter, TaskLog};
pub use tool_runner::{Stop, ToolRunner};
pub use wrap_store::{Rewrapped, WrapStore};
pub use wrapping_keys::{KeyringError, RetiredKey, WrappingKeys};
