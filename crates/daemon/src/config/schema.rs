//! JSON Schemas (draft 2020-12) of the files that people write.

use clap::ValueEnum;
use scalbotics_core::desired;
use serde_json::Value;

use super::Settings;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The daemon's configuration, TOML.
    Daemon,
    /// `agents/ID.yaml` of the desired state.
    Agent,
    /// `destinations/ID.yaml` of the desired state.
    Destination,
    /// `models/ID.yaml` of the desired state.
    Model,
    /// `env/NAME.yaml` of the desired state.
    Overlay,
    /// The front matter of `workspaces/AGENT/skills/NAME/SKILL.md` of the desired state.
    Skill,
    /// `teams/ID.yaml` of the desired state.
    Team,
    /// `tools/ID.yaml` of the desired state.
    Tool,
    /// `workflows/ID.yaml` of the desired state.
    Workflow,
}

impl Kind {
    /// The schema, indented, with a newline at its end.
    #[must_use]
    pub fn schema_text(self) -> String {
        let schema = match self {
            Self::Daemon => schemars::schema_for!(Settings).to_value(),
            Self::Agent => of_desired("agent"),
            Self::Destination => of_desired("destination"),
            Self::Model => of_desired("model"),
            Self::Overlay => of_desired("overlay"),
            Self::Skill => of_desired("skill"),
            Self::Team => of_desired("team"),
            Self::Tool => of_desired("tool"),
            Self::Workflow => of_desired("workflow"),
        };
        format!("{schema:#}\n")
    }
}

fn of_desired(kind: &str) -> Value {
    desired::schemas().remove(kind).unwrap_or_default()
}
