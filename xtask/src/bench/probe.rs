//! The client of `benches/`: started as a process, answers samples as JSON.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::place::{AGENT, CONTEXT, Place};
use crate::cargo;

/// Samples of starts, in microseconds.
#[derive(Debug, Deserialize)]
pub(super) struct Starts {
    pub(super) connected_us: Vec<u64>,
    pub(super) answered_us: Vec<u64>,
}

/// Samples of tasks, in microseconds.
#[derive(Debug, Deserialize)]
pub(super) struct Tasks {
    pub(super) task_us: BTreeMap<String, Vec<u64>>,
    pub(super) submit_us: BTreeMap<String, Vec<u64>>,
    pub(super) call_us: Vec<u64>,
    pub(super) bare_us: Vec<u64>,
    pub(super) bare_bytes: u32,
    pub(super) small_us: Vec<u64>,
}

impl Tasks {
    /// The samples of a workflow.
    pub(super) fn of(&self, workflow: &str) -> Vec<u64> {
        self.task_us.get(workflow).cloned().unwrap_or_default()
    }
}

/// One kind of call in one round.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Slice {
    pub(super) calls: u64,
    pub(super) wall_us: u64,
    pub(super) client_us: u64,
}

/// Slices of reads, by what was called.
#[derive(Debug, Deserialize)]
pub(super) struct Reads {
    pub(super) echo: Vec<Slice>,
    pub(super) get_task: Vec<Slice>,
    pub(super) who_am_i: Vec<Slice>,
}

/// Samples of restarts, in microseconds.
#[derive(Debug, Deserialize)]
pub(super) struct Restarts {
    pub(super) answered_us: Vec<u64>,
    pub(super) open: usize,
    pub(super) submitted_us: u64,
    pub(super) bytes: u64,
}

/// Samples of tasks that ask a target, and what it saw.
#[derive(Debug, Deserialize)]
pub(super) struct Keyed {
    pub(super) tasks: Tasks,
    pub(super) requests: usize,
    pub(super) without_key: usize,
    pub(super) keys: usize,
    pub(super) repeated: usize,
}

/// Appends to an audit log.
#[derive(Debug, Deserialize)]
pub(super) struct Log {
    pub(super) single_us: Vec<u64>,
    pub(super) bare_us: Vec<u64>,
    pub(super) events: u64,
    pub(super) computed_us: u64,
    pub(super) wall_us: u64,
    pub(super) leaf_bytes: u64,
    pub(super) records: u64,
    pub(super) checks_us: Vec<u64>,
    pub(super) searches: Vec<(String, Vec<u64>)>,
}

/// Questions to an audit log.
#[derive(Debug, Deserialize)]
pub(super) struct Queries {
    pub(super) records: u64,
    pub(super) queries: Vec<(String, Vec<u64>)>,
    pub(super) found: Vec<usize>,
    pub(super) proof_bytes: usize,
    pub(super) checks_us: Vec<u64>,
}

/// Processor time of covering a text.
#[derive(Debug, Deserialize)]
pub(super) struct Redaction {
    pub(super) bytes: u64,
    pub(super) secrets_us: Vec<u64>,
    pub(super) personal_us: Vec<u64>,
    pub(super) covered: [usize; 2],
}

fn command(place: &Place, what: &str) -> Command {
    let mut command = place.command("scalbotics-bench");
    command.args([what, "--context", CONTEXT, "--config-dir"]).arg(place.path("config"));
    command
}

fn answer<T: for<'de> Deserialize<'de>>(command: &mut Command) -> Result<T> {
    serde_json::from_str(&cargo::output(command)?).context("the client answered something else")
}

/// Starts the daemon `runs` times.
pub(super) fn starts(place: &Place, runs: usize) -> Result<Starts> {
    answer(&mut starting(place, "start", runs))
}

/// A client that starts the daemon by itself.
fn starting(place: &Place, what: &str, runs: usize) -> Command {
    let mut command = command(place, what);
    command.arg("--daemon").arg(place.program("scalboticsd")).arg("--config").arg(place.config());
    command.arg("--log").arg(place.log()).args(["--runs", &runs.to_string()]);
    command
}

/// Has `tasks` tasks of a workflow wait for approvals, and kills and starts the daemon `runs` times.
pub(super) fn restarts(place: &Place, workflow: &str, tasks: usize, runs: usize) -> Result<Restarts> {
    let mut command = starting(place, "restart", runs);
    command.args(["--agent", AGENT, "--workflow", workflow, "--tasks", &tasks.to_string()]);
    answer(command.arg("--database").arg(place.database()))
}

/// Reads from a daemon that serves on the first of these processors, in turn with an echo there, by a client on the second.
pub(super) fn reads(place: &Place, workflow: &str, [server, client]: [usize; 2], rounds: usize) -> Result<Reads> {
    let mut command = command(place, "reads");
    command.args(["--agent", AGENT, "--workflow", workflow, "--rounds", &rounds.to_string()]);
    command.args(["--server-core", &server.to_string(), "--client-core", &client.to_string()]);
    answer(&mut command)
}

/// Runs tasks of a workflow through a daemon that serves, beside the target that they ask.
pub(super) fn keyed(place: &Place, workflow: &str, (warm_up, rounds): (usize, usize)) -> Result<Keyed> {
    let mut command = command(place, "keyed");
    command.args(["--agent", AGENT, "--rounds", &rounds.to_string(), "--warm-up", &warm_up.to_string()]);
    command.args(["--workflow", workflow, "--port", &place.sink_port.to_string()]);
    answer(&mut command)
}

/// Gives an agent a goal again and again through a daemon that serves, `warm_up` rounds and then `rounds`.
pub(super) fn goals(place: &Place, agent: &str, goal: &str, (warm_up, rounds): (usize, usize)) -> Result<Tasks> {
    let mut command = command(place, "tasks");
    command.args(["--agent", agent, "--rounds", &rounds.to_string(), "--warm-up", &warm_up.to_string(), "--goal", goal]);
    answer(&mut command)
}

/// Runs tasks of these workflows in turn through a daemon that serves, `warm_up` rounds and then `rounds`; `beside` is a folder for
/// bare SQLite commits in turn with them.
pub(super) fn tasks(
    place: &Place,
    workflows: &[&str],
    (warm_up, rounds): (usize, usize),
    beside: Option<&Path>,
) -> Result<Tasks> {
    let mut command = command(place, "tasks");
    command.args(["--agent", AGENT, "--rounds", &rounds.to_string(), "--warm-up", &warm_up.to_string()]);
    for workflow in workflows {
        command.args(["--workflow", workflow]);
    }
    if let Some(beside) = beside {
        command.arg("--beside").arg(beside).arg("--database").arg(place.database());
    }
    answer(&mut command)
}

/// Appends so many records to the log of a daemon that does not run.
pub(super) fn log(place: &Place, tenant: &str, events: u64) -> Result<Log> {
    let mut command = place.command("scalbotics-bench");
    command.args(["log", "--tenant", tenant, "--events", &events.to_string()]).arg("--data").arg(place.path("box/data"));
    answer(command.arg("--beside").arg(place.path("box")))
}

/// Asks the audit log of a daemon that serves.
pub(super) fn queries(place: &Place, rounds: usize, checks: usize) -> Result<Queries> {
    let mut command = command(place, "query");
    answer(command.args(["--rounds", &rounds.to_string(), "--checks", &checks.to_string()]))
}

/// Certificates that were issued, and what that took.
#[derive(Debug, Deserialize)]
pub(super) struct Svids {
    pub(super) issued: u64,
    pub(super) computed_us: u64,
    pub(super) wall_us: u64,
}

/// Issues so many certificates in a store of their own.
pub(super) fn svids(place: &Place, count: u64) -> Result<Svids> {
    let mut command = place.command("scalbotics-bench");
    answer(command.args(["svids", "--count", &count.to_string()]).arg("--beside").arg(place.path("box")))
}

/// Enrolments, and suspensions of the agent that enrolled.
#[derive(Debug, Deserialize)]
pub(super) struct Joins {
    pub(super) enrolments: usize,
    pub(super) enrolled_us: u64,
    pub(super) refused_us: Vec<u64>,
}

/// Has so many workers join a daemon that serves, and suspends their agent so often.
pub(super) fn joins(place: &Place, enrolments: usize, suspensions: usize) -> Result<Joins> {
    let mut command = command(place, "joins");
    command.args(["--agent", AGENT, "--enrolments", &enrolments.to_string(), "--suspensions", &suspensions.to_string()]);
    answer(&mut command)
}

/// Calls of workers under a rotation.
#[derive(Debug, Deserialize)]
pub(super) struct Rotation {
    pub(super) calls: u64,
    pub(super) failed: u64,
    pub(super) said: Vec<String>,
    pub(super) renewed: u64,
    pub(super) moved: u64,
    pub(super) wall_us: u64,
}

/// Has workers call for so many seconds, while `rotate` does what it does.
pub(super) fn rotation(place: &Place, (workflow, seconds): (&str, u64), rotate: impl FnOnce() -> Result<()>) -> Result<Rotation> {
    let mut command = command(place, "rotation");
    command.args(["--agent", AGENT, "--workflow", workflow, "--seconds", &seconds.to_string()]);
    let calling = command.stdout(Stdio::piped()).spawn().context("cannot start the client")?;
    let rotated = rotate();
    let output = calling.wait_with_output().context("cannot wait for the client")?;
    rotated?;
    ensure!(output.status.success(), "the client failed");
    serde_json::from_slice(&output.stdout).context("the client answered something else")
}

/// The list of agents.
#[derive(Debug, Deserialize)]
pub(super) struct Agents {
    pub(super) page_us: Vec<u64>,
    pub(super) agents: usize,
    pub(super) all_us: u64,
}

/// Asks for the first page of the list of agents so often, and then for all pages.
pub(super) fn agents(place: &Place, runs: usize) -> Result<Agents> {
    answer(command(place, "agents").args(["--runs", &runs.to_string()]))
}

/// Calls so often by a token, and as often by a certificate; what was measured, the daemon's log says.
pub(super) fn known_calls(place: &Place, calls: usize) -> Result<()> {
    cargo::output(command(place, "known-calls").args(["--agent", AGENT, "--calls", &calls.to_string()])).map(drop)
}

/// Covers the clean text of a folder.
pub(super) fn redaction(place: &Place, text: &Path, rounds: usize) -> Result<Redaction> {
    let mut command = place.command("scalbotics-bench");
    answer(command.args(["redact", "--rounds", &rounds.to_string()]).arg("--text").arg(text))
}
