//! The anchor: what is remembered of the database outside of it, beside the keystore (semantics §7.4).
//!
//! Two files, each signed by the log key and replaced as a whole: the *anchor* with the head of every log, and the *standings* with what
//! was taken away from whom, so that a restored database gives nothing of it back.
//!
//! **Invariant:** the anchor is written behind the commit that it tells of, never before it: a crash at any point leaves an anchor that an
//! honest database has reached, so only an older or another database fails it.
//! **Invariant:** a database that fails its anchor is not served, and nothing is appended to it.

mod check;
mod document;
mod keeper;
mod sealed;
mod standings;
mod start;
mod witnesses;

pub use check::Refused;
use check::verify;
pub(crate) use check::{load, load_standings};
pub(crate) use document::{Anchor, Head, KIND};
pub(crate) use keeper::Keeper;
pub(crate) use sealed::{open, seal};
#[cfg(test)]
pub(crate) use standings::ServiceMark;
pub(crate) use standings::{AgentMark, HumanMark, KIND as STANDINGS_KIND, Standings, enrolment_of};
pub(crate) use start::{ask_witnesses, remembered};
use witnesses::{Said, hear};
