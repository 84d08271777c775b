//! The port as a task uses it: a runner over a sandbox, an agent's mounts, own tools, and calls with real warrants.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scalbotics_adapters::tool::{LocalRunner, Workspaces};
use scalbotics_core::desired::Mount;
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::{AgentUid, DecisionId, EffectId, HumanUid, TaskId};
use scalbotics_core::json::canonical;
use scalbotics_core::policy::{Answer, Authorization, Commit, Request, Resource, Verdict, Warrant, authorize, seal_warrants};
use scalbotics_core::ports::{Clock, SecretSource, Stop, ToolRunner};
use scalbotics_core::principal::{Chain, Principal, Uid};
use scalbotics_core::secret::{RevealError, Secret, SecretRef};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::{Call, Definition, Mark, Outcome};
use serde_json::{Value, json};

use crate::fixture::{Fixture, runtime};

/// The moment of every test; deadlines are a minute later.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_ms(1_000_000);

#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        NOW
    }
}

#[derive(Debug)]
pub(crate) struct Agents(pub(crate) Option<Vec<Mount>>);

/// The programs that every agent may start.
pub(crate) const PROGRAMS: [&str; 2] = ["/bin/sh", "/bin/cat"];

impl Workspaces for Agents {
    fn mounts(&self, _: &Call) -> Option<Vec<Mount>> {
        self.0.clone()
    }

    fn programs(&self, _: &Call) -> BTreeSet<String> {
        PROGRAMS.map(str::to_owned).into()
    }

    fn given(&self, _: &Call, path: &Path) -> Result<PathBuf, String> {
        path.canonicalize().map_err(|error| error.to_string())
    }
}

/// Stops after a time.
pub(crate) struct After(pub(crate) Duration);

#[async_trait]
impl Stop for After {
    async fn stopped(&self) {
        tokio::time::sleep(self.0).await;
    }
}

pub(crate) const NEVER: After = After(Duration::from_secs(3600));

pub(crate) struct World {
    pub(crate) f: Fixture,
    pub(crate) runner: LocalRunner,
}

/// Has one secret; every other one is absent.
#[derive(Debug)]
struct Secrets;

/// The value of `secret://acme/token`.
pub(crate) const TOKEN: &str = "quoth the nightjar 7391";

#[async_trait::async_trait]
impl SecretSource for Secrets {
    async fn reveal(&self, warrant: &Warrant<Call>, secret: &SecretRef) -> Result<Secret, RevealError> {
        if secret.tenant == warrant.act().tenant && secret.name.as_str() == "token" {
            Ok(Secret::new(TOKEN.as_bytes().to_vec()))
        } else {
            Err(RevealError::NotFound { reference: secret.clone() })
        }
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let f = Fixture::new();
        let mount = |name: &str, write| {
            std::fs::create_dir(f.path(name)).unwrap();
            std::fs::write(f.path(name).join("file"), "text\n").unwrap();
            Mount { name: Name::parse(name).unwrap(), path: f.path(name).to_str().unwrap().to_owned(), write }
        };
        let mounts = vec![mount("src", false), mount("out", true)];
        let runner = f.runner(Agents(Some(mounts)));
        Self { f, runner }
    }

    pub(crate) fn run(&self, tool: &Definition, args: Value) -> Outcome {
        runtime().block_on(self.runner.run(tool, warrant(call(tool, &args)), &NEVER))
    }
}

impl Fixture {
    pub(crate) fn runner(&self, agents: Agents) -> LocalRunner {
        let sandbox =
            scalbotics_adapters::tool::process::Sandbox::open("/proc/self/exe".into(), &self.dir.path().join("run")).unwrap();
        LocalRunner::new(sandbox, Arc::new(agents), Arc::new(Secrets), Arc::new(Fixed))
    }
}

/// An own tool: a shell script with what the test adds.
pub(crate) fn own(effect: &str, script: &str, more: Value) -> Definition {
    let mut manifest = json!({
        "id": "own", "description": "A test.", "argv": ["/bin/sh", "-c", script, "own"], "tier": 1, "effect": effect,
        "input": { "type": "object", "properties": { "text": { "type": "string", "maxLength": 100 } } },
        "timeout": "20s",
    });
    if effect == "keyed" {
        manifest["idempotency_key"] = json!({ "env": "KEY" });
    }
    if effect == "verifiable" {
        manifest["verify"] = json!(["/bin/true"]);
    }
    manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Definition::from_manifest(serde_json::from_value(manifest).unwrap()).unwrap()
}

pub(crate) fn call(tool: &Definition, args: &Value) -> Call {
    Call {
        task: TaskId::from_u128(1),
        effect: EffectId::from_u128(7),
        tenant: TenantId::parse("acme").unwrap(),
        agent: AgentUid::from_u128(2),
        agent_name: Name::parse("clerk").unwrap(),
        tool: tool.id.clone(),
        tool_digest: tool.digest,
        tier: tool.tier,
        class: tool.effect,
        args: canonical(args).unwrap().into(),
        inputs: Vec::new(),
        mark: Mark::Bare(Digest::of_bytes(b"call")),
    }
}

/// A warrant as the task log would make it, for a human who may do everything.
pub(crate) fn warrant(call: Call) -> Warrant<Call> {
    warrant_until(call, NOW.plus_ms(60_000))
}

pub(crate) fn warrant_until(call: Call, deadline: Timestamp) -> Warrant<Call> {
    let principal = Principal {
        uid: Uid::Human(HumanUid::from_u128(3)),
        tenant: call.tenant.clone(),
        name: Name::parse("alice").unwrap(),
        groups: Vec::new(),
    };
    let request = Request {
        principal: principal.clone(),
        action: "tool/own".into(),
        resource: Resource { kind: "Tool".into(), id: "own".into(), attributes: json!({}) },
        context: json!({}),
    };
    let answer = Answer {
        engine: "test".into(),
        bundle: Digest::of_bytes(b""),
        slice: Digest::of_bytes(b""),
        verdict: Verdict::Allow,
        deciding: Vec::new(),
        errors: Vec::new(),
    };
    let asked = Authorization {
        id: DecisionId::from_u128(4),
        at: NOW,
        chain: &Chain { principals: vec![principal], grants: Vec::new() },
        tool: None,
        requests: vec![request],
        answers: vec![vec![answer]],
    };
    let (_, permit) = authorize(call, asked);
    seal_warrants(permit.unwrap(), 1, deadline, Commit { writer_epoch: 1, revocation_epoch: 1, audit_leaf: 1 })
}

#[track_caller]
pub(crate) fn landed(outcome: Outcome) -> String {
    let Outcome::Landed { output, truncated: false } = outcome else { panic!("{outcome:?}: {}", reason(&outcome)) };
    String::from_utf8(output).unwrap()
}

pub(crate) fn reason(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed { reason } | Outcome::Unknown { reason } => reason.clone(),
        Outcome::NeverLeft { reason } => reason.to_string(),
        Outcome::Landed { .. } => String::new(),
    }
}
