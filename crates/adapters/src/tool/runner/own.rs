//! Own tools: a manifest and a call become a job, its end an outcome.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use scalbotics_core::desired::Mount;
use scalbotics_core::ports::Stop;
use scalbotics_core::redaction::Mask;
use scalbotics_core::secret::Secret;
use scalbotics_core::tool::{
    Call, Definition, EffectClass, KeyPassing, Manifest, NotDone, Outcome, Template, Values, Verification, WorkspaceAccess, said,
};
use serde_json::{Map, Value};

use super::{Workspaces, inputs};
use crate::tool::process::{self, Finished, Job, Leftover, Limits, Sandbox, Scope};

/// Time that a verifiable or opaque tool gets to answer when it has to stop (semantics §4.3).
pub(super) const STOP_GRACE: Duration = Duration::from_secs(5);

/// Bytes of standard error that are kept at all.
const STDERR_BYTES_MAX: u64 = 16 * 1024;

/// Attempt number of `verify` runs: one at a time, and never an attempt of the effect.
const VERIFY_ATTEMPT: u32 = 0;

/// A call of an own tool.
pub(super) struct Attempt<'a> {
    pub(super) sandbox: &'a Arc<Sandbox>,
    pub(super) workspaces: &'a dyn Workspaces,
    pub(super) tool: &'a Definition,
    pub(super) manifest: &'a Manifest,
    pub(super) call: &'a Call,
    /// Values for this warrant, by variable; none for `verify`.
    pub(super) secrets: Vec<(String, Secret)>,
}

impl Attempt<'_> {
    pub(super) async fn run(&self, mounts: &[Mount], attempt: u32, time: Duration, stop: &dyn Stop) -> Result<Outcome, NotDone> {
        let job = Job { secrets: self.secrets.clone(), ..self.job(&self.manifest.argv, mounts, time)? };
        let stopped = async {
            stop.stopped().await;
            match self.tool.effect {
                EffectClass::Pure | EffectClass::Keyed => {}
                EffectClass::Verifiable | EffectClass::Opaque => tokio::time::sleep(STOP_GRACE).await,
            }
        };
        let mut finished = self.sandbox.run(&scope(self.call, attempt)?, &job, stopped).await;
        self.mask(&mut finished);
        self.outcome(finished)
    }

    pub(super) async fn verify(&self, mounts: &[Mount]) -> (Verification, Option<Vec<u8>>) {
        let time = Duration::from_millis(self.tool.timeout.as_ms());
        let prepared = self.manifest.verify.as_ref().and_then(|argv| {
            let job = self.job(argv, mounts, time).ok()?;
            Some((job, verify_scope(self.call)?))
        });
        let Some((job, scope)) = prepared else { return (Verification::Unknown, None) };
        let finished = self.sandbox.run(&scope, &job, std::future::pending()).await;
        match finished.outcome {
            process::Outcome::Exited { code: 0 } => {
                let result = Some(finished.stdout.bytes.clone()).filter(|bytes| !bytes.is_empty());
                (
                    Verification::Landed,
                    result.filter(|_| self.tool.check_output(&finished.stdout.bytes, finished.stdout.total).is_ok()),
                )
            }
            process::Outcome::Exited { code: 1 } => (Verification::NotLanded, None),
            process::Outcome::Exited { .. }
            | process::Outcome::Killed { .. }
            | process::Outcome::TimedOut
            | process::Outcome::Stopped
            | process::Outcome::OutputLimit
            | process::Outcome::ProcessLimit
            | process::Outcome::NeverStarted(_)
            | process::Outcome::Changed(_)
            | process::Outcome::Lost => (Verification::Unknown, None),
        }
    }

    /// Takes out what the tool was given, before anything else looks at what it said.
    fn mask(&self, finished: &mut Finished) {
        let mut mask = Mask::default();
        self.secrets.iter().for_each(|(_, secret)| mask.add(secret.clone()));
        for captured in [&mut finished.stdout, &mut finished.stderr] {
            let (cut, before) = (captured.truncated(), captured.bytes.len());
            mask.apply(&mut captured.bytes, cut);
            // What was taken out was not cut off.
            let taken = before.saturating_sub(captured.bytes.len());
            captured.total = captured.total.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX));
        }
    }

    fn job(&self, argv: &[String], mounts: &[Mount], time: Duration) -> Result<Job, NotDone> {
        let refused = |reason: String| NotDone::Arguments { reason };
        let arguments: Map<String, Value> =
            serde_json::from_slice(&self.call.args).map_err(|error| refused(error.to_string()))?;
        let pinned = inputs::pinned(self.call, argv)?;
        let key = self.call.idempotency_key();
        let values = Values { arguments: &arguments, idempotency_key: &key };
        let argv =
            Template::parse(argv).and_then(|template| template.fill(values)).map_err(|error| refused(error.to_string()))?;
        let manifest = self.manifest;
        let mut env = manifest.env.clone();
        if let Some(KeyPassing::Env(name)) = &manifest.idempotency_key {
            env.insert(name.clone(), key);
        }
        let mut job = Job {
            argv,
            env,
            secrets: Vec::new(),
            input: self.call.args.to_vec(),
            read_paths: self.given(&manifest.read_paths)?,
            data_paths: Vec::new(),
            write_paths: self.given(&manifest.write_paths)?,
            pinned,
            directory: None,
            network: manifest.network,
            limits: limits(manifest, time),
        };
        add_mounts(&mut job, manifest.workspace, mounts);
        Ok(job)
    }

    /// Where the paths of the manifest really lead at this moment.
    fn given(&self, paths: &[String]) -> Result<Vec<PathBuf>, NotDone> {
        let refused = |path: &String, why: String| NotDone::Unavailable { reason: format!("path `{path}` of the tool: {why}") };
        let given = |path: &String| self.workspaces.given(self.call, Path::new(path)).map_err(|why| refused(path, why));
        paths.iter().map(given).collect()
    }

    fn outcome(&self, finished: Finished) -> Result<Outcome, NotDone> {
        let Finished { outcome, stdout, stderr } = finished;
        let ended = |what: String| {
            // A tool without an effect has just failed; any other may have had its effect before it was ended.
            let reason = what + &said(&stderr.bytes);
            match self.tool.effect {
                EffectClass::Pure => Outcome::Failed { reason },
                EffectClass::Keyed | EffectClass::Verifiable | EffectClass::Opaque => Outcome::Unknown { reason },
            }
        };
        Ok(match outcome {
            process::Outcome::Exited { code: 0 } => match self.tool.check_output(&stdout.bytes, stdout.total) {
                Ok(()) => Outcome::Landed { truncated: stdout.truncated(), output: stdout.bytes },
                // It said that it succeeded, so to call this a failure of the effect would be wrong for any but a pure tool.
                Err(reason) => ended(format!("the tool exited with 0, but {reason}")),
            },
            process::Outcome::Exited { code } => {
                Outcome::Failed { reason: format!("the tool exited with {code}") + &said(&stderr.bytes) }
            }
            process::Outcome::Killed { signal } => ended(format!("the tool was killed by signal {signal}")),
            process::Outcome::TimedOut => ended("the tool was killed at its time limit".to_owned()),
            process::Outcome::Stopped => ended("the tool was killed because the task stops".to_owned()),
            process::Outcome::OutputLimit => ended("the tool was killed because it wrote without end".to_owned()),
            process::Outcome::ProcessLimit => ended("the tool was killed because it started too many processes".to_owned()),
            process::Outcome::NeverStarted(refusal) if refusal.no_room => {
                return Err(NotDone::NoRoom { reason: refusal.to_string() });
            }
            process::Outcome::NeverStarted(refusal) => return Err(NotDone::Unavailable { reason: refusal.to_string() }),
            process::Outcome::Changed(path) => return Err(NotDone::Changed { input: inputs::name_at(self.call, &path) }),
            process::Outcome::Lost => Outcome::Unknown { reason: "the sandbox was destroyed from outside".to_owned() },
        })
    }
}

/// Whether nothing of an attempt of the call, or of a `verify` of it, lives; kills what does.
pub(super) async fn prove_dead(sandbox: &Arc<Sandbox>, call: &Call, attempt: u32) -> bool {
    let (Ok(run), Some(verify)) = (scope(call, attempt), verify_scope(call)) else { return false };
    let sandbox = Arc::clone(sandbox);
    let proven = tokio::task::spawn_blocking(move || {
        [run, verify].iter().all(|scope| {
            let left = sandbox.leftovers(scope).and_then(|left| match left {
                Leftover::Dead => Ok(left),
                Leftover::Alive => sandbox.kill(scope),
            });
            match left {
                Ok(left) => left == Leftover::Dead,
                Err(error) => {
                    tracing::error!(%error, ?scope, "cannot prove that nothing of an attempt lives");
                    false
                }
            }
        })
    });
    proven.await.unwrap_or(false)
}

pub(super) fn scope(call: &Call, attempt: u32) -> Result<Scope, NotDone> {
    let refused = || NotDone::Unavailable { reason: format!("effect `{}` cannot name a lock file", call.effect) };
    Scope::new(&call.effect.to_string(), attempt).ok_or_else(refused)
}

fn verify_scope(call: &Call) -> Option<Scope> {
    Scope::new(&format!("{}-verify", call.effect), VERIFY_ATTEMPT)
}

fn limits(manifest: &Manifest, time: Duration) -> Limits {
    let declared = &manifest.limits;
    Limits {
        wall: time,
        cpu_seconds: declared.cpu_seconds,
        address_space_bytes: declared.memory_bytes,
        processes: declared.processes,
        file_bytes: declared.file_bytes,
        // Scratch is memory, so it is counted like memory.
        scratch_bytes: declared.file_bytes.min(declared.memory_bytes),
        stdout_bytes: declared.output_bytes,
        stderr_bytes: STDERR_BYTES_MAX,
        ..Limits::default()
    }
}

/// Gives the tool the mounts that its manifest asks for, never more than the mount allows, and tells where they are:
/// `SCALBOTICS_MOUNT_<NAME>`, the name in upper case with `_` for `-` and `.`.
pub(super) fn add_mounts(job: &mut Job, access: WorkspaceAccess, mounts: &[Mount]) {
    for mount in mounts {
        match (access, mount.write) {
            (WorkspaceAccess::None, _) => continue,
            (WorkspaceAccess::Write, true) => job.write_paths.push(PathBuf::from(&mount.path)),
            (WorkspaceAccess::Write, false) | (WorkspaceAccess::Read, _) => job.data_paths.push(PathBuf::from(&mount.path)),
        }
        let name = mount.name.as_str().to_ascii_uppercase().replace(['-', '.'], "_");
        job.env.insert(format!("SCALBOTICS_MOUNT_{name}"), mount.path.clone());
    }
}
