//! The file as it is written. Unknown keys are refused; what is left out has the default.

mod audit;
mod file;
mod identity;
mod installation;
mod limits;
mod log;
mod outside;

pub(super) use audit::CheckpointGit;
pub use audit::{Audit, Witness};
pub use file::Settings;
pub use identity::{ClaimsAge, Keystore, Trust};
pub(super) use identity::{Identity, Issuer};
pub use installation::{Installation, Server, Workspaces};
pub use limits::{Limits, RateLimits};
pub use log::{Log, LogFormat, LogLevel, Redaction, Sink};
pub(super) use outside::Egress;
pub use outside::Repository;
