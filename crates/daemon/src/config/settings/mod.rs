//! The file as it is written. Unknown keys are refused; what is left out has the default.

mod audit;
mod file;
mod identity;
mod installation;
mod limits;
mod log;
mod outside;

pub use audit::{Audit, CheckpointGit, Witness};
pub use file::Settings;
pub use identity::{Identity, Issuer, Keystore, Trust};
pub use installation::{Installation, Server, Workspaces};
pub use limits::{Limits, RateLimits};
pub use log::{Log, LogFormat, LogLevel, Redaction, Sink};
pub use outside::{Egress, Repository};
