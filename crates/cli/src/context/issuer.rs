//! The outside issuer of a context: who says who somebody is, where the daemon believes it (semantics §4.4).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Which token of the issuer the daemon is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Shown {
    /// The ID token: every issuer has one.
    #[default]
    Id,
    /// The access token, where it is a JWT for the daemon.
    Access,
}

/// Where the refresh token of a login is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Store {
    /// A file that its owner alone reads.
    #[default]
    File,
    /// The keyring of the desktop.
    Keyring,
}

impl Store {
    /// Its name, as people read and write it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Keyring => "keyring",
        }
    }

    /// Whether it is the one where nothing is said.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// An issuer, as it stands in `contexts.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Issuer {
    /// Its address, byte for byte as its tokens name it.
    pub(crate) url: String,
    /// The public client that was registered with it for this program.
    pub(crate) client_id: String,
    /// Scopes, joined by blanks; `None` asks for `openid`, and for `offline_access` where the issuer offers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scopes: Option<String>,
    /// For whom an access token shall be, where the issuer wants that said (RFC 8707).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) audience: Option<String>,
    /// Which token the daemon is shown.
    #[serde(default)]
    pub(crate) token: Shown,
    /// A file of authorities that are believed beside the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    /// The port of 127.0.0.1 to which the browser comes back; `None` takes a free one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) redirect_port: Option<u16>,
    /// Where the next login is kept.
    #[serde(default, skip_serializing_if = "Store::is_default")]
    pub(crate) store: Store,
}
