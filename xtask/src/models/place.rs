//! A folder for an installation of `scalbotics dev`, and the agents that its model drives.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::{cargo, policies};

/// Marks the folder as ours; without it nothing is removed.
const MARK: &str = ".made-by-cargo-xtask-models";

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

/// The folder and everything in it.
#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
    programs: PathBuf,
}

impl Place {
    /// Removes what an earlier run left, and makes the folder.
    pub(super) fn prepare(root: &Path, target: &Path) -> Result<Self> {
        let place = Self { folder: target.join("models"), programs: target.join("debug") };
        place.clear()?;
        fs::create_dir_all(place.path("work")).context("cannot make the agents' workspace")?;
        fs::write(place.path(MARK), "cargo xtask models removes this folder.\n").context("cannot mark the folder")?;
        fs::write(place.path(NOTE), NOTE_TEXT).context("cannot write the file that is read")?;
        for (name, text) in policies::defaults(root)? {
            place.write(&format!("policies/{name}"), &text)?;
        }
        Ok(place)
    }

    /// A path inside the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
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
            self.write(path, &format!("{value:#}\n"))?;
        }
        self.write(&format!("workspaces/{READER}/AGENT.md"), "Read a file before you speak of it.\n")?;
        self.write(&format!("workspaces/{TALKER}/AGENT.md"), "Tell what you are asked for.\n")
    }

    /// A program of ours with the folder's own contexts and state.
    pub(super) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.stdin(Stdio::null()).env("NO_COLOR", "1");
        command.env("SCALBOTICS_CONFIG_DIR", self.path("config")).env("SCALBOTICS_STATE_DIR", self.path("state"));
        command
    }

    /// What the command line answers to the one who asks, as JSON.
    pub(super) fn ask(&self, words: &[&str]) -> Result<Value> {
        let mut command = self.command("scalbotics");
        command.args(["--context", "dev", "--quiet", "-o", "json"]).args(words);
        serde_json::from_str(&cargo::output(&mut command)?)
            .with_context(|| format!("scalbotics {} answered no JSON", words.join(" ")))
    }

    /// Removes the folder if it is there and ours.
    fn clear(&self) -> Result<()> {
        if !self.folder.try_exists().context("cannot look at the folder of the models")? {
            return Ok(());
        }
        if !self.path(MARK).is_file() {
            bail!("`{}` was not made by this command: move it away", self.folder.display());
        }
        fs::remove_dir_all(&self.folder).with_context(|| format!("cannot remove `{}`", self.folder.display()))
    }

    fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.path("desired").join(path);
        fs::create_dir_all(path.parent().unwrap_or(&path)).context("cannot make a folder of the desired state")?;
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))
    }
}
