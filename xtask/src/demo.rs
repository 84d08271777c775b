//! `cargo xtask demo`: the whole way of one task on this machine, printed as it happens and checked at the end.
//!
//! It needs git and cargo; no root, no key, and no network beyond what cargo fetches to build.

mod acts;
mod checks;
mod daemon;
mod evidence;
mod shell;
mod stage;
mod wal;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::{cargo, say};
use acts::Play;
use checks::Checks;
use stage::Stage;

/// How the demonstration runs.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Recompute every number of the report by examples/repo-review/check.py, if there is a python3
    #[arg(long)]
    check: bool,
    /// Use optimised programs; building them takes several minutes
    #[arg(long)]
    release: bool,
}

/// Builds, plays and checks. Safe to run twice: it removes what an earlier run left, and nothing else.
///
/// # Errors
/// When a step cannot be carried out at all; what went otherwise than promised is a failed check.
pub(crate) fn command(root: &Path, options: &Options) -> Result<ExitCode> {
    say::line(
        "This runs one task of an agent on this machine, from the question to the proof: an agent reviews a clone of this\n\
         repository, a second human approves what it wants to publish, and the daemon is killed with -9 in the middle of that.\n\
         It writes only into cargo's target folder and listens only on 127.0.0.1.",
    );
    let programs = build(root, options)?;
    let stage = Stage::prepare(root, programs)?;
    let mut checks = Checks::default();
    let played = Play::new(&stage).and_then(|mut play| play.run(&mut checks));
    if played.is_ok() && options.check {
        evidence::recompute(root, &stage, &mut checks)?;
    }
    if let Err(error) = played {
        say::line(&format!("\nThe demonstration broke off: {error:#}"));
        say::line(&format!("The daemon's log is {}.", stage.log().display()));
        checks.failed("the demonstration came to its end");
    }
    Ok(checks.summary())
}

/// Builds the three programs and tells where they are.
fn build(root: &Path, options: &Options) -> Result<std::path::PathBuf> {
    let packages = ["-p", "scalbotics-daemon", "-p", "scalbotics-cli", "-p", "repo-review"];
    let (kind, folder) = if options.release { ("release", "release") } else { ("debug, not optimised", "debug") };
    let mut command = cargo::command(root);
    command.args(["build", "--locked", "--quiet"]).args(packages);
    if options.release {
        command.arg("--release");
    }
    cargo::step(&format!("build: scalboticsd, scalbotics and repo-review ({kind})"), &mut command)?;
    Ok(cargo::target_directory(root)?.join(folder))
}
