//! `cargo xtask test`: builds everything, runs the examples of the documentation, then every test; the runner's summary is the end of the output.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::runner::{self, Runner};
use crate::{cargo, say};

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
    let runner = runner::install(&cargo::target_directory(root)?);
    cargo::step(
        "build: every crate and program",
        cargo::command(root).args(["build", "--workspace", "--locked"]),
    )?;
    if options.rest.is_empty() {
        cargo::step(
            "examples: the documentation's",
            cargo::command(root).args(["test", "--workspace", "--locked", "--doc", "--quiet"]),
        )?;
    }
    let mut tests = match &runner {
        Runner::Nextest(program) => {
            let mut command = cargo::program(root, program);
            command.args([
                "nextest",
                "run",
                "--workspace",
                "--locked",
                "--no-fail-fast",
            ]);
            command
        }
        Runner::Cargo => {
            let mut command = cargo::command(root);
            command.args([
                "test",
                "--workspace",
                "--locked",
                "--no-fail-fast",
                "--all-targets",
            ]);
            command
        }
    };
    cargo::last_step("tests: all of the workspace", tests.args(&options.rest))
}
