//! Why a workflow is refused when it is loaded.

use super::{FILE_LEN_MAX, GOAL_LEN_MAX, ITEMS_MAX, STEPS_MAX, TEMPLATE_DEPTH_MAX};
use crate::tenant::Name;
use crate::tool::schema;

/// A refusal: where, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("workflow `{workflow}` is refused at `{at}`")]
pub struct Error {
    /// The workflow.
    pub workflow: Name,
    /// The field, as `steps.scan.args.path`.
    pub at: String,
    /// What is wrong.
    #[source]
    pub fault: Fault,
}

/// What is wrong at a place of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file is longer than [`FILE_LEN_MAX`].
    #[error("file of {len} bytes is longer than {FILE_LEN_MAX} bytes")]
    FileLen {
        /// Bytes of its canonical JSON.
        len: usize,
    },
    /// There is no step, or more than [`STEPS_MAX`].
    #[error("{count} steps are not 1 to {STEPS_MAX}")]
    Steps {
        /// How many.
        count: usize,
    },
    /// A number has no exact form.
    #[error("a number in the file has no exact form")]
    Number,
    /// The goal's pattern is empty or too long.
    #[error("goal of {len} bytes is not 1 to {GOAL_LEN_MAX} bytes")]
    Goal {
        /// Its length in bytes.
        len: usize,
    },
    /// The input's schema is outside the subset.
    #[error("schema is refused")]
    Schema(#[source] schema::Error),
    /// An id of a step or a name of an item has the wrong shape, or is reserved.
    #[error("`{id}` is not a lower-case letter followed by lower-case letters, digits or `_`, or it is reserved")]
    Id {
        /// The text.
        id: String,
    },
    /// Two steps have one id.
    #[error("step id `{id}` stands twice")]
    Duplicate {
        /// The id.
        id: String,
    },
    /// A step does nothing or two things, or has arguments beside a question.
    #[error("a step has either `tool`, with `args`, or `model`")]
    Doing,
    /// There is no such tool.
    #[error("tool `{tool}` does not exist")]
    UnknownTool {
        /// The tool.
        tool: Name,
    },
    /// A template nests too deep.
    #[error("it nests deeper than {TEMPLATE_DEPTH_MAX}")]
    Depth,
    /// A reference cannot be read.
    #[error("`{text}` cannot be read as a reference: {reason}")]
    Syntax {
        /// The text.
        text: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A reference leads nowhere.
    #[error("`{reference}` leads nowhere: {reason}")]
    UnknownReference {
        /// The reference.
        reference: String,
        /// Where it ends.
        reason: String,
    },
    /// A reference goes to the step itself or to a later one.
    #[error("`{reference}` makes a cycle, for that step does not run earlier")]
    Cycle {
        /// The reference.
        reference: String,
    },
    /// A reference may be empty and has no default.
    #[error("`{reference}` may be absent at run time and has no default")]
    Optional {
        /// The reference.
        reference: String,
    },
    /// Types do not fit.
    #[error("{reason}")]
    Mismatch {
        /// What is wanted and what is given.
        reason: String,
    },
    /// `for_each`, `as` and `limit` are not all there, or the limit is out of range.
    #[error("for_each, as and limit go together, and the limit is 1 to {ITEMS_MAX}")]
    Loop,
    /// A condition never changes, since it refers to nothing.
    #[error("condition refers to nothing, so it always gives the same answer")]
    Constant,
}

impl Fault {
    /// What the author can do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::FileLen { .. } | Self::Steps { .. } => "split the workflow, or move work into an own tool",
            Self::Number => "write integers within ±(2^53 − 1)",
            Self::Goal { .. } => "give a phrase, or leave `match` out and name the workflow in the task",
            Self::Schema(_) => "use object, array, string, integer and boolean with the keywords of the reference page",
            Self::Id { .. } => "rename it, for example `scan_files`; `input` and `steps` are reserved",
            Self::Duplicate { .. } => "rename one of them",
            Self::Doing => "give `tool` and `args`, or `model` with `prompt` and `output`",
            Self::UnknownTool { .. } => {
                "add tools/<id>.yaml, for `http.fetch.<id>` destinations/<id>.yaml, or name a built-in tool; `scalbotics tool list` shows all"
            }
            Self::Depth => "flatten it",
            Self::Syntax { .. } => {
                "write ${input.x}, ${steps.id.output.x}, ${steps.id.outputs} or ${item.x}; write $${ for a plain ${"
            }
            Self::UnknownReference { .. } => "name a property that the input or the earlier tool's output schema has",
            Self::Cycle { .. } => "refer to earlier steps only, or reorder the steps",
            Self::Optional { .. } => "give a default, as ${steps.id.output.x ?? \"none\"}",
            Self::Mismatch { .. } => "change the value, or the schema of the tool or of the input",
            Self::Loop => "give all three, for example for_each: ${input.paths}, as: path, limit: 100",
            Self::Constant => "refer to an input or a result, or remove the step or its `if`",
        }
    }
}
