//! Which file may stand where.

use crate::tenant::Name;

/// The folders that desired state knows; everything beside them in a repository is not read.
pub const FOLDERS: [&str; 9] =
    ["agents", "destinations", "env", "models", "policies", "teams", "tools", "workflows", "workspaces"];

/// Longest name of a file of memory, in bytes.
const MEMORY_NAME_LEN_MAX: usize = 100;

/// What a file is, by its path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// `teams/<id>.yaml`
    Team(Name),
    /// `agents/<id>.yaml`
    Agent(Name),
    /// `models/<id>.yaml`
    Model(Name),
    /// `destinations/<id>.yaml`
    Destination(Name),
    /// `tools/<id>.yaml`
    Tool(Name),
    /// `workflows/<id>.yaml`
    Workflow(Name),
    /// `policies/<id>.cedar`
    Policy(Name),
    /// `workspaces/<agent>/SOUL.md`, `AGENT.md`, `TOOLS.md` or `MEMORY/<name>.md`
    Bootstrap {
        /// The agent.
        agent: Name,
        /// The file below the agent's folder.
        file: String,
    },
    /// `env/<name>.yaml`
    Overlay(Name),
    /// `.gitkeep` or `README.md` of a folder: for people, not read further.
    Note,
}

impl Place {
    /// What the file at `path` is.
    ///
    /// # Errors
    /// One sentence that says what may stand there, when nothing may be at that path.
    pub fn of(path: &str) -> Result<Self, &'static str> {
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            [folder, ".gitkeep" | "README.md"] if FOLDERS.contains(folder) => Ok(Self::Note),
            ["workspaces", _, ".gitkeep"] | ["workspaces", _, "MEMORY", ".gitkeep"] => Ok(Self::Note),
            ["teams", file] => {
                named(file, ".yaml").map(Self::Team).ok_or("a file of teams/ is named <id>.yaml, the id in lower case")
            }
            ["agents", file] => {
                named(file, ".yaml").map(Self::Agent).ok_or("a file of agents/ is named <id>.yaml, the id in lower case")
            }
            ["models", file] => {
                named(file, ".yaml").map(Self::Model).ok_or("a file of models/ is named <id>.yaml, the id in lower case")
            }
            ["destinations", file] => named(file, ".yaml")
                .map(Self::Destination)
                .ok_or("a file of destinations/ is named <id>.yaml, the id in lower case"),
            ["tools", file] => {
                named(file, ".yaml").map(Self::Tool).ok_or("a file of tools/ is named <id>.yaml, the id in lower case")
            }
            ["workflows", file] => {
                named(file, ".yaml").map(Self::Workflow).ok_or("a file of workflows/ is named <id>.yaml, the id in lower case")
            }
            ["policies", file] => {
                named(file, ".cedar").map(Self::Policy).ok_or("a file of policies/ is named <id>.cedar, the id in lower case")
            }
            ["env", file] => {
                named(file, ".yaml").map(Self::Overlay).ok_or("a file of env/ is named <name>.yaml, the name in lower case")
            }
            ["workspaces", agent, rest @ ..] => bootstrap(agent, rest),
            _ => Err(
                "only agents, destinations, env, models, policies, teams, tools, workflows and workspaces hold desired state, without further folders",
            ),
        }
    }
}

fn named(file: &str, extension: &str) -> Option<Name> {
    file.strip_suffix(extension).and_then(|stem| Name::parse(stem).ok())
}

fn bootstrap(agent: &str, rest: &[&str]) -> Result<Place, &'static str> {
    let agent = Name::parse(agent).map_err(|_| "a folder of workspaces/ is named after an agent, in lower case")?;
    match rest {
        [file @ ("SOUL.md" | "AGENT.md" | "TOOLS.md")] => Ok(Place::Bootstrap { agent, file: (*file).to_owned() }),
        ["MEMORY", file] if is_memory(file) => Ok(Place::Bootstrap { agent, file: format!("MEMORY/{file}") }),
        _ => Err("a workspace holds SOUL.md, AGENT.md, TOOLS.md and MEMORY/<name>.md"),
    }
}

fn is_memory(file: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    file.strip_suffix(".md").is_some_and(|stem| {
        !stem.is_empty() && !stem.starts_with('.') && file.len() <= MEMORY_NAME_LEN_MAX && stem.bytes().all(legal)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for good in [
            "teams/ops.yaml",
            "agents/a.b-c.yaml",
            "models/small.yaml",
            "destinations/payments.yaml",
            "tools/x.yaml",
            "workflows/scan.yaml",
            "policies/base.cedar",
            "env/prod.yaml",
            "workspaces/clerk/SOUL.md",
            "workspaces/clerk/MEMORY/2026-11_Notes.v2.md",
            "teams/.gitkeep",
            "tools/README.md",
            "workspaces/clerk/MEMORY/.gitkeep",
        ] {
            assert!(Place::of(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "teams",
            "teams/",
            "teams/Ops.yaml",
            "teams/ops.yml",
            "teams/a/b.yaml",
            "agents/аgent.yaml",
            "agents/../x.yaml",
            "models/GPT.yaml",
            "destinations/a/b.yaml",
            "policies/x.rego",
            "workspaces/clerk/soul.md",
            "workspaces/Clerk/SOUL.md",
            "workspaces/clerk/MEMORY/a/b.md",
            "workspaces/clerk/MEMORY/.md",
            "workspaces/clerk/MEMORY/..md",
            "workspaces/clerk",
            "secrets/x.yaml",
            "README.md",
        ] {
            assert!(Place::of(bad).is_err(), "{bad}");
        }
    }
}
