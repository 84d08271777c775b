//! Language models: what one is asked, what it answers, how it is reached, and what that costs.
//!
//! **Invariant:** a model's text is data, never authority: nothing here decides what may be done (architecture, rule 6).
//! **Invariant:** every request has an output cap, so that its worst case can be held before it is sent (semantics §6.1).

mod address;
pub mod call;
mod file;
mod limits;
mod message;
mod note;
mod price;
mod reply;
mod request;
mod route;
pub mod tool_calls;
mod written;

pub use address::{Address, AddressError};
pub use call::CALL;
pub use file::{File, FileError, Model, TimeoutsFile};
pub use limits::{
    ARGUMENTS_LEN_MAX, CONTENT_LEN_MAX, CONTEXT_TOKENS_MAX, MESSAGES_MAX, OUTPUT_TOKENS_MAX, REQUEST_LEN_MAX, ROUTE_MAX,
    TOOL_CALLS_MAX, TOOLS_MAX, TURNS_MAX,
};
pub use message::{Message, Role, ToolCall};
pub use note::{AnswerNote, Miss, SupersededNote};
pub use price::{Price, PriceFile};
pub use reply::{Finish, Reply, ReplyError, Superseded, Usage};
pub use request::{Request, RequestError, ToolChoice, ToolSpec};
pub use route::{Route, RouteFile};
pub use written::Written;
