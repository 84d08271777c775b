//! `teams/<id>.yaml` and `agents/<id>.yaml` as they are written. Unknown keys are refused.

use serde::{Deserialize, Serialize};

use crate::model::RouteFile;
use crate::task::Budget;
use crate::tenant::Name;
use crate::tool::Tier;
use crate::workload::Selectors;

/// `teams/<id>.yaml`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Team")]
pub struct TeamFile {
    /// The team's id; must equal the file's name.
    pub id: Name,
    /// One sentence for people.
    pub description: String,
    /// The agent that leads the team; must be in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead: Option<Name>,
}

/// `agents/<id>.yaml`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Agent")]
pub struct AgentFile {
    /// The agent's id, unique in the tenant; must equal the file's name.
    pub id: Name,
    /// The agent's team.
    pub team: Name,
    /// One sentence for people and models.
    pub description: String,
    /// The tools that the agent may ask for; policy still decides every call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Name>,
    /// The workflows that the agent runs, most preferred first; they use no other tools than the agent's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workflows: Vec<Name>,
    /// Directories of the host that are the agent's workspace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Absolute paths of the programs that `process.run` may start for the agent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<String>,
    /// What one task may use where its submitter does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetFile>,
    /// The models that drive the agent; without it the agent runs workflows only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<RouteFile>,
    /// The highest tier of a tool that the agent may have; 2 where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier_max: Option<Tier>,
    /// Which processes of the daemon's host get the agent's identity over the SPIFFE Workload API; none where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<Selectors>,
}

/// A directory of the host that an agent sees under a name: `<name>/relative/path` in arguments of the file tools.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// The name; unique for the agent.
    pub name: Name,
    /// Absolute path on the host, without `..`.
    pub path: String,
    /// Whether the agent's tools may write there.
    #[serde(default)]
    pub write: bool,
}

/// Limits of one task; what is left out has the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Budget")]
pub struct BudgetFile {
    /// Tool calls, 1 to 1 000 000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
    /// Model tokens, up to 1 000 000 000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Wall-clock seconds from submission, 1 to 2 592 000 (30 days).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

impl BudgetFile {
    /// The budget, or the field that is out of range.
    pub(super) fn budget(self) -> Result<Budget, &'static str> {
        let default = Budget::default();
        let budget = Budget {
            calls: self.calls.unwrap_or(default.calls),
            tokens: self.tokens.unwrap_or(default.tokens),
            seconds: self.seconds.unwrap_or(default.seconds),
        };
        if !(1..=1_000_000).contains(&budget.calls) {
            return Err("calls");
        }
        if budget.tokens > 1_000_000_000 {
            return Err("tokens");
        }
        if (1..=2_592_000).contains(&budget.seconds) { Ok(budget) } else { Err("seconds") }
    }
}
