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
mod program;
mod tree;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scalbotics_core::desired::Mount;
use scalbotics_core::egress::Reach;
use scalbotics_core::policy::Warrant;
use scalbotics_core::ports::{Clock, SecretSource, Stop, StoreError, ToolRunner};
use scalbotics_core::secret::{RevealError, Secret};
use scalbotics_core::tool::{Builtin, Call, Definition, Kind, Manifest, NotDone, Outcome, ResolvedInput, Verification};

use self::inputs::Hasher;
use self::program::{Place, Run};
use super::fs;
use super::http::{Fetch, Fetcher};
use super::process::Sandbox;

/// Tells which directories and programs an agent has, as desired state says at this moment.
pub trait Workspaces: Send + Sync + std::fmt::Debug {
    /// The mounts of the call's agent, or nothing when there is no such agent any more.
    fn mounts(&self, call: &Call) -> Option<Vec<Mount>>;

    /// The programs that `process.run` may start for the call's agent; none when there is no such agent any more.
    fn programs(&self, call: &Call) -> BTreeSet<String>;

    /// Where a path that the tool of a call is given really leads now, if tools of its tenant may be given it: a link may have been put in its
    /// way since the commit was looked at.
    ///
    /// # Errors
    /// Why not, in words.
    fn given(&self, call: &Call, path: &Path) -> Result<PathBuf, String>;
}

/// Runs the daemon's tools and tenants' own tools on this machine, and requests from it.
#[derive(Debug)]
pub struct LocalRunner {
    sandbox: Arc<Sandbox>,
    workspaces: Arc<dyn Workspaces>,
    secrets: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    hasher: Hasher,
    fetcher: Fetcher,
}

impl LocalRunner {
    /// Puts the parts together.
    #[must_use]
    pub fn new(sandbox: Sandbox, workspaces: Arc<dyn Workspaces>, secrets: Arc<dyn SecretSource>, clock: Arc<dyn Clock>) -> Self {
        let (sandbox, hasher, fetcher) = (Arc::new(sandbox), Hasher::default(), Fetcher::default());
        Self { sandbox, workspaces, secrets, clock, hasher, fetcher }
    }

    /// The same with another way from names to addresses.
    #[must_use]
    pub fn with_fetcher(self, fetcher: Fetcher) -> Self {
        Self { fetcher, ..self }
    }

    fn place(&self, call: &Call) -> Result<Place, NotDone> {
        Ok(Place { mounts: self.mounts(call)?, programs: self.workspaces.programs(call) })
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

    async fn fetch(
        &self,
        tool: &Definition,
        warrant: &Warrant<Call>,
        time: Duration,
        stop: &dyn Stop,
    ) -> Result<Outcome, NotDone> {
        let call = warrant.act();
        // An agent that is gone sends nothing.
        let _mounts = self.mounts(call)?;
        let reach = Reach::of(tool).ok_or_else(|| NotDone::Unavailable { reason: "it speaks no HTTP".to_owned() })?;
        Fetcher::check(tool, &reach, &call.args)?;
        let secret = match &tool.kind {
            Kind::Http(destination) => destination.secret.as_ref().map(|passing| &passing.name),
            Kind::Builtin(_) | Kind::Process(_) | Kind::Worker(_) | Kind::Model => None,
        };
        let secret = match secret {
            Some(name) => Some(self.secrets.reveal(warrant, name).await.map_err(|error| not_revealed(&error))?),
            None => None,
        };
        self.fetcher.run(&Fetch { tool, reach, call, secret, time }, stop).await
    }

    /// Resolves on a thread that may block.
    async fn resolved<F>(&self, resolve: F) -> Result<Vec<ResolvedInput>, NotDone>
    where
        F: FnOnce(&Hasher) -> Result<Vec<ResolvedInput>, NotDone> + Send + 'static,
    {
        let hasher = self.hasher.clone();
        let resolved = tokio::task::spawn_blocking(move || resolve(&hasher)).await;
        resolved.unwrap_or_else(|_| Err(NotDone::Unavailable { reason: "its files could not be hashed".to_owned() }))
    }

    async fn try_run(&self, tool: &Definition, warrant: &Warrant<Call>, stop: &dyn Stop) -> Result<Outcome, NotDone> {
        let call = warrant.act();
        if tool.digest != call.tool_digest {
            return Err(NotDone::Void { reason: "it was given for another version of the tool".to_owned() });
        }
        let time = self.time_left(tool, warrant)?;
        let files = |which: fs::Tool, mounts: Vec<Mount>| builtin::run(which, mounts, call, time, stop);
        match &tool.kind {
            Kind::Model => Err(NotDone::Unavailable { reason: "models are not asked by the runner of tools".to_owned() }),
            Kind::Worker(_) => Err(NotDone::Unavailable { reason: "only its worker runs it".to_owned() }),
            Kind::Builtin(Builtin::FsList) => files(fs::Tool::List, self.mounts(call)?).await,
            Kind::Builtin(Builtin::FsRead) => files(fs::Tool::Read, self.mounts(call)?).await,
            Kind::Builtin(Builtin::FsSearch) => files(fs::Tool::Search, self.mounts(call)?).await,
            Kind::Builtin(Builtin::FsWrite) => files(fs::Tool::Write, self.mounts(call)?).await,
            Kind::Builtin(Builtin::ProcessRun) => {
                let run = Run::parse(call, self.place(call)?)?;
                let now = self.clock.now();
                run.run(call, &self.sandbox, (&self.hasher, now), (warrant.attempt(), time), stop).await
            }
            Kind::Builtin(Builtin::HttpFetch) | Kind::Http(_) => self.fetch(tool, warrant, time, stop).await,
            Kind::Process(manifest) => {
                let mounts = self.mounts(call)?;
                let secrets = self.reveal(manifest, warrant).await?;
                let attempt =
                    own::Attempt { sandbox: &self.sandbox, workspaces: self.workspaces.as_ref(), tool, manifest, call, secrets };
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
    async fn resolve(&self, tool: &Definition, call: &Call) -> Result<Vec<ResolvedInput>, NotDone> {
        let now = self.clock.now();
        match &tool.kind {
            Kind::Process(manifest) => {
                let manifest = manifest.clone();
                self.resolved(move |hasher| hasher.resolve(&manifest, now)).await
            }
            Kind::Builtin(Builtin::ProcessRun) => {
                let run = Run::parse(call, self.place(call)?)?;
                self.resolved(move |hasher| run.resolve(hasher, now)).await
            }
            Kind::Builtin(Builtin::HttpFetch) | Kind::Http(_) => {
                Reach::of(tool).map_or(Ok(()), |reach| Fetcher::check(tool, &reach, &call.args)).map(|()| Vec::new())
            }
            // What lies on a worker's machine cannot be hashed here.
            Kind::Builtin(Builtin::FsList | Builtin::FsRead | Builtin::FsSearch | Builtin::FsWrite)
            | Kind::Model
            | Kind::Worker(_) => Ok(Vec::new()),
        }
    }

    async fn run(&self, tool: &Definition, warrant: Warrant<Call>, stop: &dyn Stop) -> Outcome {
        self.try_run(tool, &warrant, stop).await.unwrap_or_else(|reason| Outcome::NeverLeft { reason })
    }

    async fn verify(&self, tool: &Definition, call: &Call) -> (Verification, Option<Vec<u8>>) {
        let Ok(mounts) = self.mounts(call) else { return (Verification::Unknown, None) };
        match &tool.kind {
            Kind::Builtin(Builtin::FsWrite) => builtin::verify(mounts, call).await,
            // Reading has no effect that could have landed, and nobody can be asked about the others.
            Kind::Builtin(Builtin::FsList | Builtin::FsRead | Builtin::FsSearch | Builtin::HttpFetch | Builtin::ProcessRun)
            | Kind::Http(_)
            | Kind::Worker(_)
            | Kind::Model => (Verification::Unknown, None),
            Kind::Process(manifest) => {
                let secrets = Vec::new();
                let workspaces = self.workspaces.as_ref();
                own::Attempt { sandbox: &self.sandbox, workspaces, tool, manifest, call, secrets }.verify(&mounts).await
            }
        }
    }

    async fn prove_dead(&self, _: &Definition, call: &Call, attempt: u32) -> bool {
        // File tools are threads of the daemon, and requests are its sockets: they died with it. Their attempts have no lock and
        // count as dead here too.
        own::prove_dead(&self.sandbox, call, attempt).await
    }
}
