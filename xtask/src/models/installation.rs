//! An installation of `scalbotics dev`, and the agents that its model drives.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::place::Place;
use crate::{cargo, policies};

/// The agent that reads a file.
pub(super) const READER: &str = "reader";

/// The agent that has no tool, and speaks for long.
pub(super) const TALKER: &str = "talker";

/// The file, as agents call it.
pub(super) const NOTE: &str = "work/notes.txt";

/// What it says.
const NOTE_TEXT: &str = "The lighthouse is green.\n";

/// Tokens of the conversation that the server takes.
const CONTEXT_TOKENS: u64 = 4_096;

/// The installation, in the run's folder.
#[derive(Debug)]
pub(super) struct Installation(Place);

impl Installation {
    /// In this folder, which is empty.
    pub(super) fn prepare(root: &Path, place: Place) -> Result<Self> {
        fs::create_dir(place.path("work")).context("cannot make the agents' workspace")?;
        fs::write(place.path(NOTE), NOTE_TEXT).context("cannot write the file that is read")?;
        for (name, text) in policies::defaults(root)? {
            place.desire(&format!("policies/{name}"), &text)?;
        }
        Ok(Self(place))
    }

    /// A path inside the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    /// Desired state: two agents, driven by the model at this address. YAML is written as JSON, which it includes.
    pub(super) fn desire(&self, base_url: &str) -> Result<()> {
        let work = json!([{ "name": "work", "path": self.path("work") }]);
        let driven =
            |output_tokens_max: u64| json!({ "route": ["tiny"], "output_tokens_max": output_tokens_max, "turns_max": 6 });
        let files = [
            ("teams/ops.yaml", json!({ "id": "ops", "description": "Reads.", "lead": READER })),
            (
                "models/tiny.yaml",
                json!({
                    "id": "tiny", "base_url": base_url, "model": "tiny", "context_tokens": CONTEXT_TOKENS, "output_tokens_max": 2_000,
                    "timeouts": { "connect": "5s", "first_token": "2m", "idle": "30s", "total": "5m" },
                }),
            ),
            (
                "agents/reader.yaml",
                json!({
                    "id": READER, "team": "ops", "description": "Reads files.", "tools": ["fs.read"], "mounts": work, "model": driven(200),
                }),
            ),
            (
                "agents/talker.yaml",
                json!({ "id": TALKER, "team": "ops", "description": "Tells stories.", "tools": [], "mounts": work, "model": driven(2_000) }),
            ),
        ];
        for (path, value) in files {
            self.0.desire(path, &format!("{value:#}\n"))?;
        }
        self.0.desire(&format!("workspaces/{READER}/AGENT.md"), "Read a file before you speak of it.\n")?;
        self.0.desire(&format!("workspaces/{TALKER}/AGENT.md"), "Tell what you are asked for.\n")
    }

    /// A program of ours, as [`Place::program`] has it.
    pub(super) fn program(&self, name: &str, words: &[&str]) -> Command {
        self.0.program(name, words)
    }

    /// What the command line answers to the one who asks, as JSON.
    pub(super) fn ask(&self, words: &[&str]) -> Result<Value> {
        let mut command = self.program("scalbotics", &["--context", "dev", "--quiet", "-o", "json"]);
        command.args(words);
        serde_json::from_str(&cargo::output(&mut command)?)
            .with_context(|| format!("scalbotics {} answered no JSON", words.join(" ")))
    }
}
