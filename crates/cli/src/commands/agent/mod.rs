//! `agent`

mod add;
mod enroll;
mod join;
mod logs;
mod offboard;
mod verb;

pub(crate) use enroll::run as enroll;
pub(crate) use verb::{Verb, run};
