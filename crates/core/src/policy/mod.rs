//! Policy: the question put to every engine, the answers, the decision, and the permit that only [`authorize`] makes.
//!
//! **Invariant:** default deny; an error of any engine for any principal of the chain is a denial (semantics §3.1);
//! rights are the intersection of every principal's policy and every grant (§3.4).

mod authorize;
mod decision;
mod explain;
mod permit;
mod request;
mod taint;
mod vocabulary;

pub use authorize::{Authorization, authorize};
pub use decision::{Decision, Denial, Ruling};
pub use explain::{Explanation, Link, Standing, Voice, explain};
pub use permit::{Act, Commit, Permit, Warrant, seal_warrants};
pub use request::{Answer, Deciding, Request, Resource, Verdict};
pub use taint::{TAINT_MARKS, egress, taint};
pub use vocabulary::{SELF_APPROVAL, call_context, tool_action, tool_context};
