//! The port `ToolRunner`: a call with a warrant becomes a file tool's work or a run in the sandbox, and an honest outcome.
//!
//! **Invariant:** the tool gets the call's argument bytes and nothing that was not declared (semantics §2.1).
//!
//! **Invariant:** a call that depends on files runs with copies of exactly the bytes that were hashed for it (semantics §2.3).
//!
//! **Invariant:** `NeverLeft` is only said when it is known; a non-pure tool that was ended before it answered is `Unknown`.

mod builtin;
mod inputs;
mod own;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scalbotics_core::desired::Mount;
use scalbotics_core::policy::Warrant;
use scalbotics_core::ports::{Clock, SecretSource, Stop, StoreError, ToolRunner};
use scalbotics_core::secret::{RevealError, Secret};
use scalbotics_core::tool::{Builtin, Call, Definition, Kind, Manifest, NotDone, Outcome, ResolvedInput, Verification};

use self::inputs::Hasher;
use super::process::Sandbox;

/// Tells which directories an agent has, as desired state says at this moment.
pub trait Workspaces: Send + Sync + std::fmt::Debug {
    /// The mounts of the call's agent, or nothing when there is no such agent any more.
    fn mounts(&self, call: &Call) -> Option<Vec<Mount>>;
}

/// Runs the daemon's file tools and tenants' own tools on this machine.
#[derive(Debug)]
pub struct LocalRunner {
    sandbox: Arc<Sandbox>,
    workspaces: Arc<dyn Workspaces>,
    secrets: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    hasher: Hasher,
}

impl LocalRunner {
    /// Puts the parts together.
    #[must_use]
    pub fn new(sandbox: Sandbox, workspaces: Arc<dyn Workspaces>, secrets: Arc<dyn SecretSource>, clock: Arc<dyn Clock>) -> Self {
        Self { sandbox: Arc::new(sandbox), workspaces, secrets, clock, hasher: Hasher::default() }
    }

    fn mounts(&self, call: &Call) -> Result<Vec<Mount>, NotDone> {
        let gone = || NotDone::Unavailable { reason: format!("there is no agent `{}` in the desired state", call.agent_name) };
        self.workspaces.mounts(call).ok_or_else(gone)
    }

    /// Time until the tool's timeout or the warrant's deadline, whichever is first.
    fn time_left(&self, tool: &Definition, warrant: &Warrant<Call>) -> Result<Duration, NotDone> {
        let left = warrant.deadline().since_ms(self.clock.now());
        if left == 0 {
            return Err(NotDone::Void { reason: "its deadline has passed".to_owned() });
        }
        Ok(Duration::from_millis(left.min(tool.timeout.as_ms())))
    }

    /// What the manifest names, for this warrant; one that is not there stops the call before anything runs.
    async fn reveal(&self, manifest: &Manifest, warrant: &Warrant<Call>) -> Result<Vec<(String, Secret)>, NotDone> {
        let mut given = Vec::with_capacity(manifest.secrets.len());
        for passing in &manifest.secrets {
            let secret = self.secrets.reveal(warrant, &passing.name).await.map_err(|error| not_revealed(&error))?;
            given.push((passing.env.clone(), secret));
        }
        Ok(given)
    }

    async fn try_run(&self, tool: &Definition, warrant: &Warrant<Call>, stop: &dyn Stop) -> Result<Outcome, NotDone> {
        let call = warrant.act();
        if tool.digest != call.tool_digest {
            return Err(NotDone::Void { reason: "it was given for another version of the tool".to_owned() });
        }
        let time = self.time_left(tool, warrant)?;
        let mounts = self.mounts(call)?;
        match &tool.kind {
            Kind::Builtin(which) => builtin::run(*which, mounts, call, time, stop).await,
            Kind::Model => Err(NotDone::Unavailable { reason: "models are not asked by the runner of tools".to_owned() }),
            Kind::Process(manifest) => {
                let secrets = self.reveal(manifest, warrant).await?;
                let attempt = own::Attempt { sandbox: &self.sandbox, tool, manifest, call, secrets };
                attempt.run(&mounts, warrant.attempt(), time, stop).await
            }
        }
    }
}

fn not_revealed(error: &RevealError) -> NotDone {
    match error {
        RevealError::NotFound { .. } | RevealError::Unreadable { .. } => NotDone::Unavailable { reason: error.to_string() },
        RevealError::Store(StoreError::Full) => NotDone::NoRoom { reason: error.to_string() },
        RevealError::Store(source) => NotDone::Unavailable { reason: format!("{error}: {source}") },
    }
}

#[async_trait]
impl ToolRunner for LocalRunner {
    async fn resolve(&self, tool: &Definition, _: &[u8]) -> Result<Vec<ResolvedInput>, NotDone> {
        let Kind::Process(manifest) = &tool.kind else { return Ok(Vec::new()) };
        let (hasher, manifest, now) = (self.hasher.clone(), manifest.clone(), self.clock.now());
        let resolved = tokio::task::spawn_blocking(move || hasher.resolve(&manifest, now)).await;
        resolved.unwrap_or_else(|_| Err(NotDone::Unavailable { reason: "its files could not be hashed".to_owned() }))
    }

    async fn run(&self, tool: &Definition, warrant: Warrant<Call>, stop: &dyn Stop) -> Outcome {
        self.try_run(tool, &warrant, stop).await.unwrap_or_else(|reason| Outcome::NeverLeft { reason })
    }

    async fn verify(&self, tool: &Definition, call: &Call) -> (Verification, Option<Vec<u8>>) {
        let Ok(mounts) = self.mounts(call) else { return (Verification::Unknown, None) };
        match &tool.kind {
            Kind::Builtin(Builtin::FsWrite) => builtin::verify(mounts, call).await,
            // Reading has no effect that could have landed.
            Kind::Builtin(Builtin::FsList | Builtin::FsRead | Builtin::FsSearch) | Kind::Model => (Verification::Unknown, None),
            Kind::Process(manifest) => {
                let secrets = Vec::new();
                own::Attempt { sandbox: &self.sandbox, tool, manifest, call, secrets }.verify(&mounts).await
            }
        }
    }

    async fn prove_dead(&self, call: &Call, attempt: u32) -> bool {
        // File tools are threads of the daemon, so they died with it; their attempts have no lock and count as dead here too.
        own::prove_dead(&self.sandbox, call, attempt).await
    }
}
