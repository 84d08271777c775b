//! `agent enroll`: the worker's side of joining. It makes its key here, gets a certificate for a one-time token, and renews it.
//!
//! **Invariant:** the key never leaves this machine, and the token is said to nobody but a daemon with the trust bundle that the token names.

mod files;
pub(super) mod renew;
mod verb;

pub(super) use files::{Directory, Facts};
pub(super) use renew::connect;
pub(crate) use verb::{EnrollArgs, run};
