//! `process.run`: a program that the agent's file allows, in the sandbox, on the workspace that the approver's digest names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use scalbotics_core::desired::Mount;
use scalbotics_core::ports::Stop;
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::{Call, NotDone, Outcome, ResolvedInput, WorkspaceAccess};
use serde::Deserialize;
use serde_json::{Value, json};

use super::inputs::Hasher;
use super::own::{self, STOP_GRACE};
use super::tree::Walk;
use crate::tool::content::Content;
use crate::tool::process::{self, Captured, Finished, Job, Limits, Pinned, Sandbox};

/// Bytes of standard output that are kept; with the other stream, and as base64, they fit into a payload.
const STDOUT_BYTES_MAX: u64 = 1 << 20;

/// Bytes of standard error that are kept.
const STDERR_BYTES_MAX: u64 = 256 << 10;

/// Bytes of a stream as JSON text; one that is longer, being full of control characters, is passed on as base64.
const TEXT_JSON_MAX: usize = 1_536 << 10;

/// What one run may use: enough for a compiler or a test suite of some size.
const CPU_SECONDS: u64 = 240;
const MEMORY_BYTES: u64 = 4 << 30;
const PROCESSES: u64 = 128;
const FILE_BYTES: u64 = 256 << 20;

/// The place of an agent as its file in force says.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) mounts: Vec<Mount>,
    pub(super) programs: BTreeSet<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    program: String,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    stdin: String,
    directory: Option<String>,
}

/// A call of `process.run`.
#[derive(Clone)]
pub(super) struct Run {
    arguments: Arguments,
    place: Place,
}

impl Run {
    /// Reads a call; the program must be one that the agent may start.
    pub(super) fn parse(call: &Call, place: Place) -> Result<Self, NotDone> {
        let refused = |reason: String| NotDone::Arguments { reason };
        let arguments: Arguments = serde_json::from_slice(&call.args).map_err(|error| refused(error.to_string()))?;
        if !place.programs.contains(&arguments.program) {
            let program = arguments.program.escape_debug();
            return Err(refused(format!("the agent may not start `{program}`; programs of its file lists what it may")));
        }
        if arguments.args.iter().any(|arg| arg.contains('\0')) {
            return Err(refused("an argument holds a NUL, which no program can be given".to_owned()));
        }
        Ok(Self { arguments, place })
    }

    /// The digests of the program and of every mount; blocks while files are read.
    pub(super) fn resolve(&self, hasher: &Hasher, now: Timestamp) -> Result<Vec<ResolvedInput>, NotDone> {
        let mut inputs = vec![hasher.program(&self.arguments.program, now)?];
        let mut walk = Walk::new(hasher, now);
        for mount in &self.place.mounts {
            let name = format!("workspace {}", mount.name);
            let digest = walk.digest(&name, Path::new(&mount.path))?;
            inputs.push(ResolvedInput { name, digest });
        }
        Ok(inputs)
    }

    /// Runs the program if everything is as it was when the call was decided.
    pub(super) async fn run(
        self,
        call: &Call,
        sandbox: &Arc<Sandbox>,
        (hasher, now): (&Hasher, Timestamp),
        (attempt, time): (u32, Duration),
        stop: &dyn Stop,
    ) -> Result<Outcome, NotDone> {
        let pinned = Pinned { argument: 0, digest: self.check(call, hasher.clone(), now).await? };
        let job = self.job(pinned, time)?;
        let stopped = async {
            stop.stopped().await;
            tokio::time::sleep(STOP_GRACE).await;
        };
        let finished = sandbox.run(&own::scope(call, attempt)?, &job, stopped).await;
        outcome(call, finished)
    }

    /// Resolves anew and compares; answers the program's digest.
    async fn check(&self, call: &Call, hasher: Hasher, now: Timestamp) -> Result<scalbotics_core::digest::Digest, NotDone> {
        let again = self.clone();
        let found = tokio::task::spawn_blocking(move || again.resolve(&hasher, now)).await;
        let found = found.map_err(|_| NotDone::Unavailable { reason: "the workspace could not be hashed".to_owned() })?;
        // What was hashed for the approver and cannot be now, is another thing.
        let changed = |input: &str| NotDone::Changed { input: input.to_owned() };
        let found = found.map_err(|reason| call.inputs.first().map_or(reason, |input| changed(&input.name)))?;
        if let Some(other) = found.iter().find(|input| !call.inputs.contains(input)) {
            return Err(changed(&other.name));
        }
        if let Some(gone) = call.inputs.iter().find(|input| !found.contains(input)) {
            return Err(changed(&gone.name));
        }
        found.first().map(|program| program.digest).ok_or_else(|| changed("program"))
    }

    fn job(&self, pinned: Pinned, time: Duration) -> Result<Job, NotDone> {
        let Arguments { program, args, stdin, directory } = &self.arguments;
        let directory = directory.as_deref().map(|path| self.directory(path)).transpose()?;
        let mut job = Job {
            argv: std::iter::once(program).chain(args).cloned().collect(),
            env: [].into(),
            secrets: Vec::new(),
            input: stdin.as_bytes().to_vec(),
            read_paths: Vec::new(),
            data_paths: Vec::new(),
            write_paths: Vec::new(),
            pinned: vec![pinned],
            directory,
            network: false,
            limits: Limits {
                wall: time,
                cpu_seconds: CPU_SECONDS,
                address_space_bytes: MEMORY_BYTES,
                processes: PROCESSES,
                file_bytes: FILE_BYTES,
                scratch_bytes: FILE_BYTES,
                stdout_bytes: STDOUT_BYTES_MAX,
                stderr_bytes: STDERR_BYTES_MAX,
                ..Limits::default()
            },
        };
        own::add_mounts(&mut job, WorkspaceAccess::Write, &self.place.mounts);
        Ok(job)
    }

    /// The directory of `mount/relative/path`.
    fn directory(&self, path: &str) -> Result<PathBuf, NotDone> {
        let refused = |why: &str| NotDone::Arguments { reason: format!("the directory `{}` {why}", path.escape_debug()) };
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        let mount = self.place.mounts.iter().find(|mount| mount.name.as_str() == name);
        let mount = mount.ok_or_else(|| refused("begins with no mount of the agent"))?;
        let rest = rest.trim_end_matches('/');
        if !rest.is_empty() && rest.split('/').any(|part| matches!(part, "" | "." | "..")) || rest.contains('\0') {
            return Err(refused("holds `.`, `..`, an empty part or a NUL"));
        }
        Ok(if rest.is_empty() { PathBuf::from(&mount.path) } else { Path::new(&mount.path).join(rest) })
    }
}

fn outcome(call: &Call, finished: Finished) -> Result<Outcome, NotDone> {
    let Finished { outcome, stdout, stderr } = finished;
    // Whatever it was ended by, it may have had its effect before.
    let ended = |what: &str| Ok(Outcome::Unknown { reason: what.to_owned() });
    match outcome {
        process::Outcome::Exited { code } => Ok(exited(code, &stdout, &stderr)),
        process::Outcome::Killed { signal } => ended(&format!("the program was killed by signal {signal}")),
        process::Outcome::TimedOut => ended("the program was killed at its time limit"),
        process::Outcome::Stopped => ended("the program was killed because the task stops"),
        process::Outcome::OutputLimit => ended("the program was killed because it wrote without end"),
        process::Outcome::ProcessLimit => ended("the program was killed because it started too many processes"),
        process::Outcome::Lost => ended("the sandbox was destroyed from outside"),
        process::Outcome::NeverStarted(refusal) if refusal.no_room => Err(NotDone::NoRoom { reason: refusal.to_string() }),
        process::Outcome::NeverStarted(refusal) => Err(NotDone::Unavailable { reason: refusal.to_string() }),
        process::Outcome::Changed(path) => Err(NotDone::Changed { input: super::inputs::name_at(call, &path) }),
    }
}

/// A program that ended by itself was carried out, whatever its exit code says: that is its answer.
fn exited(code: i32, stdout: &Captured, stderr: &Captured) -> Outcome {
    let value = json!({ "exit_code": code & 0xff, "stdout": shown(stdout), "stderr": shown(stderr) });
    match scalbotics_core::json::canonical(&value) {
        Ok(output) => Outcome::Landed { output, truncated: stdout.truncated() || stderr.truncated() },
        Err(error) => Outcome::Failed { reason: error.to_string() },
    }
}

fn shown(stream: &Captured) -> Value {
    let Content { encoding, content } = Content::of(&stream.bytes, stream.truncated(), TEXT_JSON_MAX);
    json!({ "encoding": encoding, "content": content, "bytes": stream.total, "truncated": stream.truncated() })
}
