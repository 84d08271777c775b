//! Tool calls inside of a text, as small local models write them: `<tool_call>…</tool_call>`, a fenced block, or bare JSON.
//!
//! **Invariant:** only calls of offered tools count, and a piece of text is taken whole or left whole: what is not entirely
//! calls stays text, word for word.
//! **Boundary:** a call that is found is as much a wish of the model as one in its own field; the gate decides.

use serde_json::{Map, Value};

use super::{ARGUMENTS_LEN_MAX, CONTENT_LEN_MAX, TOOL_CALLS_MAX, ToolCall, ToolSpec};
use crate::json;
use crate::tenant::Name;

/// Tags that models write around a call.
const OPEN: &str = "<tool_call>";
const CLOSE: &str = "</tool_call>";

/// What begins and ends a fenced block.
const FENCE: &str = "```";

/// Words behind a fence that say that the block holds calls, or may.
const FENCED: [&str; 4] = ["", "json", "tool_call", "tool_code"];

/// Most pieces that are looked at; beyond, the rest stays text.
const PIECES_MAX: usize = 4 * TOOL_CALLS_MAX;

/// Longest name that is compared, in bytes.
const NAME_LEN_MAX: usize = crate::tenant::NAME_LEN_MAX;

/// Keys under which the name of a tool stands, and its arguments.
const NAME_KEYS: [&str; 3] = ["name", "tool", "tool_name"];
const ARGUMENT_KEYS: [&str; 3] = ["arguments", "parameters", "args"];

/// Keys that a call may have beside its name and arguments.
const OTHER_KEYS: [&str; 2] = ["id", "type"];

/// A text taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What is left of the text, without blanks around it.
    pub text: String,
    /// The calls in their order, at least one.
    pub calls: Vec<ToolCall>,
}

/// How the API that most servers speak spells a tool: it allows no dots, and names of tools have no underscores.
#[must_use]
pub fn spell(name: &Name) -> String {
    name.as_str().replace('.', "_")
}

/// The offered tool that a model means by a name, spelled either way.
#[must_use]
pub fn meant<'a>(name: &str, offered: &'a [ToolSpec]) -> Option<&'a Name> {
    let name = name.trim();
    let same = |tool: &&ToolSpec| tool.name.as_str() == name || spell(&tool.name) == name;
    offered.iter().find(same).map(|tool| &tool.name)
}

/// Takes the calls of offered tools out of a text; nothing when there are none. Ids are numbered from `first`.
#[must_use]
pub fn find(content: &str, offered: &[ToolSpec], first: usize) -> Option<Found> {
    if offered.is_empty() || content.len() > CONTENT_LEN_MAX {
        return None;
    }
    let mut finder = Finder { offered, first, found: Found { text: String::new(), calls: Vec::new() } };
    let whole = content.trim();
    if !finder.take(whole) {
        finder.pieces(whole);
    }
    let Found { text, calls } = finder.found;
    (!calls.is_empty()).then(|| Found { text: text.trim().to_owned(), calls })
}

/// The id of the call of a number, where a server gives none.
#[must_use]
pub fn id_of(number: usize) -> String {
    format!("call_{number}")
}

struct Finder<'a> {
    offered: &'a [ToolSpec],
    first: usize,
    found: Found,
}

/// The next piece that may hold calls: where it begins and ends with its marks, and what is between them.
struct Piece<'a> {
    before: &'a str,
    marked: &'a str,
    inside: &'a str,
    after: &'a str,
}

impl Finder<'_> {
    /// Walks tags and fences; what is between them, and what holds no calls, is text.
    fn pieces(&mut self, whole: &str) {
        let mut rest = whole;
        for _ in 0..PIECES_MAX {
            let Some(piece) = next_piece(rest) else { break };
            self.found.text.push_str(piece.before);
            if !self.take(piece.inside.trim()) {
                self.found.text.push_str(piece.marked);
            }
            rest = piece.after;
        }
        self.found.text.push_str(rest);
    }

    /// Takes a text that is entirely calls: one, or a list of them; says whether it was.
    fn take(&mut self, text: &str) -> bool {
        if !text.starts_with(['{', '[']) {
            return false;
        }
        let Ok(value) = json::parse_within(text.as_bytes(), CONTENT_LEN_MAX) else { return false };
        let wishes = match value {
            Value::Array(items) => items,
            Value::Object(mut map) => match (map.len(), map.remove("tool_calls")) {
                (1, Some(Value::Array(items))) => items,
                (_, Some(other)) => {
                    map.insert("tool_calls".to_owned(), other);
                    vec![Value::Object(map)]
                }
                (_, None) => vec![Value::Object(map)],
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return false,
        };
        if wishes.is_empty() || wishes.len() > TOOL_CALLS_MAX.saturating_sub(self.found.calls.len()) {
            return false;
        }
        let calls: Option<Vec<(Name, String)>> = wishes.into_iter().map(|wish| self.call(wish)).collect();
        let Some(calls) = calls else { return false };
        for (name, arguments) in calls {
            let id = id_of(self.first.saturating_add(self.found.calls.len()));
            self.found.calls.push(ToolCall { id, name: name.as_str().to_owned(), arguments });
        }
        true
    }

    fn call(&self, wish: Value) -> Option<(Name, String)> {
        let Value::Object(mut map) = wish else { return None };
        if let Some(inner) = map.remove("function") {
            // Either the form of the API, `{type, function: {name, arguments}}`, or `function` for `name`.
            match inner {
                Value::Object(inner) if map.keys().all(|key| OTHER_KEYS.contains(&key.as_str())) => map = inner,
                Value::String(name) => drop(map.insert("name".to_owned(), Value::String(name))),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => return None,
            }
        }
        let name = self.name(&mut map)?;
        let arguments = match ARGUMENT_KEYS.iter().find_map(|key| map.remove(*key)) {
            None => "{}".to_owned(),
            Some(Value::String(text)) => text,
            Some(Value::Object(arguments)) => String::from_utf8(json::canonical(&Value::Object(arguments)).ok()?).ok()?,
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) => return None,
        };
        let only = map.keys().all(|key| OTHER_KEYS.contains(&key.as_str()));
        (only && arguments.len() <= ARGUMENTS_LEN_MAX).then_some((name, arguments))
    }

    fn name(&self, map: &mut Map<String, Value>) -> Option<Name> {
        let Value::String(name) = NAME_KEYS.iter().find_map(|key| map.remove(*key))? else { return None };
        if name.len() > NAME_LEN_MAX { None } else { meant(&name, self.offered).cloned() }
    }
}

/// The first tag or fence of a text, whichever begins earlier; a tag that is never closed reaches to the end.
fn next_piece(text: &str) -> Option<Piece<'_>> {
    let (tag, fence) = (text.find(OPEN), text.find(FENCE));
    match (tag, fence) {
        (Some(tag), fence) if fence.is_none_or(|fence| tag < fence) => tagged(text, tag),
        (_, Some(fence)) => fenced(text, fence),
        (Some(_) | None, None) => None,
    }
}

fn tagged(text: &str, at: usize) -> Option<Piece<'_>> {
    let (before, marked) = text.split_at_checked(at)?;
    let inside = marked.strip_prefix(OPEN)?;
    let Some((inside, after)) = inside.split_once(CLOSE) else { return Some(Piece { before, marked, inside, after: "" }) };
    let marked = marked.get(..OPEN.len() + inside.len() + CLOSE.len())?;
    Some(Piece { before, marked, inside, after })
}

fn fenced(text: &str, at: usize) -> Option<Piece<'_>> {
    let (before, marked) = text.split_at_checked(at)?;
    let open = marked.strip_prefix(FENCE)?;
    // One that is never closed was cut, or is no fence: it stays text.
    let Some((block, after)) = open.split_once(FENCE) else { return Some(Piece { before, marked, inside: "", after: "" }) };
    let marked = marked.get(..FENCE.len() + block.len() + FENCE.len())?;
    let (word, inside) = block.split_once('\n').unwrap_or(("", block));
    let inside = if FENCED.contains(&word.trim()) { inside } else { "" };
    Some(Piece { before, marked, inside, after })
}

#[cfg(test)]
mod tests;
