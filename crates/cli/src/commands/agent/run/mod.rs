//! `agent run`: a worker process. It attends at the daemon, and carries out the calls of the tools that name its agent, each by a warrant of its
//! own (semantics §8.1).
//!
//! **Invariant:** nothing begins without a warrant that a daemon of the installation signed for this worker and this call, nor two seconds after
//! the last beat that was answered had been sent.

mod boot;
mod desk;
mod guard;
mod link;
mod program;
mod telling;
mod verb;
mod warrants;

pub(crate) use guard::{GUARD, guard};
pub(crate) use verb::{RunArgs, run};
