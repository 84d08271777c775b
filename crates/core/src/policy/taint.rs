//! What a task has taken in that somebody else may have written (semantics §3.6): from then on policy lets it reach less.
//!
//! **Invariant:** derived from the journal alone, never from what a tool or a model says; it only grows.

use std::collections::BTreeSet;

use crate::egress::TOOL_PREFIX;
use crate::model::CALL;
use crate::task::{Phase, State};
use crate::tenant::Name;
use crate::tool::{Builtin, Definition, Kind};

/// Every mark that there is.
pub const TAINT_MARKS: [&str; 4] = ["files", "programs", "tools", "web"];

/// The marks of a task, as policy sees them in `context.taint`: of [`TAINT_MARKS`].
///
/// A call marks its task when it has been carried out or has failed after it was sent, since a failure has words too.
#[must_use]
pub fn taint(state: &State) -> BTreeSet<&'static str> {
    let told = state.calls.values().filter(|call| match &call.phase {
        Phase::Landed { .. } => true,
        Phase::Failed { .. } => call.attempt > 0,
        Phase::Waiting { .. } | Phase::Approved { .. } | Phase::Sent | Phase::Ready | Phase::InDoubt { .. } => false,
    });
    told.filter_map(|call| mark(&call.intent.tool)).collect()
}

/// The mark that the answer of a tool leaves. Names of built-in tools and of destinations are nobody else's.
fn mark(tool: &Name) -> Option<&'static str> {
    match Builtin::of(tool) {
        Some(Builtin::FsList | Builtin::FsRead | Builtin::FsSearch) => Some("files"),
        // It answers what the caller wrote.
        Some(Builtin::FsWrite) => None,
        Some(Builtin::HttpFetch) => Some("web"),
        Some(Builtin::ProcessRun) => Some("programs"),
        // It says what its question made of what marks the task already.
        None if tool.as_str() == CALL => None,
        None if tool.as_str().starts_with(TOOL_PREFIX) => Some("web"),
        None => Some("tools"),
    }
}

/// Where calls of a tool may go, as policy sees it in `resource.egress`.
#[must_use]
pub fn egress(tool: &Definition) -> &'static str {
    match &tool.kind {
        // What its machine reaches nobody here can say.
        Kind::Builtin(Builtin::HttpFetch) | Kind::Worker(_) => "any",
        // A model's server is a file of `models/`.
        Kind::Http(_) | Kind::Model => "declared",
        Kind::Process(manifest) if manifest.network => "any",
        Kind::Process(_)
        | Kind::Builtin(Builtin::FsList | Builtin::FsRead | Builtin::FsSearch | Builtin::FsWrite | Builtin::ProcessRun) => "none",
    }
}
