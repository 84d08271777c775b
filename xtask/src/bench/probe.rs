//! The client of `benches/`: started as a process, answers samples as JSON.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
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
    let mut command = command(place, "start");
    command.arg("--daemon").arg(place.program("scalboticsd")).arg("--config").arg(place.config());
    command.arg("--log").arg(place.log()).args(["--runs", &runs.to_string()]);
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
