//! The file as it is written in the repository. Unknown keys are refused.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tenant::Name;

/// `workflows/<id>.yaml`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Workflow")]
pub struct File {
    /// The workflow's id; must equal the file's name.
    pub id: Name,
    /// One sentence for people.
    pub description: String,
    /// Which goals it serves; without it the workflow runs only where a task names it.
    #[serde(rename = "match", default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<Match>,
    /// JSON Schema of the input, in the subset of tools' arguments. A task whose input does not conform does not match.
    pub input: Value,
    /// The steps, in order.
    pub steps: Vec<StepFile>,
    /// Template of the workflow's result; without it the result is `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
}

/// Which goals a workflow serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// The exact phrase, or a pattern in which `*` stands for any text. ASCII case and outer blanks do not count.
    pub goal: String,
}

/// One step: a call of a tool or a question to the agent's model, or one an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Step")]
pub struct StepFile {
    /// Unique in the workflow: a lower-case letter, then lower-case letters, digits or `_`.
    pub id: String,
    /// The tool; a step has either this or `model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<Name>,
    /// What the models of the agent's route are asked; a step has either this or `tool`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<QuestionFile>,
    /// Template of the arguments of the tool, an object. `${input.x}`, `${steps.id.output.x}`, `${steps.id.outputs}` and `${item.x}`
    /// are references, `?? literal` gives a default, `$${` writes `${`.
    #[serde(default = "no_args")]
    pub args: Value,
    /// Runs the step, or an item of it, only where this holds.
    #[serde(rename = "if", default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<ConditionFile>,
    /// A reference to a list, or a list of templates: one call an item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<Value>,
    /// The item's name in references; required with `for_each`.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Most items, 1 to 1000; required with `for_each`. A longer list fails before its first call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A question to a model, whose answer is a value of a known type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Question")]
pub struct QuestionFile {
    /// Template of the text.
    pub prompt: String,
    /// JSON Schema of the answer, an object, in the subset of tools' arguments. Another answer fails the step.
    pub output: Value,
}

fn no_args() -> Value {
    Value::Object(serde_json::Map::new())
}

/// A condition; operands are templates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schemars(rename = "Condition")]
pub enum ConditionFile {
    /// Both are the same scalar.
    Equals([Value; 2]),
    /// They differ.
    NotEquals([Value; 2]),
    /// The first number is greater.
    Greater([Value; 2]),
    /// The first number is less.
    Less([Value; 2]),
    /// The list has the item, or the text has the part.
    Contains([Value; 2]),
    /// The list or the text is empty.
    IsEmpty(Value),
    /// It does not hold.
    Not(Box<Self>),
    /// All hold.
    All(Vec<Self>),
    /// At least one holds.
    Any(Vec<Self>),
}
