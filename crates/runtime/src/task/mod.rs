//! The life of a task: submission, execution, recovery, watching.
//!
//! **Invariant:** all commands of a task go through the one actor that owns its state, so `decide` always sees the newest.
//! **Invariant:** an effect runs only from a warrant, and a warrant comes only from a commit.

mod actor;
mod cause;
mod conclude;
mod draft;
mod error;
mod executor;
mod logins;
mod obey;
mod order;
mod perform;
mod plan;
mod put_back;
mod recent;
mod record;
mod recovery;
mod residents;
mod rest;
mod run;
mod service;
mod slots;
mod stop;
mod submit;
mod uses;
mod view;
mod wait;
mod watch;
mod writer;

pub use error::{Error, SubmitError};
pub use put_back::{PutBack, put_back};
pub use recent::RecentTasks;
pub use service::{Changed, Service, Settled, Word};
pub use slots::RUNNING_MAX;
pub use submit::{Goal, Limits, Submit, Submitted};
pub use view::View;
pub use watch::{WATCHERS_MAX, Watched};

pub(crate) use cause::{Cause, Repeat};
pub(crate) use executor::Shared;
pub(crate) use order::{Order, OrderError};
