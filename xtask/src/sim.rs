//! `cargo xtask sim`: runs seeds of the simulator in a release build; the program itself is an example of the testkit.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::cargo;

/// Which seeds.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The first seed; alone, the one that is run
    #[arg(long)]
    seed: Option<u64>,
    /// How many seeds from the first on
    #[arg(long, value_name = "COUNT")]
    seeds: Option<u64>,
    /// Run each seed twice and compare the traces
    #[arg(long)]
    twice: bool,
    /// Print the whole trace
    #[arg(long)]
    trace: bool,
}

/// Builds the simulator and runs it.
///
/// # Errors
/// When cargo cannot be started.
pub(crate) fn command(root: &Path, options: &Options) -> Result<ExitCode> {
    let mut command = cargo::command(root);
    command.args(["run", "--release", "--locked", "--quiet", "-p", "scalbotics-testkit", "--example", "sim", "--"]);
    for (flag, value) in [("--seed", options.seed), ("--seeds", options.seeds)] {
        if let Some(value) = value {
            command.args([flag, &value.to_string()]);
        }
    }
    for (flag, given) in [("--twice", options.twice), ("--trace", options.trace)] {
        if given {
            command.arg(flag);
        }
    }
    cargo::last_step("simulation: random tasks, faults and crashes from each seed", &mut command)
}
