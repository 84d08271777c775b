//! Limits of requests and replies, each with its unit and reason.

/// Most messages of one request: [`TURNS_MAX`] turns of a question, an answer and a dozen results.
pub const MESSAGES_MAX: usize = 4_096;

/// Longest request, in bytes of canonical JSON: it is the arguments of its call, and so has their limit.
pub const REQUEST_LEN_MAX: usize = crate::json::LEN_MAX;

/// Most tools that are offered at once; what the largest providers accept.
pub const TOOLS_MAX: usize = 128;

/// Most models of one route; each failed one costs its connect timeout.
pub const ROUTE_MAX: usize = 8;

/// Longest text of one reply, in bytes: a hundred times a long answer.
pub const CONTENT_LEN_MAX: usize = 1 << 20;

/// Most tool calls of one reply; each is an effect that is decided and journalled.
pub const TOOL_CALLS_MAX: usize = 32;

/// Longest arguments of one tool call, in bytes: a file that is written whole.
pub const ARGUMENTS_LEN_MAX: usize = 256 << 10;

/// Longest name or id in a tool call, in bytes; names of tools have at most 63.
pub(crate) const CALL_NAME_LEN_MAX: usize = 128;

/// Largest output cap, in tokens; no model of today writes more in one answer.
pub const OUTPUT_TOKENS_MAX: u64 = 1_000_000;

/// Largest context, in tokens.
pub const CONTEXT_TOKENS_MAX: u64 = 100_000_000;

/// Most turns of one task: a loop that needs more makes no progress.
pub const TURNS_MAX: u64 = 200;
