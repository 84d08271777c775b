//! The installation that is measured: made by `initialize`, in a folder of its own under cargo's target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::{cargo, policies, ports};

/// Marks the folder as ours; without it nothing is removed.
const MARK: &str = ".made-by-cargo-xtask-bench";

/// The context of who asks.
pub(super) const CONTEXT: &str = "bench-ann";

/// The agent.
pub(super) const AGENT: &str = "clerk";

/// The agent that a model drives.
pub(super) const DRIVEN: &str = "driven";

/// A task of three steps, each of them `fs.read`.
pub(super) const THREE_READS: &str = "three-reads";

/// A task of one step, `fs.read`.
pub(super) const ONE_READ: &str = "one-read";

/// A task of one step, an own tool that is a process and does nothing.
pub(super) const ONE_PROCESS: &str = "one-process";

/// A task of one step, an own tool that waits for an approval.
pub(super) const ONE_ASK: &str = "one-ask";

/// A task of [`KEYED_STEPS`] steps, each of which asks a target on this machine, with a key.
pub(super) const THREE_KEYED: &str = "three-keyed";

/// Steps of [`THREE_KEYED`].
pub(super) const KEYED_STEPS: usize = 3;

/// Bootstrap files of an agent.
const BOOTSTRAP: [&str; 4] = ["SOUL.md", "AGENT.md", "TOOLS.md", "MEMORY/README.md"];

/// What a measuring client may do a second: the limits for people would be measured otherwise; the most that can be set.
const RATE: u32 = 100_000;

/// The folder and everything in it.
#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
    programs: PathBuf,
    /// Port of `/metrics`.
    pub(super) admin_port: u16,
    /// Port of the model server.
    pub(super) model_port: u16,
    /// Port of the target outside that tasks ask.
    pub(super) sink_port: u16,
}

impl Place {
    /// Removes what an earlier run left, and makes the installation.
    pub(super) fn prepare(root: &Path, programs: PathBuf) -> Result<Self> {
        let place = Self::begin(root, programs)?;
        place.write_desired(root)?;
        let mut command = place.initialize();
        command.arg("--desired").arg(place.path("desired")).arg("--workspace-root").arg(place.path("work"));
        cargo::output(&mut command)?;
        place.raise_rates()?;
        Ok(place)
    }

    /// Removes what an earlier run left, and makes an installation with what `initialize` gives it to begin with.
    pub(super) fn as_initialized(root: &Path, programs: PathBuf) -> Result<Self> {
        let place = Self::begin(root, programs)?;
        cargo::output(&mut place.initialize())?;
        Ok(place)
    }

    /// An empty folder of ours.
    fn begin(root: &Path, programs: PathBuf) -> Result<Self> {
        let folder = cargo::target_directory(root)?.join("bench");
        let admin_port = ports::free_pair()?.saturating_add(1);
        let (model_port, sink_port) = (ports::free_pair()?, ports::free_pair()?);
        let place = Self { folder, programs, admin_port, model_port, sink_port };
        place.clear()?;
        fs::create_dir_all(place.path("desired")).context("cannot make the folder of the benchmark")?;
        fs::write(place.path(MARK), "cargo xtask bench removes this folder.\n").context("cannot mark the folder")?;
        Ok(place)
    }

    /// `scalboticsd initialize` in it.
    fn initialize(&self) -> Command {
        let mut command = self.command("scalboticsd");
        command.args(["initialize", "--yes", "--trust-domain", "bench.example", "--tenant-name", "bench", "--admin", "ann"]);
        command.args(["--approver", "bob", "--listen", &format!("127.0.0.1:{}", self.admin_port.saturating_sub(1))]);
        command.args(["--admin-listen", &format!("127.0.0.1:{}", self.admin_port)]);
        command.arg("--dir").arg(self.path("box"));
        command
    }

    /// A path inside the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The daemon's configuration.
    pub(super) fn config(&self) -> PathBuf {
        self.path("box/scalbotics.toml")
    }

    /// The daemon's database.
    pub(super) fn database(&self) -> PathBuf {
        self.path("box/data/core.db")
    }

    /// The daemon's log, of all its runs.
    pub(super) fn log(&self) -> PathBuf {
        self.path("daemon.log")
    }

    /// Where a program of ours is.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// A program of ours with the folder's own contexts and state.
    pub(super) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.program(name));
        command.stdin(Stdio::null()).env("NO_COLOR", "1");
        command.env("SCALBOTICS_CONFIG_DIR", self.path("config")).env("SCALBOTICS_STATE_DIR", self.path("state"));
        command
    }

    /// Removes the folder if it is there and ours.
    pub(super) fn clear(&self) -> Result<()> {
        if !self.folder.try_exists().context("cannot look at the folder of the benchmark")? {
            return Ok(());
        }
        if !self.path(MARK).is_file() {
            bail!("`{}` was not made by this benchmark: move it away", self.folder.display());
        }
        fs::remove_dir_all(&self.folder).with_context(|| format!("cannot remove `{}`", self.folder.display()))
    }

    /// YAML is written as JSON, which it includes.
    fn write_desired(&self, root: &Path) -> Result<()> {
        fs::create_dir_all(self.path("work")).context("cannot make the agent's workspace")?;
        fs::write(self.path("work/note.txt"), "A line of a note that an agent reads.\n".repeat(27))
            .context("cannot write a note")?;
        let nothing = nothing();
        let files = [
            ("teams/ops.yaml", json!({ "id": "ops", "description": "Measured.", "lead": AGENT })),
            (
                "agents/clerk.yaml",
                json!({
                    "id": AGENT, "team": "ops", "description": "Measured.", "tools": ["fs.read", "noop", "ask", "http.fetch.sink"],
                    "workflows": [THREE_READS, ONE_READ, ONE_PROCESS, ONE_ASK, THREE_KEYED],
                    "mounts": [{ "name": "work", "path": self.path("work") }],
                }),
            ),
            (
                "agents/driven.yaml",
                json!({
                    "id": DRIVEN, "team": "ops", "description": "Measured.", "tools": ["fs.read"],
                    "model": { "route": ["instant"] }, "mounts": [{ "name": "work", "path": self.path("work") }],
                }),
            ),
            (
                "models/instant.yaml",
                json!({
                    "id": "instant", "base_url": format!("http://127.0.0.1:{}/v1", self.model_port), "model": "scripted",
                    "context_tokens": 100_000, "output_tokens_max": 1_000,
                }),
            ),
            (
                "tools/noop.yaml",
                json!({
                    "id": "noop", "description": "Does nothing.", "argv": ["/bin/true"],
                    "input": nothing, "tier": 0, "effect": "pure", "timeout": "10s",
                }),
            ),
            (
                "tools/ask.yaml",
                json!({
                    "id": "ask", "description": "Does nothing, if somebody approves.", "argv": ["/bin/true"],
                    "input": nothing, "tier": 2, "effect": "opaque", "timeout": "10s",
                }),
            ),
            (
                "destinations/sink.yaml",
                json!({
                    "id": "sink", "description": "A target on this machine.", "scheme": "http", "host": "127.0.0.1",
                    "port": self.sink_port, "private": true, "methods": ["POST"], "idempotency_header": "Idempotency-Key", "tier": 1,
                }),
            ),
        ];
        for (path, value) in files {
            self.write(path, &format!("{value:#}\n"))?;
        }
        self.write_workflows()?;
        for (agent, name) in [AGENT, DRIVEN].iter().flat_map(|agent| BOOTSTRAP.map(|name| (agent, name))) {
            self.write(&format!("workspaces/{agent}/{name}"), "A clerk that is measured.\n")?;
        }
        for (name, text) in policies::defaults(root)? {
            self.write(&format!("policies/{name}"), &text)?;
        }
        Ok(())
    }

    fn write_workflows(&self) -> Result<()> {
        let read = |id: &str| json!({ "id": id, "tool": "fs.read", "args": { "path": "work/note.txt" } });
        let step = |tool: &str| json!({ "id": "only", "tool": tool, "args": {} });
        let url = format!("http://127.0.0.1:{}/", self.sink_port);
        let post = |n| json!({ "id": format!("s{n}"), "tool": "http.fetch.sink", "args": { "url": url, "body": "64" } });
        let workflows = [
            (THREE_READS, vec![read("first"), read("second"), read("third")]),
            (ONE_READ, vec![read("only")]),
            (ONE_PROCESS, vec![step("noop")]),
            (ONE_ASK, vec![step("ask")]),
            (THREE_KEYED, (1..=KEYED_STEPS).map(post).collect()),
        ];
        for (id, steps) in workflows {
            let workflow = json!({ "id": id, "description": "Measured.", "input": nothing(), "steps": steps });
            self.write(&format!("workflows/{id}.yaml"), &format!("{workflow:#}\n"))?;
        }
        Ok(())
    }

    fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.path("desired").join(path);
        fs::create_dir_all(path.parent().unwrap_or(&path)).context("cannot make a folder of the desired state")?;
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))
    }

    fn raise_rates(&self) -> Result<()> {
        let path = self.config();
        let text = fs::read_to_string(&path).context("cannot read the configuration")?;
        let mut config: toml::Table = text.parse().context("the configuration is not TOML")?;
        let limits = config.entry("limits").or_insert_with(|| toml::Value::Table(toml::Table::new()));
        let rates = ["read", "write", "stream", "login"].map(|class| (class.to_owned(), toml::Value::Integer(i64::from(RATE))));
        if let Some(limits) = limits.as_table_mut() {
            limits.insert("requests_per_second".to_owned(), toml::Value::Table(rates.into_iter().collect()));
        }
        fs::write(&path, config.to_string()).context("cannot write the configuration")
    }
}

/// The schema of an input that is empty.
fn nothing() -> serde_json::Value {
    json!({ "type": "object", "properties": {} })
}
