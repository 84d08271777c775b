//! `[audit]`: who keeps checkpoints.

use std::path::PathBuf;

use scalbotics_core::tenant::Name;
use scalbotics_core::time::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[audit]`: who keeps checkpoints of the installation log, which holds the heads of all others, outside of this host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// Witnesses, which cosign each checkpoint (C2SP tlog-witness).
    pub witnesses: Vec<Witness>,
    /// Calls of tier 2 wait while more records than this are in no checkpoint that a witness cosigned; without it they never do. What a
    /// busy installation writes in half a minute must fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unwitnessed: Option<u64>,
    /// A file that holds the newest checkpoint, on a share of another host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_file: Option<PathBuf>,
    /// An address to which each checkpoint is posted, `https://…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_webhook: Option<String>,
    /// A branch of a remote repository.
    pub checkpoint_git: CheckpointGit,
}

/// `[audit.checkpoint_git]`: a branch of a remote repository, each of whose commits holds one checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CheckpointGit {
    /// The remote repository, `https://…`; without it, checkpoints are pushed nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The user name that its provider wants beside a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The name of the secret that holds the token; no tool is given it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Name>,
    /// The branch, which nobody else writes to.
    pub branch: String,
    /// Least time between two pushes, a second or more.
    #[schemars(with = "String")]
    pub every: Span,
}

impl Default for CheckpointGit {
    fn default() -> Self {
        Self { url: None, user: None, token: None, branch: "checkpoints".to_owned(), every: Span::from_ms(600_000) }
    }
}

/// One witness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Its key, as it tells it: `name+hash+base64` (a C2SP vkey of type 4).
    pub key: String,
    /// Its submission prefix, `https://…`: `/add-checkpoint` is below.
    pub url: String,
}
