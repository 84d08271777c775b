//! The daemon's configuration: TOML, overridden by the environment, overridden by flags, each value with its origin.
//!
//! **Invariant:** an unknown key is an error wherever it stands; nothing is read from the environment outside of this module.
//! **Invariant:** no secret is a value of the configuration: it says where a secret lies.

pub(crate) mod edit;
mod environment;
mod error;
mod issuers;
mod keepers;
mod keys;
mod layers;
mod origin;
mod resolved;
mod retention;
mod schema;
mod settings;
mod show;
mod suggest;

pub use environment::{
    CONFIG_VARIABLE, FAILPOINT_VARIABLE, PREFIX, PURGE_DELAY_VARIABLE, credential, is_purge_delay_said, notify_socket, of_model,
    passphrase, process, programs,
};
pub use error::Error;
pub use issuers::{IssuerClaims, TrustedIssuer};
pub use keepers::KeptBy;
pub use keys::{KEYS, Key, Shape};
pub use layers::Sources;
pub use origin::Origin;
pub use resolved::{Config, UnlockBy};
pub use retention::Retention;
pub use schema::Kind;
pub use settings::{
    Audit, ClaimsAge, Installation, Keystore, Limits, Log, LogFormat, LogLevel, RateLimits, Redaction, Repository, Server,
    Settings, Sink, Trust, Witness, Workspaces,
};
pub use show::{defaults_text, origins_json, origins_text};

#[cfg(test)]
mod tests;
