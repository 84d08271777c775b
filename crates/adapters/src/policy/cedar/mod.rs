//! Cedar, embedded: policies are parsed and validated once, against a schema made of a fixed part and of one action
//! for each tool, and then answer questions without I/O.
//!
//! **Invariant:** an answer allows only if no policy met an error, for Cedar skips a policy that errs, also a `forbid`
//! (semantics §3.1).
//! **Invariant:** policies reach one step from the request at most (`validate_with_level`), and the entities made from
//! the request hold everything to that level (§3.2).

mod answer;
mod applicable;
mod arguments;
mod compile;
mod engine;
mod place;
mod reached;
mod reads;
pub mod schema;
mod shape;
mod slice;

pub use engine::Engine;

#[cfg(test)]
mod tests;
