//! Desired state: what a tenant's repository says about teams, agents, tools, workflows and policies.
//!
//! One commit becomes one [`Snapshot`], or a list of [`Finding`]s and nothing: the last good snapshot stays in force.
//! Core holds the model and the rules; reading a repository and the syntax of its files are an adapter's
//! ([`crate::ports::DesiredSource`], [`Format`]).
//!
//! **Invariant:** a snapshot is whole: every name in it leads somewhere, every workflow is wired, no file holds a secret.
//! **Invariant:** bootstrap files come from the commit, never from a place that an agent can write (semantics §3.6).

mod agent;
mod assemble;
mod builtins;
mod files;
mod finding;
mod format;
mod links;
mod place;
mod read;
mod schemas;
mod secrets;
mod snapshot;

pub use agent::{Agent, Bootstrap};
pub use builtins::{builtins, with_builtins};
pub use files::{AgentFile, BudgetFile, Mount, TeamFile};
pub use finding::{Finding, FindingKind};
pub use format::{Format, Syntax};
pub use place::{FOLDERS, Place};
pub use schemas::schemas;
pub use secrets::{Secret, find_secrets};
pub use snapshot::{PolicyFile, Snapshot};

/// Most files of one commit; a tenant of a thousand agents has about seven thousand.
pub const FILES_MAX: usize = 10_000;

/// Longest file, in bytes; a hundred times a long policy.
pub const FILE_LEN_MAX: usize = 256 << 10;

/// Most bytes of one commit's files together; bounds what a reload holds in memory.
pub const TOTAL_LEN_MAX: usize = 32 << 20;

/// Longest bootstrap file, in bytes; it goes into every prompt.
pub const BOOTSTRAP_LEN_MAX: usize = 64 << 10;

/// Most bytes of one agent's bootstrap files together.
pub const BOOTSTRAP_TOTAL_MAX: usize = 1 << 20;

/// Most mounts of one agent; each is an open descriptor while a tool runs.
pub const MOUNTS_MAX: usize = 32;

/// Most findings that are kept of one commit; nobody reads more.
pub const FINDINGS_MAX: usize = 1_000;

#[cfg(test)]
mod tests;
