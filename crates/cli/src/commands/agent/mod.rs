//! `agent`

mod add;
mod enroll;
mod join;
mod logs;
mod offboard;
mod run;
mod verb;

pub(crate) use enroll::run as enroll;
pub(crate) use run::{GUARD, guard, run as attend};
pub(crate) use verb::{Verb, run};
