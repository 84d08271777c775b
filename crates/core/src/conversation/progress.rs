//! Whether a conversation leads anywhere.

use super::heard::Heard;
use super::turn::Stand;
use super::{Conversation, Stuck};
use crate::digest::Digest;
use crate::task::Failure;

/// Times that a turn may be word for word and answer for answer the same; a third one would bring a fourth.
const REPEATS_MAX: usize = 3;

/// Calls of one task that policy may deny; who was told no so often is looking for a hole.
const DENIALS_MAX: usize = 5;

/// Turns in a row all of whose calls came to nothing.
const FRUITLESS_MAX: usize = 5;

/// Domain tag of what is compared.
const TURN_TAG: &str = "scalbotics/turn/v1";

/// Whether another turn may bring something.
pub(super) fn check(conversation: &Conversation) -> Result<(), Stuck> {
    let denials = conversation.heard.values().filter(|heard| matches!(heard, Heard::Refused)).count();
    if denials >= DENIALS_MAX {
        return Err(Stuck::new(Failure::PolicyDenied, format!("policy denied {denials} calls of this task")));
    }
    let mut seen = Vec::with_capacity(conversation.turns.len());
    let mut fruitless = 0;
    for turn in &conversation.turns {
        let (mut parts, mut fruitful) = (Vec::new(), false);
        for (index, call) in turn.reply.message.tool_calls.iter().enumerate() {
            if let Stand::Over(shown) = turn.stand(index, conversation)? {
                fruitful |= shown.fruitful;
                parts.extend([call.name.clone(), call.arguments.clone(), shown.text]);
            }
        }
        seen.push(Digest::of_parts(TURN_TAG, &parts.iter().map(String::as_bytes).collect::<Vec<_>>()));
        fruitless = if fruitful { 0 } else { fruitless + 1 };
    }
    let same = seen.last().map_or(0, |last| seen.iter().filter(|turn| *turn == last).count());
    if same >= REPEATS_MAX {
        let words = format!("the model made the same calls {same} times and got the same answers");
        return Err(Stuck::new(Failure::NoProgress, words));
    }
    if fruitless >= FRUITLESS_MAX {
        return Err(Stuck::new(Failure::NoProgress, format!("no call of the last {fruitless} turns brought anything")));
    }
    Ok(())
}
