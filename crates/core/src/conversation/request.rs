//! The request of a turn: the whole conversation so far, as long as it fits.

use serde_json::{Value, json};

use super::heard::Heard;
use super::turn::Stand;
use super::{Conversation, Stuck};
use crate::json;
use crate::model::{Message, Reply, Request, Role, Written};
use crate::task::Failure;

/// Most bytes of one result that a model is shown: ten thousand tokens and more; who needs another part asks for it.
pub const RESULT_SHOWN_LEN_MAX: usize = 48 << 10;

/// What stands for a result that was left out to make room.
const LEFT_OUT: &str = "{\"note\":\"left out, since the conversation is long; ask again if it is needed\"}";

/// What a model hears of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) text: String,
    /// Whether the call brought something.
    pub(super) fruitful: bool,
}

impl Shown {
    /// A call that was not made, and why.
    pub(super) fn refused(name: &str, words: &str) -> Self {
        Self::problem(name, "not made", words)
    }

    /// A workflow that ended at a step.
    pub(super) fn of_workflow(name: &str, step: &str, heard: &Heard) -> Self {
        let words = match heard {
            Heard::Failed { words } => format!("step `{step}` failed: {words}"),
            Heard::Refused => format!("step `{step}` is not allowed"),
            Heard::Landed { .. } | Heard::Settled => format!("step `{step}` has no result that can be read"),
        };
        Self::problem(name, "ended early", &words)
    }

    fn problem(name: &str, status: &str, words: &str) -> Self {
        let words: String = words.chars().take(RESULT_SHOWN_LEN_MAX / 4).collect();
        Self { text: json!({ "from": name, "status": status, "why": words }).to_string(), fruitful: false }
    }
}

/// What became of a call, as data that names where it comes from. The quotes of JSON close what a tool says in, whatever it says.
pub(super) fn show(name: &str, heard: &Heard) -> Shown {
    match heard {
        Heard::Landed { output, truncated } => {
            let data = json::parse_within(output, RESULT_SHOWN_LEN_MAX)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(output).into_owned()));
            let mut shown = json!({ "from": name, "status": "done", "data": data });
            if let (true, Value::Object(map)) = (*truncated, &mut shown) {
                map.insert("cut".to_owned(), Value::Bool(true));
            }
            Shown { text: shown.to_string(), fruitful: true }
        }
        Heard::Failed { words } => Shown::problem(name, "failed", words),
        Heard::Refused => Shown::problem(name, "not allowed", "policy does not allow this call; it stays so for this task"),
        Heard::Settled => {
            let words = "a person says that it was carried out; no result is known";
            Shown { text: json!({ "from": name, "status": "done", "note": words }).to_string(), fruitful: true }
        }
    }
}

/// The request of the next turn.
pub(super) fn of(conversation: &Conversation) -> Result<Written, Stuck> {
    let frame = &conversation.frame;
    let mut messages = frame.opening.clone();
    for turn in &conversation.turns {
        messages.push(turn.reply.message.clone());
        for (index, call) in turn.reply.message.tool_calls.iter().enumerate() {
            if let Stand::Over(shown) = turn.stand(index, conversation)? {
                messages.push(Message::result(call, shown.text));
            }
        }
    }
    let request = Request {
        route: frame.route.models.clone(),
        messages,
        tools: frame.specs.clone(),
        tool_choice: frame.route.tool_choice.clone().filter(|_| conversation.turns.is_empty()),
        output_schema: None,
        tokens_max: frame.route.output_tokens_max,
    };
    fit(request, frame.specs_len, frame.len_max)
}

/// Leaves the oldest results out until the request fits.
fn fit(mut request: Request, tools_len: usize, len_max: usize) -> Result<Written, Stuck> {
    let too_long = |words: String| Stuck::new(Failure::ModelFailed, words);
    let newest = request.messages.iter().rposition(|message| message.role == Role::Assistant).unwrap_or_default();
    let (mut left_out, mut step) = (0, 1);
    loop {
        match Written::with_tools_len(request.clone(), tools_len, len_max) {
            Ok(Some(written)) => return Ok(written),
            Ok(None) => {}
            Err(error) => return Err(too_long(error.to_string())),
        }
        let results = request.messages.iter_mut().take(newest).filter(|message| message.role == Role::Tool);
        let mut done = 0;
        for message in results.skip(left_out).take(step) {
            LEFT_OUT.clone_into(&mut message.content);
            done += 1;
        }
        if done == 0 {
            return Err(too_long(format!(
                "the conversation is longer than the {len_max} bytes that the models of the route take"
            )));
        }
        (left_out, step) = (left_out + done, step * 2);
    }
}

/// The text of an answer as JSON, for a step that wants a value: bare, or in one fenced block.
#[must_use]
pub fn answer_of(reply: &Reply) -> Option<Value> {
    let text = reply.message.content.trim();
    let inside = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")).and_then(|rest| rest.split_once('\n'));
    let text = inside.map_or(text, |(_, inside)| inside.trim());
    json::parse_within(text.as_bytes(), crate::model::CONTENT_LEN_MAX).ok()
}
