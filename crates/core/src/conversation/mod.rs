//! A task that a model drives: what it is asked next, which of its wishes is carried out next, and when it is over.
//!
//! A *turn* is one answer of the model and the calls that it asks for. The conversation is the fold of what was heard: the goal, the
//! answers, and what became of each call; nothing of it is stored but the payloads of the effects.
//!
//! **Invariant:** [`Conversation::next`] draws on nothing but what it was made of and what it heard, so replay takes the same path.
//! **Invariant:** a model's words are wishes: whatever they say, each call passes the gate, and what a tool says comes back to the
//! model as data that names its source (architecture, rule 6).

mod frame;
mod heard;
mod next;
mod offer;
mod opening;
mod progress;
mod request;
mod state;
mod turn;

pub use frame::{Frame, ask};
pub use heard::Heard;
pub use next::{Move, Stuck};
pub use offer::WORKFLOW;
pub use request::{RESULT_SHOWN_LEN_MAX, answer_of};
pub use state::Conversation;

#[cfg(test)]
mod tests;
