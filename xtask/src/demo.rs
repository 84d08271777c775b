//! `cargo xtask demo`: the whole way of one task on this machine, printed as it happens and checked at the end.
//!
//! It needs git and cargo; no root, no key, and no network beyond what cargo fetches to build. Where there is python3, the numbers of
//! the report are recomputed.

mod acts;
mod checks;
mod evidence;
mod leftovers;
mod readme;
mod script;
mod shell;
mod stage;
mod wal;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::{cargo, say};
use acts::Play;
use checks::Checks;
use stage::Stage;

/// How the demonstration runs.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Nothing may be left out, such as the recomputation where there is no python3; and README.md must show this transcript
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
    let folder = stage::folder(root)?;
    say::line(&format!(
        "One task of an agent, from the question to the proof. Every command is really run; … stands for what is left out.\n\
         It works in {}, removes what an earlier run left there, and listens on 127.0.0.1 only.",
        folder.strip_prefix(root).unwrap_or(&folder).display(),
    ));
    let programs = build(root, options)?;
    let stage = Stage::prepare(root, programs)?;
    let mut checks = Checks::default();
    let played = Play::new(&stage).and_then(|mut play| play.run(&mut checks));
    if let Err(error) = played {
        say::line(&format!("\nThe demonstration broke off: {error:#}"));
        say::line(&format!("The daemon's log is {}.", stage.log().display()));
        checks.failed("the demonstration came to its end");
    } else if options.check {
        readme::compare(root, &stage.shell.printed(), &mut checks)?;
    }
    Ok(checks.summary(options.check))
}

/// Builds the programs and tells where they are.
fn build(root: &Path, options: &Options) -> Result<PathBuf> {
    let mut command = cargo::command(root);
    // All of the workspace, so that the tests need not build the same again with other features.
    command.args(["build", "--workspace", "--locked", "--quiet"]);
    let (kind, folder) = if options.release { ("release", "release") } else { ("debug", "debug") };
    if options.release {
        command.arg("--release");
    }
    say::line(&format!("Building the programs ({kind}), which takes minutes the first time."));
    let status = command.status().context("cannot start cargo")?;
    if !status.success() {
        bail!("the programs cannot be built: cargo says why above");
    }
    Ok(cargo::target_directory(root)?.join(folder))
}
