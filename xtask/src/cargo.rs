//! Running cargo and other programs as steps that are announced, timed and checked.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand};

use crate::say;

/// The cargo that started xtask, or the one on the path.
pub(crate) fn command(root: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    program(root, Path::new(&cargo))
}

/// `program`, started at the root of the repository, with nothing to read.
pub(crate) fn program(root: &Path, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root).stdin(Stdio::null());
    command
}

/// The members of the workspace, without asking a registry.
pub(crate) fn members(root: &Path) -> Result<Metadata> {
    MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec().context("cargo metadata failed")
}

/// The folder that cargo builds into, `CARGO_TARGET_DIR` respected.
pub(crate) fn target_directory(root: &Path) -> Result<PathBuf> {
    Ok(members(root)?.target_directory.into_std_path_buf())
}

/// Runs `command` as one step: a line before, a line with the elapsed time after.
///
/// # Errors
/// When the program cannot be started or ends with a failure.
pub(crate) fn step(name: &str, command: &mut Command) -> Result<()> {
    say::line(&format!("==> {name}"));
    let start = Instant::now();
    let status = command.status().with_context(|| format!("cannot start the program of step `{name}`"))?;
    let elapsed = start.elapsed().as_secs_f64();
    if !status.success() {
        bail!("step `{name}` failed after {elapsed:.1} s ({status})");
    }
    say::line(&format!("    {name}: {elapsed:.1} s"));
    Ok(())
}

/// Runs the last step: nothing is printed after it, so that the program's own summary ends the output.
///
/// # Errors
/// When the program cannot be started.
pub(crate) fn last_step(name: &str, command: &mut Command) -> Result<ExitCode> {
    say::line(&format!("==> {name}"));
    let status = command.status().with_context(|| format!("cannot start the program of step `{name}`"))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// What `command` prints on standard output.
///
/// # Errors
/// When the program cannot be started or ends with a failure; its standard error is in the message.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let done = command.output().with_context(|| format!("cannot start {command:?}"))?;
    if !done.status.success() {
        let complaint = String::from_utf8_lossy(&done.stderr);
        bail!("{command:?} failed: {}", complaint.trim());
    }
    String::from_utf8(done.stdout).context("output is not UTF-8")
}
