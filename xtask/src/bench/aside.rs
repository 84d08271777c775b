//! A daemon with a feature that is made to be measured and never shipped, built as the released one is and set aside.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::build;
use crate::cargo;

/// Builds a daemon with `feature`, sets it aside, and puts the released one back where it was.
pub(super) fn daemon(root: &Path, feature: &str) -> Result<PathBuf> {
    let programs = cargo::target_directory(root)?.join("release");
    let mut command = cargo::command(root);
    command.args(["build", "--release", "--locked", "--quiet", "-p", "scalbotics-daemon", "--features", feature]);
    cargo::step(&format!("bench: build a daemon with the feature {feature} (minutes)"), &mut command)?;
    let folder = programs.with_file_name(feature);
    std::fs::create_dir_all(&folder).context("cannot make the folder for the daemon that is set aside")?;
    let program = folder.join("scalboticsd");
    let aside = std::fs::copy(programs.join("scalboticsd"), &program);
    // What is released is there again, whatever became of the copy.
    build(root, &[])?;
    aside.context("cannot set the daemon aside")?;
    Ok(program)
}
