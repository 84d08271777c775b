//! The fitness tests of the house: shape that a compiler does not check.
//!
//! A rule is a module with `check(&Tree) -> Vec<Finding>`; a [`Tree`](tree::Tree) is the repository's text in memory, so that every rule is tested
//! against a small wrong input. Two rules ask cargo (`edges`, `crate_count`): their judging is pure and apart from the asking.
//!
//! **Invariant:** a rule that finds nothing to look at because a file is missing says so, unless the file's absence is a legal state.

mod adapters;
mod biased;
mod clippy_copies;
mod crate_count;
mod crate_roots;
mod docs;
mod edges;
mod errors;
mod expects;
mod failpoints;
mod finding;
mod functions;
mod names;
mod nesting;
mod promises;
mod ratchet;
mod roots_only;
mod run;
mod sizes;
mod source;
mod status;
mod tokens;
mod tree;
mod warrants;

pub(crate) use run::command;
