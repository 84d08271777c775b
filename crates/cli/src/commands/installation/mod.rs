//! `status`, `version`, `doctor`.

mod doctor;
mod status;

pub(crate) use doctor::doctor;
pub(crate) use status::{StatusArgs, status, version};
