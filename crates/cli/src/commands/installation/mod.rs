//! `status`, `version`, `doctor`.

mod doctor;
mod files;
mod finding;
mod status;

pub(crate) use doctor::{DoctorArgs, doctor};
pub(crate) use status::{StatusArgs, status, version};
