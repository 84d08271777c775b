//! Which file may stand where.

use super::skill::is_skill_name;
use crate::tenant::Name;

/// The folders that desired state knows; everything beside them in a repository is not read.
pub const FOLDERS: [&str; 9] =
    ["agents", "destinations", "env", "models", "policies", "teams", "tools", "workflows", "workspaces"];

/// Longest name of a file of memory, in bytes.
const MEMORY_NAME_LEN_MAX: usize = 100;

/// Another name of `AGENT.md`, which other programs read.
pub(super) const AGENT_ALIAS: &str = "AGENTS.md";

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
    /// `workspaces/<agent>/SOUL.md`, `AGENT.md` or its alias `AGENTS.md`, `TOOLS.md`, or `MEMORY/<name>.md`
    Bootstrap {
        /// The agent.
        agent: Name,
        /// The file below the agent's folder.
        file: String,
    },
    /// `workspaces/<agent>/skills/<name>/SKILL.md`
    Skill {
        /// The agent.
        agent: Name,
        /// The folder's name, which is the skill's.
        skill: String,
    },
    /// `env/<name>.yaml`
    Overlay(Name),
    /// `.gitkeep` or `README.md` of a folder, or what a skill brings beside its `SKILL.md`: for people, not read further.
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
            ["workspaces", _, ".gitkeep"] | ["workspaces", _, "MEMORY" | "skills", ".gitkeep"] => Ok(Self::Note),
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
        [file @ ("SOUL.md" | "AGENT.md" | AGENT_ALIAS | "TOOLS.md")] => Ok(Place::Bootstrap { agent, file: (*file).to_owned() }),
        ["MEMORY", file] if is_memory(file) => Ok(Place::Bootstrap { agent, file: format!("MEMORY/{file}") }),
        ["skills", skill, rest @ ..] => in_skill(agent, skill, rest),
        _ => Err("a workspace holds SOUL.md, AGENT.md or AGENTS.md, TOOLS.md, MEMORY/<name>.md and skills/<name>/SKILL.md"),
    }
}

/// What stands in the folder of a skill. The public format lets a skill bring further files; no model is shown them here.
fn in_skill(agent: Name, skill: &str, rest: &[&str]) -> Result<Place, &'static str> {
    if !is_skill_name(skill) {
        return Err("a folder of skills/ is named after its skill: at most 64 of a-z, 0-9 and single hyphens between them");
    }
    match rest {
        ["SKILL.md"] => Ok(Place::Skill { agent, skill: skill.to_owned() }),
        ["LICENSE" | "LICENSE.txt" | "LICENSE.md" | "README.md"] | ["assets" | "references" | "scripts", _] => Ok(Place::Note),
        _ => Err("a skill holds SKILL.md, and beside it LICENSE.txt, README.md, and files of assets/, references/ and scripts/"),
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
            "workspaces/clerk/AGENTS.md",
            "workspaces/clerk/skills/.gitkeep",
            "workspaces/clerk/skills/read-mail2/SKILL.md",
            "workspaces/clerk/skills/read-mail2/LICENSE.txt",
            "workspaces/clerk/skills/read-mail2/references/FORMS.md",
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
            "workspaces/clerk/agents.md",
            "workspaces/clerk/skills/SKILL.md",
            "workspaces/clerk/skills/mail/skill.md",
            "workspaces/clerk/skills/Mail/SKILL.md",
            "workspaces/clerk/skills/-mail/SKILL.md",
            "workspaces/clerk/skills/mail-/SKILL.md",
            "workspaces/clerk/skills/read--mail/SKILL.md",
            "workspaces/clerk/skills/read_mail/SKILL.md",
            "workspaces/clerk/skills/../SKILL.md",
            "workspaces/clerk/skills/mail/scripts/a/b.sh",
            "workspaces/clerk/skills/mail/other.md",
            "skills/mail/SKILL.md",
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
