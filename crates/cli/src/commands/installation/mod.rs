//! `status`, `version`, `doctor`.

mod doctor;
mod files;
mod finding;
mod status;
mod watch;

pub(crate) use doctor::{DoctorArgs, doctor};
pub(crate) use status::{StatusArgs, status, version};
