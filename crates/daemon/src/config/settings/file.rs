//! The whole file, a section a field.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Audit, Egress, Identity, Installation, Issuer, Keystore, Limits, Log, Redaction, Repository, Server, Trust, Workspaces,
};
use crate::config::Retention;

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "scalboticsd")]
pub struct Settings {
    /// What this installation is.
    pub installation: Installation,
    /// Where it listens.
    pub server: Server,
    /// Where its keys are.
    pub keystore: Keystore,
    /// Whom it trusts.
    pub trust: Trust,
    /// What its certificates are like.
    pub identity: Identity,
    /// Where desired state is written.
    pub repository: Repository,
    /// Who else makes tokens for people.
    pub issuer: Issuer,
    /// Whom it believes about servers of other machines.
    pub egress: Egress,
    /// Which directories agents may be given.
    pub workspaces: Workspaces,
    /// Who keeps checkpoints of the audit logs outside of this host.
    pub audit: Audit,
    /// Limits.
    pub limits: Limits,
    /// The daemon's own log.
    pub log: Log,
    /// What is covered besides secrets.
    pub redaction: Redaction,
    /// How long what tasks were given, did and said is kept.
    pub retention: Retention,
}
