//! A task: envelope, state, events, and the pure machine that turns commands into events.
//!
//! **Invariant:** stored state is the fold of its events through [`evolve`]; [`decide`] never sees a store, and the
//! effects that it names run only after the events are durable (semantics §1.1).

mod account;
mod command;
mod effect;
mod envelope;
mod event;
mod machine;
mod state;
mod trace;

pub use account::{Account, Usage};
pub use command::{Command, Proposal, Verdict};
pub use effect::Effect;
pub use envelope::{Budget, Envelope, EnvelopeError, GOAL_LEN_MAX, Goal, INPUT_LEN_MAX, KEY_LEN_MAX, Path, SCHEMA_VERSION, Way};
pub use event::{ApprovalAsked, Doubt, Event, Failure, Intent, LoginAsked};
pub use machine::{Accepted, Corrupt, Rejection, decide, evolve, fold};
pub use state::{CallState, DENIED_MAX, Denied, Phase, State, Status};
pub use trace::TraceContext;
