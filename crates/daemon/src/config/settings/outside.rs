//! `[repository]`, `[egress]`: servers of other machines.

use std::path::PathBuf;

use scalbotics_core::tenant::Name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[repository]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Repository {
    /// A local git repository, bare or with a work tree; with `url`, the copy of that one.
    pub path: PathBuf,
    /// The remote repository, `https://…`; without it, the one at `path` is all there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The user name that its provider wants beside a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The name of the secret that holds the token; no tool is given it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Name>,
    /// The branch that is in force.
    pub branch: String,
    /// The overlay that narrows it here: `prod` is the file `env/prod.yaml` of the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlay: Option<Name>,
}

impl Default for Repository {
    fn default() -> Self {
        Self { path: "desired.git".into(), url: None, user: None, token: None, branch: "main".to_owned(), overlay: None }
    }
}

/// `[egress]`: servers of other machines that the daemon asks over TLS: destinations and pages of `http.fetch`, models, the remote repository, the
/// outside issuer, witnesses and the webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Egress {
    /// A PEM file with certificates of authorities that are believed beside the system's, such as a company's own; read at start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<PathBuf>,
}
