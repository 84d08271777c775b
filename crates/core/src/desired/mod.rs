//! Desired state: what a tenant's repository says about teams, agents, models, tools, workflows and policies.
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
mod destinations;
mod files;
mod finding;
mod format;
mod limits;
mod links;
mod overlay;
mod place;
mod read;
mod schemas;
mod secrets;
mod shared;
mod skill;
mod snapshot;

pub use agent::{Agent, Bootstrap};
pub use builtins::{builtins, with_builtins};
pub use files::{AgentFile, BudgetFile, Mount, TeamFile};
pub use finding::{Finding, FindingKind};
pub use format::{Format, Syntax};
pub use limits::{
    BOOTSTRAP_LEN_MAX, BOOTSTRAP_TOTAL_MAX, FILE_LEN_MAX, FILES_MAX, FINDINGS_MAX, MOUNTS_MAX, PROGRAMS_MAX,
    SKILL_COMPATIBILITY_LEN_MAX, SKILL_DESCRIPTION_LEN_MAX, SKILL_FRONT_LEN_MAX, SKILL_NAME_LEN_MAX, SKILLS_MAX, TOTAL_LEN_MAX,
};
pub use overlay::{AgentOverlay, ModelOverlay, MountOverlay, OverlayFile, RouteOverlay, ToolOverlay};
pub use place::{FOLDERS, Place};
pub use schemas::schemas;
pub use secrets::{Secret, find_secrets};
pub use skill::{Skill, SkillFile};
pub use snapshot::{PolicyFile, Snapshot};

#[cfg(test)]
mod tests;
