//! Deterministic workflows: `workflows/<id>.yaml`, tool calls wired by typed references, run before any model is asked.
//!
//! A workflow is validated wholly when it is loaded, against the schemas of the tools that it names; what is left for run
//! time is the exact check of each call's arguments. Evaluation is a pure function of input and results so far.
//!
//! **Invariant:** [`Workflow::next`] draws on nothing but its arguments, so replay takes the same path.
//! **Invariant:** a reference goes to an earlier step only; so there is no cycle, and no loop but a limited `for_each`.

mod beside;
mod condition;
mod environment;
mod error;
mod evaluate;
mod foresee;
mod glob;
mod limits;
mod parse;
mod place;
mod reference;
mod scope;
mod source;
mod template;

pub use error::{Error, Fault};
pub use evaluate::{EvalError, Next, Results};
pub use limits::{FILE_LEN_MAX, GOAL_LEN_MAX, ITEMS_MAX, STEP_ID_LEN_MAX, STEPS_MAX, TEMPLATE_DEPTH_MAX};
pub use parse::Workflow;
pub use place::WrittenPlace;
pub use source::{ConditionFile, File, Match, QuestionFile, StepFile};

#[cfg(test)]
mod tests;
