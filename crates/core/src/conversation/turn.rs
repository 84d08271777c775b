//! One turn: an answer of the model, and where each of its wishes stands.

use std::sync::Arc;

use serde_json::Value;

use super::heard::Heard;
use super::offer::Offer;
use super::request::{Shown, show};
use super::{Conversation, Frame, Move, Stuck};
use crate::json;
use crate::model::tool_calls::meant;
use crate::model::{ARGUMENTS_LEN_MAX, Reply, ToolCall, ToolChoice};
use crate::task::Failure;
use crate::tenant::Name;
use crate::workflow::{Next, Workflow};

/// Prefix of the step keys of turns.
const TURN: &str = "turn-";

/// The step key of a turn, from 1.
pub(super) fn key(number: usize) -> String {
    format!("{TURN}{number}")
}

/// The number of a turn, if the step key is one's.
pub(super) fn number_of(step: &str) -> Option<usize> {
    step.strip_prefix(TURN)?.parse().ok()
}

/// One turn.
#[derive(Debug)]
pub(super) struct Turn {
    number: usize,
    pub(super) reply: Reply,
    pub(super) wishes: Vec<Wish>,
}

/// What a call of the answer is, as far as that can be told without asking anybody.
#[derive(Debug)]
pub(super) enum Wish {
    /// A call of a tool.
    Tool {
        /// Which.
        tool: Name,
        /// With what; it conforms.
        args: Value,
    },
    /// The run of a workflow.
    Workflow {
        /// Which.
        workflow: Arc<Workflow>,
        /// With what; it conforms.
        input: Value,
    },
    /// Nothing that there is.
    Unusable {
        /// Why.
        words: String,
    },
}

/// Where a wish stands.
#[derive(Debug)]
pub(super) enum Stand {
    /// This is to be done for it.
    Open(Move),
    /// It is over, and this is what the model hears of it.
    Over(Shown),
}

impl Turn {
    pub(super) fn new(number: usize, reply: Reply, frame: &Frame) -> Self {
        let wishes = reply.message.tool_calls.iter().map(|call| wish(call, frame)).collect();
        Self { number, reply, wishes }
    }

    /// Whether the answer keeps to what it had to call; servers that know no such choice leave it to the model.
    pub(super) fn calls(&self, wanted: &ToolChoice, frame: &Frame) -> bool {
        let calls = &self.reply.message.tool_calls;
        match wanted {
            ToolChoice::None => calls.is_empty(),
            ToolChoice::Required => !calls.is_empty(),
            ToolChoice::Tool(name) => calls.iter().any(|call| meant(&call.name, &frame.specs) == Some(name)),
        }
    }

    /// The step key of a call, from 0.
    fn call_key(&self, index: usize) -> String {
        format!("{TURN}{}.call-{}", self.number, index + 1)
    }

    /// The workflow that a call of this turn starts.
    pub(super) fn workflow_of(&self, call: &str) -> Option<&Workflow> {
        self.wishes.iter().enumerate().find_map(|(index, wish)| match wish {
            Wish::Workflow { workflow, .. } if self.call_key(index) == call => Some(workflow.as_ref()),
            Wish::Workflow { .. } | Wish::Tool { .. } | Wish::Unusable { .. } => None,
        })
    }

    /// The calls of tools behind the one of `step`.
    pub(super) fn calls_behind(&self, step: &str) -> impl Iterator<Item = Move> {
        let calls = self.wishes.iter().enumerate().skip_while(move |(index, _)| self.call_key(*index) != step).skip(1);
        calls.map_while(|(index, wish)| match wish {
            Wish::Tool { tool, args } => Some(Move::Call { step: self.call_key(index), tool: tool.clone(), args: args.clone() }),
            Wish::Workflow { .. } | Wish::Unusable { .. } => None,
        })
    }

    /// Where the wish of a number stands.
    pub(super) fn stand(&self, index: usize, whole: &Conversation) -> Result<Stand, Stuck> {
        let key = self.call_key(index);
        let name = self.reply.message.tool_calls.get(index).map_or("", |call| call.name.as_str());
        Ok(match self.wishes.get(index) {
            Some(Wish::Tool { tool, args }) => match whole.heard.get(&key) {
                Some(heard) => Stand::Over(show(tool.as_str(), heard)),
                None => Stand::Open(Move::Call { step: key, tool: tool.clone(), args: args.clone() }),
            },
            Some(Wish::Workflow { workflow, input }) => run(workflow, input, (&key, name), whole)?,
            Some(Wish::Unusable { words }) => Stand::Over(Shown::refused(name, words)),
            None => Stand::Over(Shown::refused(name, "there is no such call")),
        })
    }

    /// The text of an answer that asks for nothing, as the result of the task.
    pub(super) fn last_word(&self) -> Result<Move, Stuck> {
        let text = self.reply.message.content.trim();
        if text.is_empty() {
            return Err(Stuck::new(Failure::ModelFailed, "the model said nothing and asked for nothing"));
        }
        Ok(Move::Done { output: serde_json::json!({ "text": text }) })
    }
}

/// What a call is; everything that is wrong with it is said to the model in words.
fn wish(call: &ToolCall, frame: &Frame) -> Wish {
    let unusable = |words: String| Wish::Unusable { words };
    let Some(name) = meant(&call.name, &frame.specs) else {
        let names: Vec<&str> = frame.offers.keys().map(Name::as_str).collect();
        return unusable(format!("there is no such tool; on offer are: {}", names.join(", ")));
    };
    let written = if call.arguments.trim().is_empty() { "{}" } else { call.arguments.as_str() };
    let args = match json::parse_within(written.as_bytes(), ARGUMENTS_LEN_MAX) {
        Ok(args) => args,
        Err(error) => return unusable(format!("the arguments are not JSON: {error}")),
    };
    let refused = |violation: crate::tool::schema::Violation| unusable(format!("the arguments are refused: {violation}"));
    match frame.offers.get(name) {
        Some(Offer::Tool(tool)) => match tool.input.check(&args) {
            Ok(()) => Wish::Tool { tool: tool.id.clone(), args },
            Err(violation) => refused(violation),
        },
        Some(Offer::Workflow(workflow)) => match workflow.check_input(&args) {
            Ok(()) => Wish::Workflow { workflow: Arc::clone(workflow), input: args },
            Err(violation) => refused(violation),
        },
        None => unusable("there is no such tool".to_owned()),
    }
}

/// Where a workflow stands that the model started: the first step that came to nothing ends it, and the model hears so.
fn run(workflow: &Workflow, input: &Value, (key, name): (&str, &str), whole: &Conversation) -> Result<Stand, Stuck> {
    let prefix = format!("{key}/");
    let of_this = whole.heard.range(prefix.clone()..).take_while(|(step, _)| step.starts_with(&prefix));
    if let Some((step, heard)) = of_this.into_iter().next() {
        let at = step.get(prefix.len()..).unwrap_or_default();
        return Ok(Stand::Over(Shown::of_workflow(name, at, heard)));
    }
    let nothing = crate::workflow::Results::new();
    let results = whole.started.get(key).unwrap_or(&nothing);
    Ok(match workflow.next(input, results) {
        Ok(Next::Call { step, tool, args }) => Stand::Open(Move::Call { step: format!("{prefix}{step}"), tool, args }),
        Ok(Next::Ask { step, prompt, answer }) => {
            let request = whole.frame.question(&prompt, answer)?;
            Stand::Open(Move::Ask { step: format!("{prefix}{step}"), request })
        }
        Ok(Next::Done { output }) => {
            let bytes = json::canonical(&output).unwrap_or_default();
            Stand::Over(show(name, &Heard::Landed { output: bytes, truncated: false }.shortened()))
        }
        Err(error) => Stand::Over(Shown::refused(name, &error.to_string())),
    })
}
