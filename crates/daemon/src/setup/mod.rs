//! Making an installation: `scalboticsd initialize` and, around a running daemon, `scalboticsd dev`.
//!
//! **Invariant:** every step looks first and makes only what is missing, so a second run, or one after a kill, finishes
//! the work and changes nothing that is there.

mod anchoring;
mod arguments;
mod ask;
mod config_file;
pub(crate) mod contexts;
mod dev;
mod directories;
mod enrolment;
mod error;
mod founding;
mod initialize;
mod issuer;
mod keys;
mod model;
pub(crate) mod people;
mod report;
pub(crate) mod repository;
mod resume;
mod root_ca;
mod run;
mod secrets;
mod starter;
mod terminal;
mod trusting;
mod twins;
mod upstream;

pub use arguments::{Initialize, KeyAuthority, Mode, Provider};
pub use dev::{Dev, Prepared};
pub use directories::Directories;
pub use enrolment::Enroll;
pub use error::Error;
pub use initialize::{Environment, Plan, initialize, preview};
pub use model::{FirstModel, ModelArguments};
pub use report::{Change, Report};
pub use root_ca::{RootCa, RootKey};
pub use run::{DevError, run_dev, run_initialize};
pub(crate) use starter::{AGENT, FOLDER as FILES, first as first_files};
pub use trusting::{Add as AddIssuer, Terms as IssuerTerms, Trusting};
pub use twins::with_twins;
pub use upstream::Upstream;

#[cfg(test)]
mod tests;
