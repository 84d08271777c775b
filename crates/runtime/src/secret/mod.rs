//! Secrets: kept for people, handed to calls, and taken out of what tools say.
//!
//! **Invariant:** a value leaves only for one warrant, or for the one use that is the daemon's own, after the record of it is
//! durable; no answer to a caller holds one.

mod error;
mod masking;
mod masks;
mod own;
mod reserved;
mod sealing;
mod service;
mod source;

pub use error::Error;
pub use masking::MaskingRunner;
pub use masks::{Masks, Tell};
pub use own::Own;
pub use reserved::Reserved;
pub use sealing::{fingerprint, seal};
pub use service::Service;
pub use source::Source;
