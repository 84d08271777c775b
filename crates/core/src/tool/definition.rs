//! A tool ready to be called: manifest or built-in, with parsed schemas and its digest.

use std::sync::Arc;

use serde_json::Value;

use super::{EffectClass, Limits, Manifest, ManifestError, Tier, WorkspaceAccess, schema::Schema};
use crate::digest::Digest;
use crate::egress::Destination;
use crate::model::Request;
use crate::tenant::Name;
use crate::time::Span;

/// Domain tag of the digests of own tools.
pub(crate) const PROCESS_TAG: &str = "scalbotics/tool/v1";

/// Domain tag of the digests of built-in tools.
pub(crate) const BUILTIN_TAG: &str = "scalbotics/builtin-tool/v1";

/// Domain tag of the digest of questions to models.
pub(crate) const MODEL_TAG: &str = "scalbotics/model-call/v1";

/// Domain tag of the digests of destinations' tools.
pub(crate) const HTTP_TAG: &str = "scalbotics/destination-tool/v1";

/// Longest that one run may take, in milliseconds: an hour, so that a drain ends some day.
const TIMEOUT_MAX_MS: u64 = 3_600_000;

/// The tools that the daemon brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Builtin {
    /// `fs.list`
    FsList,
    /// `fs.read`
    FsRead,
    /// `fs.search`
    FsSearch,
    /// `fs.write`
    FsWrite,
    /// `http.fetch`
    HttpFetch,
    /// `process.run`
    ProcessRun,
}

impl Builtin {
    /// All of them, in order of name.
    pub const ALL: [Self; 6] = [Self::FsList, Self::FsRead, Self::FsSearch, Self::FsWrite, Self::HttpFetch, Self::ProcessRun];

    /// The tool's id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::FsList => "fs.list",
            Self::FsRead => "fs.read",
            Self::FsSearch => "fs.search",
            Self::FsWrite => "fs.write",
            Self::HttpFetch => "http.fetch",
            Self::ProcessRun => "process.run",
        }
    }

    /// The tool of an id.
    #[must_use]
    pub fn of(id: &Name) -> Option<Self> {
        Self::ALL.into_iter().find(|builtin| builtin.id() == id.as_str())
    }
}

/// What carries a tool out.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Code of the daemon.
    Builtin(Builtin),
    /// A question to the models of the agent's route; the runtime asks it.
    Model,
    /// A program in the sandbox.
    Process(Box<Manifest>),
    /// A program that the worker of an agent runs.
    Worker(Box<Manifest>),
    /// A request to a destination of desired state.
    Http(Box<Destination>),
}

impl Kind {
    /// The domain tag of digests of such tools.
    #[must_use]
    pub const fn digest_tag(&self) -> &'static str {
        match self {
            Self::Builtin(_) => BUILTIN_TAG,
            Self::Model => MODEL_TAG,
            Self::Process(_) | Self::Worker(_) => PROCESS_TAG,
            Self::Http(_) => HTTP_TAG,
        }
    }
}

/// A tool ready to be called.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// The tool's id.
    pub id: Name,
    /// One sentence for people and models.
    pub description: String,
    /// How risky it is.
    pub tier: Tier,
    /// How its effect may be repeated.
    pub effect: EffectClass,
    /// Schema of the arguments.
    pub input: Schema,
    /// Schema of the result; `None` means text.
    pub output: Option<Schema>,
    /// How long the target remembers an idempotency key.
    pub key_ttl: Span,
    /// How long after the last possible send a `not landed` counts.
    pub settle_after: Span,
    /// Wall-clock limit of one run.
    pub timeout: Span,
    /// What carries it out.
    pub kind: Kind,
    /// Digest of everything above: another digest is another tool (semantics §3.3).
    pub digest: Digest,
    /// The canonical JSON that the digest is of, behind [`Kind::digest_tag`]: what evidence shows of the tool.
    pub text: Arc<str>,
}

impl Definition {
    /// Builds the definition of an own tool, checking everything that can be checked before the first call.
    ///
    /// # Errors
    /// [`ManifestError`], the first thing that is wrong.
    pub fn from_manifest(manifest: Manifest) -> Result<Self, ManifestError> {
        let tool = || manifest.id.clone();
        let schema = |value| Schema::parse(value).map_err(|source| ManifestError::Schema { tool: tool(), source });
        let input = Schema::parse_input(&manifest.input).map_err(|source| ManifestError::Schema { tool: tool(), source })?;
        let output = manifest.output.as_ref().map(schema).transpose()?;
        manifest.check(&input)?;
        let bytes = crate::json::canonical_of(&manifest).map_err(|_| ManifestError::Range { tool: tool(), field: "input" })?;
        Ok(Self {
            id: manifest.id.clone(),
            description: manifest.description.clone(),
            tier: manifest.tier,
            effect: manifest.effect,
            input,
            output,
            key_ttl: manifest.key_ttl,
            settle_after: manifest.settle_after,
            timeout: manifest.timeout,
            digest: Digest::of_parts(PROCESS_TAG, &[&bytes]),
            text: String::from_utf8_lossy(&bytes).into(),
            kind: if manifest.worker.is_some() { Kind::Worker(Box::new(manifest)) } else { Kind::Process(Box::new(manifest)) },
        })
    }
}

impl Definition {
    /// What policy sees of arguments: all of them, or of a question to a model its [`view`](Request::view); of what is none, nothing.
    #[must_use]
    pub fn seen_by_policy(&self, args: Value, len: usize) -> Value {
        match &self.kind {
            Kind::Builtin(_) | Kind::Process(_) | Kind::Worker(_) | Kind::Http(_) => args,
            Kind::Model => serde_json::from_value(args).map_or(Value::Null, |request: Request| request.view(len)),
        }
    }

    /// Most bytes that the result of one call has, as it is stored.
    #[must_use]
    pub fn outcome_len_max(&self) -> u64 {
        match &self.kind {
            Kind::Builtin(_) | Kind::Http(_) | Kind::Model => crate::payload::LEN_MAX as u64,
            Kind::Process(manifest) | Kind::Worker(manifest) => manifest.limits.output_bytes.min(crate::payload::LEN_MAX as u64),
        }
    }
}

impl Manifest {
    fn check(&self, input: &Schema) -> Result<(), ManifestError> {
        let tool = || self.id.clone();
        if !self.argv.first().is_some_and(|program| program.starts_with('/')) {
            return Err(ManifestError::Program { tool: tool() });
        }
        match self.effect {
            EffectClass::Keyed if !self.passes_key() => return Err(ManifestError::KeyUnused { tool: tool() }),
            EffectClass::Verifiable if self.verify.as_ref().is_none_or(Vec::is_empty) => {
                return Err(ManifestError::VerifyMissing { tool: tool() });
            }
            EffectClass::Pure | EffectClass::Keyed | EffectClass::Verifiable | EffectClass::Opaque => {}
        }
        self.check_ranges()?;
        self.check_paths()?;
        self.check_secrets()?;
        self.check_worker()?;
        let elements = self.argv.iter().chain(self.verify.iter().flatten());
        elements.flat_map(|element| placeholders(element)).try_for_each(|placeholder| {
            let known = placeholder == "idempotency_key"
                || placeholder.strip_prefix("args.").is_some_and(|name| input.property(name).is_some());
            if known { Ok(()) } else { Err(ManifestError::Placeholder { tool: tool(), placeholder: placeholder.to_owned() }) }
        })
    }

    fn passes_key(&self) -> bool {
        match &self.idempotency_key {
            Some(super::KeyPassing::Env(name)) => !name.is_empty() && !name.contains(['=', '\0']),
            Some(super::KeyPassing::Argv) => self.argv.iter().any(|element| element.contains("{{idempotency_key}}")),
            None => false,
        }
    }

    /// What a worker's machine could not keep may not be promised.
    fn check_worker(&self) -> Result<(), ManifestError> {
        if self.worker.is_none() {
            return Ok(());
        }
        let limits = Limits { output_bytes: Limits::default().output_bytes, ..self.limits };
        let said = [
            ("limits", limits != Limits::default()),
            ("read_paths", !self.read_paths.is_empty()),
            ("write_paths", !self.write_paths.is_empty()),
            ("workspace", self.workspace != WorkspaceAccess::None),
            ("network", self.network),
            ("secrets", !self.secrets.is_empty()),
        ];
        match said.into_iter().find(|(_, is_said)| *is_said) {
            Some((field, _)) => Err(ManifestError::OnWorker { tool: self.id.clone(), field }),
            None => Ok(()),
        }
    }

    fn check_ranges(&self) -> Result<(), ManifestError> {
        let limits = &self.limits;
        let ranges = [
            ("timeout", self.timeout.as_ms(), TIMEOUT_MAX_MS),
            ("limits.output_bytes", limits.output_bytes, crate::payload::LEN_MAX as u64),
            ("limits.memory_bytes", limits.memory_bytes, 1 << 40),
            ("limits.cpu_seconds", limits.cpu_seconds, 3_600),
            ("limits.processes", limits.processes, 4_096),
            ("limits.file_bytes", limits.file_bytes, 1 << 40),
        ];
        match ranges.into_iter().find(|(_, value, max)| *value == 0 || value > max) {
            Some((field, _, _)) => Err(ManifestError::Range { tool: self.id.clone(), field }),
            None => Ok(()),
        }
    }

    fn check_paths(&self) -> Result<(), ManifestError> {
        let sound = |path: &&String| path.starts_with('/') && !path.split('/').any(|part| part == "..") && !path.contains('\0');
        match self.read_paths.iter().chain(&self.write_paths).find(|path| !sound(path)) {
            Some(path) => Err(ManifestError::Path { tool: self.id.clone(), path: path.clone() }),
            None => Ok(()),
        }
    }
}

/// Beginnings of variables that every program gets from the daemon, or that change how programs are loaded.
const RESERVED_VARIABLES: [&str; 6] = ["PATH", "HOME", "LANG", "TMPDIR", "LD_", "SCALBOTICS_"];

/// Secrets of one tool at most: each is a record in the audit log before the call.
const SECRETS_MAX: usize = 16;

impl Manifest {
    fn check_secrets(&self) -> Result<(), ManifestError> {
        if self.secrets.len() > SECRETS_MAX {
            return Err(ManifestError::Range { tool: self.id.clone(), field: "secrets" });
        }
        let key = match &self.idempotency_key {
            Some(super::KeyPassing::Env(name)) => Some(name),
            Some(super::KeyPassing::Argv) | None => None,
        };
        let is_free = |index: usize, name: &String| {
            let shaped = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
            let twice = self.secrets.iter().take(index).any(|other| other.env == *name);
            let reserved = RESERVED_VARIABLES.iter().any(|start| name.starts_with(start));
            shaped && !twice && !reserved && !self.env.contains_key(name) && key != Some(name)
        };
        match self.secrets.iter().enumerate().find(|(index, given)| !is_free(*index, &given.env)) {
            Some((_, given)) => Err(ManifestError::SecretVariable { tool: self.id.clone(), variable: given.env.clone() }),
            None => Ok(()),
        }
    }
}

/// The texts between `{{` and `}}` of an element.
fn placeholders(element: &str) -> impl Iterator<Item = &str> {
    element.split("{{").skip(1).map(|rest| rest.split_once("}}").map_or(rest, |(inside, _)| inside.trim()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refused(secrets: &Value) -> Option<String> {
        let manifest = json!({
            "id": "own", "description": "A test.", "argv": ["/bin/true"], "tier": 1, "effect": "keyed",
            "idempotency_key": { "env": "KEY" }, "env": { "MODE": "fast" },
            "input": { "type": "object", "properties": {} }, "secrets": secrets,
        });
        let manifest: Manifest = serde_json::from_value(manifest).unwrap();
        Definition::from_manifest(manifest).err().map(|error| error.to_string())
    }

    #[test]
    fn a_tool_of_a_worker_promises_nothing_that_the_sandbox_keeps() {
        let definition = |more: Value| {
            let mut manifest = json!({
                "id": "own", "description": "A test.", "argv": ["/bin/true"], "tier": 1, "effect": "pure", "worker": "till",
                "input": { "type": "object", "properties": {} },
            });
            manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            Definition::from_manifest(serde_json::from_value(manifest).unwrap())
        };
        let good = definition(json!({ "limits": { "output_bytes": 10 }, "timeout": "1s" })).unwrap();
        assert!(matches!(good.kind, Kind::Worker(_)), "{good:?}");
        for (field, value) in [
            ("limits", json!({ "cpu_seconds": 1 })),
            ("read_paths", json!(["/srv"])),
            ("write_paths", json!(["/srv"])),
            ("workspace", json!("read")),
            ("network", json!(true)),
            ("secrets", json!([{ "name": "secret://acme/a", "env": "A" }])),
        ] {
            let refused = definition(json!({ field: value })).unwrap_err();
            assert!(matches!(refused, ManifestError::OnWorker { field: found, .. } if found == field), "{refused}");
        }
    }

    #[test]
    fn a_secret_is_given_in_a_free_variable() {
        let given = |env: &str| json!([{ "name": "secret://acme/token", "env": env }]);
        for good in ["TOKEN", "_t", "GITHUB_TOKEN_2"] {
            assert_eq!(refused(&given(good)), None, "{good}");
        }
        for bad in ["", "2TOKEN", "A=B", "A B", "KEY", "MODE", "PATH", "LD_PRELOAD", "SCALBOTICS_MOUNT_WORK", "TÖKEN", "A\0B"] {
            assert!(refused(&given(bad)).is_some(), "{bad}");
        }
        let twice = json!([{ "name": "secret://acme/a", "env": "T" }, { "name": "secret://acme/b", "env": "T" }]);
        assert!(refused(&twice).is_some());
        let many: Vec<Value> = (0..=SECRETS_MAX).map(|n| json!({ "name": "secret://acme/a", "env": format!("T{n}") })).collect();
        assert!(refused(&json!(many)).is_some());
    }
}
