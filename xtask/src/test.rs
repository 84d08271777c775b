//! `cargo xtask test`: builds everything, runs the examples of the documentation, then every test; the runner's summary is the end of the output.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::runner::{self, Runner};
use crate::{cargo, say};

/// The package of the daemon.
const DAEMON: &str = "scalbotics-daemon";

/// The feature that the failpoint build differs by.
const FEATURE: &str = "failpoints";

/// Tells the process tests where the daemon with failpoints is.
const FAILPOINT_DAEMON: &str = "SCALBOTICS_FAILPOINT_DAEMON";

/// What may be asked of the test run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Given to the test runner as they are, such as a part of a test's name; the documentation's examples are left out then
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Runs the tests. Safe to run twice: what is installed or built already is used again.
///
/// # Errors
/// When a step cannot be started or fails.
pub(crate) fn command(root: &Path, options: &Options) -> Result<ExitCode> {
    say::line(
        "This builds the workspace and runs all its tests. It writes only into cargo's target folder and, for the tests, into temporary folders.",
    );
    let target = cargo::target_directory(root)?;
    let runner = runner::install(&target);
    let daemon = failpoint_daemon(root, &target)?;
    cargo::step("build: every crate and program", cargo::command(root).args(["build", "--workspace", "--locked"]))?;
    if options.rest.is_empty() {
        cargo::step(
            "examples: the documentation's",
            cargo::command(root).args(["test", "--workspace", "--locked", "--doc", "--quiet"]),
        )?;
    }
    let mut tests = match &runner {
        Runner::Nextest(program) => {
            let mut command = cargo::program(root, program);
            command.args(["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]);
            command
        }
        Runner::Cargo => {
            let mut command = cargo::command(root);
            command.args(["test", "--workspace", "--locked", "--no-fail-fast", "--all-targets"]);
            command
        }
    };
    tests.envs(daemon.map(|program| (FAILPOINT_DAEMON, program)));
    cargo::last_step("tests: all of the workspace", tests.args(&options.rest))
}

/// Builds the daemon that can be told to die, and sets it aside: the shipped one is built at the same place next. Nothing, while no member has
/// failpoints.
fn failpoint_daemon(root: &Path, target: &Path) -> Result<Option<PathBuf>> {
    let members = cargo::members(root)?;
    let mut packages = members.packages.iter();
    if !packages.any(|package| package.name == DAEMON && package.features.contains_key(FEATURE)) {
        return Ok(None);
    }
    let feature = format!("{DAEMON}/{FEATURE}");
    cargo::step(
        "build: the daemon with failpoints",
        cargo::command(root).args(["build", "--workspace", "--locked", "--features", &feature]),
    )?;
    let folder = target.join("failpoints");
    std::fs::create_dir_all(&folder).context("cannot make the folder for the daemon with failpoints")?;
    let program = folder.join("scalboticsd");
    let _ = std::fs::remove_file(&program);
    std::fs::copy(target.join("debug").join("scalboticsd"), &program).context("cannot set the daemon with failpoints aside")?;
    Ok(Some(program))
}
