//! Desired state from a local git repository, read without a checkout; it may be the copy of a remote one.
//!
//! **Boundary:** B7 of the security model. What is in a commit is hostile until it is read: objects are measured before
//! they are loaded, links and submodules are refused, and YAML is parsed within a budget.

mod branch;
mod program;
pub mod remote;
mod source;
#[cfg(test)]
mod tests;
mod walk;
mod yaml;

pub use branch::{Branch, BranchError};
use program::program;
use source::BoxError;
pub use source::Source;
pub use yaml::Yaml;
