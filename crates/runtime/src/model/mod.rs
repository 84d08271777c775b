//! Asking models: an ordered list of them, each behind a circuit breaker.
//!
//! **Invariant:** the next model is asked only while no part of an answer had come; an answer that broke off is an error, never a
//! shorter answer.

mod breaker;
mod router;
mod runner;

pub use router::{NoAnswer, Router};
pub use runner::Runner;
