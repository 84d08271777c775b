//! `tools/<id>.yaml`: an own tool, a program run by the process sandbox.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EffectClass, Tier, schema};
use crate::secret::SecretRef;
use crate::tenant::Name;
use crate::time::Span;

/// An own tool as it is written in the repository. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The tool's id; must equal the file's name.
    pub id: Name,
    /// One sentence for people and models.
    pub description: String,
    /// Program and arguments, no shell. `{{args.name}}` and `{{idempotency_key}}` are replaced inside an element. At tier 2 an
    /// element that is the absolute path of a file is shown to the approver by its digest, and replaced by a read-only copy of it.
    pub argv: Vec<String>,
    /// JSON Schema of the arguments, in the subset of [`schema`].
    pub input: serde_json::Value,
    /// JSON Schema of the JSON that the program prints; without it the output is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<serde_json::Value>,
    /// How risky it is.
    pub tier: Tier,
    /// How its effect may be repeated.
    pub effect: EffectClass,
    /// How the program gets the idempotency key; required for keyed tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<KeyPassing>,
    /// Program and arguments that tell whether the effect landed: exit 0 landed, 1 not landed, else unknown. Required for verifiable tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Vec<String>>,
    /// How long the target remembers a key; after it a keyed effect is IN_DOUBT.
    #[serde(default = "day")]
    pub key_ttl: Span,
    /// How long after the last possible send a `not landed` counts.
    #[serde(default = "half_minute")]
    pub settle_after: Span,
    /// Wall-clock limit of one run.
    #[serde(default = "half_minute")]
    pub timeout: Span,
    /// What one run may use at most.
    #[serde(default)]
    pub limits: Limits,
    /// Environment of the program, beside the fixed `PATH`, `HOME` and `LANG`. Values are public.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Secrets that the program gets for each call, and `verify` never. Their values stand nowhere but in its environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretPassing>,
    /// Absolute paths that the program may read, beside the system's libraries and itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read_paths: Vec<String>,
    /// Absolute paths that the program may also write.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub write_paths: Vec<String>,
    /// What of the agent's workspace the program may see.
    #[serde(default)]
    pub workspace: WorkspaceAccess,
    /// Whether the program may use the network.
    #[serde(default)]
    pub network: bool,
    /// The agent whose worker runs the program, on its own machine, instead of the daemon's sandbox. What is said of the sandbox (`limits` but
    /// `output_bytes`, `read_paths`, `write_paths`, `workspace`, `network`, `secrets`) is refused then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<Name>,
}

const fn day() -> Span {
    Span::from_ms(86_400_000)
}

const fn half_minute() -> Span {
    Span::from_ms(30_000)
}

/// How an idempotency key reaches the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum KeyPassing {
    /// In this environment variable.
    Env(String),
    /// In `argv`, where `{{idempotency_key}}` stands.
    Argv,
}

/// How a secret reaches the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretPassing {
    /// Which secret: `secret://<tenant>/<name>`, of the own tenant.
    pub name: SecretRef,
    /// In this environment variable.
    pub env: String,
}

/// What of the agent's workspace a program may see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkspaceAccess {
    /// Nothing.
    #[default]
    None,
    /// All mounts, read only.
    Read,
    /// All mounts; those declared writable may be written.
    Write,
}

/// What one run of a program may use at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of standard output that are kept; more ends the run as failed.
    pub output_bytes: u64,
    /// Bytes of address space.
    pub memory_bytes: u64,
    /// Seconds of CPU.
    pub cpu_seconds: u64,
    /// Processes and threads at one time.
    pub processes: u64,
    /// Bytes of one written file.
    pub file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { output_bytes: 1 << 20, memory_bytes: 1 << 30, cpu_seconds: 30, processes: 32, file_bytes: 64 << 20 }
    }
}

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// `argv` is empty or its program is not an absolute path.
    #[error("tool `{tool}` needs an argv that starts with the absolute path of a program")]
    Program {
        /// The tool.
        tool: Name,
    },
    /// A keyed tool does not say how the key is passed, or says `argv` and has no place for it.
    #[error("tool `{tool}` is keyed but its program never gets the idempotency key")]
    KeyUnused {
        /// The tool.
        tool: Name,
    },
    /// A verifiable tool has no `verify`.
    #[error("tool `{tool}` is verifiable but has no verify command")]
    VerifyMissing {
        /// The tool.
        tool: Name,
    },
    /// A limit is zero, or above what the daemon grants anyone.
    #[error("tool `{tool}` has `{field}` out of range")]
    Range {
        /// The tool.
        tool: Name,
        /// The field.
        field: &'static str,
    },
    /// A placeholder names no argument.
    #[error("tool `{tool}` uses `{placeholder}`, which is no argument of its input")]
    Placeholder {
        /// The tool.
        tool: Name,
        /// The placeholder as written.
        placeholder: String,
    },
    /// A schema is outside the subset.
    #[error("tool `{tool}` has a schema that is refused")]
    Schema {
        /// The tool.
        tool: Name,
        /// What is wrong with it.
        #[source]
        source: schema::Error,
    },
    /// A secret is given in a variable that is no name, is given twice, or is the tool's for something else.
    #[error("tool `{tool}` gives a secret in variable `{variable}`, which is no free name of a variable")]
    SecretVariable {
        /// The tool.
        tool: Name,
        /// The variable.
        variable: String,
    },
    /// A tool that a worker runs says something of the daemon's sandbox.
    #[error("tool `{tool}` is run by a worker, where `{field}` means nothing")]
    OnWorker {
        /// The tool.
        tool: Name,
        /// The field.
        field: &'static str,
    },
    /// A path is not absolute or holds `..`.
    #[error("tool `{tool}` names path `{path}`, which is not absolute and free of `..`")]
    Path {
        /// The tool.
        tool: Name,
        /// The path.
        path: String,
    },
}
