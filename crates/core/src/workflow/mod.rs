//! Deterministic workflows: `workflows/<id>.yaml`, tool calls wired by typed references, run before any model is asked.
//!
//! A workflow is validated wholly when it is loaded, against the schemas of the tools that it names; what is left for run
//! time is the exact check of each call's arguments. Evaluation is a pure function of input and results so far.
//!
//! **Invariant:** [`Workflow::next`] draws on nothing but its arguments, so replay takes the same path.
//! **Invariant:** a reference goes to an earlier step only; so there is no cycle, and no loop but a limited `for_each`.

mod condition;
mod environment;
mod error;
mod evaluate;
mod glob;
mod parse;
mod reference;
mod scope;
mod source;
mod template;

pub use error::{Error, Fault};
pub use evaluate::{EvalError, Next, Results};
pub use parse::Workflow;
pub use source::{ConditionFile, File, Match, StepFile};

/// Longest file, in bytes of its canonical JSON; forty times a long workflow.
pub const FILE_LEN_MAX: usize = 64 << 10;

/// Most steps; a person cannot review more.
pub const STEPS_MAX: usize = 100;

/// Most items of one `for_each`; each may be a journalled call.
pub const ITEMS_MAX: u32 = 1_000;

/// Longest pattern of a goal, in bytes.
pub const GOAL_LEN_MAX: usize = 512;

/// Longest id of a step and longest name of an item, in bytes.
pub const STEP_ID_LEN_MAX: usize = 63;

/// Deepest nesting of a template or a condition.
pub const TEMPLATE_DEPTH_MAX: usize = 32;

#[cfg(test)]
mod tests;
